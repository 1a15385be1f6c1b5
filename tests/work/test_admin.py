"""Waiting work in the ops desk."""

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from work.models import PeriodicSlot


def test_dead_slot_can_be_tried_again_and_a_live_one_cannot(olgas_browser: Client) -> None:
    moment = timezone.now()
    dead = PeriodicSlot.objects.create(job="a", slot=moment, lane="a", state="dead", attempts=5)
    done = PeriodicSlot.objects.create(job="b", slot=moment, lane="b", state="done")

    answer = olgas_browser.post(
        reverse("admin:work_periodicslot_changelist"),
        {"action": "revive_dead", "_selected_action": [str(dead.pk), str(done.pk)]},
        follow=True,
    )

    assert "1 of 2 will be tried again." in answer.content.decode()
    dead.refresh_from_db()
    done.refresh_from_db()
    assert (dead.state, dead.attempts, done.state) == ("waiting", 0, "done")
