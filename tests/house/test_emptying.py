"""No row outlives the test that committed it."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import TransactionTestCase

from accounts.models import Notice, User
from stripe_keys.models import StatusChange
from tests.emptying import FILLED_BY_DJANGO, LARGE, Emptying
from tests.house.adas_things import bring_adas_things, every_row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def emptying() -> Emptying:
    """Emptied once, hence ready to do it quickly."""
    emptying = Emptying()
    emptying.after(TransactionTestCase())
    return emptying


def tables_with_rows() -> set[str]:
    return {table for table, _ in every_row()}


def test_one_of_everything_is_gone(emptying: Emptying, ada: User) -> None:
    bring_adas_things(ada)
    before = tables_with_rows()
    filled = list(Permission.objects.order_by("pk").values())

    emptying.after(TransactionTestCase())

    assert StatusChange._meta.db_table in before
    assert tables_with_rows() == set(FILLED_BY_DJANGO)
    assert list(Permission.objects.order_by("pk").values()) == filled


@pytest.mark.parametrize("model", [ContentType, Permission])
def test_what_django_fills_itself_is_filled_again(
    emptying: Emptying, model: type[ContentType | Permission]
) -> None:
    before = model.objects.count()
    first = model.objects.order_by("pk")[0]
    first.delete()

    emptying.after(TransactionTestCase())

    assert model.objects.count() == before > 1


def test_a_large_table_gets_a_new_file(emptying: Emptying) -> None:
    Notice.objects.bulk_create(
        Notice(lane="x", subject="s", body="b" * 1900, dedupe_key=str(number)) for number in range(700)
    )
    with connection.cursor() as cursor:
        size = "SELECT pg_relation_size(%s)"
        cursor.execute(size, [Notice._meta.db_table])
        before = cursor.fetchall()

        emptying.after(TransactionTestCase())

        cursor.execute(size, [Notice._meta.db_table])
        after = cursor.fetchall()
    assert (before[0][0] > LARGE, after) == (True, [(0,)])
