"""What came of an audit: whether all is in order, and if not, who is told what to do.

Anything that is not `ok` alarms, with one exception: `old kek` is what a rotation looks like from within, so it alarms
only when the primary key-encryption key has been in use for longer than a day.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.notices import tell_ops
from stripe_keys.audit.kinds import Class
from stripe_keys.models import KekCanary, RestrictedKey, VaultAudit

log = logging.getLogger(__name__)
ROTATION_TAKES = timedelta(days=1)
BRAKE_ROWS, BRAKE_SHARE = 10, 0.05
_NAMED = 20
_EMPTY = "nothing is stored yet"
_TO_DO = {
    Class.UNREADABLE: "unreadable: the row was altered or moved. A restricted key is quarantined and its merchant"
    " asked to paste it again; a data key takes the keys under it with it; a canary alone can be deleted, the next"
    " start makes a new one; for a second factor run `manage.py reset_second_factor`. Find out who or what wrote to the"
    " database.",
    Class.ORPHAN: "orphan: something encrypted is kept that nothing needs any more. Find out which erasure or rotation"
    " was cut short, and finish it.",
    Class.MISSING: "missing: a key is called kept and has no envelope, so that it cannot be used. It is quarantined and"
    " its merchant asked to paste it again. Find out who deleted the row.",
    Class.ERASED_BEFORE: "erased before: a key is kept although the deletion ledger says that it was erased. Somebody"
    " wrote an old row back into the database; nobody gets the key, and the next check quarantines it. Find out who it"
    " was, then have the merchant remove it.",
    Class.WRONG_FINGERPRINT: "wrong fingerprint: a key opens, but its row's fingerprint was made of something else or"
    " with another fingerprint key of the same name, so that neither a duplicate nor a leak of it is recognised. Put"
    " the right FINGERPRINT_KEYS back, then run `manage.py rotate_fingerprints --all`. If it was a single row, find out"
    " who wrote to the database.",
    Class.UNKNOWN_FINGERPRINT_KEY: "unknown fingerprint key: a key's fingerprint was made by one that FINGERPRINT_KEYS"
    " lacks. Put it back behind the others; if it is lost, run `manage.py rotate_fingerprints`.",
    Class.UNKNOWN: "unknown: nothing was found out, because a key-encryption key is missing, is another one of the same"
    " name, or its service is away. Put it right (`manage.py check --deploy` names it), then run"
    " `manage.py audit_vault`.",
    Class.OLD_KEK: "old kek: a rotation was begun more than a day ago and is not finished. Run"
    " `manage.py rewrap_data_keys`.",
}


def totals(audit: VaultAudit) -> dict[str, int]:
    """How many rows of each class, of all kinds together; classes that did not occur are absent."""
    found: dict[str, int] = {}
    for by_class in audit.counts.values():
        for name, count in by_class.items():
            found[name] = found.get(name, 0) + count
    return found


def in_short(audit: VaultAudit) -> str:
    """The totals in one line."""
    return _counted(totals(audit))


def is_braked(cursor: dict[str, Any]) -> bool:
    """Whether so many envelopes are gone or shut that the fault is ours: more than 10, and more than 5 %."""
    count = len(cursor["unreadable"])
    return bool(count > BRAKE_ROWS and count > BRAKE_SHARE * cursor["envelopes"])


def is_in_order(audit: VaultAudit) -> bool:
    """Whether a finished audit found nothing that anybody must do something about."""
    return not _wrong(audit)


def _wrong(audit: VaultAudit) -> list[Class]:
    found = totals(audit)
    wrong: list[Class] = [each for each in Class if found.get(each) and each not in (Class.OK, Class.OLD_KEK)]
    if audit.cursor.get("rotation_is_late"):
        wrong.append(Class.OLD_KEK)
    return wrong


def finish(audit: VaultAudit, primary_kek_id: str, now: datetime) -> VaultAudit:
    """End the audit, and alarm ops if need be; whoever comes second finds it ended and tells nobody."""
    old = totals(audit).get(Class.OLD_KEK, 0)
    cursor = {
        "step": audit.cursor["step"] + 1,
        "quarantined": RestrictedKey.objects.filter(quarantined_at__gte=audit.started_at).count(),
        "braked": is_braked(audit.cursor),
        "rotation_is_late": bool(old) and _is_late(primary_kek_id, now),
    }
    here = VaultAudit.objects.filter(pk=audit.pk, finished_at=None, cursor__step=audit.cursor["step"])
    with transaction.atomic():
        is_ours = here.update(finished_at=now, cursor=cursor)
        audit.refresh_from_db()
        if is_ours and not is_in_order(audit):
            tell_ops(
                subject="The vault audit found something",
                body="\n\n".join(in_words(audit))
                + f"\n\n{settings.SITE_URL}/ops/stripe_keys/vaultaudit/{audit.pk}/",
                dedupe_key=f"vault-audit:{audit.pk}",
            )
    if is_ours and not is_in_order(audit):
        log.critical("the vault audit found something: %s", in_short(audit))
    elif is_ours:
        log.info(
            "the vault audit found everything in order: %s", in_short(audit) if totals(audit) else _EMPTY
        )
    return audit


def _is_late(primary_kek_id: str, now: datetime) -> bool:
    """Its canary is as old as the primary's use."""
    return KekCanary.objects.filter(kek_id=primary_kek_id, created_at__lt=now - ROTATION_TAKES).exists()


def in_words(audit: VaultAudit) -> list[str]:
    """A finished audit in paragraphs: the counts, the first findings, then what was done and what is left to do."""
    told = ["\n".join(f"{kind}: {_counted(by_class)}" for kind, by_class in sorted(audit.counts.items()))]
    named = [" ".join((found["kind"], found["id"], found["class"])) for found in audit.findings[:_NAMED]]
    if named:
        told.append("\n".join(named))
    return [*told, *what_to_do(audit)]


def what_to_do(audit: VaultAudit) -> list[str]:
    """What a finished audit did about its findings, and what people must do now, in paragraphs."""
    told = []
    if audit.cursor.get("braked"):
        told.append(
            "So many envelopes are gone or do not open that this is no matter of single rows: NO KEY WAS QUARANTINED."
            " Before anything else look for a wrong SITE_ENVIRONMENT, a database restored by halves, a damaged disk."
        )
    if audit.cursor.get("quarantined"):
        told.append(
            f"Quarantined since the audit began: {audit.cursor['quarantined']}. Their merchants were told."
        )
    return told + [_TO_DO[each] for each in _wrong(audit)]


def _counted(by_class: dict[str, int]) -> str:
    return ", ".join(f"{by_class[each]} {each}" for each in Class if by_class.get(each)) or "nothing"
