"""Builds the frozen values from the sections of the configuration. No rules: see `checks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from awscons import __version__
from awscons.access import targets
from awscons.audit.chain import parse_audit_key
from awscons.audit.metrics_recorder import MetricsSettings
from awscons.audit.notifications import Notice, WebhookSettings, parse_secret
from awscons.audit.settings import AuditSettings
from awscons.aws import durations, partitions
from awscons.aws.assertions import AssertionKeys, OwnIdentityProvider
from awscons.aws.destinations import without_console_session
from awscons.aws.settings import AwsSettings, PartitionSettings
from awscons.config.patterns import slug_of
from awscons.config.schema import (
    AccountSection,
    AgentSection,
    AwsSection,
    OrganizationSection,
    PartitionSection,
    SamlSection,
    ServerSection,
    SessionSection,
    SiteSection,
    TargetSection,
)
from awscons.config.settings import Settings
from awscons.config.sp_keys import KeyRing
from awscons.saml.input_limits import answer_limits
from awscons.saml.metadata import Organization
from awscons.saml.names import HTTP_POST, HTTP_REDIRECT
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.signin.settings import LoginHint, LoginSettings, MetadataSettings, RateLimitSettings
from awscons.site import Account, Branding, CookieSettings, Logo, Site


def build_settings(
    session: SessionSection,
    saml: SamlSection,
    aws: AwsSection,
    server: ServerSection,
    trust: IdentityProvider | MetadataSettings,
    keys: KeyRing | None,
    branding: Branding,
    assertion_keys: AssertionKeys | None = None,
) -> Settings:
    """All settings, from sections without mistakes."""
    acs = urlsplit(saml.acs_url)
    site = Site(
        origin=_origin(acs),
        mount_path=acs.path.removesuffix("/saml/acs"),
        url_prefix=aws.url_prefix,
        trusted_proxies=server.trusted_proxies,
        trusted_link_origins=frozenset(aws.trusted_link_origins),
    )
    return Settings(
        site=site,
        cookies=CookieSettings(session.session_cookie, session.session_path, session.session_secure),
        backing=session.session_backing,
        service_provider=ServiceProvider(
            saml.spid,
            saml.acs_url,
            decryption_keys=keys.decryption_keys if keys else (),
            slo_url=site.url("/saml/slo"),
            signing=keys.current if keys else None,
            published_certificates=keys.published if keys else (),
            answer_limits=answer_limits(server.max_answer_kb),
        ),
        trust=trust,
        organization=_organization(saml.organization),
        technical_contact=saml.technical_contact,
        login=_login(session, saml, aws, server, branding.auditors),
        rate_limits=RateLimitSettings(
            server.rate_limit_per_address, server.rate_limit_overall, server.rate_limit_per_person
        ),
        aws=_aws(aws, site, assertion_keys),
        targets=tuple(build_target(section, aws) for section in aws.targets),
        metrics=MetricsSettings(server.metrics_token, server.metrics_file),
        branding=branding,
        key_folder=Path(saml.sp_keys) if saml.sp_keys else None,
        shutdown_delay=server.shutdown_delay,
        audit=_audit(server),
        webhook=_webhook(server, aws),
        reload_on_change=server.reload_on_change,
    )


def _webhook(server: ServerSection, aws: AwsSection) -> WebhookSettings | None:
    section = server.webhook
    if section is None:
        return None
    return WebhookSettings(
        url=section.url,
        secret=parse_secret(section.secret),
        notices=frozenset(map(Notice, section.events)),
        targets=frozenset(target.service for target in aws.targets if target.notify),
        template=section.template,
    )


def _audit(server: ServerSection) -> AuditSettings:
    return AuditSettings(
        file=Path(server.audit_log) if server.audit_log else None,
        key=parse_audit_key(server.audit_key) if server.audit_key else None,
        key_file=Path(server.audit_key_file) if server.audit_key_file else None,
        required=server.audit_required,
    )


def _login(
    session: SessionSection,
    saml: SamlSection,
    aws: AwsSection,
    server: ServerSection,
    auditors: frozenset[str],
) -> LoginSettings:
    return LoginSettings(
        user_attr=saml.user_attr,
        attribute_map=dict(saml.assertions),
        group_formats=tuple(saml.group_formats),
        # A login stores every group that decides something, however many groups a person has.
        target_groups=frozenset(group for target in aws.targets for group in target.groups) | auditors,
        authn_request_binding=build_binding(saml),
        authn_context=tuple(saml.authn_context),
        name_id_format=saml.name_id_format,
        login_hint=LoginHint(saml.login_hint),
        sign_requests=saml.sign_requests,
        single_logout=saml.single_logout,
        auth_duration=timedelta(seconds=saml.auth_duration),
        idle_timeout=timedelta(seconds=session.session_expire),
        terminals=any(target.cli for target in aws.targets),
        terminal_duration=timedelta(seconds=session.cli_login_duration)
        if session.cli_login_duration
        else None,
        pending_lifetime=timedelta(seconds=saml.reqid_life),
        force_authn=saml.force_reauth,
        max_pending_logins=server.max_pending_logins,
    )


def _aws(aws: AwsSection, site: Site, assertion_keys: AssertionKeys | None) -> AwsSettings:
    return AwsSettings(
        profile_name=aws.aws_profile_name or aws.aws_profile,
        credentials_file=aws.aws_credentials_file,
        user_agent=f"awscons/{__version__} (+{aws.contact_url or site.url('/')})",
        role_session_name_attribute=aws.role_session_name_attr,
        timeout=aws.timeout,
        max_concurrent_sign_ins=aws.max_concurrent_sign_ins,
        regions=tuple(aws.regions),
        logout_first=aws.logout_first,
        sts_endpoint=aws.sts_endpoint,
        signin_endpoint=aws.signin_endpoint,
        partitions=build_partitions(aws),
        freezer_role=aws.freezer_role,
        identity_provider=_own_identity_provider(aws, site, assertion_keys),
        saml_signin_endpoint=aws.saml_signin_endpoint,
    )


def _own_identity_provider(
    aws: AwsSection, site: Site, keys: AssertionKeys | None
) -> OwnIdentityProvider | None:
    section = aws.identity_provider
    if section is None or keys is None:
        return None
    return OwnIdentityProvider(
        entity_id=section.entity_id or site.url("/saml/idp-metadata"),
        provider_name=section.provider_name,
        keys=keys,
    )


def build_partitions(aws: AwsSection) -> dict[str, PartitionSettings]:
    """Every partition, with what the configuration says of it."""
    found = {}
    for name, partition in partitions.PARTITIONS.items():
        section = aws.partitions.get(name, PartitionSection())
        found[name] = PartitionSettings(
            partition=replace(partition, console_suffix=section.console_host or partition.console_suffix),
            profile_name=section.aws_profile_name,
            fips=section.fips,
            sts_endpoint=section.sts_endpoint,
            signin_endpoint=section.signin_endpoint,
            signin_method=section.signin_method,
        )
    return found


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port as browsers write them (RFC 6454): lower case, no usual port."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in {None, usual} else f":{parts.port}")


def build_role(section: TargetSection) -> targets.RoleArn:
    """The role that a section names."""
    role = targets.parse_role_arn(section.role)
    if role is None:  # pragma: no cover  the schema has refused it already
        raise ValueError(section.role)
    return role


def build_target(section: TargetSection, aws: AwsSection | None = None) -> targets.Target:
    """The target that a section describes. `aws`: for what the section does not say; None: the defaults."""
    role, confirm_links = build_role(section), aws is None or aws.confirm_links
    open_by = targets.OpenBy(section.open_by or (aws.open_by if aws else targets.OpenBy.ASSUME_ROLE.value))
    provider = section.saml_provider
    if open_by is not targets.OpenBy.ASSUME_ROLE and provider is None and aws and aws.identity_provider:
        name = aws.identity_provider.provider_name
        provider = f"arn:{role.partition}:iam::{role.account_id}:saml-provider/{name}"
    return targets.Target(
        name=section.service,
        role=role,
        duration=section.duration,
        groups=tuple(section.groups),
        attributes=tuple(section.attrs),
        attribute_globs=tuple((name, tuple(globs)) for name, globs in section.attrs_match.items()),
        max_login_age=section.max_login_age,
        authn_context=tuple(section.authn_context),
        region=section.region,
        console_destination=without_console_session(section.destination)[1] if section.destination else None,
        profile_name=section.aws_profile_name,
        ends_with_login=section.ends_with_login,
        confirm_links=confirm_links if section.confirm_links is None else section.confirm_links,
        open_by=open_by,
        saml_provider=provider,
        command_line=_command_line(section),
        terms=targets.RoleTerms(
            source_identity=section.source_identity,
            session_tags=tuple(section.session_tags.items()),
            transitive_tags=tuple(section.transitive_tags),
            external_id=section.external_id,
            session_policy=section.session_policy,
            policy_arns=tuple(section.policy_arns),
        ),
        display=targets.TargetDisplay(
            title=section.title or "",
            description=section.description or "",
            label=section.label or "",
            color=section.color or "",
            regions=tuple(section.regions),
        ),
    )


def _command_line(section: TargetSection) -> targets.CommandLineAccess | None:
    access = section.cli
    if access is None:
        return None
    return targets.CommandLineAccess(
        max_duration=access.max_duration or min(section.duration, durations.MAX_CHAINED_DURATION),
        session_policy=access.session_policy,
        policy_arns=tuple(access.policy_arns),
        agent=_agent(access.agent) if access.agent else None,
    )


def _agent(section: AgentSection) -> targets.AgentBounds:
    return targets.AgentBounds(
        section.session_policy, tuple(section.policy_arns), tuple(section.tags.items())
    )


def build_branding(site: SiteSection, logo: Logo | None, accounts: Sequence[AccountSection]) -> Branding:
    """What people see of the whole site, with the names of the accounts."""
    return Branding(
        title=site.title,
        logo=logo,
        accent_color=site.accent_color,
        support_text=site.support_text or "",
        support_url=site.support_url or "",
        show_required_groups=site.show_required_groups,
        auditors=frozenset(site.auditors),
        accounts={
            account.id: Account(
                account.name or "", account.environment or "", account.color or "", slug_of(account)
            )
            for account in accounts
        },
    )


def _organization(section: OrganizationSection | None) -> Organization | None:
    if section is None:
        return None
    return Organization(section.name, section.display_name or section.name, section.url)


def build_binding(saml: SamlSection) -> str:
    """URI of the binding by which AuthnRequests are sent."""
    return {"HTTP-Redirect": HTTP_REDIRECT, "HTTP-POST": HTTP_POST}[saml.authn_request_binding]
