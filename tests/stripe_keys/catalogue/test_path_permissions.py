"""Which permission a request needs is read from one list, whose every line has its source."""

import pytest

from stripe_keys.catalogue import PROBES, WITHOUT_PROBE, path_permissions
from stripe_keys.catalogue.api_paths import known, template_of
from stripe_keys.catalogue.path_permissions import opening_of, permissions_for

SOURCES = {"reference", "objects", "events", "errors", "measured", "name"}
NOT_KNOWN = (
    "/oauth/",
    "/v1/apps/installs",
    "/v1/balance_settings",
    "/v1/bank_accounts",
    "/v1/billing/alerts",
    "/v1/billing/credit_",
    "/v1/billing/feedback_options",
    "/v1/billing/meter_event_adjustments",
    "/v1/cards",
    "/v1/climate/",
    "/v1/country_specs",
    "/v1/entitlements/features",
    "/v1/ephemeral_keys",
    "/v1/exchange_rates",
    "/v1/financial_connections/",
    "/v1/forwarding/",
    "/v1/identity/",
    "/v1/invoice_payments",
    "/v1/invoice_rendering_templates",
    "/v1/issuing/physical_bundles",
    "/v1/payment_attempt_records",
    "/v1/product_catalog/",
    "/v1/radar/",
    "/v1/sigma/",
    "/v1/tax/associations",
    "/v1/tax_codes",
    "/v1/tax_ids",
    "/v1/terminal/onboarding_links",
    "/v1/test_helpers/issuing",
    "/v1/test_helpers/treasury",
    "/v1/three_d_secure/",
    "/v1/treasury/",
    "/v2/billing/meter_event_",
    "/v2/core/account",
    "/v2/core/vault",
    "/v2/iam/activity_logs",
    "/v2/money_management/",
    "/v2/test_helpers/",
)
"""Paths of Stripe's SDK of which nobody says which permission they need."""


@pytest.mark.parametrize(
    ("method", "template", "needed"),
    [
        ("GET", "/v1/customers", ("customer_read",)),
        ("get", "/v1/customers/{customer}", ("customer_read",)),
        ("POST", "/v1/customers/{customer}", ("customer_write",)),
        ("DELETE", "/v1/customers/{anything}", ("customer_write",)),
        ("GET", "/v1/customers/{customer}/sources", ("customer_read",)),
        ("GET", "/v1/customers/{customer}/payment_methods", ("payment_method_read",)),
        ("GET", "/v1/customers/search", ("customer_read",)),
        ("POST", "/v1/refunds", ("charge_write",)),
        ("GET", "/v1/prices/{price}", ("plan_read",)),
        ("GET", "/v1/account", ("connected_account_read",)),
        ("POST", "/v1/accounts/{account}/login_links", ("edit_link_write",)),
        ("POST", "/v1/subscription_schedules/{schedule}/cancel", ("subscription_write",)),
        ("POST", "/v1/reporting/report_runs", ("report_runs_and_report_types_read",)),
        ("GET", "/v1/reporting/report_types", ("report_runs_and_report_types_read",)),
        ("GET", "/v1/billing/meters/{id}/event_summaries", ("billing_meter_event_read",)),
        ("GET", "/v2/core/event_destinations", ("webhook_read",)),
        ("GET", "/v2/iam/api_keys/{id}", ("api_key_write",)),
        ("POST", "/v2/iam/api_keys/{id}/expire", ("api_key_write",)),
        ("GET", "/v1/customersomething", ()),
        ("POST", "/v1/balance", ()),
        ("GET", "/v1/country_specs", ()),
        ("GET", "other", ()),
        ("GET", "", ()),
    ],
)
def test_request_needs(method: str, template: str, needed: tuple[str, ...]) -> None:
    assert permissions_for(method, template) == needed


def test_every_probe_asks_for_what_its_path_needs() -> None:
    needed = {
        name: permissions_for(probe.method, template_of(probe.method, probe.path))
        for name, probe in PROBES.items()
    }

    assert needed == {name: (name,) for name in PROBES}


def test_every_path_of_the_sdk_is_known_or_said_not_to_be() -> None:
    unknown = {template for method, template in known() if not permissions_for(method, template)}

    assert not [template for template in unknown if not template.startswith(NOT_KNOWN)]
    assert not [start for start in NOT_KNOWN if not any(template.startswith(start) for template in unknown)]


def test_every_line_is_about_paths_that_exist_and_names_its_source() -> None:
    used = {opening_of(method, template) for method, template in known()} - {None}
    names = {*PROBES, *(one.permission for one in WITHOUT_PROBE)}

    lines = path_permissions._lines()

    assert {words[-1] for words in lines} == SOURCES
    assert {one.permission for one in used if one} <= names
    assert len({tuple(words[:-2]) for words in lines}) == len(lines)
    places = [path_permissions._place(words[-3]) for words in lines]
    templates = [path_permissions._place(template) for _, template in known()]
    assert not [place for place in places if not any(one[: len(place)] == place for one in templates)]
