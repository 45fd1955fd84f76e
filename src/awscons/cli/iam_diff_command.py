"""`awscons iam diff`: what AWS has, compared with what the configuration needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from awscons.access.targets import RoleArn, Target
from awscons.cli.check_report import finding_lines
from awscons.cli.iam_brokers import brokers_of, checked_organization, federation_of
from awscons.cli.terminal import print_json
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError
from awscons.findings import Finding, Severity, has_error
from awscons.iam.drift import NotIamOutput, Observed, broker_drift, read_observed, trust_drift
from awscons.iam.federation import Federation
from awscons.iam.plan import is_broker, plan_broker
from awscons.iam.trust import trust_shape


class DetailsUnreadable(AwsconsError):
    """The file is not what `aws iam` prints."""


def show_drift(
    config: Path,
    file: TextIO,
    *,
    as_json: bool,
    brokers: tuple[str, ...],
    organization: str | None,
    strict: bool,
    any_target: bool,
) -> bool:
    """Print what differs, and tell whether something is missing. Raises DetailsUnreadable, click.UsageError."""
    settings = load_settings(config, environment=os.environ)
    try:
        observed = read_observed(file.read())
    except NotIamOutput:
        raise DetailsUnreadable(
            f"{file.name} is no JSON of aws iam",
            hint="aws iam get-account-authorization-details or aws iam get-role prints it",
        ) from None
    by_role: dict[RoleArn, list[Target]] = {}
    for target in settings.targets:
        by_role.setdefault(target.role, []).append(target)
    findings = list(
        _findings(
            settings,
            by_role,
            observed,
            brokers=brokers,
            organization=checked_organization(organization),
            strict=strict,
            federation=federation_of(settings, any_target=any_target),
        )
    )
    covered = [
        role for role in by_role if str(role) in observed.trusts or role.account_id in observed.whole_accounts
    ]
    if as_json:
        found = [finding.as_json() for finding in findings]
        print_json({"findings": found, "roles": len(by_role), "compared": len(covered)})
    else:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        others = [finding for finding in findings if finding.severity is not Severity.ERROR]
        click.echo(f"{len(covered):,} of {len(by_role):,} roles compared; {len(errors):,} differences")
        for line in (*finding_lines("Missing:", errors), *finding_lines("In addition:", others)):
            click.echo(line)
    return has_error(findings)


def _findings(
    settings: Settings,
    by_role: dict[RoleArn, list[Target]],
    observed: Observed,
    *,
    brokers: tuple[str, ...],
    organization: str | None,
    strict: bool,
    federation: Federation | None,
) -> Iterator[Finding]:
    targets = [target for own in by_role.values() for target in own if not target.keyless]
    broker_of = brokers_of(settings.aws, targets, brokers, required=True)
    for role, own in by_role.items():
        with_keys = [target for target in own if not target.keyless]
        named = tuple(dict.fromkeys(broker_of(target) for target in with_keys))
        shape = trust_shape(*with_keys) if with_keys else None
        federated = federation.trust(own) if federation else None
        yield from trust_drift(str(role), shape, named, observed, strict=strict, federated=federated)
    planned: dict[str, list[dict[str, object]]] = {}
    for policy in plan_broker(targets, broker_of, organization=organization, strict=strict):
        for broker in filter(is_broker, policy.brokers):
            planned.setdefault(broker, []).append(dict(policy.document))
    for broker, documents in planned.items():
        yield from broker_drift(broker, documents, observed)
