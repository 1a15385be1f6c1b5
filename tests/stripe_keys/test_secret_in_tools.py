"""What templates, Celery, sessions and caches make of a secret: at most its prefix and its last four."""

import json
import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages.storage.session import SessionStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import caches
from django.http import HttpResponse
from django.template import Context, Template, TemplateSyntaxError
from django.template.defaultfilters import register as filters
from pytest_django import Settings

from partner_site.celery import KeyInMessage, SiteCelery
from partner_site.celery import app as celery_app
from stripe_keys.secret import Secret
from tests.people import a_restricted_key


@pytest.fixture
def text() -> str:
    return a_restricted_key(livemode=True)


@pytest.fixture
def secret(text: str) -> Secret:
    return Secret(text)


def is_told(text: str, *told: object) -> bool:
    """Whether anything but prefix and last four is in what was told."""
    return any(text[8:-4] in str(each) or text[20:44] in repr(each) for each in told)


# --- Templates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ secret }}{{ secret|safe }}{{ secret|pprint }}{{ secret|force_escape }}",
        "{{ secret.reveal }}{{ secret.reveal|length }}{{ secret.reveal|default:'' }}",
        "{% with shown=secret.reveal %}{{ shown }}{{ shown|pprint }}{% endwith %}",
        "{% if secret.reveal %}{{ secret.reveal }}{% endif %}{% firstof secret.reveal secret %}",
        "{{ secret.shape }}{{ secret.last4 }}{{ secret.shape|pprint }}",
        "{% debug %}",
        "{% filter upper %}{{ secret }}{% endfilter %}{{ held }}{{ held|pprint }}",
    ],
)
def test_template_shows_no_text(settings: Settings, text: str, secret: Secret, source: str) -> None:
    settings.DEBUG = True  # or {% debug %} says nothing

    page = Template(source).render(Context({"secret": secret, "held": {"a": [secret]}}))

    assert not is_told(text, page, page.swapcase())


@pytest.mark.parametrize("name", sorted(filters.filters))
def test_filter_shows_no_text(text: str, secret: Secret, name: str) -> None:
    pages: list[str] = []
    for source in (f"{{{{ secret|{name} }}}}", f"{{{{ secret|{name}:'9' }}}}"):
        try:
            pages.append(Template(source).render(Context({"secret": secret})))
        except TemplateSyntaxError:
            continue  # one of the two has the wrong number of arguments
        except (TypeError, AttributeError) as refusal:
            pages.append(repr(refusal))

    assert pages
    assert not is_told(text, *pages, *(page.swapcase() for page in pages))


@pytest.mark.parametrize("private", ["_text", "_text_inside", "__getstate__"])
def test_template_cannot_name_what_is_private(secret: Secret, private: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        Template(f"{{{{ secret.{private} }}}}")


# --- Where Django, Celery and Python keep things ---------------------------------------------------------------------


class Published(Exception):
    """It would have reached Redis."""


publish: Any = celery_app.send_task


@pytest.fixture
def no_way_to_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*args: Any, **kwargs: Any) -> Any:
        raise Published

    monkeypatch.setattr(celery_app.amqp, "send_task_message", reached)


ASK: dict[str, Callable[[Any], dict[str, Any]]] = {
    "an argument": lambda value: {"args": [value]},
    "deep in lists": lambda value: {"args": [[1, [2, {"a": (value,)}]]]},
    "a keyword": lambda value: {"kwargs": {"key": value}},
    "a name of a keyword": lambda value: {"kwargs": {str(value): 1}},
    "a header": lambda value: {"headers": {"note": value}},
}


@pytest.mark.usefixtures("no_way_to_redis")
@pytest.mark.parametrize("where", ASK)
def test_celery_refuses_a_key_as_text(text: str, where: str) -> None:
    with pytest.raises(KeyInMessage) as refusal:
        publish("tests.note", **ASK[where](text))

    assert not is_told(text, refusal.value)


@pytest.mark.usefixtures("no_way_to_redis")
@pytest.mark.parametrize("where", [name for name in ASK if name != "a name of a keyword"])
def test_celery_refuses_a_secret(text: str, secret: Secret, where: str) -> None:
    with pytest.raises(KeyInMessage) as refusal:
        publish("tests.note", **ASK[where](secret))

    assert not is_told(text, refusal.value)


@pytest.mark.usefixtures("no_way_to_redis")
def test_celery_refuses_what_delay_is_given(secret: Secret) -> None:
    own = SiteCelery("tests", set_as_current=False)
    vars(own.amqp)["send_task_message"] = celery_app.amqp.send_task_message

    def nothing(*args: Any, **kwargs: Any) -> None:
        """No work."""

    note: Any = own.task(name="tests.note")(nothing)

    ways: list[Callable[[], Any]] = [
        lambda: note.delay(secret),
        lambda: note.delay([[secret]]),
        lambda: note.delay(key=secret),
        lambda: note.apply_async(headers={"key": secret}),
        lambda: note.apply_async(args=[1], headers={"deep": [{"key": secret}]}),
        lambda: note.si(secret).apply_async(),
    ]
    for ask in ways:
        with pytest.raises(KeyInMessage):
            ask()
    with pytest.raises(Published):
        note.delay("an id")


@pytest.mark.django_db
def test_session_keeps_no_secret(text: str, secret: Secret) -> None:
    session = SessionStore()
    session["key"] = secret

    with pytest.raises(TypeError) as refusal:
        session.save()

    assert not is_told(text, refusal.value)


def test_messages_keep_no_text(text: str, secret: Secret, rf: Any) -> None:
    request = rf.get("/")
    request.session = {}
    storage = SessionStorage(request)
    storage.add(messages.INFO, f"saved {secret}")
    storage.add(messages.INFO, secret)  # type: ignore[arg-type]  # somebody's mistake
    storage.update(HttpResponse())

    assert json.dumps(request.session).count("<Secret") == 2
    assert not is_told(text, request.session, json.dumps(request.session))


@pytest.mark.django_db
@pytest.mark.parametrize("alias", ["default", "bells"])
def test_cache_keeps_no_secret(text: str, secret: Secret, alias: str) -> None:
    with pytest.raises(TypeError) as refusal:
        caches[alias].set("key", {"held": secret})

    assert not is_told(text, refusal.value)
    assert caches[alias].get("key") is None


def test_no_queue_carries_a_secret_to_another_process(text: str, secret: Secret) -> None:
    here, there = multiprocessing.Pipe()
    with here, there, pytest.raises(TypeError) as refusal:
        here.send(secret)

    assert not is_told(text, refusal.value)
    queue: Any = multiprocessing.SimpleQueue()
    with pytest.raises(TypeError):
        queue.put([secret])
