"""`awscons check`: what the configuration opens to whom, and findings about it, the store and AWS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import ChainedAuditLog, audit_file_findings, configure_logging
from awscons.adapters.aws.credential_files import credential_file_error
from awscons.adapters.stores.choice import folder_errors, store_warnings
from awscons.assembly.aws_side import build_broker
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import inspect_idp_trust
from awscons.aws.broker import Broker
from awscons.aws.durations import duration_text
from awscons.aws.principal import Principal
from awscons.aws.settings import AwsSettings
from awscons.cli.check_report import (
    AwsAnswer,
    Report,
    RowSelection,
    report_document,
    report_lines,
    target_path,
)
from awscons.cli.service_surroundings import become, read_environment
from awscons.cli.terminal import print_json, progress
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import (
    AwsconsError,
    MetadataRefused,
    StoreUnavailable,
    UpstreamError,
)
from awscons.findings import Finding, Severity, error_finding, warning
from awscons.saml.self_test import run_self_test

Source = tuple[str | None, str]
"""A profile of AWS credentials (None: botocore's default), and a partition."""


def check_configuration(
    config: Path,
    selection: RowSelection,
    *,
    ask_aws: bool,
    as_json: bool,
    user: str | None = None,
    env_file: str | None = None,
) -> None:
    """Print what the configuration opens, and the findings. Leaves no file behind.

    selection  which targets get a row
    user       whose rights this process takes for good; None: it keeps its own
    env_file   file of environment variables, which this process takes over; see `read_environment`

    Raises, after printing: ConfigurationError with all mistakes; AwsconsError when the metadata, the store or the
    files of AWS credentials cannot be used, or when AWS does not answer for a target. Raises click.UsageError.
    """
    report = Report()
    try:
        gather(report, config, ask_aws=ask_aws, user=user, env_file=env_file)
    except AwsconsError as error:
        report.failure = error
    if as_json:
        print_json(report_document(report, config))
    else:
        for line in report_lines(report, config, selection):
            click.echo(line)
    if report.failure is not None:
        raise report.failure


def gather(
    report: Report, config: Path, *, ask_aws: bool, user: str | None = None, env_file: str | None = None
) -> None:
    """Put everything that `awscons check` finds into the report; see `check_configuration`. Raises AwsconsError."""
    run_self_test()  # before `become`: it is about the installation, which the user may not even read
    variables, report.configuration = read_environment(env_file) if env_file else ({}, [])
    os.environ.update({**(become(user) if user else {}), **variables})
    report.settings = settings = load_settings(config, environment=os.environ)
    configure_logging()
    report.identity_provider, source_error = inspect_idp_trust(
        settings, environment=os.environ, audit=ChainedAuditLog()
    )
    report.configuration += configuration_warnings(settings, report.identity_provider, now=utc_now())
    _ask_surroundings(report, settings, source_error, ask_aws=ask_aws)
    if ask_aws:
        report.aws = _ask_aws(settings)
    silent = sum(answer.preflight is None for answer in report.aws)
    if report.errors:
        more = f"; and {len(report.errors) - 1} more errors" if report.errors[1:] else ""
        raise AwsconsError(f"{report.errors[0].cause}{more}", hint=report.errors[0].cure)
    if silent:
        raise AwsconsError(f"AWS has no answer for {silent} of {len(settings.targets)} targets")


def _ask_surroundings(
    report: Report, settings: Settings, source_error: MetadataRefused | None, *, ask_aws: bool
) -> None:
    """What a sign-in needs beside the configuration: metadata, credentials, an audit log, a store."""
    if source_error is not None:
        cause = f"an older copy of the identity provider's metadata stands in: {source_error}"
        report.errors.append(Finding(Severity.ERROR, "saml_config.idp_metadata", cause, source_error.hint))
    for profile in dict.fromkeys(map(settings.aws.profile_for, settings.targets)):
        wrong_file = credential_file_error(settings.aws, profile)
        if wrong_file is not None:
            report.errors.append(error_finding(f"profile {profile or 'default'!r}", wrong_file))
    for finding in audit_file_findings(settings.audit, os.environ):
        (report.errors if finding.severity is Severity.ERROR else report.configuration).append(finding)
    for finding in folder_errors(settings.backing, os.environ):
        (report.errors if finding.severity is Severity.ERROR else report.store).append(finding)
    try:
        report.store += store_warnings(settings.backing, ask_aws=ask_aws)
    except StoreUnavailable as error:
        report.errors.append(error_finding("session_config.session_backing", error))


def _ask_aws(settings: Settings) -> list[AwsAnswer]:
    """What AWS says of each target; it follows from one answer for each source of credentials."""
    found = ask_principals(build_broker(settings), settings.aws, settings.targets)
    return [
        _answer(target_path(settings.site, target), target, found[source_of(settings.aws, target)])
        for target in settings.targets
    ]


_WITHOUT_CHAINING = "`open_by` 'AssumeRoleWithSAML' has no such limit: docs/how-to/keyless.md"


def source_of(settings: AwsSettings, target: Target) -> Source:
    """The profile, or SAML provider, that opens the target, and the partition that it has to be of."""
    if target.saml_provider is not None:
        return target.saml_provider, target.role.partition
    return settings.profile_for(target), target.role.partition


def ask_principals(
    broker: Broker, settings: AwsSettings, targets: Sequence[Target]
) -> dict[Source, Principal | UpstreamError]:
    """Ask AWS once for each source of credentials who the broker is."""
    first = {source_of(settings, target): target for target in reversed(targets)}
    found: dict[Source, Principal | UpstreamError] = {}
    with progress(first.items(), "asking AWS") as asked:
        for source, target in asked:
            try:
                found[source] = broker.principal(target)
            except UpstreamError as error:
                found[source] = error
    return found


def _answer(path: str, target: Target, found: Principal | UpstreamError) -> AwsAnswer:
    if isinstance(found, UpstreamError):
        return AwsAnswer(path, None, error_finding(path, found))
    preflight = found.preflight(target)
    durations, wanted = preflight.durations, duration_text(target.duration)
    if durations.console_lasts == target.duration:
        return AwsAnswer(path, preflight, Finding(Severity.OK, path, durations.reason))
    lasts = f"the console lasts {duration_text(durations.console_lasts)}, not {wanted}"
    cure = _WITHOUT_CHAINING if found.kind.chained else ""
    return AwsAnswer(path, preflight, warning(path, f"{lasts}: {durations.reason}", cure))
