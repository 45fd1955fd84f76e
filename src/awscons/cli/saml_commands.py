"""The commands of the SAML side: `awscons metadata`, `keys`, `saml explain`."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote

import click

from awscons.access.groups import normalize_group
from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import build_idp_trust, our_metadata
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.config.sp_keys import CURRENT, KeyRing, make_first_pair, rotate_pairs
from awscons.saml.certificates import fingerprint
from awscons.saml.explain import Explanation, explain_response
from awscons.saml.input_limits import MAX_FORM_CHARACTERS
from awscons.signin.login import GROUPS_OMITTED, NAME_ID


def print_metadata(config: Path) -> None:
    """Print what the identity provider has to know of us."""
    settings = load_settings(config, environment=os.environ)
    click.echo(our_metadata(settings), nl=False)


def make_keys(folder: Path) -> None:
    """Make the first key pair in `folder`, and say what to do with it."""
    certificate = make_first_pair(folder, now=utc_now())
    click.echo(f"made {folder / CURRENT}")
    click.echo(f"  SHA-256 fingerprint  {fingerprint(certificate)}")
    click.echo(f"  ends                 {certificate.not_valid_after_utc:%Y-%m-%d}")
    click.echo("")
    click.echo(f'Now set "sp_keys": {str(folder.absolute())!r} in saml_config, restart the service,')
    click.echo("and give the identity provider our metadata: awscons metadata")


def rotate_keys(folder: Path) -> None:
    """Take the next step of a rollover in `folder`, and say what comes after it."""
    ring = rotate_pairs(folder, now=utc_now())
    for line in _pairs(ring):
        click.echo(line)
    click.echo("")
    if ring.next is not None:
        click.echo("Restart the service: its metadata now names the current and the next certificate.")
        click.echo("When the identity provider has read it again, run the same command once more.")
    else:
        click.echo("Restart the service: it signs with the new key now, and its metadata names that alone.")
        click.echo("What is still encrypted to the previous key can be read until the next rollover.")


def _pairs(ring: KeyRing) -> list[str]:
    named = (("current", ring.current), ("next", ring.next), ("previous", ring.previous))
    return [
        f"{name:<10} {fingerprint(pair.certificate)}  ends {pair.certificate.not_valid_after_utc:%Y-%m-%d}"
        for name, pair in named
        if pair is not None
    ]


# --- explain -----------------------------------------------------------------------------


def explain(config: Path, at: datetime | None, file: BinaryIO) -> bool:
    """Print each step of judging a captured response; whether it would be accepted."""
    settings = load_settings(config, environment=os.environ)
    configure_logging()
    trust = build_idp_trust(settings, environment=os.environ, audit=StructlogAuditLog())
    told = explain_response(
        _form_value(file.read(2 * MAX_FORM_CHARACTERS)),
        service_provider=settings.service_provider,
        identity_provider=trust.current(),
        now=at.replace(tzinfo=UTC) if at else None,
        expected_context=settings.login.authn_context,
    )
    for line in [*_steps(told), "", *_person(told, settings)]:
        click.echo(line)
    return told.accepted


def _form_value(data: bytes) -> str:
    """The form value in what somebody captured: itself, a form body that holds it, or the XML inside."""
    text = data.decode("utf-8-sig", "replace").strip()
    if text.startswith("<"):
        return base64.b64encode(data.strip()).decode("ascii")
    if "SAMLResponse=" in text:
        return parse_qs(text).get("SAMLResponse", [""])[0]
    return unquote(text) if "%" in text else text


def _steps(told: Explanation) -> Iterator[str]:
    for step in told.steps:
        mark = "ok    " if step.refusal is None else "REFUSE"
        yield f"  {mark}  {step.title}" + (f": {step.said}" if step.said else "")
        if step.refusal is not None:
            yield f"            {step.refusal}"
            if step.refusal.hint:
                yield f"            hint: {step.refusal.hint}"


def _person(told: Explanation, settings: Settings) -> Iterator[str]:
    """What the response says of the person: names of attributes, and values of groups alone."""
    if told.unverified_name_id is None:
        return
    login = settings.login
    received = told.unverified_attributes
    by_name = {name.casefold(): values for name, values in received.items()}
    yield f"  NameID      {told.unverified_name_id}"
    yield f"  attributes  {', '.join(sorted(received)) or 'none'}"
    for short, name in login.attribute_map.items():
        values = by_name.get(name.casefold())
        if values is None:
            yield f"  missing     {name!r}, which `assertions` keeps" + _likely(name, received)
        elif short.casefold() == "groups":
            plain = sorted({normalize_group(value, login.group_formats) for value in values})
            yield f"  groups      {', '.join(plain) or 'none'}"
            known = {group for target in settings.targets for group in target.groups}
            if known and not known & set(plain):
                yield "              no target asks for any of them; see also `group_formats`"
    user_name = login.attribute_map.get(login.user_attr, login.user_attr)
    if login.user_attr != NAME_ID and user_name.casefold() not in by_name:
        yield f"  missing     {login.user_attr!r}, which `user_attr` names"
    if GROUPS_OMITTED in by_name:
        yield "  groups      left out by Entra ID, since they are more than 150: send only assigned groups"


def _likely(name: str, received: Iterable[str]) -> str:
    """A Name that ends like the wanted one, for those who wrote the short one."""
    tail = name.casefold().rpartition("/")[2]
    likely = [other for other in received if other.casefold().rpartition("/")[2] in {tail, tail.rstrip("s")}]
    return f"; did you mean {{{name!r}: {likely[0]!r}}}?" if likely else ""
