"""Path templates: what is counted of a call names no object, whatever its id looks like."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_keys.catalogue import api_paths
from stripe_keys.catalogue.api_paths import UNKNOWN, known, template_of

TEMPLATES = sorted(known())
WORDS = {segment for _, template in TEMPLATES for segment in template.split("/") if "{" not in segment}
# People choose the ids of coupons, products, prices' look-up keys…: any text but a slash may stand there.
CHOSEN_IDS = st.text(st.characters(codec="utf-8", exclude_characters="/?"), min_size=1)


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("get", "/v1/customers", "/v1/customers"),
        ("GET", "/v1/customers/cus_1", "/v1/customers/{customer}"),
        ("get", "/v1/customers/cus_1?expand[]=sources/cus_2", "/v1/customers/{customer}"),
        ("get", "/v1/customers?email=ada@example.com", "/v1/customers"),
        ("get", "/v1/customers/search?query=x", "/v1/customers/search"),
        ("post", "/v1/customers/search", "/v1/customers/{customer}"),
        ("get", "/v1/charges/search/refunds", "/v1/charges/{charge}/refunds"),
        ("post", "/v1/coupons/SUMMER-FOR-ADA", "/v1/coupons/{coupon}"),
        ("get", "/v1/coupons/coupons", "/v1/coupons/{coupon}"),
        ("delete", "/v1/subscription_items/si_1", "/v1/subscription_items/{item}"),
        ("get", "/v1/account", "/v1/account"),
        ("get", "/v1/accounts/acct_1/persons/person_1", "/v1/accounts/{account}/persons/{person}"),
        ("get", "/v2/core/events/evt_1", "/v2/core/events/{id}"),
        ("post", "/v2/iam/api_keys/mk_1/expire", "/v2/iam/api_keys/{id}/expire"),
        ("get", "/v1/customers/", UNKNOWN),
        ("get", "/v1/customers//sources", UNKNOWN),
        ("put", "/v1/customers", UNKNOWN),
        ("get", "/v1/customers/cus_1/secrets", UNKNOWN),
        ("get", "/v1/charges_of_ada", UNKNOWN),
        ("get", "v1/customers", UNKNOWN),
        ("get", "https://api.stripe.com/v1/customers", UNKNOWN),
        ("get", "", UNKNOWN),
        ("", "/v1/customers", UNKNOWN),
    ],
)
def test_a_request_belongs_to_a_template(method: str, path: str, template: str) -> None:
    assert template_of(method, path) == template


@given(st.sampled_from(TEMPLATES), st.data())
def test_what_stands_at_a_placeholder_is_never_in_the_answer(
    line: tuple[str, str], data: st.DataObject
) -> None:
    method, template = line
    filled = re.sub(
        r"\{\w+\}", lambda _: data.draw(CHOSEN_IDS.filter(lambda text: text not in WORDS)), template
    )

    assert template_of(method, filled) == template


@given(st.sampled_from(TEMPLATES), st.data())
def test_an_id_that_is_a_word_of_the_api_cannot_be_told_from_it_and_says_nothing(
    line: tuple[str, str], data: st.DataObject
) -> None:
    method, template = line
    filled = re.sub(r"\{\w+\}", lambda _: data.draw(st.sampled_from(sorted(WORDS - {""}))), template)

    assert (method, template_of(method, filled)) in known()


@given(
    st.sampled_from(["get", "POST", "delete", "put", "\0"]),
    st.text() | st.text("/v12?cusomer{}_", max_size=40),
)
def test_the_answer_to_anything_is_a_line_of_the_list_or_other(method: str, path: str) -> None:
    answer = template_of(method, path)

    assert answer == UNKNOWN or (method.upper(), answer) in known()


def test_no_two_templates_take_the_same_requests() -> None:
    shapes = [(method, re.sub(r"\{\w+\}", "{}", template)) for method, template in TEMPLATES]

    assert len(shapes) == len(set(shapes)) > 600
    assert {method for method, _ in TEMPLATES} == {"GET", "POST", "DELETE"}


def test_the_list_stands_beside_its_module() -> None:
    assert api_paths.LIST.parent.name == "catalogue"
