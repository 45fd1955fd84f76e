"""The checks of a response and its assertion: one function for each section of the standard, named in it.

The functions get verified trees, expected values and the time. Each checks one rule, and raises
ResponseRefused or returns what it read. All comparisons are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awscons.errors import ResponseRefused
from awscons.saml import names
from awscons.saml.differences import near_match_hint
from awscons.saml.xml import (
    Element,
    element_children,
    only_child,
    required_attribute,
    text_of,
)

# SAML core 1.3.3: UTC, written with Z. Identity providers send none to seven fraction digits.
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_QUALIFIERS = ("Format", "NameQualifier", "SPNameQualifier")
MAX_NAME_LENGTH = 1_024
"""Characters of a NameID, its qualifiers, a SessionIndex or an ID; they go into logs and records."""
_ACS_HINT = "`acs_url` here and the reply (ACS) URL at the identity provider must be the same text"
_AUDIENCE_HINT = "`spid` here and the audience (SP entity ID) at the identity provider must be the same text"
_OLDEST_AUTHENTICATION = datetime(2005, 3, 1, tzinfo=UTC)
"""SAML 2.0 became a standard in that month; nobody authenticated under it before."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A signed assertion after all checks. The rest of the project reads nothing else of a response.

    name_id_qualifiers        Format, NameQualifier and SPNameQualifier of the NameID, those that it has
    not_on_or_after           UTC; until then, plus skew, the assertion has to be remembered against replay
    authn_instant             UTC; when the person authenticated at the identity provider
    authn_context             URIs of AuthnContextClassRef; empty when it has none
    session_not_on_or_after   UTC or None; our login ends then at the latest
    attributes                by Name as sent; repeated Names are merged, values keep their order
    """

    assertion_id: str
    idp_entity_id: str
    name_id: str
    name_id_qualifiers: Mapping[str, str]
    session_index: str | None
    not_on_or_after: datetime
    authn_instant: datetime
    authn_context: tuple[str, ...]
    session_not_on_or_after: datetime | None
    attributes: Mapping[str, tuple[str, ...]]


def parse_instant(text: str, *, section: str) -> datetime:
    """A SAML instant as UTC datetime (SAML core 1.3.3). Fractions are cut to microseconds."""
    matched = _INSTANT.fullmatch(text)
    if matched is None:
        raise ResponseRefused("instant", section=section, expected="UTC instant with Z", received=text)
    *whole, fraction = matched.groups("")
    year, month, day, hour, minute, second = map(int, whole)
    microsecond = int(fraction.ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    except ValueError:
        raise ResponseRefused("instant", section=section, received=text) from None


def build_instant(moment: datetime) -> str:
    """A moment, UTC, as a SAML instant to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_issuer(received: str | None, *, expected: str) -> None:
    """SAML core 2.2.5: exactly the entity ID of the trusted identity provider."""
    if received != expected:
        raise ResponseRefused(
            "issuer",
            section="SAML core 2.2.5",
            expected=expected,
            received=received or "",
            hint=near_match_hint(
                expected,
                [received or ""],
                "`issuer` in saml_config must be exactly the identity provider's entity ID",
            ),
        )


def check_response_destination(response: Element, *, expected: str, response_is_signed: bool) -> None:
    """SAML bindings 3.5.5.2: required when the Response is signed; if there is one, it is our ACS URL."""
    received = response.get("Destination")
    if received is None and not response_is_signed:
        return
    if received != expected:
        raise ResponseRefused(
            "response destination",
            section="SAML bindings 3.5.5.2",
            expected=expected,
            received=received or "",
            hint=near_match_hint(expected, [received or ""], _ACS_HINT),
        )


def check_in_response_to(element: Element, *, expected: str) -> None:
    """SAML profiles 4.1.4.2, stricter: always required, because unsolicited responses are refused."""
    received = element.get("InResponseTo")
    if received != expected:
        raise ResponseRefused(
            "in response to", section="SAML profiles 4.1.4.2", expected=expected, received=received or ""
        )


def read_name_id(assertion: Element) -> tuple[str, dict[str, str]]:
    """SAML core 2.2.3 and 2.4.1: exactly one NameID, text only, not empty. Returns it and its qualifiers."""
    subject = only_child(assertion, names.SUBJECT, section="SAML core 2.4.1")
    element = only_child(subject, names.NAME_ID, section="SAML core 2.4.1")
    name_id = text_of(element, section="SAML core 2.2.3")
    # White space, control and format characters name nobody.
    if not any(character.isprintable() and character != " " for character in name_id):
        raise ResponseRefused(
            "NameID is empty",
            section="SAML core 2.2.3",
            hint="the identity provider needs a rule that issues a NameID",
        )
    return check_name_length(name_id, "NameID"), qualifiers_of(element)


def qualifiers_of(name_id: Element) -> dict[str, str]:
    """The qualifiers that a NameID has (SAML core 2.2.2); a LogoutRequest has to repeat them."""
    return {
        name: check_name_length(value, name)
        for name in _QUALIFIERS
        if (value := name_id.get(name)) is not None
    }


def check_name_length(text: str, name: str) -> str:
    """`text`, an identifier that the identity provider made. Raises ResponseRefused when it is too long."""
    if len(text) > MAX_NAME_LENGTH:
        raise ResponseRefused(
            f"{name} too long",
            section="house rule, names",
            expected=f"at most {MAX_NAME_LENGTH:,} characters",
            received=text,
        )
    return text


def check_subject_confirmation(
    assertion: Element, *, expected_recipient: str, expected_request_id: str, now: datetime, skew: timedelta
) -> datetime:
    """SAML profiles 4.1.4.2: a bearer confirmation for us, for this request, in time.

    Returns its NotOnOrAfter, in UTC.
    """
    # A bearer confirmation ties the assertion to this sign-in: Recipient names our ACS URL and InResponseTo
    # our request, so an assertion for another service or another request is refused. A subject may have
    # several confirmations, and one good one is enough (SAML core 2.4.1.1). When all of them fail, the
    # refusal of the last one is reported.
    subject = only_child(assertion, names.SUBJECT, section="SAML core 2.4.1")
    confirmations = [child for child in subject if child.tag == names.SUBJECT_CONFIRMATION]
    refusal = ResponseRefused("no subject confirmation", section="SAML profiles 4.1.4.2")
    for confirmation in confirmations:
        try:
            return _check_bearer(
                confirmation,
                expected_recipient=expected_recipient,
                expected_request_id=expected_request_id,
                now=now,
                skew=skew,
            )
        except ResponseRefused as error:
            refusal = error
    raise refusal


def _check_bearer(
    confirmation: Element,
    *,
    expected_recipient: str,
    expected_request_id: str,
    now: datetime,
    skew: timedelta,
) -> datetime:
    section = "SAML profiles 4.1.4.2"
    if confirmation.get("Method") != names.BEARER:
        raise ResponseRefused(
            "confirmation method",
            section=section,
            expected=names.BEARER,
            received=confirmation.get("Method", ""),
        )
    data = only_child(confirmation, names.SUBJECT_CONFIRMATION_DATA, section=section)
    recipient = required_attribute(data, "Recipient", section=section)
    if recipient != expected_recipient:
        raise ResponseRefused(
            "recipient",
            section=section,
            expected=expected_recipient,
            received=recipient,
            hint=near_match_hint(expected_recipient, [recipient], _ACS_HINT),
        )
    check_in_response_to(data, expected=expected_request_id)
    end = required_attribute(data, "NotOnOrAfter", section=section)
    return _check_period(data.get("NotBefore"), end, now=now, skew=skew, section=section)


def _check_period(
    not_before: str | None, not_on_or_after: str, *, now: datetime, skew: timedelta, section: str
) -> datetime:
    """NotBefore is inclusive, NotOnOrAfter exclusive, both with a tolerance of `skew`. Returns the end, UTC."""
    hint = "the clocks of this host and of the identity provider differ, or the response took too long"
    if not_before is not None and now + skew < parse_instant(not_before, section=section):
        raise ResponseRefused(
            "not yet valid", section=section, expected=now.isoformat(), received=not_before, hint=hint
        )
    end = parse_instant(not_on_or_after, section=section)
    if now - skew >= end:
        raise ResponseRefused(
            "expired", section=section, expected=now.isoformat(), received=not_on_or_after, hint=hint
        )
    return end


def check_conditions(
    assertion: Element, *, expected_audience: str, now: datetime, skew: timedelta
) -> datetime:
    """SAML core 2.5.1: in time, for us, and without unknown conditions.

    Stricter than the standard: NotOnOrAfter and an AudienceRestriction are required. One of the Audiences in
    every AudienceRestriction must be our entity ID. Returns NotOnOrAfter, in UTC.
    """
    section = "SAML core 2.5.1"
    conditions = only_child(assertion, names.CONDITIONS, section=section)
    end = _check_period(
        conditions.get("NotBefore"),
        required_attribute(conditions, "NotOnOrAfter", section=section),
        now=now,
        skew=skew,
        section=section,
    )
    restrictions = []
    for condition in element_children(conditions):
        if condition.tag == names.AUDIENCE_RESTRICTION:
            restrictions.append(condition)
        elif condition.tag not in {names.ONE_TIME_USE, names.PROXY_RESTRICTION}:
            raise ResponseRefused("unknown condition", section="SAML core 2.5.1.1", received=condition.tag)
    if not restrictions:
        raise ResponseRefused("no audience restriction", section="SAML core 2.5.1.4")
    for restriction in restrictions:
        _check_audience(restriction, expected_audience)
    return end


def _check_audience(restriction: Element, expected_audience: str) -> None:
    section = "SAML core 2.5.1.4"
    audiences = []
    for child in element_children(restriction):
        if child.tag != names.AUDIENCE:
            raise ResponseRefused("audience restriction", section=section, received=child.tag)
        # Audience is an anyURI; white space around it has no meaning (XML schema 3.2.17).
        audiences.append(text_of(child, section=section).strip(" \t\r\n"))
    if expected_audience not in audiences:
        raise ResponseRefused(
            "audience",
            section=section,
            expected=expected_audience,
            received=audiences,
            hint=near_match_hint(expected_audience, audiences, _AUDIENCE_HINT),
        )


@dataclass(frozen=True, slots=True)
class Authentication:
    """The AuthnStatements of an assertion, combined; all times UTC."""

    instant: datetime
    context: tuple[str, ...]
    session_index: str | None
    session_not_on_or_after: datetime | None


def check_authn_statement(
    assertion: Element,
    *,
    now: datetime,
    skew: timedelta,
    authenticated_after: datetime | None,
    expected_context: tuple[str, ...],
) -> Authentication:
    """SAML core 2.7.2: the person authenticated at a plausible time, and their session has not ended.

    authenticated_after   UTC; when a fresh authentication is required, the moment of the request
    expected_context      URIs of AuthnContextClassRef, one of which is required; empty: any
    Of several statements, the latest authentication counts with its context, and the earliest session end. So
    an old second factor beside a fresh password does not count as a fresh second factor.
    """
    section = "SAML core 2.7.2"
    statements = [child for child in assertion if child.tag == names.AUTHN_STATEMENT]
    if not statements:
        raise ResponseRefused("no authentication statement", section=section)
    instants, ends, indexes, contexts = [], [], [], []
    for statement in statements:
        contexts.append(_context_of(only_child(statement, names.AUTHN_CONTEXT, section=section)))
        instants.append(
            parse_instant(required_attribute(statement, "AuthnInstant", section=section), section=section)
        )
        end = statement.get("SessionNotOnOrAfter")
        if end is not None:
            ends.append(_check_period(None, end, now=now, skew=skew, section=section))
        indexes.append(check_name_length(statement.get("SessionIndex", ""), "SessionIndex"))
    context = [
        class_ref
        for instant, of_statement in zip(instants, contexts, strict=True)
        if instant == max(instants)
        for class_ref in of_statement
    ]
    for instant in instants:
        if not _OLDEST_AUTHENTICATION <= instant <= now + skew:
            raise ResponseRefused(
                "authentication instant",
                section=section,
                expected=now.isoformat(),
                received=instant.isoformat(),
            )
    # Most identity providers send whole seconds.
    if authenticated_after is not None and max(instants) < authenticated_after.replace(microsecond=0) - skew:
        raise ResponseRefused(
            "authentication is not fresh",
            section="SAML core 3.4.1, ForceAuthn",
            expected=f"after {authenticated_after.isoformat()}",
            received=max(instants).isoformat(),
            hint="the identity provider ignored ForceAuthn; see `force_reauth`",
        )
    if expected_context and not set(expected_context) & set(context):
        raise ResponseRefused(
            "authentication context",
            section="SAML core 3.3.2.2.1",
            expected=" or ".join(expected_context),
            received=" ".join(context),
            hint="the identity provider used another authentication method than `authn_context` requires",
        )
    return Authentication(
        max(instants), tuple(context), next(filter(None, indexes), None), min(ends, default=None)
    )


def _context_of(element: Element) -> list[str]:
    """The AuthnContextClassRef of an AuthnContext, if it has one. White space has no meaning in a URI."""
    section = "SAML core 2.7.2.2"
    found = [child for child in element if child.tag == names.AUTHN_CONTEXT_CLASS_REF]
    refs = [text_of(child, section=section).strip(" \t\r\n") for child in found]
    return [check_name_length(ref, "AuthnContextClassRef") for ref in refs]


def read_attributes(assertion: Element) -> dict[str, tuple[str, ...]]:
    """SAML core 2.7.3: every attribute by its Name, values as text, repeated Names merged.

    Values with child elements (as in eduPersonTargetedID) and nil values are left out: they have no text.
    """
    merged: dict[str, list[str]] = {}
    for name, values in _attributes(assertion):
        merged.setdefault(name, []).extend(values)
    return {name: tuple(values) for name, values in merged.items()}


def _attributes(assertion: Element) -> Iterable[tuple[str, list[str]]]:
    section = "SAML core 2.7.3"
    nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
    for statement in assertion:
        if statement.tag != names.ATTRIBUTE_STATEMENT:
            continue
        for attribute in element_children(statement):
            if attribute.tag != names.ATTRIBUTE:
                raise ResponseRefused("attribute statement", section=section, received=attribute.tag)
            values = [child for child in element_children(attribute) if child.tag == names.ATTRIBUTE_VALUE]
            texts = [
                value.text or ""
                for value in values
                if len(value) == 0 and value.get(nil) not in {"true", "1"}
            ]
            yield required_attribute(attribute, "Name", section=section), texts
