"""`awscons doctor`: what does not work, and whether each target would open, by trying it."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import configure_logging
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.stores.choice import state_folder
from awscons.adapters.surroundings import disk_findings, system_authorities
from awscons.assembly.aws_side import authorities_of, build_broker, build_surroundings
from awscons.assembly.clock import utc_now
from awscons.aws.broker import Broker
from awscons.aws.durations import CredentialKind
from awscons.aws.principal import Principal
from awscons.aws.probe import SESSION_NAME, Probe, probe_targets
from awscons.cli.check_command import ask_principals, gather, source_of
from awscons.cli.check_report import Report, found_so_far
from awscons.cli.doctor_report import (
    Examination,
    door_findings,
    door_of,
    examination_document,
    examination_lines,
    read_failed,
)
from awscons.cli.explain_command import explained
from awscons.cli.terminal import print_json, printable, progress
from awscons.config.settings import Settings
from awscons.errors import AwsconsError, UpstreamError, UpstreamRefused
from awscons.findings import Finding, Severity, error_finding, warning
from awscons.iam.missing import diagnose
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings

_SECOND_TRY_AFTER = 2.0
"""Seconds; changes of IAM mostly spread faster."""


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options of the command.

    names     of targets; empty: all
    person    name in the probes; None: SESSION_NAME
    only      earlier output of `--json`: probe what did not open then
    response  a captured SAMLResponse
    user, env_file   see `check_configuration`
    """

    names: tuple[str, ...]
    person: str | None
    only: BinaryIO | None
    idp_only: bool
    response: BinaryIO | None
    user: str | None
    env_file: str | None
    as_json: bool


def examine(config: Path, options: DoctorOptions) -> bool:
    """Print what was found; whether there is no error. Raises ConfigurationError and click.UsageError."""
    failed = read_failed(options.only) if options.only else None
    report, found = Report(), Examination()
    try:
        gather(report, config, ask_aws=False, user=options.user, env_file=options.env_file)
    except AwsconsError as error:
        report.failure = error
    settings, identity_provider = report.settings, report.identity_provider
    if settings is None or identity_provider is None:
        if options.as_json:
            print_json(examination_document(Examination(found_so_far(report))))
        raise report.failure or AssertionError
    configure_logging(stream=io.StringIO())  # what the broker logs, such as a failover, is told as a finding
    targets = _selected(settings, options, failed, found)
    found.findings += found_so_far(report)
    http = HttpPool()
    found.findings += _around(settings, identity_provider, http)
    if options.idp_only:
        found.findings += _sign_in(settings, identity_provider, options.response)
    else:
        broker = build_broker(settings, http=http)
        found.findings += _around_the_service(settings, identity_provider, http, broker, targets)
        _probe(settings, broker, targets, options, found)
    if options.as_json:
        print_json(examination_document(found))
    else:
        for line in examination_lines(found, is_one_target=len(targets) == 1):
            click.echo(line)
    return found.is_sound


def _selected(
    settings: Settings, options: DoctorOptions, failed: list[str] | None, found: Examination
) -> list[Target]:
    known = {target.name: target for target in settings.targets}
    if unknown := [name for name in options.names if name not in known]:
        raise click.UsageError(f"there is no target {printable(unknown[0])}")
    for name in failed or ():
        if name not in known:
            found.findings.append(
                warning(printable(name), f"the target {printable(name)} is not there any more")
            )
    return [
        target
        for target in settings.targets
        if (not options.names or target.name in options.names) and (failed is None or target.name in failed)
    ]


# --- without AWS's credentials -----------------------------------------------------------


def _around(settings: Settings, identity_provider: IdentityProvider, http: HttpPool) -> Iterator[Finding]:
    around = build_surroundings(settings, http)
    trust, url = settings.trust, identity_provider.sso_url
    bundle = trust.authorities if isinstance(trust, MetadataSettings) else None
    if isinstance(trust, MetadataSettings) and trust.location.startswith("https:"):
        url = trust.location
    yield from around.clock("the identity provider", url, system_authorities(bundle), now=utc_now())


def _around_the_service(
    settings: Settings,
    identity_provider: IdentityProvider,
    http: HttpPool,
    broker: Broker,
    targets: Sequence[Target],
) -> Iterator[Finding]:
    around = build_surroundings(settings, http)
    yield from around.own_url(settings.site, system_authorities(), sso_url=identity_provider.sso_url)
    try:
        yield from disk_findings(state_folder(settings.backing, os.environ))
    except AwsconsError as error:
        yield error_finding("state folder", error)
    asked: set[str] = set()
    for target in targets:
        try:
            for route, endpoint in broker.endpoints_of(target):
                if endpoint not in asked:
                    asked.add(endpoint)
                    peer = f"AWS's sign-in host in {route.region}"
                    yield from around.clock(peer, endpoint, authorities_of(settings, target), now=utc_now())
        except UpstreamError as error:
            yield error_finding(f"profile {settings.aws.profile_for(target) or 'default'!r}", error)


def _sign_in(
    settings: Settings, identity_provider: IdentityProvider, response: BinaryIO | None
) -> Iterator[Finding]:
    """What a sign-in needs of the identity provider."""
    subject, login = identity_provider.entity_id, settings.login
    wanted = ", ".join(login.attribute_map.values()) or "no attribute"
    yield Finding(Severity.INFO, subject, f"it must send {wanted}, and `{login.user_attr}` names the person")
    yield Finding(
        Severity.INFO,
        subject,
        f"it must know us as {settings.service_provider.entity_id}, at {settings.service_provider.acs_url}",
    )
    if response is None:
        cause = "what it really sends (groups, NameID, signatures) shows only in a response"
        yield Finding(Severity.INFO, subject, cause, "capture one, and give it with --response")
        return
    told, findings, groups = explained(settings, identity_provider, response)
    yield from findings
    if told.unverified_name_id is not None and groups is not None and not groups:
        yield warning("groups", "the response has an attribute of groups without any group", "see its rules")


# --- with AWS's credentials --------------------------------------------------------------


def _probe(
    settings: Settings,
    broker: Broker,
    targets: Sequence[Target],
    options: DoctorOptions,
    found: Examination,
) -> None:
    principals = ask_principals(broker, settings.aws, targets)
    found.callers = sorted(set(filter(None, map(_caller, principals.values()))))
    found.findings += _region_findings(broker, targets)
    probes: dict[str, Probe] = {}
    to_ask = []
    for target in targets:
        if error := _hopeless(target, principals[source_of(settings.aws, target)]):
            probes[target.name] = Probe(target, error=error)
        else:
            to_ask.append(target)
    running = probe_targets(
        broker,
        to_ask,
        name=options.person or SESSION_NAME,
        name_attribute=settings.aws.role_session_name_attribute,
        before_second_try=lambda: time.sleep(_SECOND_TRY_AFTER),
    )
    with progress(running, "probing targets", length=len(to_ask)) as asked:
        probes |= {probe.target.name: probe for probe in asked}
    for target in targets:
        caller = _caller(principals[source_of(settings.aws, target)])
        found.doors.append(door_of(probes[target.name], diagnose(probes[target.name], caller), caller))
    found.findings += door_findings(found.doors)


def _caller(principal: Principal | UpstreamError) -> str | None:
    """The ARN that a trust policy may name; None for a SAML provider, and where it is not known."""
    is_user_or_role = isinstance(principal, Principal) and principal.kind is not CredentialKind.SAML_ASSERTION
    return principal.arn if isinstance(principal, Principal) and is_user_or_role else None


def _hopeless(target: Target, principal: Principal | UpstreamError) -> UpstreamError | None:
    """Why no probe of this target can succeed."""
    if isinstance(principal, UpstreamError):
        return principal
    partition = principal.arn.split(":")[1]
    if partition == target.role.partition:
        return None
    return UpstreamRefused(
        f"the broker's credentials are of the partition {partition}, and the role is of {target.role.partition}",
        step="sts",
        hint=f"set `aws_profile_name` for {target.role.partition} in aws_config['partitions']; no policy helps",
    )


def _region_findings(broker: Broker, targets: Sequence[Target]) -> Iterator[Finding]:
    """Whether STS of each region answers; targets open as long as one does."""
    asked: set[object] = set()
    for target in targets:
        try:
            routes = [route for route, _ in broker.endpoints_of(target)]
        except UpstreamError:
            continue  # told for each target
        for route in routes:
            if route not in asked and not route.keyless:
                asked.add(route)
                try:
                    broker.ask_region(route)
                except UpstreamError as error:
                    cause = f"STS in {route.region} is of no use: {error}"
                    yield warning(f"STS in {route.region}", cause, error.hint)
