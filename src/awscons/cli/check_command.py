"""`awscons check`: what the configuration opens to whom, and findings about it, the store and AWS."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.adapters.stores.choice import store_warnings
from awscons.assembly.aws_side import build_broker
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import build_idp_trust
from awscons.aws.broker import Preflight
from awscons.aws.durations import duration_text
from awscons.cli.terminal import print_json, table
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError, ConfigurationError, UpstreamError, grouped_mistakes
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
    """What was found so far; `failure` ends the command after the report is printed."""

    settings: Settings | None = None
    identity_provider: IdentityProvider | None = None
    configuration: list[Finding] = field(default_factory=list)
    store: list[Finding] = field(default_factory=list)
    aws: list[_AwsAnswer] = field(default_factory=list)
    failure: AwsconsError | None = None


def check_configuration(config: Path, *, ask_aws: bool, as_json: bool) -> None:
    """Print what the configuration opens, and the findings.

    Raises, after printing: ConfigurationError with all mistakes; AwsconsError when the metadata cannot be
    used, when the store takes no records, or when AWS does not answer for a target.
    """
    report = _Report()
    try:
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
    trust = build_idp_trust(settings, environment=os.environ, audit=StructlogAuditLog())
    report.identity_provider = trust.current()
    report.configuration = configuration_warnings(settings, report.identity_provider, now=utc_now())
    report.store = store_warnings(settings.backing)
    if not ask_aws:
        return
    report.aws = list(_ask_aws(settings))
    silent = sum(answer.preflight is None for answer in report.aws)
    if silent:
        raise AwsconsError(f"AWS has no answer for {silent} of {len(settings.targets)} targets")


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
    yield from _summary(config, settings, identity_provider)
    yield from _list("Warnings:", report.configuration)
    yield from _list("About the store of logins:", report.store)
    if report.aws:
        targets = zip(report.aws, settings.targets, strict=True)
        rows = [_aws_row(answer, target) for answer, target in targets]
        yield from ["", *table([["URL path", "asked as", "in", "lasts", "why"], *rows])]


def _list(title: str, findings: Iterable[Finding]) -> list[str]:
    lines = [f"  - {finding}" for finding in findings]
    return ["", f"  {title}", *lines] if lines else []


def _summary(config: Path, settings: Settings, identity_provider: IdentityProvider) -> list[str]:
    header = ["URL path", "account", "role", "lasts", "who may enter"]
    return [
        f"{config}: no mistakes",
        "",
        f"  reached at          {settings.site.url('/')}",
        f"  answers posted to   {settings.service_provider.acs_url}",
        f"  our entity ID       {settings.service_provider.entity_id}",
        f"  identity provider   {identity_provider.entity_id}",
        f"  trusted by          {_trusted_by(settings, identity_provider)}",
        f"  logins kept in      {settings.backing.cache_type}",
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
    found = [*report.configuration, *report.store, *(answer.finding for answer in report.aws)]
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
