"""What `awscons check` prints: a summary, findings grouped by their cause, and rows of targets where they are few.

A configuration of ten thousand targets gives a screen of text: totals by account and by group. Rows of targets are
shown for a small configuration, for a selection, and with `--verbose`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from awscons.access.report import EVERYONE
from awscons.access.targets import Target
from awscons.aws.durations import duration_text
from awscons.aws.principal import Preflight
from awscons.cli.terminal import printable, table
from awscons.config.settings import Settings
from awscons.errors import AwsconsError, ConfigurationError, grouped_mistakes
from awscons.findings import Finding, error_finding, has_error, mistake_finding
from awscons.saml.certificates import end_of
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings
from awscons.site import Site

MAX_ROWS = 50
"""With more targets than these, only a selection or `--verbose` shows a row for each."""
_MAX_TOTALS = 20
"""Accounts and groups in the summary; the others are counted."""


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which targets get a row; every part that is given must match. `account`: a number or a name."""

    target: str | None = None
    account: str | None = None
    group: str | None = None
    everything: bool = False

    def of(self, settings: Settings) -> list[Target]:
        """The targets to show; empty when a summary takes their place."""
        selected = [target for target in settings.targets if self._has(target, settings)]
        is_narrowed = any((self.target, self.account, self.group))
        return selected if self.everything or is_narrowed or len(selected) <= MAX_ROWS else []

    def _has(self, target: Target, settings: Settings) -> bool:
        number = target.role.account_id
        account = settings.branding.accounts.get(number)
        return (
            self.target in {None, target.name}
            and self.account in {None, number, account.name if account else None}
            and (self.group is None or self.group in target.groups)
        )


@dataclass(frozen=True, slots=True)
class AwsAnswer:
    """What AWS says of one target's credentials; `preflight` is None where it gives no answer."""

    path: str
    preflight: Preflight | None
    finding: Finding


@dataclass(slots=True)
class Report:
    """What was found so far; `failure` ends the command after the report is printed.

    errors   what would keep people from signing in or opening consoles, although the configuration has no mistake
    """

    settings: Settings | None = None
    identity_provider: IdentityProvider | None = None
    errors: list[Finding] = field(default_factory=list)
    configuration: list[Finding] = field(default_factory=list)
    store: list[Finding] = field(default_factory=list)
    aws: list[AwsAnswer] = field(default_factory=list)
    failure: AwsconsError | None = None


# --- as text -----------------------------------------------------------------------------


def report_lines(report: Report, config: Path, selection: RowSelection) -> Iterator[str]:
    """The report for a terminal; nothing when the configuration could not be read."""
    settings, identity_provider = report.settings, report.identity_provider
    if settings is None or identity_provider is None:
        return
    yield from _summary(report, config, settings, identity_provider)
    yield from finding_lines("Errors:", report.errors)
    yield from finding_lines("Warnings:", report.configuration)
    yield from finding_lines("About the store of logins:", report.store)
    chosen = selection.of(settings)
    yield from ["", *(_rows(chosen, settings) if chosen else _totals(settings))]
    if report.aws:
        yield from ["", *_aws_rows(report.aws, settings, {target.name for target in chosen})]


def finding_lines(title: str, findings: Iterable[Finding]) -> list[str]:
    """The findings, those of one cause together: 3,000 targets may have the same."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.cause.replace(finding.subject, "…"), finding.cure), []).append(finding)
    lines = [
        f"  - {printable(str(first))}" + (f" ({len(more):,} more like this)" if more else "")
        for first, *more in alike.values()
    ]
    return ["", f"  {title}", *lines] if lines else []


def _summary(
    report: Report, config: Path, settings: Settings, identity_provider: IdentityProvider
) -> list[str]:
    but = ", but the service would not work here" if report.errors else ""
    user = "  as root, who may read every file: see --as" if os.geteuid() == 0 else ""
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
        f"  configuration       {settings.fingerprint}",
    ]


def _trusted_by(settings: Settings, identity_provider: IdentityProvider) -> str:
    count = len(identity_provider.signing_certificates)
    certificates = "1 certificate" if count == 1 else f"{count} certificates"
    source = f" in {settings.trust.location}" if isinstance(settings.trust, MetadataSettings) else ""
    which = "which ends on" if count == 1 else "the first of which ends on"
    return f"{certificates}{source}, {which} {_first_end(identity_provider)}"


def _first_end(identity_provider: IdentityProvider) -> str:
    return f"{min(map(end_of, identity_provider.signing_certificates)):%Y-%m-%d}"


def _rows(targets: Sequence[Target], settings: Settings) -> list[str]:
    header = ["URL path", "account", "role", "lasts", "who may enter"]
    return table([header, *(_row(settings.site, target) for target in targets)])


def _totals(settings: Settings) -> list[str]:
    """How many targets there are by account and by group, the largest first."""
    accounts = Counter(target.role.account_id for target in settings.targets)
    groups = Counter(group for target in settings.targets for group in target.groups or (EVERYONE,))
    names = {number: account.name for number, account in settings.branding.accounts.items()}
    count = (
        f"{len(settings.targets):,} targets in {len(accounts):,} accounts, opened by {len(groups):,} groups"
    )
    return [
        f"  {count}. Rows: --verbose, --account, --target, --group",
        "",
        *_top(
            "account",
            [(f"{number} {names.get(number, '')}".strip(), many) for number, many in accounts.items()],
        ),
        "",
        *_top("group", list(groups.items())),
    ]


def _top(title: str, counts: Sequence[tuple[str, int]]) -> list[str]:
    # What is open to everyone is shown first, however little it is.
    ranked = sorted(counts, key=lambda item: (item[0] != EVERYONE, -item[1], item[0]))
    rows = [[name, f"{many:,}"] for name, many in ranked[:_MAX_TOTALS]]
    left = ranked[_MAX_TOTALS:]
    if left:
        rows.append([f"and {len(left):,} more", f"{sum(many for _, many in left):,}"])
    return table([[title, "targets"], *rows])


def _row(site: Site, target: Target) -> list[str]:
    role = target.role
    return [
        target_path(site, target),
        role.account_id,
        role.role_name,
        duration_text(target.duration),
        _who(target),
    ]


def _aws_rows(answers: Sequence[AwsAnswer], settings: Settings, shown: set[str]) -> list[str]:
    """A row for each target that has one above; of many targets a row for each answer, with their number."""
    pairs = list(zip(answers, settings.targets, strict=True))
    if shown:
        rows = [_aws_row(answer, target) for answer, target in pairs if target.name in shown]
        return table([["URL path", "asked as", "in", "lasts", "why"], *rows])
    alike = Counter(tuple(_aws_row(answer, target)[1:]) for answer, target in pairs)
    return table(
        [["targets", "asked as", "in", "lasts", "why"], *([f"{many:,}", *row] for row, many in alike.items())]
    )


def _aws_row(answer: AwsAnswer, target: Target) -> list[str]:
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


def target_path(site: Site, target: Target) -> str:
    """The path of a target's URL."""
    return f"{site.mount_path}{site.target_path(target.name)}"


# --- as JSON -----------------------------------------------------------------------------


def report_document(report: Report, config: Path) -> dict[str, object]:
    """The report as the object that `--json` prints, with every target."""
    settings, identity_provider = report.settings, report.identity_provider
    document: dict[str, object] = {
        "configuration": str(config),
        "findings": [finding.as_json() for finding in found_so_far(report)],
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


def found_so_far(report: Report) -> list[Finding]:
    """Every finding of the report, and its failure as one."""
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
        "path": target_path(site, target),
        "role_arn": str(target.role),
        "duration": target.duration,
        "groups": list(target.groups),
        "attributes": list(target.attributes),
        "attributes_match": {name: list(globs) for name, globs in target.attribute_globs},
        "open_to_everyone": target.open_to_everyone,
    }


def _aws_document(answer: AwsAnswer) -> dict[str, object]:
    preflight = answer.preflight
    return {
        "path": answer.path,
        "principal_arn": preflight.principal_arn if preflight else None,
        "region": preflight.region if preflight else None,
        "duration": preflight.durations.console_lasts if preflight else None,
    }
