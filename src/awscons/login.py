"""Signing in: from "who are you?" to a Login, and what becomes of it.

A use case. It knows nothing of browsers, cookies or caches: the web wing hands over texts and carries
texts away.

What protects a sign-in: the AuthnRequest's ID and the RelayState are random and ours; a pending login
is bound to one browser by a secret that only its cookie holds, and is consumed once; an assertion is
remembered until it ends; a login gets a new id each time. The store sees hashes of ids, so that a copy
of it opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awscons.config.settings import LoginSettings
from awscons.errors import NoPendingLogin, ResponseRefused, SignInError
from awscons.identity import Identity, Login
from awscons.login_records import PendingLogin, RecordStore
from awscons.login_register import LoginRegister
from awscons.pending_logins import PendingLogins
from awscons.saml.authn_request import AuthnRequest, build_authn_request, build_redirect_url
from awscons.saml.content import Assertion
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import CLOCK_SKEW, open_envelope, verify_envelope

_NAME_ID = "name_id"
_LONGEST_MEMORY = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A pending login, and what the browser needs for it.

    redirect_url     the identity provider's, with the AuthnRequest
    handle           the RelayState; the browser's cookie for this pending login goes by it
    browser_secret   the cookie's value; the store knows only its hash
    """

    redirect_url: str
    handle: str
    browser_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FinishedLogin:
    """A sign-in that worked. `login_id` is the cookie's value; `return_to` the path that was asked for."""

    login_id: str = field(repr=False)
    login: Login
    return_to: str


class Logins:
    """The logins of this service: begin one, finish it, find it, end it."""

    def __init__(
        self,
        *,
        service_provider: ServiceProvider,
        identity_provider: IdentityProvider,
        settings: LoginSettings,
        store: RecordStore,
        pending: PendingLogins,
        register: LoginRegister,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` gives UTC."""
        self._service_provider = service_provider
        self._identity_provider = identity_provider
        self._settings = settings
        self._store = store
        self._pending = pending
        self._register = register
        self._clock = clock

    def begin(self, return_to: str, *, fresh_start: bool = False) -> BegunLogin:
        """Remember a pending login and say where the browser has to go.

        return_to     a path of ours, query included, kept exactly and never shown to the outside
        fresh_start   this sign-in follows an answer that belonged to no pending login; a second such
                      answer in a row is a loop, which a browser without cookies would never leave
        Raises StoreUnavailable.
        """
        now = self._clock()
        # An xs:ID must not begin with a digit (Entra ID insists); 160 random bits.
        request = AuthnRequest("_" + secrets.token_hex(20), now, self._settings.force_authn)
        browser_secret = secrets.token_urlsafe(32)
        pending = PendingLogin(
            request_id=request.request_id,
            return_to=return_to,
            browser_hash=_hashed(browser_secret),
            begun_at=now,
            force_authn=request.force_authn,
            fresh_start=fresh_start,
        )
        handle = self._pending.keep(pending)
        xml = build_authn_request(
            request,
            service_provider=self._service_provider,
            identity_provider=self._identity_provider,
        )
        url = build_redirect_url(self._identity_provider.sso_url, authn_request=xml, relay_state=handle)
        return BegunLogin(url, handle, browser_secret)

    def finish(
        self, saml_response: str, relay_state: str, *, browser_secrets: Mapping[str, str]
    ) -> FinishedLogin:
        """Turn the identity provider's answer into a login.

        saml_response     the form value, as posted
        relay_state       the handle, as posted
        browser_secrets   the browser's pending-login cookies: handle to secret

        Raises ResponseRefused for an answer that fails a check, NoPendingLogin for one that this
        browser did not ask for, asked for too long ago or has used already, StoreUnavailable.
        Either of the first two has `return_to`, where this browser had asked for something.
        """
        envelope = open_envelope(saml_response)
        pending = self._take_pending(relay_state, browser_secrets)
        now = self._clock()
        try:
            assertion = verify_envelope(
                envelope,
                service_provider=self._service_provider,
                identity_provider=self._identity_provider,
                expected_request_id=pending.request_id,
                now=now,
                authenticated_after=pending.begun_at if pending.force_authn else None,
            )
            self._refuse_replay(assertion, now)
            identity = identity_from(assertion, self._settings)
        except SignInError as error:
            error.return_to = pending.return_to
            raise
        login = self._login(identity, assertion, now)
        login_id = secrets.token_urlsafe(32)
        self._register.keep(login_id, login)
        return FinishedLogin(login_id, login, pending.return_to)

    def find(self, login_id: str) -> Login | None:
        """The login that the cookie names; None when it is unknown or over. Counts as use of it.

        Raises StoreUnavailable.
        """
        return self._register.find(login_id)

    def end(self, login_id: str) -> None:
        """Forget a login, at once and for every process. Raises StoreUnavailable."""
        self._register.end(login_id)

    # --- pending logins ------------------------------------------------------------------

    def _take_pending(self, handle: str, browser_secrets: Mapping[str, str]) -> PendingLogin:
        """The pending login under `handle`, for this browser, once."""
        pending = self._pending.find(handle)
        if pending is None:
            raise NoPendingLogin("the pending login is over, or was never ours")
        secret = browser_secrets.get(handle)
        if secret is None:
            raise NoPendingLogin(
                "this browser holds no cookie of the pending login", in_a_loop=pending.fresh_start
            )
        if not hmac.compare_digest(pending.browser_hash, _hashed(secret)):
            raise NoPendingLogin(
                "the pending login belongs to another browser", in_a_loop=pending.fresh_start
            )
        if self._clock() >= pending.begun_at + self._settings.pending_lifetime:
            raise NoPendingLogin(
                "the pending login took too long",
                return_to=pending.return_to,
                in_a_loop=pending.fresh_start,
            )
        used = self._store.add(
            f"used:{_hashed(handle)}", {}, lifetime=self._settings.pending_lifetime + CLOCK_SKEW
        )
        if not used:
            raise NoPendingLogin(
                "the answer was posted a second time",
                return_to=pending.return_to,
                in_a_loop=pending.fresh_start,
            )
        return pending

    def _refuse_replay(self, assertion: Assertion, now: datetime) -> None:
        """SAML profiles 4.1.4.5: no assertion twice, whoever posts it, whichever process reads it."""
        name = _hashed(f"{assertion.idp_entity_id}\n{assertion.assertion_id}")
        # Until it ends; a year where somebody signs assertions that end much later. Without a pending
        # login, which lives for minutes, none is accepted in any case.
        lifetime = min(assertion.not_on_or_after - now + CLOCK_SKEW, _LONGEST_MEMORY)
        if not self._store.add(f"assertion:{name}", {}, lifetime=lifetime):
            raise ResponseRefused("assertion was used before", section="SAML profiles 4.1.4.5")

    # --- logins --------------------------------------------------------------------------

    def _login(self, identity: Identity, assertion: Assertion, now: datetime) -> Login:
        ends_at = now + self._settings.auth_duration
        if assertion.session_not_on_or_after is not None:
            ends_at = min(ends_at, assertion.session_not_on_or_after)
        return Login(identity, now, ends_at, assertion.session_index)


def identity_from(assertion: Assertion, settings: LoginSettings) -> Identity:
    """The person that a verified assertion speaks of, with the attributes that the configuration keeps.

    Attribute names are matched without regard to case, and kept in the configuration's spelling;
    values are always lists. Raises ResponseRefused when `user_attr` has no value, or several.
    """
    attributes = {name: _values(assertion, name) for name in settings.kept_attributes}
    groups = frozenset(
        value
        for name, values in attributes.items()
        if name.casefold() == "groups"
        for value in values
        if value.strip()
    )
    return Identity(_user_name(assertion, settings.user_attr), assertion.name_id, attributes, groups)


def _values(assertion: Assertion, name: str) -> tuple[str, ...]:
    wanted = name.casefold()
    return tuple(
        value
        for received, values in assertion.attributes.items()
        if received.casefold() == wanted
        for value in values
    )


def _user_name(assertion: Assertion, user_attr: str) -> str:
    if user_attr == _NAME_ID:
        return assertion.name_id
    values = [value for value in _values(assertion, user_attr) if value.strip()]
    if len(values) != 1:
        raise ResponseRefused(
            "user name",
            section="house rule, user_attr",
            expected=f"one value of {user_attr}",
            received=f"{len(values)} values; attributes received: {', '.join(sorted(assertion.attributes))}",
            hint="`user_attr` names an attribute that the identity provider must send, with one value",
        )
    return values[0]


# --- keys --------------------------------------------------------------------------------


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
