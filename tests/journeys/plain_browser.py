"""A browser without pages: forms by HTTP, every answer kept."""

import re
from dataclasses import dataclass
from typing import Any

import requests

_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers and body."""

    address: str
    status: int
    data: bytes


class PlainBrowser:
    """Posts forms with their CSRF token, as one person; `answers` has every answer, those on the way included."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.answers: list[Answer] = []
        self._session = requests.Session()
        # A connection that is kept may be ended by the site at the very moment it is used again.
        self._session.headers["Connection"] = "close"

    def get(self, address: str, **more: Any) -> requests.Response:
        """Ask for a page; redirects are followed."""
        return self._keep(self._session.get(self.base_url + address, timeout=20, **more))

    def get_anew(self, address: str) -> requests.Response:
        """Ask on a connection of its own, which is open until the answer is closed; no redirect is followed."""
        return requests.get(
            self.base_url + address,
            cookies=self._session.cookies,
            timeout=20,
            stream=True,
            allow_redirects=False,
        )

    def open_form(self, address: str) -> str:
        """Open a form's page and return its CSRF token."""
        token = _CSRF.search(self.get(address).text)
        assert token is not None, address
        return token[1]

    def post(self, address: str, fields: dict[str, str], **more: Any) -> requests.Response:
        """Send a form that was opened just before."""
        return self.post_blindly(address, {"csrfmiddlewaretoken": self.open_form(address), **fields}, **more)

    def post_blindly(self, address: str, data: Any, **more: Any) -> requests.Response:
        """Send anything."""
        return self._keep(self._session.post(self.base_url + address, data=data, timeout=20, **more))

    def sign_in(self, email: str, password: str) -> None:
        """Sign in with a password."""
        self.post("/accounts/login/", {"login": email, "password": password})

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _keep(self, last: requests.Response) -> requests.Response:
        self.answers += [
            Answer(
                each.request.path_url.partition("?")[0],
                each.status_code,
                repr(each.headers).encode() + each.content,
            )
            for each in (*last.history, last)
        ]
        return last
