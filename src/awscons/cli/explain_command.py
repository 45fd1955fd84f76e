"""`awscons saml explain`: every check of a captured response, and what it says of the person."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote

import click

from awscons.access.attributes import MAX_VALUE_LENGTH, name_key
from awscons.access.groups import normalize_group
from awscons.adapters.audit_log import ChainedAuditLog, configure_logging
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import build_idp_trust
from awscons.cli.terminal import print_json, printable
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import quote_for_log
from awscons.findings import Finding, Severity, warning
from awscons.saml.explain import Explanation, explain_response
from awscons.saml.parties import IdentityProvider
from awscons.signin.identities import (
    GROUPS_OMITTED,
    NAME_ID,
    attributes_with_long_values,
    counted_attributes,
    groups_in,
)

_MARKS = {
    Severity.OK: "ok    ",
    Severity.INFO: "ok    ",
    Severity.WARNING: "WARN  ",
    Severity.ERROR: "REFUSE",
}


def explain(config: Path, at: datetime | None, file: BinaryIO, *, as_json: bool) -> bool:
    """Print a finding for each check of a captured response; whether the service would accept it.

    at   UTC; None: the moment at which the response was made, and this host's clock
    """
    settings = load_settings(config, environment=os.environ)
    configure_logging()
    trust = build_idp_trust(settings, environment=os.environ, audit=ChainedAuditLog())
    told, findings, groups = explained(settings, trust.current(), file, at=at)
    if as_json:
        print_json(_document(told, findings, groups))
    else:
        click.echo("\n".join([*_lines(findings), "", *_person(told, groups)]))
    return told.accepted


def explained(
    settings: Settings, identity_provider: IdentityProvider, file: BinaryIO, *, at: datetime | None = None
) -> tuple[Explanation, list[Finding], list[str] | None]:
    """What a captured response says, every finding about it, and the person's groups; see `explain`."""
    told = explain_response(
        _form_value(file.read(2 * settings.service_provider.answer_limits.max_form_bytes)),
        service_provider=settings.service_provider,
        identity_provider=identity_provider,
        now=utc_now(),
        at=at.replace(tzinfo=UTC) if at else None,
        expected_context=settings.login.authn_context,
    )
    readable = told.unverified_name_id is not None
    groups = _groups(told, settings) if readable else None
    return told, [*told.findings, *(_person_findings(told, settings, groups) if readable else ())], groups


def _form_value(data: bytes) -> str:
    """The form value in a captured file: the value itself, a form body that contains it, or the XML."""
    text = data.decode("utf-8-sig", "replace").strip()
    if text.startswith("<"):
        return base64.b64encode(data.strip()).decode("ascii")
    if "SAMLResponse=" in text:
        return parse_qs(text).get("SAMLResponse", [""])[0]
    return unquote(text) if "%" in text else text


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        cause = printable(finding.cause)
        line = f"  {_MARKS[finding.severity]}  {finding.subject}"
        if finding.severity is Severity.ERROR:
            yield line
            yield f"            {cause}"
        else:
            yield f"{line}: {cause}" if cause else line
        if finding.cure:
            yield f"            hint: {printable(finding.cure)}"


def _document(told: Explanation, findings: Iterable[Finding], groups: list[str] | None) -> dict[str, object]:
    return {
        "accepted": told.accepted,
        "findings": [finding.as_json() for finding in findings],
        "name_id": told.unverified_name_id,
        "attributes": sorted(told.unverified_attributes),
        "groups": groups,
    }


# --- the person --------------------------------------------------------------------------


def _person(told: Explanation, groups: list[str] | None) -> Iterator[str]:
    """What the response says of the person, quoted: names of attributes, and values of groups only."""
    if told.unverified_name_id is None:
        return
    yield f"  NameID      {quote_for_log(told.unverified_name_id)}"
    yield f"  attributes  {_quoted(sorted(told.unverified_attributes))}"
    if groups is not None:
        yield f"  groups      {_quoted(groups)}"


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(map(quote_for_log, texts)) or "none"


def _groups(told: Explanation, settings: Settings) -> list[str] | None:
    """The normalized groups; None where the response has no attribute of groups that logins store."""
    login, received = settings.login, _by_name(told)
    if any(
        name_key(short) == "groups" and name_key(name) in received
        for short, name in login.attribute_map.items()
    ):
        return sorted(groups_in(counted_attributes(told.unverified_attributes, login), login))
    return None


def _by_name(told: Explanation) -> dict[str, tuple[str, ...]]:
    return {name_key(name): values for name, values in told.unverified_attributes.items()}


def _person_findings(told: Explanation, settings: Settings, groups: list[str] | None) -> Iterator[Finding]:
    """Warnings about attributes that the configuration uses and the response lacks."""
    login, received = settings.login, _by_name(told)
    for short, name in login.attribute_map.items():
        if name_key(name) not in received:
            cause = f"the response has no attribute {name!r}, which `assertions` keeps"
            yield warning("saml_config.assertions", cause, _likely(short, name, told))
    for short in attributes_with_long_values(told.unverified_attributes, login):
        yield warning(
            short, f"a value of {short!r} has more than {MAX_VALUE_LENGTH:,} characters, and does not count"
        )
    yield from _groups_in_one_value(groups or (), settings)
    known = login.target_groups
    if groups is not None and known and not known & set(groups):
        yield warning(
            "groups", "no target names any of the person's groups", "compare them; see also `group_formats`"
        )
    if told.unverified_name_id_format.endswith(":transient"):
        yield warning(
            "NameID",
            "the NameID is transient: the person has another one at every sign-in",
            "ask for a lasting one: `name_id_format`",
        )
    user_name = login.attribute_map.get(login.user_attr, login.user_attr)
    if login.user_attr != NAME_ID and name_key(user_name) not in received:
        yield warning(
            "saml_config.user_attr", f"the response has no attribute {login.user_attr!r}, the user name"
        )
    if GROUPS_OMITTED in received:
        yield warning(
            "groups",
            "Entra ID left the groups out, since there are more than 150",
            "send only assigned groups",
        )


def _groups_in_one_value(groups: Iterable[str], settings: Settings) -> Iterator[Finding]:
    """Values that look like several groups. They are never split: a group may contain the separator."""
    login = settings.login
    for group in groups:
        for separator in ";,":
            parts = [normalize_group(part.strip(), login.group_formats) for part in group.split(separator)]
            named = sorted(login.target_groups.intersection(parts))
            if group not in login.target_groups and parts[1:] and named:
                yield warning(
                    "groups",
                    f"{quote_for_log(group)} is one group, and no target names it; targets name {_quoted(named)}, "
                    f"which it holds between {separator!r}",
                    "let the identity provider send one AttributeValue for each group; a value is never split",
                )
                break


_NAMES_OF_GROUPS = frozenset({"group", "groups", "member", "memberof", "ismemberof"})


def _likely(short: str, name: str, told: Explanation) -> str:
    """The configuration line for the received Name that looks like the one that the operator wrote.

    Its FriendlyName is the same, or the end of the Name: an OID alone tells nothing.
    """
    wanted = {name_key(text).rpartition("/")[2] for text in (short, name)}
    alike = wanted | {text.rstrip("s") for text in wanted}
    if alike & _NAMES_OF_GROUPS:
        alike |= _NAMES_OF_GROUPS
    for other in told.unverified_attributes:
        friendly_name = told.unverified_friendly_names.get(other, "")
        if name_key(friendly_name) in alike or name_key(other).rpartition("/")[2] in alike:
            return f"did you mean {{{short!r}: {other!r}}}?"
    return ""
