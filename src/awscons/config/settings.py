"""Everything that the configuration decides, as one frozen value. No rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from awscons.access.targets import Target
from awscons.audit.metrics_recorder import MetricsSettings
from awscons.audit.notifications import WebhookSettings
from awscons.audit.settings import AuditSettings
from awscons.aws.settings import AwsSettings
from awscons.config.schema import Backing
from awscons.findings import Finding
from awscons.saml.metadata import Organization
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.signin.settings import LoginSettings, MetadataSettings, RateLimitSettings
from awscons.site import Branding, CookieSettings, Site


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the configuration decides, checked and frozen.

    file_findings    warnings about who else can write or read the files of the configuration
    key_folder       where the service's own key pairs are; None: it has none
    fingerprint      names this configuration in the log: a hash of everything in it but secrets
    source_files     the files that it was read from
    reload_on_change   read it again whenever one of those files changes
    shutdown_delay   seconds for which the service answers requests after SIGTERM, and says that it is not ready
    """

    site: Site
    cookies: CookieSettings
    backing: Backing
    service_provider: ServiceProvider
    trust: IdentityProvider | MetadataSettings
    organization: Organization | None
    technical_contact: str | None
    login: LoginSettings
    rate_limits: RateLimitSettings
    aws: AwsSettings
    targets: tuple[Target, ...]
    metrics: MetricsSettings
    branding: Branding
    key_folder: Path | None
    shutdown_delay: int
    audit: AuditSettings
    webhook: WebhookSettings | None = field(repr=False)
    reload_on_change: bool = False
    file_findings: tuple[Finding, ...] = ()
    fingerprint: str = ""
    source_files: tuple[Path, ...] = ()
