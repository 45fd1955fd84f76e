"""The trust policy of a target's role, and the statements that allow one action on either side.

AssumeRole across accounts needs both sides: the trust policy of the role, and the policy of the broker. AssumeRole has
a statement of its own, because its condition key `sts:ExternalId` does not exist for the actions beside it; over all
three it would refuse those (service authorization reference of STS).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from awscons.access.targets import Target
from awscons.aws.role_request import ASSUME_ROLE, needed_actions
from awscons.iam.federation import FederatedTrust
from awscons.iam.policy import Statement, allow, one_or_list, policy

_SESSION = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")


@dataclass(frozen=True, slots=True)
class TrustShape:
    """What makes two roles' trust policies equal, for the same brokers.

    actions        that the trust policy allows, `sts:AssumeRole` first
    external_ids   one of them is required; empty: none
    """

    partition: str
    actions: tuple[str, ...]
    external_ids: tuple[str, ...] = field(default=(), repr=False)

    @property
    def words(self) -> str:
        """The shape as a title: `AssumeRole, SetSourceIdentity, an external id`."""
        names = [action.removeprefix("sts:") for action in self.actions]
        return ", ".join([*names, *(["an external id"] if self.external_ids else [])])


def trust_shape(target: Target, *more: Target) -> TrustShape:
    """The shape of the trust policy that the role of these targets needs.

    A trust policy that requires an external id refuses targets without one: one of those lifts the requirement.
    """
    targets = (target, *more)
    needed = needed_actions(
        source_identity=any(one.terms.source_identity is not None for one in targets),
        tags=any(one.has_tags for one in targets),
    )
    ids = {one.terms.external_id for one in targets}
    return TrustShape(target.role.partition, needed, () if None in ids else tuple(sorted(filter(None, ids))))


def trust_policy(
    shape: TrustShape | None, *brokers: str, strict: bool = False, federated: FederatedTrust | None = None
) -> dict[str, object]:
    """The trust policy of a role of this shape.

    shape    None: no target opens it with AWS credentials
    federated   None: no target opens it with assertions of ours

    brokers  the ARNs of the IAM users or roles that the broker's credentials belong to; usually one
    strict   name the broker itself as the principal. IAM turns that into the broker's unique id, so a broker that is
             deleted and made again is a stranger. Otherwise the principal is the broker's account, bound by
             `aws:PrincipalArn`, which compares the name
    """
    statements = [*federated.statements] if federated is not None else []
    if shape is not None:
        first, *others = shape.actions
        groups = [(first,), *([tuple(others)] if others else [])]
        statements[:0] = [trust_statement(group, shape, *brokers, strict=strict) for group in groups]
    return policy(*statements)


def trust_statement(
    actions: tuple[str, ...], shape: TrustShape, *brokers: str, strict: bool = False
) -> Statement:
    """The statement of a trust policy that allows these actions to the broker."""
    conditions: dict[str, dict[str, str | list[str]]] = {}
    if strict:
        principals = list(brokers)
    else:
        principals = list(dict.fromkeys(account_root(broker) for broker in brokers))
        conditions["ArnEquals"] = {"aws:PrincipalArn": one_or_list(brokers)}
    if ASSUME_ROLE in actions and shape.external_ids:
        conditions["StringEquals"] = {"sts:ExternalId": one_or_list(shape.external_ids)}
    return allow(actions, principals=principals, condition=conditions)


def principal_of(caller: str) -> str:
    """The ARN that policies know, of the ARN that GetCallerIdentity tells.

    A role session is told as `assumed-role/NAME/SESSION`, without the path of the role: a role with a path needs its
    own ARN.
    """
    session = _SESSION.fullmatch(caller)
    if session is None:
        return caller
    return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"


def account_root(broker: str) -> str:
    """The principal that stands for the broker's account."""
    _, partition, _, _, account, _ = broker.split(":", 5)
    return f"arn:{partition}:iam::{account}:root"
