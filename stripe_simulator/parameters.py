"""What a request says: the pairs of a query or form as the SDK writes them, and JSON bodies."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stripe_simulator import errors

LIMIT_MAXIMUM = 100
LIMIT_DEFAULT = 10


@dataclass(frozen=True)
class Parameters:
    """Pairs in the order they were sent, names such as `created[gte]` and `types[0]` unparsed."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return the last value given under this name, empty if none was."""
        return next((value for key, value in reversed(self.pairs) if key == name), "")

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def texts(self, name: str) -> list[str]:
        """Return the values of a list, however it was written: `a`, `a[]`, `a[0]`."""
        pattern = re.compile(rf"{re.escape(name)}(\[\d*\])?")
        return [value for key, value in self.pairs if pattern.fullmatch(key)]

    def limit(self) -> int:
        """Return `limit`; ApiError 400 unless it is 1 to 100."""
        text = self.text("limit")
        if not text:
            return LIMIT_DEFAULT
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise errors.bad_request(f"Invalid integer: {text[:40]}", param="limit")
        value = int(text)
        if value > LIMIT_MAXIMUM:
            raise errors.bad_request("limit: The maximum page limit is 100", param="limit")
        if value < 1:
            raise errors.bad_request(
                "This value must be greater than or equal to 1.",
                param="limit",
            )
        return value

    def nested(self) -> dict[str, Any]:
        """Return the pairs as the object they describe: `a[b]=1` becomes {"a": {"b": "1"}}."""
        result: dict[str, Any] = {}
        for name, value in self.pairs:
            steps = re.findall(r"[^\[\]]+", name)
            place = result
            for step in steps[:-1]:
                inner = place.setdefault(step, {})
                if not isinstance(inner, dict):
                    raise errors.bad_request("Invalid object", param=name)
                place = inner
            if steps:
                place[steps[-1]] = value
        return result


def json_object(body: bytes) -> dict[str, Any]:
    """Return a v2 body; ApiError 400 unless it is empty or a JSON object."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise errors.bad_request("Request body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise errors.bad_request("Request body must be a JSON object.")
    return value


def moment(given: dict[str, Any], name: str) -> float | None:
    """Return a moment of a v2 body in seconds; ApiError 400 unless it is ISO 8601 with an offset."""
    text = given.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise errors.bad_request(f"{name}: Invalid timestamp.", param=name) from error
    if found.tzinfo is None:
        raise errors.bad_request(f"{name}: Invalid timestamp.", param=name)
    return found.timestamp()
