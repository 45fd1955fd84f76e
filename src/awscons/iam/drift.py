"""What AWS has, compared with what the configuration needs. Pure rules over what `aws iam` prints.

Policies are compared statement by statement and value by value: the order, one value or a list of one, letter case of
actions, Sids and the two ways to write an account do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from awscons.findings import Finding, Severity, warning
from awscons.iam.federation import FederatedTrust, in_account
from awscons.iam.policy import policy
from awscons.iam.trust import TrustShape, trust_policy, trust_statement

_UNIQUE_ID = re.compile(r"A(?:ID|RO)A[A-Z0-9]{12,}")
_ROOT = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):root")


class NotIamOutput(ValueError):
    """The text is not what `aws iam` prints."""


@dataclass(slots=True)
class Observed:
    """What AWS has.

    trusts         trust policies by the ARN of the role
    whole_accounts the accounts of which every role is known
    policies       the statements of the policies that a user or role has, by its ARN
    unique_ids     ARNs by unique id
    """

    trusts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    whole_accounts: set[str] = field(default_factory=set)
    policies: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    unique_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One action that a statement allows or denies, to one principal or on one resource."""

    effect: str
    action: str
    about: str
    conditions: frozenset[tuple[str, str, frozenset[str]]]


def read_observed(text: str) -> Observed:
    """What was observed, from one or more JSON documents one after the other. Raises NotIamOutput."""
    observed, decoder, at = Observed(), json.JSONDecoder(), 0
    text = text.strip()
    if not text:
        raise NotIamOutput
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
            _observe(document, observed)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise NotIamOutput from None
        at += len(text[at:]) - len(text[at:].lstrip())
    return observed


def _observe(document: Mapping[str, Any], observed: Observed) -> None:
    managed = {
        policy["Arn"]: version["Document"]
        for policy in document.get("Policies", ())
        for version in policy["PolicyVersionList"]
        if version["IsDefaultVersion"]
    }
    if not {"Role", "RoleDetailList", "UserDetailList", "AssumeRolePolicyDocument"} & set(document):
        raise NotIamOutput
    bare = [document] if "AssumeRolePolicyDocument" in document else []
    single = [document["Role"]] if "Role" in document else []
    groups = {group["GroupName"]: group for group in document.get("GroupDetailList", ())}
    for role in (*document.get("RoleDetailList", ()), *single, *bare):
        observed.trusts[role["Arn"]] = _document(role["AssumeRolePolicyDocument"])
        observed.unique_ids[role["RoleId"]] = role["Arn"]
        if role not in (*single, *bare):
            observed.whole_accounts.add(role["Arn"].split(":")[4])
            observed.policies[role["Arn"]] = list(_statements_of(role, "RolePolicyList", managed))
    for user in document.get("UserDetailList", ()):
        observed.unique_ids[user["UserId"]] = user["Arn"]
        own = list(_statements_of(user, "UserPolicyList", managed))
        for name in user.get("GroupList", ()):
            own += _statements_of(groups.get(name, {}), "GroupPolicyList", managed)
        observed.policies[user["Arn"]] = own


def _statements_of(
    owner: Mapping[str, Any], inline: str, managed: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    documents = [policy["PolicyDocument"] for policy in owner.get(inline, ())]
    attached = (policy["PolicyArn"] for policy in owner.get("AttachedManagedPolicies", ()))
    documents += [managed[arn] for arn in attached if arn in managed]
    for document in documents:
        yield from _listed(_document(document)["Statement"])


def _document(value: Any) -> Mapping[str, Any]:
    """A policy document; IAM's API sends it as percent-encoded text, the AWS CLI decodes it."""
    document = json.loads(unquote(value)) if isinstance(value, str) else value
    if not isinstance(document, Mapping) or "Statement" not in document:
        raise NotIamOutput
    return document


# --- the comparison ----------------------------------------------------------------------


def trust_drift(
    arn: str,
    shape: TrustShape | None,
    brokers: Sequence[str],
    observed: Observed,
    *,
    strict: bool,
    federated: FederatedTrust | None = None,
) -> Iterator[Finding]:
    """What the trust policy of a role lacks (errors), and what it has in addition (warnings).

    A trust policy in the other form of `strict` does the same for a broker that was not created again, and is no drift.
    """
    if arn not in observed.trusts:
        if arn.split(":")[4] in observed.whole_accounts:
            yield Finding(Severity.ERROR, arn, f"{arn} does not exist", "create it: awscons iam --with-roles")
        return
    found = set(_rules(_listed(observed.trusts[arn]["Statement"]), observed))
    expected: set[_Rule] = set()
    if federated is not None:
        trusted = in_account(policy(*federated.statements), arn.split(":")[4])
        rules = set(_rules(_listed(trusted["Statement"]), observed))
        expected |= rules
        if rules - found:
            cause = f"the trust policy of {arn} lacks AssumeRoleWithSAML for our assertions, or has other conditions"
            statements = " and ".join(json.dumps(one) for one in _listed(trusted["Statement"]))
            yield Finding(Severity.ERROR, arn, cause, f"add {statements}")
    if shape is not None:
        forms = {
            form: set(_rules(_listed(trust_policy(shape, *brokers, strict=form)["Statement"]), observed))
            for form in (strict, not strict)
        }
        form = min(forms, key=lambda one: len(forms[one] - found))
        expected |= forms[form]
        yield from _missing_for_brokers(arn, shape, brokers, forms[form] - found, found, strict=form)
    yield from _additions(arn, f"the trust policy of {arn}", "to", found - expected)


def _missing_for_brokers(
    arn: str,
    shape: TrustShape,
    brokers: Sequence[str],
    lacking: AbstractSet[_Rule],
    found: AbstractSet[_Rule],
    *,
    strict: bool,
) -> Iterator[Finding]:
    missing = [
        action for action in shape.actions if any(rule.action == action.casefold() for rule in lacking)
    ]
    if not missing:
        return
    needs = f"{', '.join(missing)} for {', '.join(brokers)}"
    cause = f"the trust policy of {arn} lacks {needs}, or has other conditions"
    dead = sorted(rule.about for rule in found if _UNIQUE_ID.fullmatch(rule.about))
    if dead:
        cause += f"; it names {dead[0]}, the unique id of a deleted user or role"
    groups = [[one for one in missing if (one == shape.actions[0]) is first] for first in (True, False)]
    add = [
        json.dumps(trust_statement(tuple(group), shape, *brokers, strict=strict)) for group in groups if group
    ]
    yield Finding(Severity.ERROR, arn, cause, f"add {', '.join(add)}")


def broker_drift(
    broker: str, wanted_documents: Iterable[Mapping[str, Any]], observed: Observed
) -> Iterator[Finding]:
    """What the policies of the broker lack, and what else they allow at STS."""
    if broker not in observed.policies:
        return
    found = {
        rule
        for rule in _rules(observed.policies[broker], observed)
        if rule.action.startswith(("sts:", "*")) or rule.effect == "Deny"
    }
    wanted = {
        rule for document in wanted_documents for rule in _rules(_listed(document["Statement"]), observed)
    }
    for action in sorted({rule.action for rule in wanted - found}):
        missing = sorted(rule.about for rule in wanted - found if rule.action == action)
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        yield Finding(
            Severity.ERROR,
            broker,
            f"the policies of {broker} lack {action} on {missing[0]}{more}, or have other conditions",
            "attach what awscons iam --for broker writes",
        )
    yield from _additions(broker, f"the policies of {broker}", "on", found - wanted)


def _additions(subject: str, policy: str, word: str, rules: Iterable[_Rule]) -> Iterator[Finding]:
    for rule in sorted(rules, key=str):
        words = f"{rule.action} {word} {rule.about}"
        if rule.effect == "Deny":
            yield Finding(
                Severity.ERROR, subject, f"{policy} denies {words}", "see that it spares the broker"
            )
        else:
            yield warning(subject, f"{policy} also allows {words}", "remove it if nobody needs it")


def _rules(statements: Iterable[Mapping[str, Any]], observed: Observed) -> Iterator[_Rule]:
    for statement in statements:
        conditions = frozenset(
            (operator.casefold(), key.casefold(), frozenset(map(str, _listed(values))))
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
        actions = [str(action).casefold() for action in _listed(statement.get("Action", ()))]
        actions += [f"every action but {action}" for action in _listed(statement.get("NotAction", ()))]
        for about in _about(statement, observed):
            for action in actions:
                yield _Rule(statement["Effect"], action, about, conditions)


def _about(statement: Mapping[str, Any], observed: Observed) -> Iterator[str]:
    """The principals of a trust policy, or the resources of an identity policy."""
    for element in ("Principal", "NotPrincipal"):
        named = statement.get(element, {})
        for kind, values in (named if isinstance(named, Mapping) else {"AWS": named}).items():
            for value in _listed(values):
                known = observed.unique_ids.get(value, value)
                text = _ROOT.sub(r"\1", known)
                prefix = "everybody but " if element == "NotPrincipal" else ""
                yield prefix + (text if kind == "AWS" else f"{kind} {text}")
    yield from _listed(statement.get("Resource", ()))
    yield from (f"everything but {value}" for value in _listed(statement.get("NotResource", ())))


def _listed(value: Any) -> list[Any]:
    """IAM takes one value in place of a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
