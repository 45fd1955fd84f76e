"""The services that a person is signed in to from this computer, and the tokens for them.

A refresh token is used once. So one lock surrounds reading, renewing and storing tokens: two processes never
send the same one, which the service would take for a theft. Nor does Ctrl-C come between sending one and storing the
next.
"""

from __future__ import annotations

import os
import re
import time

from awscons_cli.errors import LoginEnded, printable
from awscons_cli.state import State, state_folder, uninterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from awscons_cli.http_calls import Answer
    from awscons_cli.token_store import TokenStore

_SERVICES = "services.json"
_SECRET = re.compile(r"\.(credentials|failure)$|(\.credentials|^tokens\.json)\.[0-9a-f]+\.new$")
"""Names of files that end with a login; `.new`: what a program that was killed left of one."""
_TOKEN_MARGIN = 30
"""Seconds before its end from which an access token is renewed."""


class Login:
    """One service, and what this computer knows about the login there.

    person     who signed in
    ends       when the login ends at the latest, seconds since the epoch by the clock of this computer; 0: ended
    endpoints  the addresses of the service
    id         of this login among all; empty: nobody is signed in
    """

    def __init__(
        self, url: str, state: State, known: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        self.url = url
        self.state = state
        self.person = str(known.get("person", ""))
        self.ends = float(known.get("ends", 0))
        self.endpoints: dict[str, str] = known.get("endpoints", {})
        self.id = str(known.get("id", ""))
        self._environment = environment

    def __repr__(self) -> str:
        return f"Login({self.url!r})"

    @property
    def tokens(self) -> TokenStore:
        """Where the tokens are."""
        from awscons_cli.token_store import TokenStore

        return TokenStore(self.state, self.url, self._environment)

    def ask(self, endpoint: str, form: Mapping[str, str] | None = None) -> Answer:
        """Ask the service for doors or credentials, with a renewed access token if need be. Raises ClientError."""
        from awscons_cli.protocol import ask

        token = self._access_token()
        answer = ask(self.endpoints[endpoint], token, form)
        if answer is None:
            token = self._access_token(other_than=token)
            answer = ask(self.endpoints[endpoint], token, form)
        if answer is None:
            with self.state.lock("tokens"):
                if self.tokens.load().get("access_token") == token:  # and not that of a new login
                    self.forget()
            raise self.ended()
        return answer

    def ended(self) -> LoginEnded:
        """The error for a login that is over."""
        from awscons_cli.protocol import sign_in_hint

        return LoginEnded(f"The login at {self.url} has ended.", sign_in_hint(self.url))

    def keep(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a file that ends with this login, unless the login has ended meanwhile. Raises ClientError."""
        with self.state.lock("tokens"):
            if _known(self.state.parent or self.state).get(self.url, {}).get("id") == self.id:
                self.state.write(name, value)

    def is_over(self) -> bool:
        """Whether the login has ended, by what this computer knows."""
        return self.ends <= time.time() or not self.endpoints

    def _access_token(self, other_than: str | None = None) -> str:
        """An access token; one that the service refused is replaced. Raises ClientError."""
        from awscons_cli.protocol import request_tokens

        if self.is_over():
            raise self.ended()
        with self.state.lock("tokens"):
            tokens = self.tokens.load()
            token = str(tokens.get("access_token", ""))
            ends = tokens.get("access_token_ends")
            lasts = isinstance(ends, (int, float)) and ends > time.time() + _TOKEN_MARGIN
            if lasts and token not in {"", other_than}:
                return token
            if not tokens.get("refresh_token"):
                raise self.ended()
            with uninterrupted():
                try:
                    answer = request_tokens(
                        self.url,
                        self.endpoints["token_endpoint"],
                        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
                    )
                except LoginEnded:
                    self.forget()
                    raise
                self._store(answer.document)
            return str(answer.document["access_token"])

    def _store(self, granted: Mapping[str, Any], **new_login: object) -> None:
        """Store the answer of the token endpoint; `new_login`: what is known of a login that it begins."""
        now = time.time()
        self.tokens.save(
            {
                "access_token": granted["access_token"],
                "access_token_ends": now + float(granted["expires_in"]),
                "refresh_token": granted["refresh_token"],
            },
            first=bool(new_login),
        )
        self.person = printable(granted.get("person") or self.person)
        self.ends = now + float(granted["refresh_token_expires_in"])
        self._write(person=self.person, ends=self.ends, **new_login)

    def begin(self, granted: Mapping[str, Any], endpoints: dict[str, str]) -> None:
        """Store a new login: its tokens, and the addresses of its service. Raises ClientError."""
        self.endpoints, self.id = endpoints, os.urandom(8).hex()
        self._store(granted, endpoints=endpoints, id=self.id)

    def forget(self) -> None:
        """Delete the tokens and everything that came by them; the address stays known. Raises ClientError."""
        self.tokens.delete()
        self.state.remove(*(name for name in self.state.names() if _SECRET.search(name)))
        self.ends, self.id = 0, ""
        self._write(ends=self.ends, id=self.id)

    def _write(self, **changed: object) -> None:
        """Write down what changed; another process may have changed the rest."""
        root = self.state.parent or self.state
        with root.lock("services"):
            found, services = root.read(_SERVICES), _known(root)
            services[self.url] = {**services.get(self.url, {}), **changed}
            root.write(_SERVICES, {**found, "default": found.get("default", self.url), "services": services})


def _known(root: State) -> dict[str, dict[str, Any]]:
    """What is written down of each service; nothing of one whose entry is damaged."""
    services = root.read(_SERVICES).get("services")
    return {
        url: entry if _is_entry(entry) else {}
        for url, entry in (services.items() if isinstance(services, dict) else ())
    }


def _is_entry(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    ends, endpoints = found.get("ends", 0), found.get("endpoints", {})
    return (
        isinstance(ends, (int, float))
        and isinstance(endpoints, dict)
        and all(isinstance(address, str) for address in endpoints.values())
    )


class Logins:
    """All services of this computer."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._state = State(state_folder(environment))
        self._environment = environment

    def __iter__(self) -> Iterator[Login]:
        return iter([self.at(url) for url in _known(self._state)])

    @property
    def default(self) -> str:
        """The address of the last service that somebody signed in to; empty: none yet."""
        return str(self._state.read(_SERVICES).get("default", ""))

    def make_default(self, url: str) -> None:
        """Use this service where none is named. Raises ClientError."""
        with self._state.lock("services"):
            self._state.write(_SERVICES, {**self._state.read(_SERVICES), "default": url})

    def at(self, url: str) -> Login:
        """The login at that service, ended or not."""
        return Login(url, self._state.of(url), _known(self._state).get(url, {}), self._environment)

    def chosen(self, service: str | None) -> Login:
        """The login that `--service`, AWSCONS_SERVICE or the last login names: by address, or by host.

        Raises LoginEnded for a service that nobody signed in to, UsageMistake for what is no address.
        """
        named = service or self._environment.get("AWSCONS_SERVICE")
        if not named:
            if not self.default:
                raise LoginEnded("Nobody has signed in yet.", "Run: awscons-cli login https://YOUR-PORTAL")
            return self.at(self.default)
        known = list(_known(self._state))
        short = named.rstrip("/")
        for url in known:
            if short in {url, url.partition("://")[2]}:
                return self.at(url)
        from awscons_cli.http_calls import service_url
        from awscons_cli.protocol import sign_in_hint

        url = service_url(named)
        if url in known:
            return self.at(url)
        raise LoginEnded(f"Nobody has signed in to {url} yet.", sign_in_hint(url))
