"""What the post does to events: five at once, out of order, or never delivered at all."""

import random
import time
from itertools import permutations

from tests.drills.conftest import Judge
from tests.drills.inbox_ground import Inbox, Merchant

_COLUMNS = """
    SELECT id::text, status, rotated_at IS NOT NULL, expires_at IS NULL, last_problem
    FROM stripe_keys_restrictedkey WHERE id = ANY(%s::uuid[])"""


def drill_each_event_five_times_at_once(inbox: Inbox, judge: Judge) -> None:
    merchants = inbox.merchants(10)
    letters = inbox.publish(inbox.mixed(merchants, 200))

    sending = inbox.sender.send([letter for letter in letters for _ in range(5)])
    found = inbox.count("each event five times at once (F1)", sending, merchants=merchants)

    judge(found)
    assert sending.statuses == {200}
    assert len(found.rows) == 200
    assert {row.ends for row in found.rows.values()} == {1}


def drill_any_order(inbox: Inbox, judge: Judge) -> None:
    kinds = ("created", "updated", "rotated", "expired")
    orders = list(permutations(kinds))
    merchants = inbox.merchants(len(orders))

    sendings = []
    for merchant, order in zip(merchants, orders, strict=True):
        made = dict(zip(kinds, inbox.publish([inbox.thin(merchant, what) for what in kinds]), strict=True))
        sendings.append(inbox.sender.send([made[what] for what in order], per_second=20))
    founds = [inbox.count("", sending, merchants=merchants) for sending in sendings]
    whole = founds[0]
    whole.name = "four events of a key in each of 24 orders (F16)"
    for found in founds[1:]:
        whole.rows |= found.rows
        whole.sending.letters = [*whole.sending.letters, *found.sending.letters]
        whole.sending.attempts += found.sending.attempts
        whole.sending.acknowledged |= found.sending.acknowledged
    judge(whole)
    ends = {tuple(row[1:]) for row in inbox.audit.rows(_COLUMNS, [merchant.key for merchant in merchants])}
    assert len(ends) == 1, ends


def drill_deliveries_that_never_came(inbox: Inbox, judge: Judge) -> None:
    merchants: list[Merchant] = inbox.merchants(20)
    a_while_ago = time.time() - 900  # what is younger may still come
    letters = inbox.publish([{**each, "created": a_while_ago} for each in inbox.ordinary(merchants, 400)])
    missing = {letter.event_id for letter in random.sample(letters, len(letters) // 20)}
    arriving = [letter for letter in letters if letter.event_id not in missing]
    sending = inbox.sender.send(arriving, per_second=100)
    sending.wait(60)

    inbox.stack.manage("reconcile", "--events", "--hours", "1")
    sending.letters = letters
    sending.acknowledged |= missing  # nobody waits for those
    found = inbox.count("one delivery of twenty never came, and was found in Stripe's list (F20)", sending)

    judge(found)
    listed = inbox.audit.rows(
        "SELECT event_id FROM webhooks_eventnotification WHERE source = 'listed' AND event_id = ANY(%s)",
        [letter.event_id for letter in letters],
    )
    assert {row[0] for row in listed} == missing
