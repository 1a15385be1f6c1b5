"""The command in its two doors: `python -m stripe_keys.required_permissions`, and `manage.py required_permissions`."""

from argparse import ArgumentParser
from pathlib import Path

from stripe_keys import manifest as app_manifest
from stripe_keys.catalogue import WHOSE
from stripe_keys.catalogue.path_permissions import permissions_for
from stripe_keys.required_permissions import comparing, saying

HELP = "Read Python source for calls of Stripe and compare the permissions they need with the app's manifest."
MANIFEST = Path(__file__).parents[2] / "stripe_app" / "stripe-app.json"


def add_arguments(parser: ArgumentParser, *, manifest: Path = MANIFEST) -> None:
    """What to read, and how to answer."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="a file or a folder of Python source"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="answer with one JSON object")
    parser.add_argument(
        "--strict", action="store_true", help="exit status 1 for unused permissions and unresolved calls too"
    )
    parser.add_argument("--manifest", type=Path, default=manifest, help=f"the app's manifest ({manifest})")


def answer(*, paths: list[Path], as_json: bool, strict: bool, manifest: Path) -> tuple[int, str]:
    """(exit status, what to print).

    0: nothing is missing from the manifest. 1: something is; with `strict` also if something is unused or unresolved.
    2: a path or a file cannot be read, which is named; all others were.

    Raises:
        ManifestError: the manifest cannot be used; that is a 2 as well.
    """
    report = comparing.report_on(
        paths,
        permissions_for=permissions_for,
        asked_for=[one.permission for one in app_manifest.required_in(manifest)],
        used_by_the_site={WHOSE.permission},
    )
    said = saying.as_json(report) if as_json else saying.in_words(report, app_manifest.words_for)
    return report.exit_status(strict=strict), said
