"""The broker's own policy: which roles it may assume. By shape where roles are alike, else role by role.

A policy that names three thousand roles is 140,000 characters; IAM takes 6,144 in a managed policy and attaches ten of
them ("IAM and STS quotas"). So roles below one path become one pattern, bound to the organization or to the accounts,
and roles of one name in many accounts become that name and the list of accounts. What is left is spread over as few
policies as the limit allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count
from math import ceil

from awscons.access.targets import RoleArn, Target
from awscons.errors import AwsconsError
from awscons.iam.policy import Statement, allow, one_or_list, policy, policy_size
from awscons.iam.trust import trust_shape

MAX_ATTACHED = 10
"""Managed policies of one user or role."""
_SID_DIGITS = 4
"""Characters to spare for the number that makes a Sid unique in its policy."""


class PolicyKind(Enum):
    """Where a policy is kept; the value is its limit in characters, white space apart."""

    USER_INLINE = 2_048
    ROLE_INLINE = 10_240
    MANAGED = 6_144


class PolicyTooLarge(AwsconsError):
    """IAM does not take the document, however it is split."""


@dataclass(frozen=True, slots=True)
class _Reach:
    """One statement of the policy. `values` of the condition key `key` may be split, and so may `resources`."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    key: str = ""
    values: tuple[str, ...] = ()

    @property
    def statement(self) -> Statement:
        condition = {"StringEquals": {self.key: one_or_list(self.values)}} if self.key else None
        return allow(self.actions, resources=self.resources, condition=condition)

    @property
    def size(self) -> int:
        return policy_size(self.statement) + _SID_DIGITS

    def parts(self, limit: int) -> list[_Reach]:
        """As few statements over equal parts of the longer list as stay below the limit."""
        by_value = len(self.values) > len(self.resources)
        longer = self.values if by_value else self.resources
        for number in count(1):
            size = ceil(len(longer) / number)
            slices = [longer[at : at + size] for at in range(0, len(longer), size)]
            found = [
                replace(self, values=one) if by_value else replace(self, resources=one) for one in slices
            ]
            if size == 1 or all(part.size <= limit for part in found):
                return found
        raise AssertionError  # pragma: no cover  `count` does not end


def broker_policies(
    targets: Sequence[Target],
    *,
    organization: str | None = None,
    strict: bool = False,
    kind: PolicyKind = PolicyKind.MANAGED,
) -> list[dict[str, object]]:
    """The policies that the broker of these targets, all of one partition, needs.

    organization   id of the AWS organization (`o-…`) that the accounts belong to; roles with an external id are taken
                   to be another company's, and named one by one
    strict         no pattern for the roles below a path: only the roles of targets
    Raises PolicyTooLarge for what fits into no policy of that kind, or into too many.
    """
    envelope = policy_size(policy())
    reaches = [
        part
        for reach in _reaches(targets, organization, strict=strict)
        for part in reach.parts(kind.value - envelope)
    ]
    found = [_numbered(part) for part in _packed(reaches, kind.value - envelope)]
    most = MAX_ATTACHED if kind is PolicyKind.MANAGED else 1
    if len(found) > most or any(policy_size(document) > kind.value for document in found):
        raise PolicyTooLarge(
            f"{len(targets):,} targets need {len(found):,} policies of {kind.value:,} characters; "
            f"IAM attaches {most} to one user or role",
            hint="give the roles one path, such as role/sso/, and name the organization (--organization), so that "
            "one pattern stands for them; or use several brokers (aws_profile_name of a target)",
        )
    return found


def shared_path(roles: Iterable[RoleArn]) -> str:
    """The longest path, with its final slash, that all these roles are in; empty if there is none."""
    paths = [role.role_name.rpartition("/")[0].split("/") for role in roles]
    shared: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1 or not parts[0]:
            break
        shared.append(parts[0])
    return "".join(f"{part}/" for part in shared)


# --- from roles to statements ------------------------------------------------------------


def _reaches(targets: Iterable[Target], organization: str | None, *, strict: bool) -> Iterator[_Reach]:
    by_role: dict[RoleArn, list[Target]] = {}
    for target in sorted(targets, key=lambda target: str(target.role)):
        by_role.setdefault(target.role, []).append(target)
    actions_of = {role: trust_shape(*own).actions for role, own in by_role.items()}
    by_path: dict[str, list[RoleArn]] = {}
    for role, own in by_role.items():
        is_foreign = organization is not None and any(target.terms.external_id for target in own)
        first, slash, _ = role.role_name.partition("/")
        by_path.setdefault("" if strict or is_foreign or not slash else first, []).append(role)
    by_name = by_path.pop("", [])
    for roles in by_path.values():
        if len(roles) == 1:
            by_name += roles
            continue
        actions = trust_shape(*(target for role in roles for target in by_role[role])).actions
        pattern = f"arn:{roles[0].partition}:iam::*:role/{_literal(shared_path(roles))}*"
        if organization:
            yield _Reach(actions, (pattern,), "aws:ResourceOrgID", (organization,))
        else:
            accounts = tuple(sorted({role.account_id for role in roles}))
            yield _Reach(actions, (pattern,), "aws:ResourceAccount", accounts)
    by_actions: dict[tuple[str, ...], list[RoleArn]] = {}
    for role in by_name:
        by_actions.setdefault(actions_of[role], []).append(role)
    for actions, roles in by_actions.items():
        yield from _by_name(actions, roles)


def _by_name(actions: tuple[str, ...], roles: Sequence[RoleArn]) -> Iterator[_Reach]:
    """Exactly these roles: the names that the same accounts have together, if that is shorter than every ARN."""
    accounts_of: dict[str, set[str]] = {}
    for role in roles:
        accounts_of.setdefault(role.role_name, set()).add(role.account_id)
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, found in accounts_of.items():
        alike.setdefault(tuple(sorted(found)), []).append(name)
    single: list[str] = []
    arn = f"arn:{roles[0].partition}:iam::{{}}:role/{{}}"
    for accounts, plain_names in alike.items():
        names = [_literal(name) for name in plain_names]
        every = [arn.format(account, name) for account in accounts for name in names]
        product = _Reach(
            actions, tuple(arn.format("*", name) for name in names), "aws:ResourceAccount", accounts
        )
        if product.size < _Reach(actions, tuple(every)).size:
            yield product
        else:
            single += every
    if single:
        yield _Reach(actions, tuple(sorted(single)))


def _literal(name: str) -> str:
    """A name with a path, as a policy writes it: a path may hold signs that policies read as wildcards or variables."""
    return "".join(f"${{{sign}}}" if sign in "*?$" else sign for sign in name)


# --- from statements to policies ---------------------------------------------------------


def _packed(reaches: Iterable[_Reach], limit: int) -> list[list[Statement]]:
    """Each statement in the first policy that has room for it."""
    packed: list[tuple[int, list[Statement]]] = []
    for reach in reaches:
        for number, (size, statements) in enumerate(packed):
            if size + 1 + reach.size <= limit:
                packed[number] = (size + 1 + reach.size, [*statements, reach.statement])
                break
        else:
            packed.append((reach.size, [reach.statement]))
    return [statements for _, statements in packed]


def _numbered(statements: Sequence[Statement]) -> dict[str, object]:
    """A policy of these statements; a Sid occurs once in a policy."""
    seen: dict[object, int] = {}
    numbered = []
    for statement in statements:
        sid = statement["Sid"]
        seen[sid] = seen.get(sid, 0) + 1
        numbered.append({**statement, "Sid": f"{sid}{seen[sid]}" if seen[sid] > 1 else sid})
    return policy(*numbered)
