"""The part of the admin endpoint that deals with API keys."""

from stripe_simulator import keys
from stripe_simulator.admin_answers import Json, account_named, key_answer, key_named
from stripe_simulator.keys import Wishes
from stripe_simulator.simulator import Simulator


def create_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Make a key and return it with its token: the only place besides `keys/{id}/reveal` that shows one."""
    account = account_named(sim, given["account"])
    livemode = bool(given.get("livemode", False))
    install = sim.world.install_of(account.id, livemode=livemode)
    wishes = Wishes(**{name: given[name] for name in Wishes.__dataclass_fields__ if name in given})
    if install is not None and not wishes.install and not wishes.app:  # the app's own are on no settings page
        wishes.install = install.id
    key = keys.create(
        sim,
        account=account.id,
        livemode=livemode,
        permissions=given.get("permissions", sim.config.app.permission_names),
        wishes=wishes,
        token=str(given.get("token", "")),
    )
    return {**key_answer(sim, key), "token": key.token}


def list_keys(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return every key, or those of one account, without tokens."""
    wanted = given.get("account", "")
    found = [key for key in sim.world.keys.values() if wanted in ("", key.account)]
    return {"data": [key_answer(sim, key) for key in found]}


def show_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return one key without its token."""
    return key_answer(sim, key_named(sim, parts["id"]))


def change_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Change {permissions, connect_permissions, ip_allowlist, name, note, expires_at, wording}."""
    key = key_named(sim, parts["id"])
    keys.update(
        sim, key, name=given.get("name"), note=given.get("note"), ip_allowlist=given.get("ip_allowlist")
    )
    keys.set_permissions(
        sim, key, given.get("permissions", key.permissions), connect=given.get("connect_permissions")
    )
    key.expires_at = given.get("expires_at", key.expires_at)
    key.wording = given.get("wording", key.wording)
    sim.changed()
    return key_answer(sim, key)


def rotate_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Rotate, at once or with `overlap` seconds; return the new key with its token and `old`."""
    key = key_named(sim, parts["id"])
    successor = keys.rotate(sim, key, overlap=float(given.get("overlap", 0)))
    return {**key_answer(sim, successor), "token": successor.token, "old": key_answer(sim, key)}


def expire_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """End a key; `lag` seconds of afterlife, by default what the switch says."""
    key = key_named(sim, parts["id"])
    keys.expire(sim, key, lag=float(given["lag"]) if "lag" in given else None)
    return key_answer(sim, key)


def end_overlap(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """End an overlap (or an expiry date) now instead of when the clock says."""
    key = key_named(sim, parts["id"])
    keys.expire(sim, key, lag=0)
    key.works_until = sim.now()
    return key_answer(sim, key)


def reveal_key(sim: Simulator, given: Json, parts: dict[str, str]) -> Json:
    """Return a key's token as if its owner had revealed it in the Dashboard."""
    key = key_named(sim, parts["id"])
    return {"id": key.id, "token": keys.reveal(sim, key)}
