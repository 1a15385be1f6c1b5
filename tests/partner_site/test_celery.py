"""The bell carries ids, never a key."""

import pytest

from partner_site.celery import KeyInMessage, app
from tests import people


@pytest.mark.parametrize("place", ["args", "kwargs", "headers"])
def test_a_message_with_a_key_is_not_published(place: str) -> None:
    key = people.a_restricted_key()
    carried = {"args": [key], "kwargs": {"note": f"see {key}"}, "headers": {"x": key}}[place]

    with pytest.raises(KeyInMessage) as refusal:
        app.send_task("work.tasks.drain_periodic", **{place: carried})

    assert key not in str(refusal.value)


def test_every_task_is_known_by_its_module() -> None:
    app.loader.import_default_modules()

    ours = [name for name in app.tasks if not name.startswith("celery.")]

    assert "work.tasks.drain_periodic" in ours


def test_the_heartbeat_lives_in_every_worker() -> None:
    assert "work.heartbeat:Heartbeat" in app.steps["worker"]


def test_nothing_runs_eagerly_and_nothing_is_pickled() -> None:
    assert app.conf.task_always_eager is False
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result is True
