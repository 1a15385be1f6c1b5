"""Why a paste was refused: for each code of `stripe_keys.pastes.pasting` what it is, then what to do."""

REFUSALS = {
    "blank": "Paste the restricted key here. It begins with rk_live_ or rk_test_.",
    "several_fields": "The key was sent more than once. Paste one key, once.",
    "control_characters": (
        "There are control characters in what you pasted, so we cannot tell where the key ends. Copy the "
        "key again with Stripe’s copy button and paste it here."
    ),
    "foreign_characters": (
        "There are hidden or foreign characters in what you pasted: a Stripe key has only the letters A "
        "to Z, digits and underscores. Copy the key again with Stripe’s copy button; do not retype it."
    ),
    "odd_characters": (
        "There are characters in the key that no Stripe key has. Copy the key again with Stripe’s copy "
        "button."
    ),
    "gap": (
        "There is a space or other text inside the key. Copy the key again in one piece with Stripe’s "
        "copy button."
    ),
    "masked": (
        "This is the shortened form that Stripe shows on screen, with dots or stars in place of the key. "
        "Copy the whole key with Stripe’s copy button."
    ),
    "two_keys": "There is more than one key here. Paste only the one restricted key of this app.",
    "too_short": "This is only the beginning of a key. Copy the whole key with Stripe’s copy button.",
    "too_long": ("This is longer than any Stripe key. Copy the key again, alone, with Stripe’s copy button."),
    "too_much_text": (
        "There is much more here than a key. Paste only the key; it begins with rk_live_ or rk_test_."
    ),
    "capitals": (
        "Some letters of this key were turned into capitals, and keys tell capitals apart. Copy it again "
        "with Stripe’s copy button and paste it without typing."
    ),
    "secret_key": (
        "This is a full-access secret key (sk_…): whoever has it can do anything with your Stripe "
        "account. We did not keep or use it. Do not share it with anyone; roll it in Stripe’s Dashboard "
        "under Developers, API keys, as it has left your hands. Then paste the restricted key (rk_…) from "
        "the app’s settings page."
    ),
    "organization_key": (
        "This is an organisation key (sk_org_…), which reaches every account of your organisation. We did "
        "not keep or use it. Do not share it; roll it in Stripe’s Dashboard. Then paste the restricted "
        "key (rk_…) of the one account to connect."
    ),
    "publishable_key": (
        "This is a publishable key (pk_…). Stripe shows it beside the one we need: copy the restricted "
        "key, which begins with rk_."
    ),
    "webhook_secret": (
        "This is a webhook signing secret (whsec_…), not a key. We did not keep it. Copy the restricted "
        "key, which begins with rk_, from the app’s settings page in Stripe."
    ),
    "app_secret": (
        "This is an app’s signing secret (absec_…), not a key. We did not keep it. Copy the restricted "
        "key, which begins with rk_, from the app’s settings page in Stripe."
    ),
    "ephemeral_key": (
        "This is an ephemeral key (ek_…), which lives for minutes and belongs to one customer. Copy the "
        "restricted key, which begins with rk_, from the app’s settings page in Stripe."
    ),
    "key_id": (
        "This is the id of a key (mk_…), not the key itself. Copy the key, which begins with rk_, from "
        "the app’s settings page in Stripe."
    ),
    "account_id": (
        "This is the id of a Stripe account (acct_…), not a key. Copy the restricted key, which begins "
        "with rk_, from the app’s settings page in Stripe."
    ),
    "client_id": (
        "This is the id of an app (ca_…), not a key. Copy the restricted key, which begins with rk_, from "
        "the app’s settings page in Stripe."
    ),
    "other_id": (
        "This looks like the id of something in Stripe, not a key. Copy the restricted key, which begins "
        "with rk_."
    ),
    "web_address": (
        "This is a web address, not a key. Open it if it is Stripe’s page with your key, copy the key "
        "there and paste it here."
    ),
    "unknown": (
        "This is not a restricted Stripe key. The key begins with rk_live_ or rk_test_; copy it from the "
        "app’s settings page in Stripe."
    ),
    "live_key": "This is a live key, and this page is for test keys.",
    "test_key": "This is a test key, and this page is for live keys.",
}
