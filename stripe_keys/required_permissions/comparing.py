"""Compares what code needs with what the app's manifest asks for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stripe_keys.required_permissions.calls import Request
from stripe_keys.required_permissions.reading import TOO_DEEP, Fault, files_in, tree_of
from stripe_keys.required_permissions.resolving import Call, calls_in

PermissionsFor = Callable[[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Sighting:
    """One call in the code; `why` it has no request, if it has none."""

    file: str
    line: int
    name: str
    request: Request | None
    why: str = ""


@dataclass(frozen=True)
class Unused:
    """A permission that the manifest asks for and no call needs; `enough` names a lesser one that calls do need."""

    permission: str
    enough: str = ""


@dataclass
class Report:
    """What the code needs, and how that compares with the manifest.

    `unknown` are calls of which it is not known which permission they need, `unresolved` those of which it is not known
    what they request, `faults` what could not be read.
    """

    files: int = 0
    calls: int = 0
    needed: dict[str, list[Sighting]] = field(default_factory=lambda: defaultdict(list))
    missing: list[str] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    unresolved: list[Sighting] = field(default_factory=list)
    unknown: list[Sighting] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def exit_status(self, *, strict: bool) -> int:
        """0: nothing is missing; 1: something is, or `strict` finds something; 2: not everything could be read."""
        if self.faults:
            return 2
        return int(bool(self.missing or (strict and (self.unused or self.unresolved))))


def report_on(
    paths: Iterable[Path],
    *,
    permissions_for: PermissionsFor,
    asked_for: Collection[str],
    used_by_the_site: Collection[str] = (),
) -> Report:
    """What the Python files among and below `paths` need, compared with the permissions that are `asked_for`.

    `permissions_for` knows which permissions a request needs; where it knows several, any of them is enough.
    """
    report = Report()
    for found in files_in(paths):
        calls = _calls_in(found) if isinstance(found, Path) else found
        if isinstance(calls, Fault):
            report.faults.append(calls)
            continue
        report.files += 1
        for call in calls:
            seen = Sighting(str(found), call.line, call.name, call.request, call.why)
            _count(report, seen, permissions_for, asked_for)
    report.missing = sorted(one for one in report.needed if not _is_covered(one, asked_for))
    needed = {*report.needed, *used_by_the_site}
    report.unused = [_unused(one, needed) for one in asked_for if one not in needed]
    return report


def _calls_in(file: Path) -> list[Call] | Fault:
    tree = tree_of(file)
    try:
        return tree if isinstance(tree, Fault) else calls_in(tree)
    except RecursionError:
        return Fault(str(file), TOO_DEEP)


def _count(
    report: Report, seen: Sighting, permissions_for: PermissionsFor, asked_for: Collection[str]
) -> None:
    report.calls += 1
    if seen.request is None:
        report.unresolved.append(seen)
        return
    any_of = permissions_for(seen.request.method, seen.request.path)
    if not any_of:
        report.unknown.append(seen)
        return
    fitting = [one for one in any_of if _is_covered(one, asked_for)]
    report.needed[(fitting or any_of)[0]].append(seen)


def _is_covered(permission: str, asked_for: Collection[str]) -> bool:
    """Whether it is asked for, or to write is, which includes to read."""
    return permission in asked_for or (
        permission.endswith("_read") and f"{permission.removesuffix('_read')}_write" in asked_for
    )


def _unused(permission: str, needed: Collection[str]) -> Unused:
    lesser = f"{permission.removesuffix('_write')}_read"
    return Unused(permission, lesser if permission.endswith("_write") and lesser in needed else "")
