"""The text of IAM policies: how a statement is written, how people review it, and its size as AWS counts it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Statement = Mapping[str, object]
Condition = Mapping[str, Mapping[str, str | list[str]]]

_VERSION = "2012-10-17"


def policy(*statements: Statement) -> dict[str, object]:
    """A policy document of these statements."""
    return {"Version": _VERSION, "Statement": [dict(statement) for statement in statements]}


def allow(
    actions: Sequence[str],
    *,
    resources: Sequence[str] = (),
    principals: Sequence[str] = (),
    federated: Sequence[str] = (),
    condition: Condition | None = None,
) -> Statement:
    """A statement that allows these actions: on resources in an identity policy, to principals in a trust policy.

    federated   the ARNs of SAML providers, as the principal
    Its Sid is made of the actions, which makes it unique in our policies: `AwsconsAssumeRole`.
    """
    names = "And".join(action.partition(":")[2] for action in actions)
    names += "WithSAML" if federated and "WithSAML" not in names else ""
    statement: dict[str, object] = {"Sid": f"Awscons{names}", "Effect": "Allow"}
    if principals:
        statement["Principal"] = {"AWS": one_or_list(principals)}
    if federated:
        statement["Principal"] = {"Federated": one_or_list(federated)}
    statement["Action"] = one_or_list(actions)
    if resources:
        statement["Resource"] = one_or_list(resources)
    return {**statement, "Condition": condition} if condition else statement


def one_or_list(values: Sequence[str]) -> str | list[str]:
    """One value as it is, several as a list: how people write policies."""
    return values[0] if len(values) == 1 else list(values)


def policy_size(document: Mapping[str, object]) -> int:
    """The characters of a policy that count towards IAM's limits: white space does not ("IAM and STS quotas")."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def readable(document: object) -> str:
    """A document as people review it: two spaces, one final newline."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
