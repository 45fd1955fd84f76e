"""What `awscons doctor` prints: findings worst first, and the targets that do not open, by cause."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import click

from awscons.access.targets import Target
from awscons.aws.durations import duration_text
from awscons.aws.opened import TriedRole
from awscons.aws.probe import Probe
from awscons.cli.check_report import finding_lines
from awscons.cli.terminal import printable, table
from awscons.findings import Finding, Severity, has_error, warning
from awscons.iam.missing import Diagnosis, trust_statements
from awscons.iam.policy import allow, readable

NOT_PROVED = (
    "what a role may do; that the console lets people in (AWS Sign-In policies, SCPs); values of session tags and "
    "source identities other than the probe's name; the maximum duration of each role; and that the identity provider "
    "sends what the groups of a target need"
)
RECORDS = "each probe leaves two records of AssumeRole in CloudTrail, the broker's and the role's; a refused one more"
_BY_ASSERTIONS = "this service's identity provider"
_MAX_NAMES = 5
_MAX_RESOURCES = 10
"""Roles that a statement names; for more, `awscons iam` writes patterns."""
_PACKED_WARNING = 80
"""Percent of what AWS accepts."""
_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Door:
    """A probed target; `diagnosis` is None when it opens. `caller`: ARN of the broker, where it is known."""

    target: Target
    tried: TriedRole | None
    diagnosis: Diagnosis | None
    missing: tuple[str, ...]
    caller: str | None


@dataclass(slots=True)
class Examination:
    """What was found so far. `callers`: ARNs that AWS sees for the broker."""

    findings: list[Finding] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether there is no error, and every probed target opens."""
        return not has_error(self.findings) and all(door.diagnosis is None for door in self.doors)


def door_of(probe: Probe, diagnosis: Diagnosis | None, caller: str | None) -> Door:
    """What is told of a probe."""
    return Door(probe.target, probe.tried, diagnosis, probe.missing, caller)


def door_findings(doors: Iterable[Door]) -> Iterator[Finding]:
    """Warnings about targets that open: policies that nearly do not fit, and consoles shorter than configured."""
    for door in doors:
        target, tried = door.target, door.tried
        if tried is None:
            continue
        subject, lasts = target.name, tried.durations.console_lasts
        if (tried.packed_policy_size or 0) > _PACKED_WARNING:
            cause = (
                f"{subject}: session policies and tags take {tried.packed_policy_size} % of what AWS accepts"
            )
            yield warning(subject, cause, "shorten `session_policy`, or send fewer `session_tags`")
        if lasts < target.duration:
            cause = (
                f"{subject}: the console lasts {duration_text(lasts)}, not {duration_text(target.duration)}"
            )
            yield warning(subject, f"{cause}: {tried.durations.reason}")


# --- as text -----------------------------------------------------------------------------


def examination_lines(found: Examination, *, is_one_target: bool) -> Iterator[str]:
    """The report for a terminal: errors first, then the targets that do not open, by cause."""
    ordered = sorted(found.findings, key=lambda finding: _ORDER.index(finding.severity))
    for severity, title in (
        (Severity.ERROR, "Errors:"),
        (Severity.WARNING, "Warnings:"),
        (Severity.INFO, "Also:"),
        (Severity.OK, "Fine:"),
    ):
        yield from finding_lines(title, [one for one in ordered if one.severity is severity])
    if not found.doors:
        return
    opens = sum(door.diagnosis is None for door in found.doors)
    yield from [
        "",
        f"  {opens:,} of {len(found.doors):,} targets open, asked as {', '.join(found.callers) or _BY_ASSERTIONS}",
    ]
    if is_one_target and (tried := found.doors[0].tried):
        lasts = f"{duration_text(tried.durations.console_lasts)} ({tried.durations.reason})"
        size = f"{tried.packed_policy_size or 0} % of what AWS accepts"
        yield from table([["region", tried.region], ["console lasts", lasts], ["policies and tags", size]])
    for diagnosis, doors in _by_cause(found.doors):
        yield from ["", *_cause_lines(diagnosis, doors)]
    yield from ["", f"  Not proved: {NOT_PROVED}.", f"  Traces: {RECORDS}."]


def _by_cause(doors: Iterable[Door]) -> list[tuple[Diagnosis, list[Door]]]:
    """The targets that do not open: those with one cause together, the largest number first."""
    alike: dict[tuple[str, str, str | None], tuple[Diagnosis, list[Door]]] = {}
    for door in doors:
        if door.diagnosis is not None:
            key = (door.diagnosis.cause, door.diagnosis.cure, door.caller)
            alike.setdefault(key, (door.diagnosis, []))[1].append(door)
    return sorted(alike.values(), key=lambda group: -len(group[1]))


def _cause_lines(diagnosis: Diagnosis, doors: Sequence[Door]) -> Iterator[str]:
    number = f"{len(doors):,} targets do not open" if doors[1:] else "1 target does not open"
    yield f"  {number}: {printable(diagnosis.cause)}"
    if diagnosis.cure:
        yield f"      hint: {printable(diagnosis.cure)}"
    names = ", ".join(door.target.name for door in doors[:_MAX_NAMES])
    yield f"      {names}" + (f" and {len(doors) - _MAX_NAMES:,} more" if doors[_MAX_NAMES:] else "")
    caller = doors[0].caller
    if not diagnosis.trust or caller is None:
        return
    # One trust policy for each set of external ids: nobody should give a partner's id to another partner's role.
    by_external_id: dict[str | None, list[Door]] = {}
    for door in doors:
        by_external_id.setdefault(door.target.terms.external_id, []).append(door)
    for own in list(by_external_id.values())[:_MAX_NAMES]:
        of = (
            f" of {own[0].target.name}{' and others' if own[1:] else ''}"
            if by_external_id.keys() != {None}
            else ""
        )
        yield f"      trust policy{of or ' of each role'}:"
        for statement in trust_statements([own[0].target], doors[0].missing, caller):
            yield from _indented(readable(statement))
    roles = list(dict.fromkeys(str(door.target.role) for door in doors))
    if roles[_MAX_RESOURCES:]:
        yield f"      policy of the broker, for {len(roles):,} roles: awscons iam json --for broker --broker ARN"
    else:
        yield "      policy of the broker:"
        yield from _indented(readable(allow(doors[0].missing, resources=roles)))


def _indented(text: str) -> Iterator[str]:
    return (f"        {line}" for line in text.splitlines())


# --- as JSON -----------------------------------------------------------------------------


def examination_document(found: Examination) -> dict[str, object]:
    """The report as the object that `--json` prints."""
    return {
        "findings": [finding.as_json() for finding in found.findings],
        "asked_as": found.callers,
        "targets": [_door_document(door) for door in found.doors],
        "not_proved": NOT_PROVED,
    }


def _door_document(door: Door) -> dict[str, object]:
    tried, diagnosis = door.tried, door.diagnosis
    document: dict[str, object] = {
        "target": door.target.name,
        "role_arn": str(door.target.role),
        "opens": diagnosis is None,
    }
    if tried is not None:
        document |= {
            "region": tried.region,
            "duration": tried.durations.console_lasts,
            "duration_reason": tried.durations.reason,
            "packed_policy_size": tried.packed_policy_size,
        }
    if diagnosis is not None:
        document |= {
            "cause": diagnosis.cause,
            "cure": diagnosis.cure,
            "missing": list(door.missing),
            "trust_statements": list(diagnosis.trust),
            "broker_statements": list(diagnosis.broker),
        }
    return document


def read_failed(file: BinaryIO) -> list[str]:
    """The names of targets that did not open in an earlier output of `--json`. Raises click.UsageError."""
    try:
        document: Mapping[str, object] = json.load(file)
        targets = document["targets"]
        if not isinstance(targets, list):
            raise TypeError  # noqa: TRY301  handled as all else
        return [str(one["target"]) for one in targets if one["opens"] is False]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise click.UsageError("--only: not the output of awscons doctor --json") from None
