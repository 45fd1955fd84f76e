"""Who the broker is to AWS, and what follows from that for a target. Values, and one rule."""

from __future__ import annotations

from dataclasses import dataclass

from awscons.access.targets import Target
from awscons.aws.durations import CredentialKind, Durations, plan_durations


@dataclass(frozen=True, slots=True)
class Preflight:
    """What can be known about opening a target without opening it."""

    principal_arn: str
    region: str
    durations: Durations


@dataclass(frozen=True, slots=True)
class Principal:
    """Who the broker is to AWS, and where it asked."""

    arn: str
    region: str
    kind: CredentialKind

    def preflight(self, target: Target) -> Preflight:
        """What can be known about opening `target`."""
        return Preflight(self.arn, self.region, plan_durations(target.duration, self.kind)[0])
