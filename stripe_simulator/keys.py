"""What can happen to an API key, with the events each happening causes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from stripe_simulator import events, tokens
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import ApiKey, Install

OVERLAP_MAXIMUM = 7 * 24 * 3600


@dataclass
class Wishes:
    """What may be asked of a new key besides its rights."""

    name: str = "Restricted key"
    kind: str = "restricted"
    connect_permissions: list[str] = field(default_factory=list)
    ip_allowlist: list[str] = field(default_factory=list)
    expires_at: float | None = None
    install: str = ""
    app: str = ""
    wording: str = ""
    note: str = ""


def create(
    sim: Simulator,
    *,
    account: str,
    livemode: bool,
    permissions: Sequence[str],
    wishes: Wishes | None = None,
    token: str = "",
) -> ApiKey:
    """Make a key and tell the app about it if it is connected; `token` is its text, random unless given."""
    wishes = wishes or Wishes()
    key = ApiKey(
        id=tokens.key_id(account),
        account=account,
        livemode=livemode,
        token=token or tokens.token(wishes.kind, account, livemode=livemode),
        created=sim.now(),
        permissions=list(permissions),
        **asdict(wishes),
    )
    sim.remember_key(key)
    events.tell_about_key(sim, key, "created")
    sim.changed()
    return key


def of_install(sim: Simulator, install: Install) -> ApiKey | None:
    """Return the newest living key of an install, the one its settings page shows."""
    living = [
        key
        for key in sim.world.keys_of(install.account, livemode=install.livemode)
        if key.install == install.id and key.is_active(sim.now()) and not key.replaced_by
    ]
    return living[0] if living else None


def view(sim: Simulator, install: Install) -> ApiKey:
    """Return the install's key, made at the first view."""
    return of_install(sim, install) or create(
        sim,
        account=install.account,
        livemode=install.livemode,
        permissions=install.permissions,
        wishes=Wishes(name=sim.config.app.name, install=install.id),
    )


def rotate(sim: Simulator, key: ApiKey, *, overlap: float = 0) -> ApiKey:
    """Replace a key by a new one with the same rights; the old one dies now or after `overlap` seconds."""
    successor = ApiKey(
        id=tokens.key_id(key.account),
        account=key.account,
        livemode=key.livemode,
        kind=key.kind,
        token=tokens.token(key.kind, key.account, livemode=key.livemode),
        name=key.name,
        created=sim.now(),
        permissions=list(key.permissions),
        connect_permissions=list(key.connect_permissions),
        note=key.note,
        ip_allowlist=list(key.ip_allowlist),
        install=key.install,
        app=key.app,
        wording=key.wording,
    )
    sim.remember_key(successor)
    key.replaced_by = successor.id
    if overlap > 0:
        ends = sim.now() + min(overlap, OVERLAP_MAXIMUM)
        # An overlap shortens a life; it never makes one longer than its expiry date.
        key.expires_at = ends if key.expires_at is None else min(ends, key.expires_at)
    else:
        _end(sim, key, lag=0)
    events.tell_about_key(sim, key, "rotated", new_key=successor)
    sim.changed()
    return successor


def expire(sim: Simulator, key: ApiKey, *, lag: float | None = None) -> None:
    """End a key; its secret goes on working for `lag` seconds, by default what the switch says."""
    if key.status == "expired":
        return
    _end(sim, key, lag=sim.switches.expire_lag_seconds if lag is None else lag)
    events.tell_about_key(sim, key, "expired")
    sim.changed()


def set_permissions(
    sim: Simulator, key: ApiKey, permissions: Sequence[str], *, connect: Sequence[str] | None = None
) -> None:
    """Change what a key may do on its account and, if `connect` is given, on connected ones."""
    connect = key.connect_permissions if connect is None else connect
    before = (sorted(key.permissions), sorted(key.connect_permissions))
    if before == (sorted(permissions), sorted(connect)):
        return
    key.permissions, key.connect_permissions = list(permissions), list(connect)
    events.tell_about_key(sim, key, "permissions_updated")
    sim.changed()


def update(
    sim: Simulator,
    key: ApiKey,
    *,
    name: str | None = None,
    note: str | None = None,
    ip_allowlist: Sequence[str] | None = None,
) -> None:
    """Change a key's name, note or allowlist."""
    before = (key.name, key.note, key.ip_allowlist)
    key.name = key.name if name is None else name
    key.note = key.note if note is None else note
    key.ip_allowlist = key.ip_allowlist if ip_allowlist is None else list(ip_allowlist)
    if (key.name, key.note, key.ip_allowlist) != before:
        events.tell_about_key(sim, key, "updated")
        sim.changed()


def reveal(sim: Simulator, key: ApiKey) -> str:
    """Show a key's secret to its owner and tell the app that it was shown."""
    events.tell_about_key(sim, key, "default_secret_revealed")
    return key.token


def end_due(sim: Simulator) -> None:
    """End the keys whose expiry date or overlap has passed."""
    now = sim.now()
    for key in list(sim.world.keys.values()):
        if key.status == "active" and key.expires_at is not None and key.expires_at <= now:
            expire(sim, key, lag=0)


def _end(sim: Simulator, key: ApiKey, *, lag: float) -> None:
    key.status = "expired"
    key.works_until = sim.now() + lag
    if key.expires_at is not None:
        key.works_until = min(key.works_until, key.expires_at)
