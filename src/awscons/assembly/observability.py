"""Builds what operators watch: counters, the metrics page, the checks of readiness; and whether debug mode is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from awscons import __version__
from awscons.adapters.audit_log import ChainedAuditLog
from awscons.adapters.metrics_page import MetricsPage
from awscons.adapters.readiness import Check, Readiness, check_store
from awscons.adapters.shared_counters import SharedCounters, build_shared_counters
from awscons.audit.metrics_recorder import Gauge
from awscons.config.settings import Settings
from awscons.config.sp_keys import check_keys_readable
from awscons.errors import MetadataRefused
from awscons.saml.certificates import end_of, fingerprint
from awscons.signin.idp_trust import IdpTrust
from awscons.store import RecordStore

_YES = frozenset({"1", "true", "yes"})


def is_debug_mode(environment: Mapping[str, str]) -> bool:
    """Whether `AWSCONS_DEBUG`, else `DEBUG`, is 1, true or yes, in any case of letters.

    Container images and shells set `DEBUG` for other programs, so it is read only where ours is not set.
    """
    value = environment.get("AWSCONS_DEBUG", environment.get("DEBUG", ""))
    return value.strip().casefold() in _YES


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to the process that serves.

    is_stopping         whether it was told to stop and still takes requests
    has_failed_reload   whether a newer configuration is on disk that is not sound
    """

    is_stopping: Callable[[], bool] = lambda: False
    has_failed_reload: Callable[[], bool] = lambda: False


UNEVENTFUL = Life()
"""For a process that nobody stops or reloads in this way."""


def build_counters(settings: Settings, *, environment: Mapping[str, str]) -> SharedCounters | None:
    """The counters; None if the configuration has no metrics token. Raises ConfigurationError."""
    if settings.metrics.token is None:
        return None
    return build_shared_counters(settings, environment=environment)


def build_metrics_page(
    counters: SharedCounters | None,
    settings: Settings,
    *,
    trust: IdpTrust,
    clock: Callable[[], datetime],
    life: Life,
) -> MetricsPage | None:
    """The page that Prometheus reads; None without counters. Each further source of gauges is added here."""
    if counters is None:
        return None
    read_at = clock()
    return MetricsPage(
        counters,
        [
            _about_us,
            lambda: _about_certificates(trust, settings, clock()),
            lambda: _about_configuration(clock() - read_at, has_failed=life.has_failed_reload()),
        ],
    )


def build_readiness(
    settings: Settings,
    *,
    trust: IdpTrust,
    store: RecordStore,
    clock: Callable[[], datetime],
    life: Life,
) -> Readiness:
    """What `/readyz` asks. The quick checks stand first, so that a store that hangs hides none of them."""
    checks = [Check("idp_metadata", trust.current)]
    folder = settings.key_folder
    if folder is not None:
        checks.append(Check("sp_keys", lambda: check_keys_readable(folder)))
    if settings.audit.required:
        audit = ChainedAuditLog(settings.fingerprint)
        checks.append(Check("audit_log", lambda: audit.check(settings.audit.file)))
    checks.append(Check("store", lambda: check_store(store)))
    return Readiness(
        checks, clock=clock, is_stopping=life.is_stopping, has_failed_reload=life.has_failed_reload
    )


def _about_certificates(trust: IdpTrust, settings: Settings, now: datetime) -> Iterator[Gauge]:
    """The number of trusted certificates, and the seconds until each certificate expires."""
    try:
        theirs = trust.current().signing_certificates
    except MetadataRefused:
        theirs = ()
    yield Gauge(
        "awscons_trusted_certificates",
        "Signing certificates of the identity provider that are trusted now.",
        len(theirs),
    )
    ours = settings.service_provider.published_certificates
    own = settings.aws.identity_provider
    for party, certificates in (
        ("identity-provider", theirs),
        ("service-provider", ours),
        ("identity-provider-for-aws", own.keys.published if own else ()),
    ):
        for certificate in certificates:
            yield Gauge(
                "awscons_certificate_expiry_seconds",
                "Seconds until a certificate expires; negative afterwards.",
                (end_of(certificate) - now).total_seconds(),
                {"party": party, "fingerprint": fingerprint(certificate)},
            )


def _about_configuration(age: timedelta, *, has_failed: bool) -> Iterator[Gauge]:
    yield Gauge(
        "awscons_configuration_age_seconds",
        "Seconds since the configuration in force was read.",
        age.total_seconds(),
    )
    yield Gauge(
        "awscons_configuration_reload_failed",
        "1 if the configuration on disk is newer and not sound, else 0.",
        int(has_failed),
    )


def _about_us() -> Iterator[Gauge]:
    yield Gauge("awscons_info", "Always 1; the label `version` is the release.", 1, {"version": __version__})
