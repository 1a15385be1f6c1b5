"""The app coming to an account and leaving it."""

from stripe_simulator import events, keys, tokens
from stripe_simulator.simulator import Simulator
from stripe_simulator.state import Account, Install


def open_account(sim: Simulator, name: str, email: str, account_id: str = "") -> Account:
    """Make a merchant's account."""
    account = Account(account_id or tokens.account_id(), name, email, sim.now())
    sim.world.accounts[account.id] = account
    sim.changed()
    return account


def install(sim: Simulator, account: str, *, livemode: bool, app: str = "") -> Install:
    """Put the app on the account, or bring an install up to the manifest's permissions; tells the app.

    `app` is empty for the first app of the developer, else the id of the second.
    """
    wanted = sim.config.app.permission_names
    present = sim.world.install_of(account, livemode=livemode, app=app)
    if present is not None and present.status == "installed":
        present.permissions, present.pending = wanted, []
        events.tell_about_install(sim, present, "updated")
        sim.changed()
        return present
    if present is not None:
        _remove(sim, present)
    made = Install(
        id=tokens.object_id("appinst"),
        account=account,
        livemode=livemode,
        user="usr_" + tokens.letters(16),
        created=sim.now(),
        permissions=wanted,
        app=app,
    )
    sim.world.installs[made.id] = made
    events.tell_about_authorization(sim, made, "authorized")
    events.tell_about_install(sim, made, "created")
    sim.changed()
    return made


def ask_for(sim: Simulator, present: Install, permissions: list[str]) -> None:
    """Let a newer version of the app ask for these permissions too; the merchant has yet to approve them."""
    present.pending = permissions
    events.tell_about_install(sim, present, "updated")
    sim.changed()


def approve(sim: Simulator, present: Install) -> None:
    """Let the merchant approve what the app asks for."""
    present.permissions = [*present.permissions, *present.pending]
    present.pending = []
    events.tell_about_install(sim, present, "updated")
    sim.changed()


def uninstall(sim: Simulator, present: Install, *, expire_keys: bool, after: float = 0) -> None:
    """Take the app off the account, now or some seconds later; its keys expire or stay with the merchant."""
    present.expire_keys = expire_keys
    if after > 0:
        present.status = "uninstalling"
        present.uninstalls_at = sim.now() + after
        events.tell_about_install(sim, present, "updated")
    else:
        _remove(sim, present)
    sim.changed()


def finish_due(sim: Simulator) -> None:
    """Finish the uninstalls whose time has come."""
    for present in list(sim.world.installs.values()):
        if present.uninstalls_at is not None and present.uninstalls_at <= sim.now():
            _remove(sim, present)


def _remove(sim: Simulator, present: Install) -> None:
    for key in sim.world.keys_of(present.account, livemode=present.livemode):
        made_by = present.app or sim.config.app.object_id
        if key.install != present.id and key.app != made_by:
            continue
        if present.expire_keys:
            # While the install is still there, so that the app hears of it.
            keys.expire(sim, key)
    present.status = "uninstalling"
    events.tell_about_authorization(sim, present, "deauthorized")
    events.tell_about_install(sim, present, "deleted")
    sim.world.installs.pop(present.id, None)
    sim.changed()
