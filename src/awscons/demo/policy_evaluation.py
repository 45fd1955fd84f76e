"""IAM's evaluation of a policy, for the elements that awscons writes and that its documents meet in the field.

An element, operator or condition key that is not known here raises UnknownElement: a policy that the pretend AWS does
not understand must never count as an Allow. Source: IAM user guide, "Policy evaluation logic" and the reference of
JSON policy elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_OPERATOR = re.compile(
    r"(?:(?P<quantifier>ForAnyValue|ForAllValues):)?(?P<name>[A-Za-z]+?)(?P<if_exists>IfExists)?"
)
_KEYS = frozenset(
    {
        "aws:principalarn",
        "aws:principalorgid",
        "aws:resourceaccount",
        "aws:resourceorgid",
        "aws:sourceidentity",
        "aws:tagkeys",
        "aws:tokenissuetime",
        "aws:userid",
        "iam:policyarn",
        "saml:aud",
        "saml:edupersonentitlement",
        "saml:iss",
        "saml:sub",
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
        "sts:transitivetagkeys",
    }
)
_TAG_KEYS = ("aws:requesttag/", "aws:principaltag/")
Document = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]


class UnknownElement(ValueError):
    """A policy has something that this evaluation does not know."""


class Verdict(Enum):
    """What one policy says about a request."""

    ALLOW = "allow"
    ALLOW_ACCOUNT = "allow, if the caller's own account allows it"
    DENY = "deny"
    SILENT = "no statement applies"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    arn         of the IAM user or role; not of the role session
    session     of the role session; None for a user
    unique_id   `AIDA…` or `AROA…`, which a principal that is made again does not get back
    """

    arn: str
    session: str | None = None
    unique_id: str = ""

    @property
    def account(self) -> str:
        """The twelve digits of its account."""
        return self.arn.split(":")[4]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Keys of `context` are compared without case; a key that is not there has no value."""

    principal: Principal
    action: str
    resource: str
    context: Context


def evaluate(document: Document, request: Request) -> Verdict:
    """What a trust policy or an identity policy says about a request: an explicit deny wins. Raises UnknownElement."""
    found = [_judge(statement, request) for statement in _listed(document["Statement"])]
    for verdict in (Verdict.DENY, Verdict.ALLOW, Verdict.ALLOW_ACCOUNT):
        if verdict in found:
            return verdict
    return Verdict.SILENT


def _judge(statement: Document, request: Request) -> Verdict:
    if unknown := set(statement) - _ELEMENTS:
        raise UnknownElement(f"element {unknown.pop()}")
    by_principal = _principal(statement.get("Principal"), request.principal)
    applies = (
        by_principal is not Verdict.SILENT
        and _is_named(statement, "Action", request.action.casefold())
        and _is_named(statement, "Resource", request.resource)
        and all(
            _holds(operator, key, _listed(wanted), request.context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, wanted in tests.items()
        )
    )
    if not applies:
        return Verdict.SILENT
    return by_principal if statement["Effect"] == "Allow" else Verdict.DENY


def _principal(named: object, who: Principal) -> Verdict:
    """Whether a statement is about that principal; an account stands for those whom its own policies allow."""
    if named is None or named == "*":
        return Verdict.ALLOW
    if not isinstance(named, Mapping) or len(named) != 1 or not set(named) <= {"AWS", "Federated"}:
        raise UnknownElement(f"principal {named}")
    if "Federated" in named:
        return Verdict.ALLOW if who.arn in _listed(named["Federated"]) else Verdict.SILENT
    if ":saml-provider/" in who.arn:
        return Verdict.SILENT
    values = _listed(named["AWS"])
    if {"*", who.arn, who.session, who.unique_id or who.arn} & set(values):
        return Verdict.ALLOW
    partition = who.arn.split(":")[1]
    account = {who.account, f"arn:{partition}:iam::{who.account}:root"}
    return Verdict.ALLOW_ACCOUNT if account & set(values) else Verdict.SILENT


def _is_named(statement: Document, element: str, value: str) -> bool:
    if f"Not{element}" in statement:
        return not _any_glob(statement[f"Not{element}"], value, fold=element == "Action")
    return element not in statement or _any_glob(statement[element], value, fold=element == "Action")


def _any_glob(globs: str | Sequence[str], value: str, *, fold: bool) -> bool:
    return any(_glob(glob.casefold() if fold else glob, value) for glob in _listed(globs))


def _glob(glob: str, value: str) -> bool:
    """IAM's wildcards: `*` is any text, `?` one character; there is nothing else."""
    return fnmatchcase(value, glob.replace("[", "[[]"))


# --- conditions --------------------------------------------------------------------------


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    matched = _OPERATOR.fullmatch(operator)
    if matched is None:
        raise UnknownElement(f"operator {operator}")
    name, quantifier, if_exists = matched["name"], matched["quantifier"], matched["if_exists"]
    values = _values(key, context)
    if name == "Null":
        return (values is None) is (str(wanted[0]).casefold() == "true")
    if values is None:
        # A key that is not there fails a test; negated tests, IfExists and ForAllValues hold without it.
        return bool(if_exists) or quantifier == "ForAllValues" or "Not" in name
    hits = [_matches(name, str(value), wanted) for value in values]
    return all(hits) if quantifier == "ForAllValues" or "Not" in name else any(hits)


def _values(key: str, context: Context) -> Sequence[str] | None:
    folded = key.casefold()
    if folded not in _KEYS and not folded.startswith(_TAG_KEYS):
        raise UnknownElement(f"condition key {key}")
    for name, value in context.items():
        if name.casefold() == folded:
            return _listed(value)
    return None


def _matches(name: str, value: str, wanted: Sequence[str]) -> bool:
    match name:
        case "StringEquals" | "Bool":
            return value in {str(one) for one in wanted}
        case "StringNotEquals":
            return value not in wanted
        case "StringLike" | "ArnLike" | "ArnEquals":  # the two of ARNs are the same
            return any(_glob(one, value) for one in wanted)
        case "StringNotLike" | "ArnNotLike" | "ArnNotEquals":
            return not any(_glob(one, value) for one in wanted)
        case "DateLessThan":
            return any(_moment(value) < _moment(one) for one in wanted)
        case "DateGreaterThan":
            return any(_moment(value) > _moment(one) for one in wanted)
        case _:
            raise UnknownElement(f"operator {name}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(value: Any) -> list[Any]:
    """A policy may have one value in place of a list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [value]
