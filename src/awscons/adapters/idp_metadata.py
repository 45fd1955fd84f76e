"""The port to the identity provider's keys: static trust, or trust by metadata that is refreshed.

A sign-in starts a refresh in the background when one is due. If the document cannot be loaded or used, the last
good one stays in use, also on disk, until its `validUntil`.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import structlog
from cryptography.x509 import Certificate

from awscons import __version__
from awscons.adapters.aws.http_pool import (
    TOO_LONG,
    TOO_SLOW,
    Authorities,
    HttpPool,
    Limits,
    Step,
)
from awscons.adapters.metadata_copy import MetadataCopy
from awscons.audit import events
from awscons.audit.event import AuditLog
from awscons.config.configuration_warnings import certificate_warnings
from awscons.config.file_access import close_to_writers, open_to_writers
from awscons.errors import MetadataRefused, UpstreamError
from awscons.findings import Finding
from awscons.saml.certificates import fingerprint
from awscons.saml.metadata import MAX_METADATA_BYTES, IdpMetadata, parse_idp_metadata
from awscons.saml.names import HTTP_REDIRECT
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings

USUAL_INTERVAL = timedelta(days=1)
MAX_INTERVAL = timedelta(days=7)
FILE_INTERVAL = timedelta(minutes=5)
"""Short, because reading a file is cheap, and an operator who replaced it waits for the effect."""
AFTER_FAILURE = timedelta(hours=1)
AFTER_UNKNOWN_KEY = timedelta(minutes=5)
"""Minimum time between two refreshes for unknown keys: anybody can send a response with one."""

_FETCH_TIMEOUT = 10.0
_CONNECT_TIMEOUT = 3.0
"""Seconds."""
_LIMITS = Limits(_CONNECT_TIMEOUT, _CONNECT_TIMEOUT, _FETCH_TIMEOUT, MAX_METADATA_BYTES)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_log = structlog.get_logger(__name__)


class CertificateWatch:
    """Logs once a day which certificates expire soon."""

    def __init__(self, *, now: datetime) -> None:
        self._said_at = now

    def look(self, identity_provider: IdentityProvider, now: datetime) -> None:
        """Log the warnings, unless they were logged within a day."""
        if now - self._said_at < USUAL_INTERVAL:
            return
        self._said_at = now
        for warning in certificate_warnings(identity_provider.signing_certificates, now=now):
            _log.warning("certificate.warning", warning=warning.cause, hint=warning.cure or None)


class StaticIdpTrust:
    """An identity provider that the configuration describes in full. It does not change."""

    def __init__(self, identity_provider: IdentityProvider, *, clock: Callable[[], datetime]) -> None:
        self._identity_provider = identity_provider
        self._clock = clock
        self._watch = CertificateWatch(now=clock())

    def current(self) -> IdentityProvider:
        """The identity provider."""
        self._watch.look(self._identity_provider, self._clock())
        return self._identity_provider

    def after_unknown_key(self) -> IdentityProvider | None:
        """None: there is no source of newer keys."""
        return None


@dataclass(frozen=True, slots=True)
class _Trusted:
    """The metadata in use; times UTC."""

    identity_provider: IdentityProvider
    metadata: IdpMetadata
    look_again_at: datetime


def _in_a_thread(work: Callable[[], object]) -> None:
    threading.Thread(target=work, name="idp-metadata", daemon=True).start()


class MetadataIdpTrust:
    """An identity provider described by its metadata. Safe for many threads."""

    def __init__(
        self,
        settings: MetadataSettings,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        audit: AuditLog,
        http: HttpPool,
        in_background: Callable[[Callable[[], object]], None] = _in_a_thread,
        inspect_only: bool = False,
    ) -> None:
        """Read the metadata: a saved copy of less than a day, else the source, else an older saved copy.

        folder          for the last good copy
        clock           UTC
        in_background   starts work without waiting for it
        inspect_only    always ask the source first, and write, log and report nothing: for `awscons check`
        Raises MetadataRefused when none of them is good: without keys no response can be verified.
        """
        self._settings = settings
        self._saved = MetadataCopy(folder, settings.location)
        self._clock = clock
        self._audit = audit
        self._in_background = in_background
        self._http = http
        self._inspect_only = inspect_only
        self.source_error: MetadataRefused | None = None
        """Why the source gave no good metadata at the start, so that an older copy is in use; None: it did."""
        self._refreshing = threading.Lock()
        now = clock()
        self._looked_for_key_at = now - AFTER_UNKNOWN_KEY
        self._watch = CertificateWatch(now=now)
        self._entity_id = settings.entity_id
        self._trusted = self._at_start(now)
        # From now on the metadata must describe the same identity provider.
        self._entity_id = self._trusted.metadata.entity_id

    def current(self) -> IdentityProvider:
        """The identity provider. Starts a refresh of the metadata when one is due, without waiting for it.

        Raises MetadataRefused when the metadata has expired and no newer one could be loaded.
        """
        trusted, now = self._trusted, self._clock()
        if now >= trusted.look_again_at:
            self._in_background(self._refresh)
            trusted = self._trusted
        valid_until = trusted.metadata.valid_until
        if valid_until is not None and now >= valid_until:
            raise MetadataRefused(
                f"the identity provider's metadata was valid until {valid_until.isoformat()}",
                hint=f"no newer metadata could be loaded from {self._settings.location}; the log says why",
            )
        self._watch.look(trusted.identity_provider, now)
        return trusted.identity_provider

    def after_unknown_key(self) -> IdentityProvider | None:
        """Refresh after a response with an unknown key; None when the metadata brings no new key.

        Refreshes at most once in AFTER_UNKNOWN_KEY, and waits for it.
        """
        now = self._clock()
        before = self._trusted
        if now - self._looked_for_key_at < AFTER_UNKNOWN_KEY:
            return None
        self._looked_for_key_at = now
        self._refresh()
        after = self._trusted.identity_provider
        known = set(before.identity_provider.signing_certificates)
        return after if set(after.signing_certificates) - known else None

    # --- refreshing ---

    def _at_start(self, now: datetime) -> _Trusted:
        saved = self._saved.read(now)
        is_recent = saved is not None and now - saved.fetched_at < USUAL_INTERVAL
        if saved is not None and is_recent and self._is_remote and not self._inspect_only:
            try:
                return self._trust(saved.document, looked_at=saved.fetched_at)
            except MetadataRefused as error:
                self._say("idp_metadata.copy_refused", error)
        try:
            return self._take(self._fetch(), now)
        except MetadataRefused as error:
            if saved is None:
                raise
            self.source_error = error
            trusted = self._trust(saved.document, looked_at=now)
            if not self._inspect_only:
                self._say("idp_metadata.refused_at_start", error)
                _log.warning("idp_metadata.copy_in_use", fetched_at=saved.fetched_at.isoformat())
            return replace(trusted, look_again_at=now + self._after_failure)

    def _refresh(self) -> None:
        """Refresh the metadata, unless another thread does."""
        if not self._refreshing.acquire(blocking=False):
            return
        try:
            now = self._clock()
            before = self._trusted.metadata.findings
            try:
                self._trusted = self._take(self._fetch(), now)
                self._say_new_findings(before)
            except MetadataRefused as error:
                self._say("idp_metadata.refused", error)
                self._trusted = replace(self._trusted, look_again_at=now + self._after_failure)
        finally:
            self._refreshing.release()

    def _take(self, document: bytes, now: datetime) -> _Trusted:
        """Trust a document that was just fetched, save it, and report changed keys."""
        trusted = self._trust(document, looked_at=now)
        if self._inspect_only:
            return trusted
        saved = self._saved.read(now)
        self._saved.write(document, now)
        if saved is not None and saved.document != document:
            self._report_changed_keys(saved.document, trusted)
        return trusted

    def _trust(self, document: bytes, *, looked_at: datetime) -> _Trusted:
        metadata = parse_idp_metadata(
            document, entity_id=self._entity_id, signed_by=self._settings.signed_by, now=self._clock()
        )
        return _Trusted(
            identity_provider_of(metadata, self._settings),
            metadata,
            look_again_at=looked_at + self._interval(metadata, looked_at),
        )

    def _report_changed_keys(self, old_document: bytes, trusted: _Trusted) -> None:
        """Compared with the saved copy, which all processes share, so that only one of them reports."""
        try:
            # Its validUntil is ignored: expired metadata still tells which keys were known.
            old = parse_idp_metadata(
                old_document, entity_id=trusted.metadata.entity_id, now=datetime.min.replace(tzinfo=UTC)
            )
        except MetadataRefused:
            return
        before, after = set(old.signing_certificates), set(trusted.metadata.signing_certificates)
        if before == after:
            return
        added, removed = _fingerprints(after - before), _fingerprints(before - after)
        _log.warning(
            "idp_metadata.keys_changed",
            idp_entity_id=trusted.metadata.entity_id,
            keys_added=added,
            keys_removed=removed,
        )
        self._audit.record(events.idp_keys_changed(trusted.metadata.entity_id, added=added, removed=removed))

    def _say_new_findings(self, before: tuple[Finding, ...]) -> None:
        """Each once; the start of the service logs the first."""
        for finding in self._trusted.metadata.findings:
            if finding not in before:
                _log.warning("idp_metadata.warning", warning=finding.cause, hint=finding.cure or None)

    def _say(self, event: str, error: MetadataRefused) -> None:
        _log.warning(event, source=self._settings.location, cause=str(error), hint=error.hint or None)

    # --- when ---

    @property
    def _is_remote(self) -> bool:
        return self._settings.location.startswith(("https://", "http://"))

    @property
    def _after_failure(self) -> timedelta:
        return AFTER_FAILURE if self._is_remote else FILE_INTERVAL

    def _interval(self, metadata: IdpMetadata, now: datetime) -> timedelta:
        """The time until the next refresh: a day; longer by `cacheDuration`, shorter before `validUntil`.

        With jitter, so that many services do not ask at the same moment.
        """
        if not self._is_remote:
            return FILE_INTERVAL
        interval = max(USUAL_INTERVAL, min(metadata.cache_duration or USUAL_INTERVAL, MAX_INTERVAL))
        if metadata.valid_until is not None:
            interval = min(interval, max((metadata.valid_until - now) / 2, FILE_INTERVAL))
        return interval * random.uniform(0.9, 1.0)  # noqa: S311  no secret hangs on it

    # --- fetching ---

    def _fetch(self) -> bytes:
        location = self._settings.location
        if not self._is_remote:
            return _read_file(Path(location))
        try:
            answer = self._http.ask(
                Step("idp_metadata", location),
                "GET",
                location,
                headers={"User-Agent": f"awscons/{__version__}"},
                limits=_LIMITS,
                authorities=_authorities(self._settings.authorities),
            )
        except UpstreamError as error:
            raise _fetch_refused(error) from None
        if answer.status != HTTPStatus.OK:
            raise MetadataRefused(
                f"{location} answered HTTP {answer.status}",
                hint="configure the final URL: redirects are not followed"
                if answer.status in _REDIRECTS
                else "",
            )
        return answer.body


def _authorities(configured: str | None) -> Authorities:
    """The configured file's alone, else the system's with those of AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE."""
    bundle = configured or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    return Authorities(
        bundle or None,
        system=configured is None,
        named_by="`idp_metadata_ca`, AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE",
    )


def _fetch_refused(error: UpstreamError) -> MetadataRefused:
    if error.code == TOO_LONG:
        return MetadataRefused(
            f"the document is longer than {MAX_METADATA_BYTES:,} bytes",
            hint="ask for the metadata of your identity provider alone, not of the whole federation",
        )
    if error.code == TOO_SLOW:
        return MetadataRefused(f"the document took longer than {_FETCH_TIMEOUT:g} seconds")
    return MetadataRefused(error.cause, hint=error.hint)


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_METADATA_BYTES:
            raise MetadataRefused(
                f"{path} is longer than {MAX_METADATA_BYTES:,} bytes",
                hint="take the metadata of your identity provider alone, not of the whole federation",
            )
        for place in (path, path.parent):
            if open_to_writers(place):
                raise MetadataRefused(open_to_writers(place), hint=close_to_writers(place))
        return path.read_bytes()
    except OSError as error:
        raise MetadataRefused(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None


def identity_provider_of(metadata: IdpMetadata, settings: MetadataSettings) -> IdentityProvider:
    """The identity provider that metadata describes, with the configuration's overrides.

    Raises MetadataRefused when it accepts no AuthnRequest by the configured binding.
    """
    sso_url = settings.sso_url or metadata.sso_urls.get(settings.binding)
    if sso_url is None:
        raise MetadataRefused(
            f"the metadata has no SingleSignOnService for {settings.binding.rpartition(':')[2]}",
            hint="set `authn_request_binding`; it has: "
            + ", ".join(binding.rpartition(":")[2] for binding in metadata.sso_urls),
        )
    return IdentityProvider(
        entity_id=metadata.entity_id,
        sso_url=sso_url,
        signing_certificates=metadata.signing_certificates,
        gcm_only=settings.gcm_only,
        slo_url=settings.slo_url or metadata.slo_urls.get(HTTP_REDIRECT, ""),
        slo_response_url=metadata.slo_response_urls.get(HTTP_REDIRECT, ""),
        wants_signed_requests=metadata.wants_signed_requests,
        findings=metadata.findings,
    )


def _fingerprints(certificates: set[Certificate]) -> str:
    return ", ".join(sorted(map(fingerprint, certificates)))
