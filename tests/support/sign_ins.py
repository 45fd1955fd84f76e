"""Sign-ins and sign-outs by themselves: a store in memory, an identity provider with fixed keys, and a clock for a test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from awscons.adapters.stores.memory_store import MemoryStore
from awscons.saml.parties import IdentityProvider, KeyPair, ServiceProvider
from awscons.signin.login import RETURN_PATH_TTL, BegunLogin, FinishedLogin, Logins
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.records import PendingLogin
from awscons.signin.register import LoginRegister
from awscons.signin.settings import LoginSettings
from awscons.signin.single_logout import Logouts
from support.clock import MovableClock
from support.forge import ACS, IDP, SP, SSO_URL, Forger, Story, certificate_of, key_named

PENDING_LIFETIME = timedelta(minutes=10)
SETTINGS = LoginSettings(
    user_attr="name_id",
    attribute_map={"groups": "groups"},
    auth_duration=timedelta(hours=1),
    idle_timeout=timedelta(hours=1),
    pending_lifetime=PENDING_LIFETIME,
    force_authn=False,
)
OUR_SLO_URL, THEIR_SLO_URL = "https://sso.example.com/saml/slo", "https://idp.example.com/slo"
PROVIDER = IdentityProvider(IDP, SSO_URL, (certificate_of("idp"),), slo_url=THEIR_SLO_URL)


def our_key() -> KeyPair:
    """The key that signs our messages."""
    key = key_named("sp")
    assert isinstance(key, RSAPrivateKey)
    return KeyPair(certificate_of("sp"), key)


@dataclass
class FixedTrust:
    """An identity provider, and the one that newer metadata describes, if there is one."""

    provider: IdentityProvider = PROVIDER
    newer: IdentityProvider | None = None
    reloads: int = 0

    def current(self) -> IdentityProvider:
        return self.provider

    def after_unknown_key(self) -> IdentityProvider | None:
        self.reloads += 1
        return self.newer


@dataclass
class SignIns:
    """Sign-ins with these settings; the store forgets records by the same clock."""

    settings: LoginSettings = SETTINGS
    trust: FixedTrust = field(default_factory=FixedTrust)
    store_received: bool = False
    clock: MovableClock = field(default_factory=MovableClock)
    signs: bool = True
    tells: bool = True

    def __post_init__(self) -> None:
        # Instants in SAML messages have whole seconds.
        self.clock.now = self.clock.now.replace(microsecond=0)
        self.store = MemoryStore(now=lambda: self.clock().timestamp())
        self.register = LoginRegister(store=self.store, settings=self.settings, clock=self.clock)
        self.pending = PendingLogins(
            store=self.store, max_pending=1_000, lifetime=self.settings.pending_lifetime + RETURN_PATH_TTL
        )
        service_provider = ServiceProvider(
            SP, ACS, slo_url=OUR_SLO_URL, signing=our_key() if self.signs else None
        )
        self.logins = Logins(
            service_provider=service_provider,
            trust=self.trust,
            settings=self.settings,
            store=self.store,
            pending=self.pending,
            register=self.register,
            clock=self.clock,
            store_received=self.store_received,
        )
        self.logouts = Logouts(
            service_provider=service_provider,
            trust=self.trust,
            store=self.store,
            register=self.register,
            tells_the_identity_provider=self.tells,
            clock=self.clock,
        )

    def begin(self, return_to: str = "/aws/cloudadmin", **more: Any) -> BegunLogin:
        return self.logins.begin(return_to, **more)

    def pending_of(self, begun: BegunLogin) -> PendingLogin:
        """What the store holds of a pending login."""
        found = self.pending.find(begun.handle)
        assert found is not None
        return found

    def story(self, begun: BegunLogin, **changes: Any) -> Story:
        """A good response to a pending login, at the time of the clock."""
        request_id = self.pending_of(begun).request_id
        story = Story(
            self.clock(),
            request_id=request_id,
            assertion_id=f"_a{request_id}",
            response_in_response_to=request_id,
            confirmation_in_response_to=request_id,
        )
        return replace(story, **changes)

    def finish(
        self,
        begun: BegunLogin,
        *,
        forger: Forger | None = None,
        relay_state: str | None = None,
        **changes: Any,
    ) -> FinishedLogin:
        """Post a response to a pending login from the browser that began it."""
        return self.post(self.story(begun, **changes), begun, forger=forger, relay_state=relay_state)

    def post(
        self,
        story: Story | str,
        *begun: BegunLogin,
        forger: Forger | None = None,
        relay_state: str | None = None,
    ) -> FinishedLogin:
        """Post a response from a browser that has these pending logins; by default for the first of them."""
        form_value = story if isinstance(story, str) else (forger or Forger()).form_value(story)
        secrets = {one.handle: one.browser_secret for one in begun}
        handle = begun[0].handle if relay_state is None else relay_state
        claimed = self.logins.claim(handle, browser_secrets=secrets)
        return self.logins.finish(form_value, claimed, handle, browser_secrets=secrets)
