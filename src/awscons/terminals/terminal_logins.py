"""The logins of terminals: from a code to tokens, their rotation, and the end.

These rules protect a terminal's login:

- A code serves one terminal, once, and only together with the secret whose hash began the request (RFC 7636).
- A refresh token serves once. One that comes again means that somebody has a copy: the login ends, and the person is
  told (RFC 9700, section 4.14.2).
- An access token lasts minutes, and no longer than the login.
- No id of a terminal's login is ever a cookie: nobody has the text that it is the hash of.

A refresh token has two parts: the first stays the same and finds the login, the second is new at each use. So a used
token is told from an invented one without a list of used ones.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from awscons.access.decision import Granted, decide
from awscons.access.identity import Login, Terminal
from awscons.access.step_up import AuthnRequirement, step_up
from awscons.access.targets import Target
from awscons.aws.durations import MIN_DURATION
from awscons.errors import StoreUnavailable
from awscons.signin.register import LoginRegister, StoredLogin
from awscons.signin.settings import LoginSettings
from awscons.store import Record, RecordStore, hashed
from awscons.terminals.alarms import Alarms
from awscons.terminals.authorization_request import AuthorizationRequest, is_verified
from awscons.terminals.token_records import Access, Code, RefreshState, UsedCode, read_as, record_for

ACCESS_LIFETIME = timedelta(minutes=5)
CONSENT_LIFETIME = timedelta(minutes=10)
"""For a person who reads the page; the client waits no longer for the whole sign-in."""
CODE_LIFETIME = timedelta(minutes=1)
PASTED_CODE_LIFETIME = timedelta(minutes=5)
"""For a person who copies the code."""
SHORTEST = timedelta(seconds=MIN_DURATION)
"""A login with less time left is of no use: AWS gives no credentials for so short a time."""
_NEW_LOGIN = timedelta(minutes=1)
_USED_CODE_MEMORY = timedelta(minutes=10)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_REFRESH_TOKEN = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a terminal gets. `expires_in`, `refresh_expires_in`: seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    login: Login


@dataclass(frozen=True, slots=True)
class GrantRefused:
    """A code or refresh token that gives nothing; `reason` is one of a few fixed texts.

    login      whose it was, where that is known
    is_reuse   it was used before, so the login has ended
    """

    reason: str
    login: Login | None = None
    is_reuse: bool = False


def is_code(text: str) -> bool:
    """Whether `text` has the form of a code of ours."""
    return _SECRET.fullmatch(text) is not None


def is_refresh_token(text: str) -> bool:
    """Whether `text` has the form of a refresh token of ours, which nobody guesses."""
    return _REFRESH_TOKEN.fullmatch(text) is not None


class Terminals:
    """Signs terminals in and out. Safe for many threads. All methods raise StoreUnavailable."""

    def __init__(
        self,
        *,
        register: LoginRegister,
        store: RecordStore,
        settings: LoginSettings,
        alarms: Alarms,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` gives UTC."""
        self._register = register
        self._store = store
        self._settings = settings
        self._alarms = alarms
        self._clock = clock

    def ends_at(self, login: Login) -> datetime:
        """When a terminal ends that this login in a browser allows, in UTC.

        It counts from the sign-in, so that allowing terminals one by one prolongs nothing. The identity provider's own
        end of the session holds in any case.
        """
        if self._settings.terminal_duration is None:
            return login.ends_at
        ends_at = login.signed_in_at + self._settings.terminal_duration
        return min(ends_at, login.idp_session_ends_at or ends_at)

    def ends_too_soon(self, login: Login) -> bool:
        """Whether a terminal of this login could have no credentials any more."""
        return self.ends_at(login) - self._clock() < SHORTEST

    def required_sign_in(self, login: Login, target: Target | None) -> AuthnRequirement | None:
        """The new sign-in that a terminal needs first; None: this login is enough, or none would help.

        target   what the terminal wants to open, which may require a newer or stronger sign-in
        """
        if target is not None and isinstance(decide(target, login.identity), Granted):
            requirement = step_up(target, login, now=self._clock())
            if requirement is not None:
                return requirement
        is_new = self._clock() - login.signed_in_at < _NEW_LOGIN
        return AuthnRequirement() if self.ends_too_soon(login) and not is_new else None

    # --- the person's consent --------------------------------------------------------------

    def consent_proof(self, login_id: str, request: AuthorizationRequest) -> str:
        """What only the page knows that asks this browser now; `login_id`: its cookie, which no other site knows."""
        return _consent_proof(login_id, request, int((self._clock() + CONSENT_LIFETIME).timestamp()))

    def is_consent(self, proof: str, login_id: str, request: AuthorizationRequest) -> bool:
        """Whether this is the proof of such a page, not long ago."""
        until = proof.partition(".")[0]
        if not re.fullmatch(r"[0-9]{1,12}", until) or self._clock().timestamp() >= int(until):
            return False
        expected = _consent_proof(login_id, request, int(until))
        return hmac.compare_digest(expected.encode(), proof.encode("utf-8", "replace"))

    # --- codes ---------------------------------------------------------------------------

    def issue_code(self, login: Login, request: AuthorizationRequest) -> str:
        """A code for a request that the person has allowed."""
        code = secrets.token_urlsafe(32)
        lifetime = PASTED_CODE_LIFETIME if request.loopback_origin is None else CODE_LIFETIME
        waiting = Code(
            login.public_id,
            request.machine,
            request.redirect_uri,
            request.challenge,
            self._clock() + lifetime,
        )
        self._store.set(_code_key(code), record_for(waiting), lifetime=lifetime)
        return code

    def redeem(self, code: str, *, redirect_uri: str, verifier: str) -> Tokens | GrantRefused:
        """The tokens for a code. Whatever comes of it, the code is used up."""
        key, handle = _code_key(code), secrets.token_urlsafe(32)
        used = record_for(UsedCode(_terminal_id(handle)))
        record = self._store.get(key) if is_code(code) else None
        waiting = read_as(Code, record) if record and "used_by" not in record else None
        if waiting is None or not self._store.replace(key, record, used, lifetime=_USED_CODE_MEMORY):
            return self._code_came_again(key)
        login = self._register.peek(waiting.login)
        if self._clock() >= waiting.expires_at or login is None:
            return GrantRefused("code or login has ended", login)
        if waiting.redirect_uri != redirect_uri:
            return GrantRefused("redirect_uri differs", login)
        if not is_verified(waiting.challenge, verifier):
            return GrantRefused("wrong code_verifier", login)
        return self._begin(handle, login, waiting.machine, key, used)

    def _begin(
        self, handle: str, login: Login, machine: str, key: str, used: Record
    ) -> Tokens | GrantRefused:
        """The login of a terminal, which `login` allows. `key`, `used`: the record of its code."""
        if self.ends_too_soon(login):
            return GrantRefused("login ends too soon", login)
        terminal_id, now = _terminal_id(handle), self._clock()
        begun = replace(
            login,
            public_id=terminal_id,
            ends_at=self.ends_at(login),
            terminal=Terminal(machine, allowed_by=login.public_id, since=now),
            received={},
        )
        refresh_token, state = _new_refresh_token(handle)
        # First the tokens: without a login, they are of no use.
        self._store.set(_refresh_key(terminal_id), state, lifetime=begun.ends_at - now)
        tokens = self._tokens(terminal_id, begun, refresh_token)
        self._register.save_terminal(terminal_id, begun)
        if self._store.get(key) != used:
            # The code came again before there was a login to end.
            return self._end_for_reuse(terminal_id, begun)
        if self._register.peek(login.public_id) is None:
            # Whatever ended the login in the browser meanwhile could not see this one yet.
            self._register.revoke(terminal_id)
            return GrantRefused("code or login has ended", login)
        return tokens

    def _code_came_again(self, key: str) -> GrantRefused:
        """RFC 6749, section 4.1.2: what was issued for a code that comes again should end."""
        used = read_as(UsedCode, self._store.get(key))
        if used is None:
            return GrantRefused("unknown code")
        self._store.set(key, record_for(replace(used, came_again=True)), lifetime=_USED_CODE_MEMORY)
        login = self._register.peek(used.used_by)
        return GrantRefused("used code") if login is None else self._end_for_reuse(used.used_by, login)

    # --- tokens --------------------------------------------------------------------------

    def refresh(self, refresh_token: str) -> Tokens | GrantRefused:
        """New tokens for a refresh token, which is used up."""
        found = _REFRESH_TOKEN.fullmatch(refresh_token)
        terminal_id = _terminal_id(found[1]) if found else ""
        login = self._register.find_terminal(terminal_id) if found else None
        if found is None or login is None:
            return GrantRefused("unknown refresh token, or ended login")
        key = _refresh_key(terminal_id)
        record = self._store.get(key)
        state = read_as(RefreshState, record)
        if state is None:
            return GrantRefused("unknown refresh token, or ended login", login)
        if not hmac.compare_digest(state.current, hashed(found[2])):
            return self._end_for_reuse(terminal_id, login)
        left = login.ends_at - self._clock()
        if left < SHORTEST:
            return GrantRefused("login ends too soon", login)
        new_token, new_state = _new_refresh_token(found[1])
        # First the access token: if the store fails, the terminal's own token must still count.
        tokens = self._tokens(terminal_id, login, new_token)
        if not self._store.replace(key, record, new_state, lifetime=left):
            # Only a use of the same token can have come in between.
            return self._end_for_reuse(terminal_id, login)
        return tokens

    def _tokens(self, terminal_id: str, login: Login, refresh_token: str) -> Tokens:
        now, access_token = self._clock(), secrets.token_urlsafe(32)
        lifetime = min(ACCESS_LIFETIME, login.ends_at - now)
        access = Access(terminal_id, now + lifetime)
        self._store.set(_access_key(access_token), record_for(access), lifetime=lifetime)
        return Tokens(
            access_token,
            refresh_token,
            int(lifetime.total_seconds()),
            int((login.ends_at - now).total_seconds()),
            login,
        )

    def _end_for_reuse(self, terminal_id: str, login: Login) -> GrantRefused:
        self._register.revoke(terminal_id)
        if login.terminal is not None:
            # Without the alarm, the audit event still tells of it.
            with suppress(StoreUnavailable):
                self._alarms.add(login.identity.user_name, login.terminal.machine)
        return GrantRefused("used before", login, is_reuse=True)

    def find(self, access_token: str) -> Login | None:
        """The terminal's login of an access token; None if it is unknown or has ended. Counts as a use of the login."""
        if not _SECRET.fullmatch(access_token):
            return None
        access = read_as(Access, self._store.get(_access_key(access_token)))
        if access is None or self._clock() >= access.expires_at:
            return None
        return self._register.find_terminal(access.terminal)

    # --- the end -------------------------------------------------------------------------

    def revoke(self, token: str) -> Login | None:
        """End the login that a token of either kind belongs to, and return it (RFC 7009)."""
        found = _REFRESH_TOKEN.fullmatch(token)
        login = self._register.peek(_terminal_id(found[1])) if found else self.find(token)
        if login is not None:
            self._register.revoke(login.public_id)
        return login

    def of(self, user_name: str) -> tuple[StoredLogin, ...]:
        """The terminals of a person, in the order in which they were allowed."""
        return tuple(
            stored
            for stored in self._register.of(user_name)
            if stored.login.terminal is not None and stored.login.identity.user_name == user_name
        )

    def end(self, user_name: str, public_id: str | None = None) -> tuple[Login, ...]:
        """End one terminal of a person, or all of them; return those that were there."""
        ended = []
        for stored in self.of(user_name):
            if public_id in {None, stored.public_id}:
                self._register.revoke(stored.public_id)
                ended.append(stored.login)
        return tuple(ended)


def _consent_proof(login_id: str, request: AuthorizationRequest, until: int) -> str:
    text = f"terminal\n{until}\n{urlencode(request.parameters)}"
    return f"{until}.{hmac.digest(login_id.encode('utf-8', 'replace'), text.encode(), 'sha256').hex()}"


def _new_refresh_token(handle: str) -> tuple[str, Record]:
    """The next refresh token of a terminal, and the record that expects it."""
    secret = secrets.token_urlsafe(32)
    return f"{handle}.{secret}", record_for(RefreshState(hashed(secret)))


def _terminal_id(handle: str) -> str:
    # A line end, which no cookie can have: no cookie's value has this hash.
    return hashed(f"terminal\n{handle}")


def _code_key(code: str) -> str:
    return f"terminal-code:{hashed(code)}"


def _refresh_key(terminal_id: str) -> str:
    return f"terminal-refresh:{terminal_id}"


def _access_key(access_token: str) -> str:
    return f"terminal-access:{hashed(access_token)}"
