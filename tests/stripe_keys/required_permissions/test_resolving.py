"""Calls of Stripe are found in Python source however they are written, and nothing else is taken for one."""

import ast

import pytest

from stripe_keys.catalogue.path_permissions import permissions_for
from stripe_keys.required_permissions import calls
from stripe_keys.required_permissions.resolving import calls_in

CLIENT = "client = stripe_client(merchant=m, livemode=True, used_for='x')\n"
CORE = {
    "account", "balance", "balance_transactions", "charges", "checkout", "coupons", "credit_notes", "customers",
    "disputes", "events", "files", "invoices", "payment_intents", "payment_links", "payment_methods", "payouts",
    "prices", "products", "promotion_codes", "quotes", "refunds", "setup_intents", "subscriptions", "tax_rates",
    "topups", "transfers", "webhook_endpoints",
}  # fmt: skip


def found_in(source: str) -> list[str]:
    """What is found in `source`: `GET /v1/customers` a call, in the order of the lines, or why it is not known."""
    return [
        f"{one.request.method} {one.request.path}" if one.request else one.why
        for one in calls_in(ast.parse(source))
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        # By the SDK's classes.
        ("import stripe\nstripe.Customer.retrieve('cus_1')", "GET /v1/customers/{customer}"),
        ("import stripe as s\ns.checkout.Session.create()", "POST /v1/checkout/sessions"),
        ("import stripe.checkout\nstripe.checkout.Session.list()", "GET /v1/checkout/sessions"),
        ("import stripe.checkout as c\nc.Session.list()", "GET /v1/checkout/sessions"),
        ("from stripe import Customer as C\nC.delete('cus_1')", "DELETE /v1/customers/{customer}"),
        ("from stripe import checkout\ncheckout.Session.expire('cs_1')", "POST /v1/checkout/sessions/{session}/expire"),
        ("from stripe.billing_portal import Session\nSession.create()", "POST /v1/billing_portal/sessions"),
        ("from stripe.api_resources import Charge\nCharge.list()", "GET /v1/charges"),
        ("from stripe import *\nCharge.list()", "GET /v1/charges"),
        ("from app.payments import stripe\nstripe.Refund.create()", "POST /v1/refunds"),
        ("importlib.import_module('stripe').Refund.create()", "POST /v1/refunds"),
        ("import stripe\nasync def f(): await stripe.Invoice.pay_async('in_1')", "POST /v1/invoices/{invoice}/pay"),
        ("import stripe\nfor c in stripe.Charge.list().auto_paging_iter(): pass", "GET /v1/charges"),
        ("import stripe\nstripe.Charge.auto_paging_iter()", "GET /v1/charges"),
        ("import stripe\nstripe.Account.retrieve()", "GET /v1/account"),
        ("import stripe\nstripe.Account.retrieve(None, expand=['x'])", "GET /v1/account"),
        ("import stripe\nstripe.Account.retrieve('acct_1')", "GET /v1/accounts/{account}"),
        ("import stripe\nstripe.Account.retrieve(id=one)", "GET /v1/accounts/{account}"),
        ("import stripe\npool.submit(stripe.Payout.list, limit=3)", "GET /v1/payouts"),
        ("import stripe\nstripe.Customer.TestHelpers.fund_cash_balance('cus_1')",
         "POST /v1/test_helpers/customers/{customer}/fund_cash_balance"),
        # By a client's services.
        (CLIENT + "client.v1.customers.retrieve('cus_1')", "GET /v1/customers/{customer}"),
        (CLIENT + "client.customers.list()", "GET /v1/customers"),
        (CLIENT + "client.v1.customers.sources.create('cus_1')", ""),
        (CLIENT + "client.v1.customers.payment_sources.list('cus_1')", "GET /v1/customers/{customer}/sources"),
        (CLIENT + "client.v1.test_helpers.test_clocks.create()", "POST /v1/test_helpers/test_clocks"),
        (CLIENT + "client.v2.core.events.retrieve('evt_1')", "GET /v2/core/events/{id}"),
        (CLIENT + "client.with_stripe_context('acct_1').v1.payouts.list()", "GET /v1/payouts"),
        (CLIENT + "await_ = client.v1.payouts.list_async", "GET /v1/payouts"),
        (CLIENT + "invoices = client.v1.invoices\ninvoices.list()", "GET /v1/invoices"),
        (CLIENT + "v1 = client.v1\ninvoices = v1.invoices\nread = invoices.retrieve\nread('in_1')",
         "GET /v1/invoices/{invoice}"),
        (CLIENT + "a, b = client.v1.payouts, 3\na.list()", "GET /v1/payouts"),
        (CLIENT + "(c := client.v1).payouts.list()", "GET /v1/payouts"),
        (CLIENT + "getattr(client.v1, 'payouts').list()", "GET /v1/payouts"),
        (CLIENT + "def f():\n    return client.v1.payouts.list()", "GET /v1/payouts"),
        ("from stripe_keys import clients\nclients.stripe_client(merchant=m).v1.invoices.list()", "GET /v1/invoices"),
        ("with closing(stripe_client(merchant=m)) as c: c.invoices.list()", "GET /v1/invoices"),
        ("from stripe import StripeClient\nStripeClient(key).v1.invoices.list()", "GET /v1/invoices"),
        ("import stripe\nstripe.StripeClient(key).invoices.list()", "GET /v1/invoices"),
        ("def f(c: StripeClient): c.payouts.list()", "GET /v1/payouts"),
        ("def f(c: 'stripe.StripeClient | None'): c.payouts.list()", "GET /v1/payouts"),
        ("def f(c: Annotated[Optional[StripeClient], 3]): c.payouts.list()", "GET /v1/payouts"),
        ("def of(m) -> StripeClient: ...\nof(m).payouts.list()", "GET /v1/payouts"),
        ("def of(m):\n    return stripe_client(merchant=m)\nof(m).payouts.list()", "GET /v1/payouts"),
        ("class A:\n def __init__(self): self.c = stripe_client()\n def go(self): self.c.payouts.list()",
         "GET /v1/payouts"),
        ("class A:\n @cached_property\n def c(self): return stripe_client()\n def go(self): self.c.payouts.list()",
         "GET /v1/payouts"),
        ("class Mine(StripeClient): ...\nMine().payouts.list()", "GET /v1/payouts"),
        ("cast('StripeClient', x).payouts.list()", "GET /v1/payouts"),
        ("def f(anything): anything.v1.payouts.list()", "GET /v1/payouts"),
        ("def f(self): self.stripe.payouts.list()", "GET /v1/payouts"),
        ("def f(stripe_client): stripe_client.payouts.list()", "GET /v1/payouts"),
        ("import stripe\ndef f(client): client.payouts.list()", "GET /v1/payouts"),
        ("import stripe\ndef f(client: Any): client.payouts.list()", "GET /v1/payouts"),
        ("import stripe\nclient = client_of(m)\nclient.payouts.list()", "GET /v1/payouts"),
        ("class Shop:\n c: StripeClient\nShop().c.payouts.list()", "GET /v1/payouts"),
        ("Shop().stripe_client.payouts.list()", "GET /v1/payouts"),
        # Without the SDK's services.
        (CLIENT + "client.raw_request('get', '/v1/customers/' + one)", "GET /v1/customers/{customer}"),
        (CLIENT + "client.raw_request('get', f'/v1/customers/{one}/sources?limit={n}')",
         "GET /v1/customers/{customer}/sources"),
        (CLIENT + "client.raw_request('post', '/v1/payouts/%s/cancel' % one)", "POST /v1/payouts/{payout}/cancel"),
        (CLIENT + "client.raw_request('post', '/v1/payouts/{}/cancel'.format(one))",
         "POST /v1/payouts/{payout}/cancel"),
        (CLIENT + "client.raw_request('get', '/'.join(['/v1', 'payouts', one]))", "GET /v1/payouts/{payout}"),
        (CLIENT + "client.raw_request(method_='get', url_='/v2/core/events')", "GET /v2/core/events"),
        (CLIENT + "HERE = '/v1/payouts'\nclient.raw_request_async('get', HERE)", "GET /v1/payouts"),
        (CLIENT + "ask = client.raw_request\nask('get', '/v1/payouts')", "GET /v1/payouts"),
        ("import stripe\nstripe.raw_request('get', '/v1/payouts')", "GET /v1/payouts"),
        ("requests.get('https://api.stripe.com/v1/charges')", "GET /v1/charges"),
        ("BASE = 'https://api.stripe.com'\nrequests.get(f'{BASE}/v1/charges/{one}')", "GET /v1/charges/{charge}"),
        ("httpx.post(settings.STRIPE_API_BASE + '/v1/refunds')", "POST /v1/refunds"),
        ("session.request('DELETE', urljoin('https://api.stripe.com/', '/v1/coupons/10OFF'))",
         "DELETE /v1/coupons/{coupon}"),
        ("client.stream('GET', url='https://files.stripe.com/v1/files/' + one)", "GET /v1/files/{file}"),
        ("urlopen(Request('https://api.stripe.com/v1/charges', data=b''))", "POST /v1/charges"),
    ],
)  # fmt: skip
def test_a_call_is_found(source: str, found: str) -> None:
    assert found_in(source) == [found or "Stripe's SDK offers no such call: client.v1.customers.sources"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (CLIENT + "client.raw_request('get', path)", "the path is only known at run time"),
        (CLIENT + "client.raw_request('get', '/v1/' + kind + '/' + one)", "the path is only known at run time"),
        (CLIENT + "client.raw_request(*what)", "the path is only known at run time"),
        (CLIENT + "p = '/v1/payouts'\np += one\nclient.raw_request('get', p)", "the path is only known at run time"),
        (CLIENT + "client.raw_request(method, '/v1/charges')", "the HTTP method is only known at run time"),
        (CLIENT + "client.raw_request('get', '/v1/frobs')", "no path that Stripe's SDK knows"),
        (CLIENT + "client.v1.frobs.list()", "Stripe's SDK offers no such call: client.v1.frobs"),
        (CLIENT + "client.frobs.list()", "Stripe's SDK offers no such call: client.frobs"),
        (CLIENT + "getattr(client.v1, kind).list()", "which call of client.v1 this is, is only known at run time"),
        ("import stripe\nstripe.Invoice.upcoming()", "Stripe's SDK offers no such call: stripe.Invoice.upcoming"),
        ("import stripe\ngetattr(stripe, kind).list()", "which call of stripe this is, is only known at run time"),
        ("ask('https://api.stripe.com/v1/charges')", "the HTTP method is only known at run time"),
        ("httpx.Client(base_url='https://api.stripe.com/v1')",
         "Stripe's address is passed on: what is requested there is not followed"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said(source: str, why: str) -> None:
    assert found_in(source) == [why]


@pytest.mark.parametrize(
    "source",
    [
        "import stripe\nstripe.api_key = key\nraise stripe.PermissionError",
        "import stripe\nstripe.Webhook.construct_event(body, header, secret)",
        "import stripe\nstripe.Customer.construct_from({}, key)",
        "import stripe\nstripe.Customer.retrieve = fake",
        "import stripe\n'stripe.Customer.retrieve'",
        CLIENT
        + "client.parse_event_notification(body, header, secret)\nclient.deserialize(answer, api_mode='V2')",
        CLIENT + "client._requestor.api_key",
        "client.customers.list()",
        "def f(shop): shop.customers.list()",
        "import stripe\nclients.customers.list()",
        "def f(stripe): stripe.frobnicate()",
        "api.v1.pods.list()",
        "customer.delete()",
        "requests.get('https://example.com/v1/charges')",
        "requests.get('https://api.stripe.com.example.com/v1/charges')",
        "requests.get(base + '/v1/charges')",
        "use(settings.STRIPE_SECRET_KEY)",
        "logger.info('https://api.stripe.com/v1/charges')",
        "DOCS = 'https://api.stripe.com/v1/charges'",
        "import stripe\ndef f(client: Shop): client.customers.list()",
        "import stripe\nclient = shops.Client()\nclient.customers.list()",
    ],
)
def test_nothing_else_is_taken_for_a_call(source: str) -> None:
    assert found_in(source) == []


def test_each_call_is_told_with_its_line() -> None:
    source = (
        CLIENT + "\n\nclient.v1.payouts.list(); client.v1.charges.list()\n\nclient.raw_request('get', path)"
    )

    assert [(one.line, one.name) for one in calls_in(ast.parse(source))] == [
        (4, "client.v1.charges.list"),
        (4, "client.v1.payouts.list"),
        (6, "raw_request"),
    ]


@pytest.mark.parametrize("twin", ["", "_async"])
def test_every_call_that_the_sdk_offers_is_found(twin: str) -> None:
    """Each on a line of its own: hundreds of services' methods, in both spellings, and the classes' methods."""
    known = {name: request for name, request in calls.requests().items() if not name.endswith("()")}
    known |= {
        name.replace("client.v1.", "client."): request
        for name, request in known.items()
        if name.startswith("client.v1.")
    }
    lines = [f"{name}{twin}(one)" for name in known]

    found = {
        one.line: one.request for one in calls_in(ast.parse("import stripe\n" + CLIENT + "\n".join(lines)))
    }

    assert len(known) > 1500
    assert [name for at, name in enumerate(known, start=3) if found.get(at) != known[name]] == []


def test_the_permission_of_every_core_call_is_known() -> None:
    core = [
        request
        for name, request in calls.requests().items()
        if name.startswith("client.v1.") and request.path.split("/")[2] in CORE
    ]

    assert len(core) > 150
    assert (
        sorted({f"{one.method} {one.path}" for one in core if not permissions_for(one.method, one.path)})
        == []
    )
