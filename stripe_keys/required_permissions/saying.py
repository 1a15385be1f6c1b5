"""Puts a report into words for a terminal, or into JSON for other programs. Neither quotes the code that was read."""

import json
from collections.abc import Callable, Iterable, Iterator

from stripe_keys.required_permissions.comparing import Report, Sighting

WordsFor = Callable[[str], str]


def in_words(report: Report, words_for: WordsFor) -> str:
    """The report as lines of text; `words_for` knows what Stripe's screens call a permission."""
    return _printable("\n".join(_lines(report, words_for)))


def as_json(report: Report) -> str:
    """The report as one JSON object, its keys those of `Report`."""
    return json.dumps(
        {
            "files": report.files,
            "calls": report.calls,
            "needed": {name: [_entry(one) for one in seen] for name, seen in sorted(report.needed.items())},
            "missing": report.missing,
            "unused": [{"permission": one.permission, "enough": one.enough or None} for one in report.unused],
            "unresolved": [_entry(one) for one in report.unresolved],
            "unknown": [_entry(one) for one in report.unknown],
            "faults": [{"file": one.file, "line": one.line or None, "why": one.why} for one in report.faults],
        },
        indent=2,
    )


def _lines(report: Report, words_for: WordsFor) -> Iterator[str]:
    if report.missing:
        yield "Missing: the code needs it, the app's manifest does not ask for it."
        for permission in report.missing:
            yield f"  {permission} ({words_for(permission)})"
            yield from _sightings(report.needed[permission])
    present = sorted(set(report.needed) - set(report.missing))
    if present:
        yield "Needed and asked for, with the number of calls."
        yield from (f"  {name} ({words_for(name)}): {len(report.needed[name])}" for name in present)
    if report.unused:
        yield "Unused: the app's manifest asks for it, no call needs it."
        for unused in report.unused:
            yield f"  {unused.permission}" + (f": {unused.enough} would be enough" if unused.enough else "")
    if report.unresolved:
        yield "Unresolved: what is requested cannot be told from the code."
        yield from _sightings(report.unresolved)
    if report.unknown:
        yield "Unknown: which permission the call needs is not known."
        yield from _sightings(report.unknown)
    yield from (
        f"{fault.file}{f', line {fault.line},' if fault.line else ''} {fault.why}" for fault in report.faults
    )
    read = f"Read {_counted(report.files, 'file')} with {_counted(report.calls, 'call')}"
    yield (
        f"{read}: {len(report.missing)} missing, {len(report.unused)} unused,"
        f" {len(report.unresolved)} unresolved, {len(report.unknown)} unknown."
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _sightings(seen: Iterable[Sighting]) -> Iterator[str]:
    for one in seen:
        asked = f"{one.request.method} {one.request.path}" if one.request else one.why
        yield f"    {one.file}:{one.line}  {one.name}  {asked}"


def _entry(one: Sighting) -> dict[str, str | int | None]:
    entry: dict[str, str | int | None] = {"file": one.file, "line": one.line, "call": one.name}
    if one.request:
        return entry | {"method": one.request.method, "path": one.request.path}
    return entry | {"why": one.why}


def _printable(text: str) -> str:
    """File names may hold what a terminal obeys, or what no encoding takes."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode()
        for letter in text
    )
