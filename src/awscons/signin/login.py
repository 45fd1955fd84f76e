"""The sign-in use case: from an AuthnRequest to a Login.

It knows no HTTP: the web package passes form values and cookie values in, and sets what comes out.

These rules protect a sign-in:

- The AuthnRequest's ID and the RelayState are random, and made here.
- A pending login belongs to one browser: only that browser's cookie holds its secret. It is used once.
- An assertion is used once: its ID is remembered until it expires.
- Every login has a new id. The store holds hashes of ids, so a copy of the store opens no login.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from awscons.access.identity import Identity, Login
from awscons.access.step_up import AuthnRequirement
from awscons.errors import NoPendingLogin, RelayStateLost, ResponseRefused, SignInError
from awscons.saml.assertion import Assertion
from awscons.saml.authn_request import AuthnRequest, build_authn_request
from awscons.saml.names import HTTP_POST
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import build_redirect_url
from awscons.saml.response import CLOCK_SKEW, open_envelope, verify_envelope
from awscons.saml.signature import sign_enveloped
from awscons.saml.structure import Envelope
from awscons.signin.identities import identity_from, stored_values
from awscons.signin.idp_trust import IdpTrust, verify_with_newest_keys
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.records import PendingLogin
from awscons.signin.register import LoginRegister
from awscons.signin.settings import LoginHint, LoginSettings
from awscons.store import RecordStore, hashed

NO_REQUIREMENT = AuthnRequirement()
RETURN_PATH_TTL = timedelta(minutes=20)
"""For how long after its end a pending login still gives the path that the person asked for."""

_MAX_REPLAY_MEMORY = timedelta(days=366)
_MAX_LOOKED_AT = 16
"""Pending logins of one browser that are looked at when a RelayState is missing: the newest ones."""
_HINT = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff]{1,256}")


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A pending login, and what the browser needs for it.

    url              of the identity provider; holds the AuthnRequest unless there is a form
    form             fields that the browser posts to `url`; None: the browser is redirected there
    handle           the RelayState; also part of the name of this pending login's cookie
    browser_secret   the cookie's value; the store holds its hash
    """

    url: str
    form: Mapping[str, str] | None
    handle: str
    browser_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FinishedLogin:
    """A sign-in that succeeded.

    login_id      the cookie's value
    return_to     the path that was requested
    request_id    of our AuthnRequest
    assertion     what signed the person in
    replaced      the login that this browser had before; it has ended
    link_origin   as `begin` got it
    """

    login_id: str = field(repr=False)
    login: Login
    return_to: str
    request_id: str
    assertion: Assertion = field(repr=False)
    replaced: Login | None = None
    link_origin: str | None = None


class Logins:
    """Begins, finishes, finds and ends logins."""

    def __init__(
        self,
        *,
        service_provider: ServiceProvider,
        trust: IdpTrust,
        settings: LoginSettings,
        store: RecordStore,
        pending: PendingLogins,
        register: LoginRegister,
        clock: Callable[[], datetime],
        store_received: bool,
    ) -> None:
        """`clock` returns UTC.

        store_received   save every attribute of the assertion with the login, not only the mapped ones
        """
        self._service_provider = service_provider
        self._trust = trust
        self._settings = settings
        self._store = store
        self._pending = pending
        self._register = register
        self._clock = clock
        self._store_received = store_received

    def begin(
        self,
        return_to: str,
        *,
        requirement: AuthnRequirement = NO_REQUIREMENT,
        login_hint: str | None = None,
        retry_of_login: bool = False,
        replaced_login_id: str = "",
        link_origin: str | None = None,
    ) -> BegunLogin:
        """Save a pending login, and return where the browser has to go.

        return_to        a path of ours with its query; it stays in the store and is not sent out
        requirement      what this sign-in requires in addition to the configuration
        login_hint       the name that a link gives; sent on as `login_hint` of the configuration says
        retry_of_login   this sign-in follows a response that belonged to no pending login. A second such
                         response is a loop: a browser that stores no cookies would repeat it for ever
        link_origin      of another site whose link led to `return_to`; `finish` returns it
        replaced_login_id   the browser's login cookie, whose login ends when this sign-in succeeds
        Raises StoreUnavailable, MetadataRefused.
        """
        identity_provider = self._trust.current()
        settings, now = self._settings, self._clock()
        hint = login_hint if login_hint and _HINT.fullmatch(login_hint) else None
        request = AuthnRequest(
            # An xs:ID must not begin with a digit (Entra ID insists); 160 random bits.
            request_id="_" + secrets.token_hex(20),
            issued_at=now,
            force_authn=settings.force_authn or requirement.force_authn,
            authn_context=requirement.authn_context or settings.authn_context,
            name_id_format=settings.name_id_format,
            subject=hint if settings.login_hint is LoginHint.SUBJECT else None,
        )
        browser_secret = secrets.token_urlsafe(32)
        pending = PendingLogin(
            request_id=request.request_id,
            return_to=return_to,
            browser_hash=hashed(browser_secret),
            begun_at=now,
            force_authn=request.force_authn,
            retry_of_login=retry_of_login,
            authn_context=request.authn_context,
            replaced_login=hashed(replaced_login_id) if replaced_login_id else None,
            link_origin=link_origin,
        )
        handle = self._pending.save(pending)
        url, form = self._message(request, identity_provider, handle)
        if hint and settings.login_hint is LoginHint.QUERY:
            url += f"{'&' if '?' in url else '?'}{urlencode({'login_hint': hint})}"
        return BegunLogin(url, form, handle, browser_secret)

    def _message(
        self, request: AuthnRequest, identity_provider: IdentityProvider, handle: str
    ) -> tuple[str, Mapping[str, str] | None]:
        """The AuthnRequest in the configured binding: the URL, and the form fields if it is posted."""
        signing = self._service_provider.signing if self._settings.sign_requests else None
        xml = build_authn_request(
            request, service_provider=self._service_provider, identity_provider=identity_provider
        )
        if self._settings.authn_request_binding == HTTP_POST:
            document = sign_enveloped(xml, signing) if signing else xml
            encoded = base64.b64encode(document).decode("ascii")
            return identity_provider.sso_url, {"SAMLRequest": encoded, "RelayState": handle}
        url = build_redirect_url(
            identity_provider.sso_url,
            kind="SAMLRequest",
            message=xml,
            relay_state=handle,
            signing=signing,
        )
        return url, None

    def claim(self, relay_state: str, *, browser_secrets: Mapping[str, str]) -> PendingLogin | NoPendingLogin:
        """The pending login that a response belongs to, once; or why there is none. Raises StoreUnavailable.

        relay_state       the handle, as posted
        browser_secrets   the browser's pending-login cookies: handle to secret

        It costs one read and one hash before anything else is looked at, so that a flood of other responses cannot
        stop a person who began to sign in.
        """
        try:
            return self._take_pending(relay_state, browser_secrets)
        except NoPendingLogin as error:
            return error

    def finish(
        self,
        saml_response: str,
        claimed: PendingLogin | NoPendingLogin,
        relay_state: str,
        *,
        browser_secrets: Mapping[str, str],
    ) -> FinishedLogin:
        """Verify the identity provider's response, and save the login that it gives.

        saml_response     the form value, as posted
        claimed           what `claim` returned for this response and the same two values

        Raises ResponseRefused for a response that fails a check; NoPendingLogin for one that this browser
        did not request, requested too long ago or has used before; RelayStateLost; MetadataRefused,
        StoreUnavailable. The first three carry `return_to` when the path that this browser requested is known.
        """
        now = self._clock()
        try:
            envelope = open_envelope(saml_response, self._service_provider.answer_limits)
            if isinstance(claimed, NoPendingLogin):
                self._refuse_lost_relay_state(envelope, relay_state, browser_secrets)
                raise claimed
            pending = claimed
            assertion = self._verify(envelope, pending, now)
            self._refuse_replay(assertion, now)
            identity = identity_from(assertion, self._settings)
        except SignInError as error:
            error.return_to = error.return_to or claimed.return_to
            raise
        login_id = secrets.token_urlsafe(32)
        login = replace(self._login(identity, assertion, pending, now), public_id=hashed(login_id))
        self._register.save(login_id, login)
        if self._settings.terminals:
            self._register.renew_terminals(login)
        replaced = self._register.revoke_replaced(pending.replaced_login) if pending.replaced_login else None
        return FinishedLogin(
            login_id, login, pending.return_to, pending.request_id, assertion, replaced, pending.link_origin
        )

    def find(self, login_id: str) -> Login | None:
        """The login of that cookie value; None when it is unknown or has ended. Counts as a use of it.

        Raises StoreUnavailable.
        """
        return self._register.find(login_id)

    def end(self, login_id: str) -> None:
        """Delete a login, at once and for every process. Raises StoreUnavailable."""
        self._register.end(login_id)

    # --- pending logins ------------------------------------------------------------------

    def _take_pending(self, handle: str, browser_secrets: Mapping[str, str]) -> PendingLogin:
        """The pending login under `handle`, if it is this browser's; only once."""
        pending = self._pending.find(handle)
        if pending is None:
            raise NoPendingLogin("the pending login has ended, or was not issued here")
        secret = browser_secrets.get(handle)
        if secret is None:
            raise NoPendingLogin(
                "this browser sent no cookie of the pending login", in_a_loop=pending.retry_of_login
            )
        if not hmac.compare_digest(pending.browser_hash, hashed(secret)):
            raise NoPendingLogin(
                "the pending login belongs to another browser", in_a_loop=pending.retry_of_login
            )
        if self._clock() >= pending.begun_at + self._settings.pending_lifetime:
            raise NoPendingLogin(
                "the pending login took too long",
                return_to=pending.return_to,
                in_a_loop=pending.retry_of_login,
            )
        used = self._store.add(
            f"used:{hashed(handle)}", {}, lifetime=self._settings.pending_lifetime + CLOCK_SKEW
        )
        if not used:
            raise NoPendingLogin(
                "the response was posted a second time",
                return_to=pending.return_to,
                in_a_loop=pending.retry_of_login,
            )
        return pending

    def _refuse_lost_relay_state(
        self, envelope: Envelope, relay_state: str, browser_secrets: Mapping[str, str]
    ) -> None:
        """Raise RelayStateLost if a pending login of this browser requested this response, and came without its handle.

        InResponseTo is not verified here, so it only decides between two refusals.
        """
        if relay_state in browser_secrets:
            return
        request_id = envelope.unverified_response.get("InResponseTo")
        for handle in sorted(browser_secrets)[-_MAX_LOOKED_AT:]:
            pending = self._pending.find(handle)
            if pending is not None and pending.request_id == request_id:
                raise RelayStateLost(
                    "the identity provider returned another RelayState than was sent"
                    if relay_state
                    else "the identity provider returned no RelayState",
                    return_to=pending.return_to,
                )

    def _verify(self, envelope: Envelope, pending: PendingLogin, now: datetime) -> Assertion:
        """The verified assertion of the response to this pending login."""

        def verify(identity_provider: IdentityProvider) -> Assertion:
            return verify_envelope(
                envelope,
                service_provider=self._service_provider,
                identity_provider=identity_provider,
                expected_request_id=pending.request_id,
                now=now,
                authenticated_after=pending.begun_at if pending.force_authn else None,
                expected_context=pending.authn_context,
            )

        return verify_with_newest_keys(self._trust, verify)

    def _refuse_replay(self, assertion: Assertion, now: datetime) -> None:
        """SAML profiles 4.1.4.5: an assertion is used once, over all browsers, processes and hosts."""
        name = hashed(f"{assertion.idp_entity_id}\n{assertion.assertion_id}")
        # Remembered until the assertion expires, but for a year at most: an identity provider may sign
        # assertions that expire much later. A replay needs a live pending login in any case.
        lifetime = min(assertion.not_on_or_after - now + CLOCK_SKEW, _MAX_REPLAY_MEMORY)
        if not self._store.add(f"assertion:{name}", {}, lifetime=lifetime):
            raise ResponseRefused("assertion was used before", section="SAML profiles 4.1.4.5")

    # --- logins --------------------------------------------------------------------------

    def _login(self, identity: Identity, assertion: Assertion, pending: PendingLogin, now: datetime) -> Login:
        ends_at = now + self._settings.auth_duration
        if assertion.session_not_on_or_after is not None:
            # A session that has ended within the clock skew was accepted, so the login must be of some use:
            # it lasts as long as the skew at least. One that ends at once would send the browser in circles.
            ends_at = min(ends_at, max(assertion.session_not_on_or_after, now + CLOCK_SKEW))
        # With ForceAuthn the authentication was verified to be later than the request, within the clock
        # skew. Our own clock is exact about the request, so the later of the two moments counts.
        authenticated_at = assertion.authn_instant
        if pending.force_authn:
            authenticated_at = max(authenticated_at, pending.begun_at)
        return Login(
            identity,
            signed_in_at=now,
            ends_at=ends_at,
            session_index=assertion.session_index,
            authenticated_at=authenticated_at,
            authn_context=assertion.authn_context,
            name_id_qualifiers=assertion.name_id_qualifiers,
            received=stored_values(assertion.attributes) if self._store_received else {},
            idp_session_ends_at=assertion.session_not_on_or_after,
        )
