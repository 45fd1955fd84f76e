"""The single logout use case: sends logout messages to the identity provider, and handles those it sends.

A message ends logins only if the identity provider signed it for this service, and only once; it ends only
the logins of the person that it names.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from awscons.access.identity import Login
from awscons.errors import ResponseRefused
from awscons.saml.logout_messages import (
    OLDEST_MESSAGE,
    LogoutRequest,
    SubjectName,
    build_logout_request,
    build_logout_response,
    open_posted,
    open_redirected,
    read_logout_request,
    read_logout_response,
)
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import build_redirect_url, read_redirect
from awscons.saml.response import CLOCK_SKEW
from awscons.saml.xml import Element
from awscons.signin.idp_trust import IdpTrust, verify_with_newest_keys
from awscons.signin.register import LoginRegister
from awscons.store import RecordStore, hashed

_MAX_RELAY_STATE_BYTES = 1024
"""Characters. The identity provider chooses it and gets it back unchanged; the standard allows 80 bytes."""


@dataclass(frozen=True, slots=True)
class LogoutReceived:
    """A logout request of the identity provider.

    ended        the logins that it ended here
    answer_url   the URL that takes our LogoutResponse there; None when the identity provider has no such URL
    """

    ended: tuple[Login, ...]
    answer_url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class FinishedLogout:
    """The response to a logout that began here. `everywhere`: the identity provider says it was complete."""

    everywhere: bool


class Logouts:
    """Signs people out at the identity provider as well."""

    def __init__(
        self,
        *,
        service_provider: ServiceProvider,
        trust: IdpTrust,
        store: RecordStore,
        register: LoginRegister,
        tells_the_identity_provider: bool,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` returns UTC.

        tells_the_identity_provider   send a LogoutRequest for each sign-out here
        """
        self._service_provider = service_provider
        self._trust = trust
        self._store = store
        self._register = register
        self._tells = tells_the_identity_provider
        self._clock = clock

    def begin(self, login: Login) -> str | None:
        """The URL that takes a LogoutRequest for this login to the identity provider; None when it gets none.

        Raises StoreUnavailable, MetadataRefused.
        """
        signing = self._service_provider.signing
        identity_provider = self._trust.current()
        if not self._tells or signing is None or not identity_provider.slo_url:
            return None
        request_id = _new_id()
        message = build_logout_request(
            request_id,
            SubjectName(login.identity.name_id, login.name_id_qualifiers),
            login.session_index,
            service_provider=self._service_provider,
            identity_provider=identity_provider,
            now=self._clock(),
        )
        self._store.set(_begun_key(request_id), {}, lifetime=OLDEST_MESSAGE)
        return build_redirect_url(
            identity_provider.slo_url, kind="SAMLRequest", message=message, relay_state="", signing=signing
        )

    def handle_redirect(self, query: str) -> LogoutReceived | FinishedLogout:
        """A message in a raw query string (SAML bindings 3.4).

        Raises ResponseRefused for one that is unsigned or signed wrongly, is for another service, is too
        old, was used before, or responds to no request of ours; StoreUnavailable, MetadataRefused.
        """
        message = read_redirect(query)
        root = verify_with_newest_keys(self._trust, lambda provider: open_redirected(message, provider))
        return self._handle(root, message.kind == "SAMLRequest", message.relay_state)

    def handle_post(
        self, *, saml_request: str, saml_response: str, relay_state: str
    ) -> LogoutReceived | FinishedLogout:
        """A message in form values (SAML bindings 3.5); one of the first two is "". Raises as above."""
        if bool(saml_request) == bool(saml_response):
            raise ResponseRefused("message missing", section="SAML bindings 3.5.4")
        form_value = saml_request or saml_response
        root = verify_with_newest_keys(self._trust, lambda provider: open_posted(form_value, provider))
        return self._handle(root, bool(saml_request), relay_state)

    # --- inside --------------------------------------------------------------------------

    def _handle(
        self,
        root: Element,
        is_request: bool,  # noqa: FBT001  LogoutRequest or LogoutResponse
        relay_state: str,
    ) -> LogoutReceived | FinishedLogout:
        identity_provider, now = self._trust.current(), self._clock()
        if is_request:
            request = read_logout_request(
                root,
                service_provider=self._service_provider,
                identity_provider=identity_provider,
                now=now,
                skew=CLOCK_SKEW,
            )
            return LogoutReceived(
                self._end(request), self._answer(request, relay_state, identity_provider, now)
            )
        answer = read_logout_response(
            root,
            service_provider=self._service_provider,
            identity_provider=identity_provider,
            now=now,
            skew=CLOCK_SKEW,
        )
        key = _begun_key(answer.in_response_to)
        if self._store.get(key) is None:
            raise ResponseRefused("answers no logout of ours", section="SAML core 3.2.2")
        self._store.delete(key)
        return FinishedLogout(answer.everywhere)

    def _end(self, request: LogoutRequest) -> tuple[Login, ...]:
        """SAML core 3.7.3.2: the logins of that person, of those sessions where some are named."""
        used = hashed(request.request_id)
        # At least as long as `read_logout_request` accepts the message.
        if not self._store.add(f"message:{used}", {}, lifetime=OLDEST_MESSAGE + 3 * CLOCK_SKEW):
            raise ResponseRefused("message was used before", section="house rule, replay")
        ended = []
        # Twice: a login in a browser, until it ended, may have signed a terminal in.
        for stored in chain.from_iterable(self._register.of(request.subject.name_id) for _ in range(2)):
            login = stored.login
            theirs = SubjectName(login.identity.name_id, login.name_id_qualifiers)
            if request.session_indexes and login.session_index not in request.session_indexes:
                continue
            if request.subject.is_the_same_as(theirs):
                self._register.revoke(stored.public_id)
                ended.append(login)
        return tuple(ended)

    def _answer(
        self,
        request: LogoutRequest,
        relay_state: str,
        identity_provider: IdentityProvider,
        now: datetime,
    ) -> str | None:
        url = identity_provider.slo_response_url or identity_provider.slo_url
        if not url:
            return None
        message = build_logout_response(
            _new_id(),
            request.request_id,
            service_provider=self._service_provider,
            identity_provider=identity_provider,
            now=now,
        )
        return build_redirect_url(
            url,
            kind="SAMLResponse",
            message=message,
            relay_state=relay_state if len(relay_state) <= _MAX_RELAY_STATE_BYTES else "",
            signing=self._service_provider.signing,
        )


def _new_id() -> str:
    return "_" + secrets.token_hex(20)


def _begun_key(request_id: str) -> str:
    return f"logout:{hashed(request_id)}"
