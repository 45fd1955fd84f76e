"""People who keep asking for a page while something happens to the service."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

import httpx

from support.browser import Browser
from support.serving import client_tls


class Load:
    """A thread for each of the browsers, which notes what came; ended by leaving the block."""

    def __init__(self, browsers: Sequence[Browser], path: str) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(f"{browser.base}{path}", _cookies_of(browser)))
            for browser in browsers
        ]
        self.codes: list[int] = []
        self.clear: list[bool] = []
        """Of each 503: whether it says what is wrong, and when to come again."""
        self.arrived = threading.Condition()

    def _ask(self, url: str, headers: dict[str, str]) -> None:
        with httpx.Client(verify=client_tls(), timeout=20) as client:
            while not self._ended.is_set():
                answer = client.get(url, headers=headers)
                with self.arrived:
                    self.codes.append(answer.status_code)
                    if answer.status_code == 503:
                        self.clear.append(
                            bool(answer.headers.get("Retry-After")) and "cannot save sign-ins" in answer.text
                        )
                    self.arrived.notify_all()

    def wait_for(self, number: int, code: int) -> None:
        """Until so many more answers of that kind have come."""
        with self.arrived:
            begin = len(self.codes)
            assert self.arrived.wait_for(lambda: self.codes[begin:].count(code) >= number, timeout=40), (
                self.codes[begin:]
            )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def _cookies_of(browser: Browser) -> dict[str, str]:
    """The browser's cookies as a header, for asking apart from it."""
    pairs = [f"{cookie.name}={cookie.value}" for cookie in browser.http.cookies.jar]
    return {"Cookie": "; ".join(pairs)}
