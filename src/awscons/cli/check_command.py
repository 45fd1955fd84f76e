"""`awscons check`: what the configuration opens to whom, and findings about it, the store and AWS."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.adapters.aws.credential_files import credential_file_error
from awscons.adapters.stores.choice import folder_errors, store_warnings
from awscons.assembly.aws_side import build_broker
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import inspect_idp_trust
from awscons.aws.broker import Preflight
from awscons.aws.durations import duration_text
from awscons.cli.service_surroundings import become, read_environment
from awscons.cli.terminal import print_json, printable, table
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import (
    AwsconsError,
    ConfigurationError,
    MetadataRefused,
    StoreUnavailable,
    UpstreamError,
    grouped_mistakes,
)
from awscons.findings import Finding, Severity, error_finding, has_error, mistake_finding, warning
from awscons.saml.certificates import end_of
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings
from awscons.site import Site


@dataclass(frozen=True, slots=True)
class _AwsAnswer:
    """What AWS says of one target's credentials; `preflight` is None where it gives no answer."""

    path: str
    preflight: Preflight | None
    finding: Finding


@dataclass(slots=True)
class _Report:
    """What was found so far; `failure` ends the command after the report is printed.

    errors   what would keep people from signing in or opening consoles, although the configuration has no mistake
    """

    settings: Settings | None = None
    identity_provider: IdentityProvider | None = None
    errors: list[Finding] = field(default_factory=list)
    configuration: list[Finding] = field(default_factory=list)
    store: list[Finding] = field(default_factory=list)
    aws: list[_AwsAnswer] = field(default_factory=list)
    failure: AwsconsError | None = None


def check_configuration(
    config: Path, *, ask_aws: bool, as_json: bool, user: str | None = None, env_file: str | None = None
) -> None:
    """Print what the configuration opens, and the findings. Leaves no file behind.

    user       whose rights this process takes for good; None: it keeps its own
    env_file   file of environment variables, which this process takes over; see `read_environment`

    Raises, after printing: ConfigurationError with all mistakes; AwsconsError when the metadata, the store or the
    files of AWS credentials cannot be used, or when AWS does not answer for a target. Raises click.UsageError.
    """
    report = _Report()
    try:
        variables, report.configuration = read_environment(env_file) if env_file else ({}, [])
        os.environ.update({**(become(user) if user else {}), **variables})
        _gather(report, config, ask_aws=ask_aws)
    except AwsconsError as error:
        report.failure = error
    if as_json:
        print_json(_document(report, config))
    else:
        for line in _lines(report, config):
            click.echo(line)
    if report.failure is not None:
        raise report.failure


def _gather(report: _Report, config: Path, *, ask_aws: bool) -> None:
    report.settings = settings = load_settings(config, environment=os.environ)
    configure_logging()
    report.identity_provider, source_error = inspect_idp_trust(
        settings, environment=os.environ, audit=StructlogAuditLog()
    )
    report.configuration += configuration_warnings(settings, report.identity_provider, now=utc_now())
    _ask_surroundings(report, settings, source_error, ask_aws=ask_aws)
    if ask_aws:
        report.aws = list(_ask_aws(settings))
    silent = sum(answer.preflight is None for answer in report.aws)
    if report.errors:
        more = f"; and {len(report.errors) - 1} more errors" if report.errors[1:] else ""
        raise AwsconsError(f"{report.errors[0].cause}{more}", hint=report.errors[0].cure)
    if silent:
        raise AwsconsError(f"AWS has no answer for {silent} of {len(settings.targets)} targets")


def _ask_surroundings(
    report: _Report, settings: Settings, source_error: MetadataRefused | None, *, ask_aws: bool
) -> None:
    """What a sign-in needs beside the configuration: metadata, credentials, a store."""
    if source_error is not None:
        cause = f"an older copy of the identity provider's metadata stands in: {source_error}"
        report.errors.append(Finding(Severity.ERROR, "saml_config.idp_metadata", cause, source_error.hint))
    for profile in dict.fromkeys(map(settings.aws.profile_for, settings.targets)):
        wrong_file = credential_file_error(settings.aws, profile)
        if wrong_file is not None:
            report.errors.append(error_finding(f"profile {profile or 'default'!r}", wrong_file))
    for finding in folder_errors(settings.backing, os.environ):
        (report.errors if finding.severity is Severity.ERROR else report.store).append(finding)
    try:
        report.store += store_warnings(settings.backing, ask_aws=ask_aws)
    except StoreUnavailable as error:
        report.errors.append(error_finding("session_config.session_backing", error))


def _ask_aws(settings: Settings) -> Iterator[_AwsAnswer]:
    broker = build_broker(settings)
    for target in settings.targets:
        path = _path(settings.site, target)
        try:
            preflight = broker.preflight(target)
        except UpstreamError as error:
            yield _AwsAnswer(path, None, error_finding(path, error))
            continue
        durations, wanted = preflight.durations, duration_text(target.duration)
        if durations.console_lasts == target.duration:
            yield _AwsAnswer(path, preflight, Finding(Severity.OK, path, durations.reason))
        else:
            lasts = f"the console lasts {duration_text(durations.console_lasts)}, not {wanted}"
            yield _AwsAnswer(path, preflight, warning(path, f"{lasts}: {durations.reason}"))


# --- as text -----------------------------------------------------------------------------


def _lines(report: _Report, config: Path) -> Iterator[str]:
    settings, identity_provider = report.settings, report.identity_provider
    if settings is None or identity_provider is None:
        return
    yield from _summary(report, config, settings, identity_provider)
    yield from _list("Errors:", report.errors)
    yield from _list("Warnings:", report.configuration)
    yield from _list("About the store of logins:", report.store)
    if report.aws:
        targets = zip(report.aws, settings.targets, strict=True)
        rows = [_aws_row(answer, target) for answer, target in targets]
        yield from ["", *table([["URL path", "asked as", "in", "lasts", "why"], *rows])]


def _list(title: str, findings: Iterable[Finding]) -> list[str]:
    lines = [f"  - {printable(str(finding))}" for finding in findings]
    return ["", f"  {title}", *lines] if lines else []


def _summary(
    report: _Report, config: Path, settings: Settings, identity_provider: IdentityProvider
) -> list[str]:
    but = ", but the service would not work here" if report.errors else ""
    user = "  as root, who may read every file: see --as" if os.geteuid() == 0 else ""
    header = ["URL path", "account", "role", "lasts", "who may enter"]
    return [
        f"{config}: no mistakes{but}",
        "",
        f"  reached at          {settings.site.url('/')}",
        f"  answers posted to   {settings.service_provider.acs_url}",
        f"  our entity ID       {settings.service_provider.entity_id}",
        f"  identity provider   {printable(identity_provider.entity_id)}",
        f"  trusted by          {_trusted_by(settings, identity_provider)}",
        f"  logins kept in      {settings.backing.cache_type}",
        *([f"  checked           {user}"] if user else []),
        "",
        *table([header, *(_row(settings.site, target) for target in settings.targets)]),
    ]


def _trusted_by(settings: Settings, identity_provider: IdentityProvider) -> str:
    count = len(identity_provider.signing_certificates)
    certificates = "1 certificate" if count == 1 else f"{count} certificates"
    source = f" in {settings.trust.location}" if isinstance(settings.trust, MetadataSettings) else ""
    which = "which ends on" if count == 1 else "the first of which ends on"
    return f"{certificates}{source}, {which} {_first_end(identity_provider)}"


def _first_end(identity_provider: IdentityProvider) -> str:
    return f"{min(map(end_of, identity_provider.signing_certificates)):%Y-%m-%d}"


def _row(site: Site, target: Target) -> list[str]:
    role = target.role
    return [
        _path(site, target),
        role.account_id,
        role.role_name,
        duration_text(target.duration),
        _who(target),
    ]


def _aws_row(answer: _AwsAnswer, target: Target) -> list[str]:
    preflight, finding = answer.preflight, answer.finding
    if preflight is None:
        cause = f"{finding.cause}; {finding.cure}" if finding.cure else finding.cause
        return [answer.path, "", "", "?", cause]
    durations = preflight.durations
    short = "" if durations.console_lasts == target.duration else f", not {duration_text(target.duration)}"
    lasts = f"{duration_text(durations.console_lasts)}{short}"
    return [answer.path, preflight.principal_arn, preflight.region, lasts, durations.reason]


def _who(target: Target) -> str:
    conditions = []
    if target.groups:
        conditions.append(f"members of {' or '.join(target.groups)}")
    if target.attributes:
        conditions.append(f"people with a value for {' or '.join(target.attributes)}")
    conditions += [
        f"people whose {name} matches {' or '.join(globs)}" for name, globs in target.attribute_globs
    ]
    return " who are also ".join(conditions) if conditions else "EVERYONE who can sign in"


def _path(site: Site, target: Target) -> str:
    return f"{site.mount_path}{site.target_path(target.name)}"


# --- as JSON -----------------------------------------------------------------------------


def _document(report: _Report, config: Path) -> dict[str, object]:
    settings, identity_provider = report.settings, report.identity_provider
    document: dict[str, object] = {
        "configuration": str(config),
        "findings": [finding.as_json() for finding in _findings(report)],
    }
    if settings is None:
        return document
    document |= {
        "url": settings.site.url("/"),
        "acs_url": settings.service_provider.acs_url,
        "entity_id": settings.service_provider.entity_id,
        "store": settings.backing.cache_type,
        "targets": [_target_document(settings.site, target) for target in settings.targets],
        "aws": [_aws_document(answer) for answer in report.aws],
    }
    if identity_provider is not None:
        document["identity_provider"] = {
            "entity_id": identity_provider.entity_id,
            "certificates": len(identity_provider.signing_certificates),
            "first_certificate_ends": _first_end(identity_provider),
        }
    return document


def _findings(report: _Report) -> list[Finding]:
    found = [*report.errors, *report.configuration, *report.store, *(answer.finding for answer in report.aws)]
    match report.failure:
        case None:
            return found
        case ConfigurationError() as error:
            return [*found, *map(mistake_finding, grouped_mistakes(error.mistakes))]
        case error:
            # AWS's silence is a finding of each target already.
            return found if has_error(found) else [*found, error_finding("service", error)]


def _target_document(site: Site, target: Target) -> dict[str, object]:
    return {
        "path": _path(site, target),
        "role_arn": str(target.role),
        "duration": target.duration,
        "groups": list(target.groups),
        "attributes": list(target.attributes),
        "attributes_match": {name: list(globs) for name, globs in target.attribute_globs},
        "open_to_everyone": target.open_to_everyone,
    }


def _aws_document(answer: _AwsAnswer) -> dict[str, object]:
    preflight = answer.preflight
    return {
        "path": answer.path,
        "principal_arn": preflight.principal_arn if preflight else None,
        "region": preflight.region if preflight else None,
        "duration": preflight.durations.console_lasts if preflight else None,
    }
