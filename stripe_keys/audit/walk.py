"""The walk through everything encrypted: in batches, each written down with the cursor behind it.

A batch counts only if nobody else has moved the cursor meanwhile. So a worker may die at any moment, and two may walk
at once: what they did in vain is forgotten.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseTrouble
from django.db import connection, transaction
from django.utils import timezone

from stripe_keys import contradictions, quarantine, vault
from stripe_keys.audit import alarm
from stripe_keys.audit.kinds import Class, Kind, Stored, kinds, primary_kek_id
from stripe_keys.models import KeyEnvelope, RestrictedKey, VaultAudit

log = logging.getLogger(__name__)
LISTED = 200
BATCH = 200
QUARANTINED_AT_ONCE = 20
NIGHTLY_SECONDS = 20.0
_PATIENCE = timedelta(hours=1)
_ASKED_IN_VAIN = 3
_ADVISORY_LOCK = 0x5641554C54  # "VAULT"


class ServiceAway(Exception):
    """A key service does not answer: look again in a minute."""


def begin() -> VaultAudit:
    """A new audit, at its beginning."""
    audit: VaultAudit = VaultAudit.objects.create(cursor=_beginning())
    return audit


def _beginning() -> dict[str, Any]:
    return {
        "step": 0,
        "left": list(kinds()),
        "after": None,
        "envelopes": KeyEnvelope.objects.count(),
        "unreadable": [],
    }


def advance_nightly() -> None:
    """Go on for some seconds with the audit that is under way; begin one when the last began before today, UTC."""
    audit = _under_way(timezone.now())
    if audit is not None:
        Walk(audit, patient=True).advance(NIGHTLY_SECONDS)


@transaction.atomic
def _under_way(now: datetime) -> VaultAudit | None:
    """The oldest audit that is not finished, else a new one if today's is missing. One worker at a time decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
    unfinished: VaultAudit | None = (
        VaultAudit.objects.filter(finished_at=None).order_by("started_at", "pk").first()
    )
    if unfinished is not None:
        return unfinished
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return None if VaultAudit.objects.filter(started_at__gte=midnight).exists() else begin()


class Walk:
    """One process's part in an audit. A patient walk waits while a key service is away, for an hour at most."""

    def __init__(self, audit: VaultAudit, *, patient: bool = False) -> None:
        self.audit = audit
        if not audit.cursor:  # a row that does not say how far it came is at its beginning
            VaultAudit.objects.filter(pk=audit.pk, cursor={}).update(cursor=_beginning())
            audit.refresh_from_db()
        self._patient = patient
        self._kinds = kinds()
        self._primary = primary_kek_id()
        self._in_vain: Counter[str] = Counter()

    def advance(self, seconds: float) -> bool:
        """Go on for about `seconds`, a row at least; whether the audit is finished."""
        deadline = time.monotonic() + seconds
        try:
            while self._step(deadline) and time.monotonic() < deadline:
                pass
        except ServiceAway:
            log.warning("the vault audit waits for a key service")
        return self.audit.finished_at is not None

    def _step(self, deadline: float) -> bool:
        """One batch; False when there is nothing left to do."""
        self.audit.refresh_from_db()
        if self.audit.finished_at is not None:
            return False
        left = [name for name in self.audit.cursor["left"] if name in self._kinds]
        if left:
            self._look_at_some(self._kinds[left[0]], left, deadline)
        elif self.audit.cursor["unreadable"] and not alarm.is_braked(self.audit.cursor):
            self._quarantine_some()
        else:
            self.audit = alarm.finish(self.audit, self._primary, timezone.now())
        return True

    def _look_at_some(self, kind: Kind, left: list[str], deadline: float) -> None:
        """Class the next rows of a kind, until the deadline."""
        rows = kind.after(self.audit.cursor["after"], BATCH)
        seen: list[tuple[Stored, Class]] = []
        for row in rows:
            seen.append((row, self._class_of(row)))
            if time.monotonic() >= deadline:
                break
        is_through = len(seen) == len(rows) and len(rows) < BATCH
        cursor = {
            **self.audit.cursor,
            "left": left[1:] if is_through else left,
            "after": None if is_through else seen[-1][0].position,
        }
        self._write(kind.counted_as, seen, cursor)

    def _class_of(self, row: Stored) -> Class:
        if row.known is not None:
            return row.known
        if self._in_vain[row.service] >= _ASKED_IN_VAIN:
            return Class.UNKNOWN
        try:
            found = row.verify()
        except vault.WillNotOpen:
            return Class.UNREADABLE
        except vault.KeyServiceAway:
            if self._patient and timezone.now() - self.audit.started_at < _PATIENCE:
                raise ServiceAway from None
            self._in_vain[row.service] += 1
            return Class.UNKNOWN
        except vault.VaultError:
            return Class.UNKNOWN
        except DatabaseTrouble:
            raise
        except Exception as problem:  # whatever is wrong with one row, the walk goes on
            log.error("the audit stumbled over a row (%s)", type(problem).__name__)  # noqa: TRY400 # no outside text
            return Class.UNKNOWN
        if isinstance(found, Class):
            return found
        return Class.OLD_KEK if found and self._primary and found != self._primary else Class.OK

    def _write(self, kind: str, seen: Sequence[tuple[Stored, Class]], cursor: dict[str, Any]) -> None:
        """Add what was seen, unless another walker has been here."""
        counts = Counter(self.audit.counts.get(kind, {}))
        counts.update(found.value for _, found in seen)
        wrong = [(row, found) for row, found in seen if found not in (Class.OK, Class.OLD_KEK)]
        findings = [{"kind": kind, "id": row.row_id, "class": found.value} for row, found in wrong]
        unreadable = [
            row.row_id
            for row, found in wrong
            if found in (Class.UNREADABLE, Class.MISSING) and row.may_be_quarantined
        ]
        if not alarm.is_braked(cursor):  # beyond that nobody is quarantined, and the list would only grow
            cursor["unreadable"] = [*cursor["unreadable"], *unreadable]
        all_counts = {**self.audit.counts, kind: dict(counts)}
        self._move(cursor, counts=all_counts, findings=[*self.audit.findings, *findings][:LISTED])

    def _quarantine_some(self) -> None:
        """Quarantine the next unreadable keys, looking once more at each: it may have been pasted anew since."""
        cursor = dict(self.audit.cursor)
        now, rest = cursor["unreadable"][:QUARANTINED_AT_ONCE], cursor["unreadable"][QUARANTINED_AT_ONCE:]
        for key_id in now:
            _quarantine_if_it_still_will_not_open(key_id)
        self._move({**cursor, "unreadable": rest})

    def _move(self, cursor: dict[str, Any], **fields: Any) -> None:
        step = self.audit.cursor["step"]
        here = VaultAudit.objects.filter(pk=self.audit.pk, finished_at=None, cursor__step=step)
        here.update(cursor={**cursor, "step": step + 1}, **fields)


def _quarantine_if_it_still_will_not_open(key_id: str) -> None:
    key = RestrictedKey.objects.kept().filter(pk=UUID(key_id)).first()
    if key is None:
        return
    envelope = KeyEnvelope.objects.select_related("key", "data_key").filter(key=key).first()
    if envelope is None:
        contradictions.settle(key=key, now=timezone.now())
        return
    try:
        vault.verify(envelope)
    except vault.WillNotOpen:
        quarantine.quarantine(key=envelope.key, now=timezone.now())
    except vault.VaultError:
        return  # nothing is known about it any more
