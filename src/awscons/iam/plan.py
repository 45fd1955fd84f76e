"""What has to exist at AWS for a configuration: policies, and on request roles. The forms beside this write it down.

A plan is small for many accounts: roles that need the same trust policy share one, and roles that differ in their
account alone are one entry with a list of accounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from awscons.access.targets import RoleArn, Target
from awscons.aws.role_request import ASSUME_ROLE_WITH_SAML
from awscons.iam.broker_policy import PolicyKind, PolicyTooLarge, broker_policies
from awscons.iam.federation import FederatedTrust, Federation, PlannedProvider
from awscons.iam.freezer import freezer_of, freezer_policy, freezer_trust, is_reserved
from awscons.iam.policy import policy_size
from awscons.iam.trust import TrustShape, trust_policy, trust_shape

MAX_TRUST_SIZE = 2048
"""Characters of a trust policy, white space apart; AWS raises the quota to 4,096 on request."""
_MIN_ROLE_DURATION = 3600
_MAX_NAMED = 10
_BROKER = re.compile(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:(?:user|role)/[\x21-\x7e]{1,576}")


@dataclass(frozen=True, slots=True)
class PlannedPolicy:
    """A policy.

    name      of the policy, of its file and of its resource in a template
    why       sentences that explain it to a reviewer
    brokers   the user or role to attach it to, or the brokers that a trust policy lets in; empty: not known
    roles     the ARNs of the roles that need a trust policy
    """

    name: str
    document: Mapping[str, object]
    why: tuple[str, ...]
    brokers: Sequence[str] = ()
    roles: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PlannedRole:
    """A role that exists, with equal settings, in each of the accounts.

    inline        inline policies by name
    for_people    whether its permissions are its owner's business, and not in this plan
    """

    name: str
    role_name: str
    path: str
    max_session_duration: int
    trust: PlannedPolicy
    accounts: tuple[str, ...]
    why: tuple[str, ...]
    inline: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    for_people: bool = True

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARN of the role in each account; all are in one partition."""
        partition = self.trust.roles[0].split(":")[1]
        return tuple(
            f"arn:{partition}:iam::{account}:role{self.path}{self.role_name}" for account in self.accounts
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that has to exist. `trusts` are those of `roles` too, where roles are planned."""

    broker: tuple[PlannedPolicy, ...] = ()
    trusts: tuple[PlannedPolicy, ...] = ()
    roles: tuple[PlannedRole, ...] = ()
    providers: tuple[PlannedProvider, ...] = ()


def is_broker(arn: str) -> bool:
    """Whether `arn` names an IAM user or role. A role session or a whole account is neither."""
    return _BROKER.fullmatch(arn) is not None


def plan_broker(
    targets: Iterable[Target], broker_of: Callable[[Target], str], *, organization: str | None, strict: bool
) -> tuple[PlannedPolicy, ...]:
    """The policies of every broker.

    broker_of   the ARN of the user or role that opens a target; where it is not known, any other name for it
    Raises PolicyTooLarge.
    """
    groups: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.role.partition, broker_of(target)), []).append(target)
    planned, names = [], Names()
    for (partition, broker), own in groups.items():
        documents = broker_policies(own, organization=organization, strict=strict)
        whose = f"-{_word(partition)}-{_word(broker.rpartition('/')[2])}" if len(groups) > 1 else ""
        stem = names.unique(f"awscons-broker{whose}")
        for number, document in enumerate(documents, start=1):
            name = f"{stem}-{number}" if len(documents) > 1 else stem
            why = (
                f"Lets {broker or 'the broker'} assume the roles of {_named(own)}.",
                *([f"Policy {number} of {len(documents)}: attach them all."] if len(documents) > 1 else []),
                f"Its {_where(policy_size(document), len(documents))}.",
                *_breadth(document, organization),
            )
            planned.append(PlannedPolicy(name, document, why, (broker,) if is_broker(broker) else ()))
    return tuple(planned)


def plan_roles(
    targets: Iterable[Target],
    broker_of: Callable[[Target], str],
    *,
    strict: bool,
    inline: Mapping[str, Mapping[str, object]] | None = None,
    federation: Federation | None = None,
) -> Plan:
    """The trust policies and the roles of the targets. Raises PolicyTooLarge.

    federation   how roles trust assertions of ours; None: no target needs that
    """
    by_role: dict[RoleArn, list[Target]] = {}
    for target in targets:
        by_role.setdefault(target.role, []).append(target)
    by_trust: dict[_Trusted, list[list[Target]]] = {}
    for own in by_role.values():
        with_keys = [target for target in own if not target.keyless]
        trusted = _Trusted(
            own[0].role.partition,
            trust_shape(*with_keys) if with_keys else None,
            tuple(dict.fromkeys(broker_of(target) for target in with_keys)),
            federation.trust(own) if federation else None,
        )
        by_trust.setdefault(trusted, []).append(own)
    trusts, roles, names = [], [], Names()
    for trusted, members in by_trust.items():
        trust = _trust(trusted, members, strict=strict, names=names)
        trusts.append(trust)
        alike: dict[tuple[str, int], list[Target]] = {}
        for own in members:
            longest = max(_MIN_ROLE_DURATION, *(target.longest_duration for target in own))
            alike.setdefault((own[0].role.role_name, longest), []).extend(own)
        for (full_name, longest), found in alike.items():
            path, slash, role_name = full_name.rpartition("/")
            why = (
                f"For {_named(found)}.",
                "Its permissions are its owner's decision: attach the policies that people should have.",
            )
            accounts = tuple(sorted({target.role.account_id for target in found}))
            roles.append(
                PlannedRole(
                    names.unique(f"awscons-role-{_word(role_name)}"),
                    role_name,
                    f"/{path}{slash}",
                    longest,
                    trust,
                    accounts,
                    why,
                    inline or {},
                )
            )
    return Plan(trusts=tuple(trusts), roles=tuple(roles))


def plan_freezers(targets: Iterable[Target], callers: Sequence[str], freezer: str) -> Plan:
    """The freezer roles for the roles of the targets: accounts with the same roles share one entry.

    callers   ARNs of the users or roles that may freeze, in the partition of the targets
    freezer   see `freezer_of`
    Raises RoleNotFreezable, PolicyTooLarge.
    """
    roles_in: dict[str, set[RoleArn]] = {}
    for target in targets:
        if not is_reserved(target.role):
            roles_in.setdefault(target.role.account_id, set()).add(target.role)
    alike: dict[tuple[str, ...], list[RoleArn]] = {}
    for found in roles_in.values():
        names = tuple(sorted(role.role_name for role in found))
        alike.setdefault(names, []).append(min(found, key=str))
    if not alike:
        return Plan()
    partition = callers[0].split(":")[1]
    suffix = "" if partition == "aws" else f"-{partition}"
    arns = tuple(str(freezer_of(one, freezer)) for members in alike.values() for one in members)
    why = (f"Lets {', '.join(callers)} freeze and thaw the roles of targets: awscons revoke.",)
    trust = PlannedPolicy(
        f"awscons-trust-freezer{suffix}", freezer_trust(partition, *callers), why, callers, arns
    )
    roles, unique = [], Names()
    for names, members in alike.items():
        # A role changes roles of its own account only, so that `*` stands for that account.
        policy = freezer_policy(RoleArn(partition, "*", name) for name in names) or {}
        path, slash, name = freezer_of(members[0], freezer).role_name.rpartition("/")
        accounts = tuple(sorted(role.account_id for role in members))
        about = (f"Attaches AWSDenyAll to {', '.join(names)}, detaches it again, and may do nothing else.",)
        planned = PlannedRole(
            unique.unique(f"awscons-freezer-role{suffix}"),
            name,
            f"/{path}{slash}",
            _MIN_ROLE_DURATION,
            trust,
            accounts,
            about,
            {"awscons-freezer": policy},
            for_people=False,
        )
        roles.append(planned)
    return Plan(trusts=(trust,), roles=tuple(roles))


@dataclass(frozen=True, slots=True)
class _Trusted:
    """Whom a role trusts: what makes two trust policies equal."""

    partition: str
    shape: TrustShape | None
    brokers: tuple[str, ...]
    federated: FederatedTrust | None

    @property
    def words(self) -> str:
        """As a title."""
        parts = [self.shape.words] if self.shape else []
        return ", ".join([*parts, *(["assertions of awscons"] if self.federated else [])])

    @property
    def file_words(self) -> list[str]:
        """As parts of a file's name."""
        actions = {
            *(self.shape.actions if self.shape else ()),
            *(self.federated.actions if self.federated else ()),
        }
        words = [word for action, word in _WORDS.items() if action in actions]
        return [*words, *(["external-id"] if self.shape and self.shape.external_ids else [])]


def _trust(
    trusted: _Trusted, members: Sequence[Sequence[Target]], *, strict: bool, names: Names
) -> PlannedPolicy:
    shape, brokers = trusted.shape, trusted.brokers
    document = trust_policy(shape, *brokers, strict=strict, federated=trusted.federated)
    targets = [target for own in members for target in own]
    ids = shape.external_ids if shape else ()
    if (size := policy_size(document)) > MAX_TRUST_SIZE:
        raise PolicyTooLarge(
            f"the trust policy of {targets[0].role} has {size:,} characters; IAM takes {MAX_TRUST_SIZE:,}",
            hint=f"{len(targets)} targets with {len(ids)} external ids and {len(brokers)} brokers "
            "share it; AWS raises the quota to 4,096 on request",
        )
    why = [f"Trust policy for {_named(targets)}: {trusted.words}."]
    if shape and ids and len(shape.actions) > 1:
        why.append(
            "sts:ExternalId is a condition key of AssumeRole alone: it would refuse the other actions."
        )
    if trusted.federated is not None:
        why.append(
            "SAML:aud names the sign-in endpoint of each region: without one, no failover to it works."
        )
    if shape is not None:
        why.append(
            "IAM stores the unique id of the principal: a broker that is deleted and created again is refused."
            if strict
            else "The principal is the broker's account, and the condition compares the broker's ARN: a broker that is "
            "deleted and created again under its name is let in. --strict names the broker itself."
        )
    name = "-".join(["awscons-trust", *trusted.file_words])
    roles = tuple(dict.fromkeys(str(target.role) for target in targets))
    return PlannedPolicy(names.unique(name), document, tuple(why), brokers, roles, ids)


_WORDS = {
    ASSUME_ROLE_WITH_SAML: "saml",
    "sts:SetSourceIdentity": "source-identity",
    "sts:TagSession": "session-tags",
}


class Names:
    """Names that occur once: a second one of the same name gets a number."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """`name`, or `name-2`; letters that differ in case alone are the same, as in some file systems."""
        number = self._seen[name.casefold()] = self._seen.get(name.casefold(), 0) + 1
        return name if number == 1 else self.unique(f"{name}-{number}")


def _word(text: str) -> str:
    """`text` as a part of a name: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _named(targets: Sequence[Target]) -> str:
    names = list(dict.fromkeys(target.name for target in targets))
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return f"the target{'s' if len(names) > 1 else ''} {', '.join(names[:_MAX_NAMED])}{more}"


def _where(size: int, count: int) -> str:
    """Where a policy of that size fits."""
    fits = [f"a managed policy ({PolicyKind.MANAGED.value:,})"]
    if count == 1:
        fits += [f"an inline policy of a role ({PolicyKind.ROLE_INLINE.value:,})"]
        fits += (
            [f"of a user ({PolicyKind.USER_INLINE.value:,})"] if size <= PolicyKind.USER_INLINE.value else []
        )
    return f"{size:,} characters fit {', '.join(fits)}"


def _breadth(document: Mapping[str, object], organization: str | None) -> list[str]:
    if "/*" not in str(document):
        return []
    where = f"in the organization {organization}" if organization else "in the accounts that it lists"
    return [
        f"It reaches every role below the path {where}: keep only roles for people there, or use --strict."
    ]
