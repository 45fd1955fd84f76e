"""What the pretend STS reads in an assertion, and refuses: the rules that AWS documents for its SAML providers.

Source: IAM user guide, "Configure SAML assertions for the authentication response" and "Troubleshoot SAML federation";
STS API, AssumeRoleWithSAML, errors. The errors have AWS's codes, because the service reads them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, MutableSet, Sequence
from dataclasses import dataclass
from datetime import datetime

from awscons.aws.partitions import PARTITIONS, is_region
from awscons.demo.pretend_sts_checks import ApiError, AssumeRoleRequest, invalid_request, read_assume_role
from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.assertion import parse_instant
from awscons.saml.metadata import IdpMetadata
from awscons.saml.signature import verify_enveloped
from awscons.saml.xml import Element, check_tree, parse, text_of

_PREFIX = "https://aws.amazon.com/SAML/Attributes/"
_ENTITLEMENT = "urn:oid:1.3.6.1.4.1.5923.1.1.1.7"
_MIN_LENGTH, _MAX_LENGTH = 4, 100_000
_RECIPIENT = re.compile(r"https://(?:(?P<region>[a-z0-9-]+)\.)?(?P<suffix>signin\.[a-z0-9.-]+)/saml")
_TIMES, _CORE = "SAML core 2.5", "SAML core 2"


@dataclass(frozen=True, slots=True)
class Presented:
    """An assertion that counts.

    actions        that the trust policy has to allow, each with the condition keys that AWS knows for it
    session_ends   UTC; SessionNotOnOrAfter
    """

    requested: AssumeRoleRequest
    provider: str
    actions: Mapping[str, Mapping[str, str | list[str]]]
    session_ends: datetime | None


def read_assertion(
    form: Mapping[str, str],
    providers: Mapping[str, IdpMetadata],
    used: MutableSet[str],
    *,
    now: datetime,
    region: str | None = None,
) -> Presented:
    """Read the call.

    used     IDs of assertions that were presented before
    region   whose sign-in page takes the response; None: STS, which takes those for any
    Raises ApiError.
    """
    provider = form.get("PrincipalArn", "")
    metadata = providers.get(provider)
    if metadata is None:
        raise ApiError(400, "InvalidIdentityToken", f"Specified provider doesn't exist: {provider}")
    text = form.get("SAMLAssertion", "")
    if not _MIN_LENGTH <= len(text) <= _MAX_LENGTH:
        raise invalid_request("1 validation error detected: 'sAMLAssertion' failed to satisfy constraint")
    assertion = _verified(text, metadata)
    if assertion.get("ID", "") in used:
        raise _invalid("assertion was used before")
    recipient, name_id = _subject(assertion, now)
    if region is not None and not recipient.startswith(f"https://{region}."):
        raise _invalid("Recipient is another region's sign-in endpoint")
    _check_conditions(assertion, recipient, now)
    issuer = text_of(_one(assertion, names.ISSUER), section=_CORE)
    if issuer != metadata.entity_id:
        raise _invalid("Issuer not present in specified provider")
    attributes = dict(_attributes(assertion))
    if attributes.get(f"{_PREFIX}Role") != [f"{form.get('RoleArn', '')},{provider}"]:
        raise _invalid("RoleArn and PrincipalArn are no pair of the Role attribute")
    requested = read_assume_role(_as_form(form, attributes))
    used.add(assertion.get("ID", ""))
    source = requested.source_identity
    tags: dict[str, str | list[str]] = {
        f"aws:RequestTag/{key}": value for key, value in requested.tags.items()
    }
    named: dict[str, str | list[str]] = {} if source is None else {"sts:SourceIdentity": source}
    # Service authorization reference of STS: the actions beside it know few keys of the assertion, or none.
    actions: dict[str, Mapping[str, str | list[str]]] = {
        "sts:AssumeRoleWithSAML": {
            "saml:aud": recipient,
            "saml:iss": issuer,
            "saml:sub": name_id,
            "saml:edupersonentitlement": attributes.get(_ENTITLEMENT, []),
            "sts:RoleSessionName": requested.name,
            **tags,
            **named,
        }
    }
    if requested.tags:
        actions["sts:TagSession"] = {"saml:aud": recipient, **tags}
    if source is not None:
        actions["sts:SetSourceIdentity"] = named
    ends = _one(assertion, names.AUTHN_STATEMENT).get("SessionNotOnOrAfter")
    return Presented(requested, provider, actions, parse_instant(ends, section=_TIMES) if ends else None)


def role_of(text: str) -> tuple[str, str]:
    """Role and provider that a response names, before anything is verified. Raises ApiError."""
    try:
        attributes = dict(_attributes(parse(base64.b64decode(text, validate=True))))
        role, _, provider = attributes[f"{_PREFIX}Role"][0].partition(",")
    except (ValueError, KeyError, IndexError, ResponseRefused):
        raise _invalid("Invalid SAML Assertion") from None
    return role, provider


def _verified(text: str, metadata: IdpMetadata) -> Element:
    try:
        response = parse(base64.b64decode(text, validate=True))
        check_tree(response)
        if response.tag != names.RESPONSE:
            raise _invalid("Invalid SAML Assertion")
        # The response verifies with the assertion's own signature inside, as it was when the response was signed.
        response = verify_enveloped(response, metadata.signing_certificates)
        if _one(_one(response, names.STATUS), names.STATUS_CODE).get("Value") != names.SUCCESS:
            raise _invalid("Response has no status Success")
        return verify_enveloped(_one(response, names.ASSERTION), metadata.signing_certificates)
    except (ValueError, ResponseRefused):
        raise _invalid("Response signature invalid") from None


def _subject(assertion: Element, now: datetime) -> tuple[str, str]:
    """Recipient and NameID."""
    subject = _one(assertion, names.SUBJECT)
    data = _one(_one(subject, names.SUBJECT_CONFIRMATION), names.SUBJECT_CONFIRMATION_DATA)
    recipient, ends = data.get("Recipient", ""), data.get("NotOnOrAfter")
    matched = _RECIPIENT.fullmatch(recipient)
    partition = next(
        (one for one in PARTITIONS.values() if matched and one.signin_suffix == matched["suffix"]), None
    )
    if (
        matched is None
        or partition is None
        or not is_region(matched["region"] or partition.default_region, partition)
    ):
        raise _invalid("Recipient is no sign-in endpoint")
    if ends is None or parse_instant(ends, section=_TIMES) <= now:
        raise ApiError(400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    return recipient, text_of(_one(subject, names.NAME_ID), section=_CORE) or ""


def _check_conditions(assertion: Element, recipient: str, now: datetime) -> None:
    conditions = _one(assertion, names.CONDITIONS)
    begins, ends = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    if (begins and parse_instant(begins, section=_TIMES) > now) or (
        ends and parse_instant(ends, section=_TIMES) <= now
    ):
        raise ApiError(400, "ExpiredTokenException", "The token is not valid at this time")
    audiences = {text_of(one, section=_CORE) for one in conditions.iter(names.AUDIENCE)}
    own = {"amazonaws.cn": ":cn-north-1", "amazonaws-us-gov.com": ":govcloud"}
    ending = next((ending for suffix, ending in own.items() if f"{suffix}/" in recipient), "")
    if not audiences <= {recipient, f"urn:amazon:webservices{ending}"}:
        raise _invalid("Audience does not name AWS")


def _attributes(assertion: Element) -> Iterator[tuple[str, list[str]]]:
    for attribute in assertion.iter(names.ATTRIBUTE):
        yield (
            attribute.get("Name", ""),
            [text_of(one, section=_CORE) or "" for one in attribute.iter(names.ATTRIBUTE_VALUE)],
        )


def _as_form(form: Mapping[str, str], attributes: Mapping[str, list[str]]) -> dict[str, str]:
    """The parameters that AssumeRole would have, so that both calls have the same limits."""
    given = {name: value for name, value in form.items() if name.startswith(("RoleArn", "Duration", "Polic"))}
    if seconds := attributes.get(f"{_PREFIX}SessionDuration"):
        given["DurationSeconds"] = seconds[0]
    for name in ("RoleSessionName", "SourceIdentity"):
        if values := attributes.get(f"{_PREFIX}{name}"):
            given[name] = _only(name, values)
    tags = [
        (name, values) for name, values in attributes.items() if name.startswith(f"{_PREFIX}PrincipalTag:")
    ]
    for number, (name, values) in enumerate(tags, start=1):
        given[f"Tags.member.{number}.Key"] = name.removeprefix(f"{_PREFIX}PrincipalTag:")
        given[f"Tags.member.{number}.Value"] = _only(name, values)
    for number, key in enumerate(attributes.get(f"{_PREFIX}TransitiveTagKeys", ()), start=1):
        given[f"TransitiveTagKeys.member.{number}"] = key
    return given


def _only(name: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise _invalid(f"{name} must have exactly one value")
    return values[0]


def _one(parent: Element, tag: str) -> Element:
    """The only child of that name."""
    found = parent.findall(tag)
    if len(found) != 1:
        raise _invalid(f"exactly one {tag.rpartition('}')[2]} is needed")
    return found[0]


def _invalid(reason: str) -> ApiError:
    return ApiError(400, "InvalidIdentityToken", reason)
