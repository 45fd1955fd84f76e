"""Builds the sign-in side: trust in the identity provider, sign-in, sign-out, logins and rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.idp_metadata import MetadataIdpTrust, StaticIdpTrust
from awscons.adapters.stores.choice import open_store, sqlite_path, state_folder
from awscons.assembly.clock import utc_now
from awscons.audit.event import AuditLog
from awscons.config.schema import SimpleBacking, SqliteBacking
from awscons.config.settings import Settings
from awscons.errors import MetadataRefused, StoreCannotList, StoreUnavailable
from awscons.saml.metadata import build_idp_metadata, build_sp_metadata
from awscons.saml.parties import IdentityProvider
from awscons.signin.blocks import BlockList
from awscons.signin.idp_trust import IdpTrust
from awscons.signin.login import RETURN_PATH_TTL, Logins
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.rate_limits import MinuteCounters, SignInRateLimits
from awscons.signin.register import LoginRegister
from awscons.signin.single_logout import Logouts
from awscons.store import RecordStore
from awscons.terminals.alarms import Alarms
from awscons.terminals.terminal_logins import Terminals


def build_idp_trust(
    settings: Settings,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    audit: AuditLog,
    http: HttpPool | None = None,
) -> IdpTrust:
    """The identity provider that the settings trust; `http` fetches its metadata. Raises MetadataRefused."""
    if isinstance(settings.trust, IdentityProvider):
        return StaticIdpTrust(settings.trust, clock=clock)
    return MetadataIdpTrust(
        settings.trust,
        folder=state_folder(settings.backing, environment),
        clock=clock,
        audit=audit,
        http=http or HttpPool(),
    )


def inspect_idp_trust(
    settings: Settings, *, environment: Mapping[str, str], audit: AuditLog
) -> tuple[IdentityProvider, MetadataRefused | None]:
    """The identity provider as a start of the service would find it now, without leaving a file.

    Beside it, why the source of its metadata cannot be used, if an older copy stands in for it. Raises
    MetadataRefused if there is none.
    """
    if isinstance(settings.trust, IdentityProvider):
        return settings.trust, None
    trust = MetadataIdpTrust(
        settings.trust,
        folder=state_folder(settings.backing, environment),
        clock=utc_now,
        audit=audit,
        http=HttpPool(),
        inspect_only=True,
    )
    return trust.current(), trust.source_error


def our_metadata(settings: Settings) -> bytes:
    """Our metadata for the identity provider, as XML."""
    return build_sp_metadata(
        settings.service_provider,
        requested_attributes=tuple(settings.login.attribute_map.values()),
        signs_requests=settings.login.sign_requests,
        name_id_format=settings.login.name_id_format,
        organization=settings.organization,
        technical_contact=settings.technical_contact,
    )


def build_logins(
    settings: Settings,
    *,
    trust: IdpTrust,
    store: RecordStore,
    register: LoginRegister,
    clock: Callable[[], datetime],
    debug: bool,
) -> Logins:
    """Sign-ins. `debug` saves every attribute of an assertion, not only those that the configuration names."""
    return Logins(
        service_provider=settings.service_provider,
        trust=trust,
        settings=settings.login,
        store=store,
        pending=PendingLogins(
            store=store,
            max_pending=settings.login.max_pending_logins,
            lifetime=settings.login.pending_lifetime + RETURN_PATH_TTL,
        ),
        register=register,
        clock=clock,
        store_received=debug,
    )


def build_logouts(
    settings: Settings,
    *,
    trust: IdpTrust,
    store: RecordStore,
    register: LoginRegister,
    clock: Callable[[], datetime],
) -> Logouts:
    """Sign-outs, at the identity provider as well."""
    return Logouts(
        service_provider=settings.service_provider,
        trust=trust,
        store=store,
        register=register,
        tells_the_identity_provider=settings.login.single_logout,
        clock=clock,
    )


def build_terminals(
    settings: Settings, *, store: RecordStore, register: LoginRegister, clock: Callable[[], datetime]
) -> Terminals:
    """The logins of terminals."""
    return Terminals(
        register=register,
        store=store,
        settings=settings.login,
        alarms=Alarms(store, clock=clock),
        clock=clock,
    )


def our_idp_metadata(settings: Settings) -> bytes | None:
    """The metadata of this service as the identity provider of roles; None if it is none."""
    own = settings.aws.identity_provider
    if own is None:
        return None
    return build_idp_metadata(
        own.entity_id, own.keys.published, sso_url=settings.site.url(settings.site.home_path)
    )


def build_rate_limits(settings: Settings, counters: MinuteCounters) -> SignInRateLimits:
    """The rate limits of sign-ins."""
    return SignInRateLimits(
        per_address=settings.rate_limits.per_address,
        overall=settings.rate_limits.overall,
        counters=counters,
    )


def build_login_register(
    settings: Settings, *, environment: Mapping[str, str], clock: Callable[[], datetime] = utc_now
) -> tuple[LoginRegister, BlockList]:
    """The register of logins and the block list, for a command that runs beside the service.

    Raises StoreCannotList where only the service itself can reach the logins, StoreUnavailable where there is no
    store yet, ConfigurationError.
    """
    match settings.backing:
        case SimpleBacking():
            raise StoreCannotList(
                "SimpleCache keeps logins in the memory of the running service",
                hint="restart the service, and every login has ended",
            )
        case SqliteBacking() as backing:
            # Making the missing store here would report wrongly that nobody is signed in.
            path = sqlite_path(backing, environment)
            if not path.exists():
                raise StoreUnavailable(
                    f"there is no store at {path}",
                    hint="set STATE_DIRECTORY as for the service, or name `path` in session_backing",
                )
    store = open_store(settings.backing, environment=environment)
    return LoginRegister(store=store, settings=settings.login, clock=clock), BlockList(store)
