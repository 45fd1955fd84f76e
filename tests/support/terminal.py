"""A terminal for tests, written from the RFCs: it makes its own secrets, and shares no code with the service."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from support.browser import Browser
from support.house import House

LOOPBACK = "http://127.0.0.1:43210/callback"


@dataclass
class Terminal:
    """One terminal of a person. `tokens`: the last answer of `/cli/token`."""

    house: House
    machine: str = "ada-laptop"
    redirect_uri: str = LOOPBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    tokens: dict[str, Any] = field(default_factory=dict)
    http: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.house.browser()

    @property
    def link(self) -> str:
        """What the terminal opens in the browser."""
        return self.link_with()

    def link_with(self, **changes: str) -> str:
        """The same with other parameters."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": "awscons-cli",
            "redirect_uri": self.redirect_uri,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": self.state,
            "machine": self.machine,
        }
        return f"/cli/authorize?{urlencode({**parameters, **changes})}"

    def code_from(self, redirect: httpx.Response) -> str:
        """The code in the redirect to the terminal. Fails on anything else."""
        assert redirect.status_code == 303, redirect.text
        location = redirect.headers["Location"]
        assert location.startswith(f"{self.redirect_uri}?"), location
        answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert answer["state"] == self.state
        assert answer["iss"] == self.house.url
        return answer["code"]

    def allowed_by(self, browser: Browser) -> str:
        """The code, after a person who is signed in has allowed this terminal."""
        return self.code_from(browser.submit(browser.get(self.link), {"decision": "allow"}, form=-1))

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Ask for tokens for a code."""
        form = {
            "grant_type": "authorization_code",
            "client_id": "awscons-cli",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return self._keep(self.http.post("/cli/token", {**form, **changes}))

    def refresh(self, refresh_token: str | None = None) -> httpx.Response:
        """Ask for new tokens, by the last refresh token or another one."""
        token = self.tokens["refresh_token"] if refresh_token is None else refresh_token
        form = {"grant_type": "refresh_token", "client_id": "awscons-cli", "refresh_token": token}
        return self._keep(self.http.post("/cli/token", form))

    def sign_in(self, browser: Browser) -> Terminal:
        """Everything until there are tokens, for a person who is signed in."""
        answer = self.redeem(self.allowed_by(browser))
        assert answer.status_code == 200, answer.text
        return self

    def doors(self) -> httpx.Response:
        """Ask what can be opened."""
        return self.http.get("/cli/doors", headers=self.bearer)

    def credentials(self, door: str, **more: str) -> httpx.Response:
        """Ask for credentials."""
        return self.http.post("/cli/credentials", {"door": door, **more}, headers=self.bearer)

    @property
    def bearer(self) -> dict[str, str]:
        """The header of a request with the access token."""
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error. Fails if it is not as clients read it."""
    document = answer.json()
    assert document["error_description"].endswith(".")
    assert document["incident"]
    return answer.status_code, document["error"]
