"""Whether everything that speaks of the Stripe App agrees; each disagreement is a sentence.

That is: its manifest, the probes, the connect page, its link to Stripe's form, the settings and `docs/going-live.md`.
"""

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template import Engine, RequestContext
from django.template.loader_tags import BlockNode
from django.test import RequestFactory
from django.urls import reverse

from stripe_keys import app_package
from stripe_keys.app_package import SCHEMA, UnreadablePackage
from stripe_keys.catalogue import PROBES, WITHOUT_PROBE, link_name_of
from stripe_keys.manifest import OF_THE_APP_ALONE, ManifestError, words_for
from stripe_keys.views import connect

OVERLAY = "stripe-app.dev.json"
GUIDE = Path("docs", "going-live.md")
_BEGIN, _END = "<!-- permissions of the manifest -->", "<!-- end of permissions -->"

Asked = tuple[str, str, str]
"""What a page says of one permission: resource, read or write, purpose."""


def disagreements() -> list[str]:
    """Everything that does not agree, in the order in which it is best mended. Asks neither database nor network."""
    package = Path(settings.STRIPE_APP_MANIFEST).parent
    try:
        manifest = app_package.read(Path(settings.STRIPE_APP_MANIFEST))
        misshapen = app_package.against_schema(manifest, app_package.read(package / SCHEMA))
    except UnreadablePackage as problem:
        return [str(problem)]
    if misshapen:
        return misshapen
    unproven = list(_without_probe(manifest))
    return [
        *app_package.faults(manifest, package),
        *_of_site(manifest, package),
        *unproven,
        *([] if unproven else _of_pages(manifest)),
        *_of_guide(manifest),
    ]


def _of_keys(manifest: dict[str, Any]) -> list[dict[str, str]]:
    """What keys are asked for: everything but what the app needs for itself."""
    return [entry for entry in manifest["permissions"] if entry["permission"] not in OF_THE_APP_ALONE]


def _without_probe(manifest: dict[str, Any]) -> Iterator[str]:
    gaps = {gap.permission: gap.reason for gap in WITHOUT_PROBE}
    for name in (entry["permission"] for entry in _of_keys(manifest)):
        if name in PROBES:
            continue
        reason = gaps.get(name, "The catalogue does not know it: is it misspelt?")
        yield f"{name} has no probe, so no check could tell whether a key has it. {reason}"


def _of_site(manifest: dict[str, Any], package: Path) -> Iterator[str]:
    """The manifest leads to this site: by its id, its return addresses and its constants."""
    if manifest["id"] != settings.STRIPE_APP_ID:
        yield f"STRIPE_APP_ID is {settings.STRIPE_APP_ID!r}, the manifest's id is {manifest['id']!r}."
    allowed = manifest.get("allowed_redirect_uris") or []
    way_back = reverse("stripe_keys:install_return")
    if settings.SITE_URL + way_back not in allowed:
        yield f"allowed_redirect_uris lacks {settings.SITE_URL}{way_back}: Stripe would not send merchants back here."
    yield from _of_constants(manifest, package, allowed, way_back)


def _of_constants(
    manifest: dict[str, Any], package: Path, allowed: list[str], way_back: str
) -> Iterator[str]:
    constants = manifest.get("constants") or {}
    if constants.get("site_name") != settings.SITE_NAME:
        yield f"The settings view calls the site {constants.get('site_name')!r}; SITE_NAME is {settings.SITE_NAME!r}."
    sites = _sites(constants)
    for mode in ("live", "test"):
        if mode not in sites:
            yield f"constants.site names no address for {mode} mode: the settings view could not lead anywhere."
        elif sites[mode] + way_back not in allowed:
            yield f"constants.site leads to {sites[mode]} in {mode} mode, but Stripe may not send anybody back there."
    known = set(sites.values())
    if settings.SITE_ENVIRONMENT != "production":
        try:
            known |= set(_sites(app_package.read(package / OVERLAY).get("constants") or {}).values())
        except UnreadablePackage as problem:
            yield str(problem)
    if settings.SITE_URL not in known:
        named = ", ".join(sorted(known)) or "no site"
        yield f"The settings view leads to {named}, and this site is {settings.SITE_URL}."


def _sites(constants: dict[str, Any]) -> dict[str, str]:
    """The site's address for each mode, as the settings view reads it."""
    listed = constants.get("site")
    if not isinstance(listed, dict):
        return {}
    return {mode: str(address).rstrip("/") for mode, address in listed.items() if address}


def _of_pages(manifest: dict[str, Any]) -> Iterator[str]:
    """The connect page of each mode lists just what the manifest asks for, and its link ticks the same."""
    wanted = [
        (PROBES[entry["permission"]].label, PROBES[entry["permission"]].access, entry["purpose"])
        for entry in _of_keys(manifest)
    ]
    for mode in ("live", "test"):
        try:
            page = _connect_page(mode)
        except ManifestError as problem:
            yield str(problem)
            return
        if page.asked != wanted:
            how = _difference(wanted, page.asked)
            yield f"The connect page of {mode} mode does not list the manifest's permissions{how}."
        ticked = [link_name_of(name) for name in (entry["permission"] for entry in _of_keys(manifest))]
        if not page.links:
            yield f"The connect page of {mode} mode has no link to Stripe's form."
        for link in (one for one in page.links if one != ticked):
            how = _difference(ticked, link)
            yield f"The link to Stripe's form in {mode} mode does not tick the manifest's permissions{how}."


def _difference(wanted: Iterable[Asked | str], found: Iterable[Asked | str]) -> str:
    """`: without X; with Y besides`, or that only the order differs."""
    right = [one if isinstance(one, str) else ", ".join(one) for one in wanted]
    there = [one if isinstance(one, str) else ", ".join(one) for one in found]
    parts = [f"without {one}" for one in right if one not in there]
    parts += [f"with {one} besides" for one in there if one not in right]
    return ": " + "; ".join(parts) if parts else " in the same order"


class _Page(HTMLParser):
    """Reads from the connect page what it says that the key may do, and what its links to Stripe's form tick."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.links: list[list[str]] = []
        self._parts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An item of the list begins, or a link leads to the form."""
        given = dict(attrs)
        if tag == "li" and "ask" in (given.get("class") or "").split():
            self._parts = []
        address = urlsplit(given.get("href") or "")
        if tag == "a" and address.path.endswith("/apikeys/create"):
            self.links.append(parse_qs(address.query).get("permissions[]", []))

    def handle_data(self, data: str) -> None:
        """A piece of an item's text."""
        if self._parts is not None and data.strip():
            self._parts.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        """An item ends."""
        if tag == "li" and self._parts is not None:
            label, access, purpose = (*self._parts, "", "", "")[:3]
            self.asked.append((label, access, purpose))
            self._parts = None


def _connect_page(mode: str) -> _Page:
    """The page's own part: its frame has addresses of static files, which need not be collected yet."""
    template = Engine.get_default().get_template("stripe_keys/connect.html")
    blocks = template.nodelist.get_nodes_by_type(BlockNode)
    (content,) = (one for one in blocks if isinstance(one, BlockNode) and one.name == "content")
    request = RequestFactory().get(reverse("stripe_keys:connect", args=[mode]))
    request.user = AnonymousUser()
    context = RequestContext(request, connect.connect_context(mode))
    page = _Page()
    with context.render_context.push_state(template), context.bind_template(template):
        page.feed(content.render(context))
    return page


def guide_table(manifest: dict[str, Any]) -> str:
    """The table of permissions as `docs/going-live.md` shows it between its marks."""
    rows = [
        f"| `{entry['permission']}` | {words_for(entry['permission'])} | {entry['purpose']} |"
        for entry in manifest["permissions"]
    ]
    return "\n".join([_BEGIN, "| permission | Stripe's screens | purpose |", "|---|---|---|", *rows, _END])


def with_table(guide: str, manifest: dict[str, Any]) -> str | None:
    """The guide with the table of `manifest` in place of its own; None where it has no marks."""
    before, begin, rest = guide.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{guide_table(manifest)}{after}" if begin and end else None


def _of_guide(manifest: dict[str, Any]) -> list[str]:
    try:
        guide = (Path(settings.BASE_DIR) / GUIDE).read_text(encoding="utf-8")
    except OSError as problem:
        return [f"{GUIDE} cannot be read: {problem.strerror}."]
    right = with_table(guide, manifest)
    if right is None:
        return [f"{GUIDE} has lost the marks of its table of permissions ({_BEGIN} … {_END})."]
    if right == guide:
        return []
    return [f"{GUIDE} does not list the manifest's permissions: run manage.py stripe_app docs."]
