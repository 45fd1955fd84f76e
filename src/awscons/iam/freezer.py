"""The freezer: a role of an account that may attach AWS's own AWSDenyAll to the roles of targets, and detach it.

It can shut everybody out of a role and let them in again, and do nothing else: IAM can bind AttachRolePolicy to one
policy (`iam:PolicyARN`), while PutRolePolicy has no condition on what the policy says.
"""

from __future__ import annotations

from collections.abc import Iterable

from awscons.access.targets import RoleArn, parse_role_arn
from awscons.aws.role_request import ASSUME_ROLE
from awscons.errors import AwsconsError
from awscons.iam.broker_policy import PolicyKind, PolicyTooLarge
from awscons.iam.policy import allow, policy, policy_size
from awscons.iam.trust import TrustShape, trust_policy

FREEZER_ROLE = "awscons-freezer"
"""Its name where the configuration gives none."""
ACCOUNT_ID = "{account_id}"
"""In the ARN of `freezer_role`: stands for the account of the role that is frozen."""
_ACTIONS = ("iam:AttachRolePolicy", "iam:DetachRolePolicy")
_RESERVED = "AWSReservedSSO_"


class RoleNotFreezable(AwsconsError):
    """The role cannot be frozen."""


def deny_all(partition: str) -> str:
    """The ARN of AWS's managed policy that denies everything."""
    return f"arn:{partition}:iam::aws:policy/AWSDenyAll"


def is_reserved(role: RoleArn) -> bool:
    """Whether the role belongs to IAM Identity Center, which lets nobody else change it."""
    return role.role_name.rpartition("/")[2].startswith(_RESERVED)


def freezer_of(role: RoleArn, freezer: str) -> RoleArn:
    """The freezer role for that role. Raises RoleNotFreezable.

    freezer   as `freezer_role` in the configuration says it: the name of a role in each account, or an ARN
    """
    if is_reserved(role):
        raise RoleNotFreezable(
            f"{role} belongs to IAM Identity Center, which lets nobody else change it",
            hint="remove the assignment of the person in IAM Identity Center, and delete the session there",
        )
    arn = freezer if freezer.startswith("arn:") else f"arn:{role.partition}:iam::{ACCOUNT_ID}:role/{freezer}"
    found = parse_role_arn(arn.replace(ACCOUNT_ID, role.account_id))
    if found is None or (found.partition, found.account_id) != (role.partition, role.account_id):
        raise RoleNotFreezable(
            f"`freezer_role` names no role in the account of {role}",
            hint=f"a role changes roles of its own account only: give a name, or an ARN with {ACCOUNT_ID}",
        )
    return found


def freezer_trust(partition: str, *callers: str, strict: bool = False) -> dict[str, object]:
    """The trust policy of the freezer role. `callers`: the ARNs that may assume it; `strict`: see `trust_policy`."""
    return trust_policy(TrustShape(partition, (ASSUME_ROLE,)), *callers, strict=strict)


def freezer_policy(roles: Iterable[RoleArn]) -> dict[str, object] | None:
    """The inline policy of the freezer role of one account; None if none of these roles can be frozen.

    Raises PolicyTooLarge.
    """
    found = sorted({role for role in roles if not is_reserved(role)}, key=str)
    if not found:
        return None
    condition = {"ArnEquals": {"iam:PolicyARN": deny_all(found[0].partition)}}
    document = policy(allow(_ACTIONS, resources=[str(role) for role in found], condition=condition))
    if policy_size(document) > PolicyKind.ROLE_INLINE.value:
        raise PolicyTooLarge(
            f"the freezer policy of account {found[0].account_id} would have {policy_size(document):,} characters; "
            f"IAM takes {PolicyKind.ROLE_INLINE.value:,}"
        )
    return document
