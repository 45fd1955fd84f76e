"""`awscons saml explain` on answers as they come in the field: what it prints, and what it proposes."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.forge import Forger, Story, pem_of
from support.stage import environment_of

ACS = "https://sso.example.com/saml/acs"
IDP = "https://idp.example.com/"
OID = "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"
TARGETS = [{"service": "admin", "role": "arn:aws:iam::123456789012:role/Admin", "groups": ["sysadmin"]}]


def configure(folder: Path, assertions: object = ("groups",), **saml: object) -> None:
    saml_config = {
        "saml_endpoint": "https://idp.example.com/sso",
        "spid": "urn:awscons",
        "issuer": IDP,
        "acs_url": ACS,
        "certificate": pem_of(Forger().certificate),
        "assertions": list(assertions) if isinstance(assertions, tuple) else assertions,
        **saml,
    }
    text = f"session_config = {{}}\nsaml_config = {saml_config!r}\naws_config = {{'targets': {TARGETS!r}}}\n"
    (folder / "config.py").write_text(text)


def story(**changes: object) -> Story:
    now = datetime.now(UTC)
    return Story(
        now,
        acs=ACS,
        destination=ACS,
        recipient=ACS,
        idp=IDP,
        assertion_issuer=IDP,
        response_issuer=IDP,
        audiences=(("urn:awscons",),),
    ).at(**changes)


def explain(
    folder: Path, told: Story, *options: str, sign: str = "assertion"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscons", "saml", "explain", *options],
        cwd=folder,
        env=environment_of(HOME=str(folder), PYTHONIOENCODING="utf-8"),
        input=Forger().form_value(told, sign=sign),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def groups(*values: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("groups", values),)


# XML turns the characters that a terminal obeys into character references.
_LINES = "alice\n  ok      signature of the Response: made by the certificate AA:BB\n&#x9b;31m&#x202e;x"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_of_the_document_makes_a_line_of_its_own_or_moves_the_terminal(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    configure(tmp_path)
    attributes = (("groups", (_LINES, "a, b")), ("x&#x202e;&#x85;y", ("z",)))
    evil = story(
        name_id=f"<saml:NameID>{_LINES}</saml:NameID>",
        attributes=attributes,
        destination="https://x/&#x202e;",
    )
    done = explain(tmp_path, evil, *options, sign="nothing")
    assert done.returncode == 1
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert not [
        line
        for line in done.stdout.splitlines()
        if line.startswith("  ok      signature of the Response: made")
    ]
    if not options:
        assert "'a, b'" in done.stdout
        assert r"NameID      'alice\n  ok" in done.stdout


def test_a_friendly_name_is_proposed_as_the_line_of_its_oid(tmp_path: Path) -> None:
    configure(tmp_path)
    statement = (
        f'<saml:AttributeStatement><saml:Attribute Name="{OID}" FriendlyName="groups" '
        'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"><saml:AttributeValue>sysadmin'
        "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
    told = story(attribute_statement=statement)
    proposed = f"{{'groups': '{OID}'}}"
    for friendly_name in ("groups", "isMemberOf", "Group"):
        other = told.at(attribute_statement=statement.replace('"groups"', f'"{friendly_name}"'))
        assert f"did you mean {proposed}?" in explain(tmp_path, other).stdout
    assert (
        "did you mean"
        not in explain(tmp_path, told.at(attribute_statement=statement.replace('"groups"', '"mail"'))).stdout
    )
    configure(tmp_path, {"groups": OID})
    assert "groups      'sysadmin'" in explain(tmp_path, told).stdout


@pytest.mark.parametrize(("value", "separator"), [("staff;sysadmin", ";"), ("staff, sysadmin", ",")])
def test_several_groups_in_one_value_are_named_and_never_split(
    tmp_path: Path, value: str, separator: str
) -> None:
    configure(tmp_path)
    done = explain(tmp_path, story(attributes=groups(value)), "--json")
    document = json.loads(done.stdout)
    assert document["groups"] == [value]
    (finding,) = [found for found in document["findings"] if "is one group" in found["cause"]]
    assert f"targets name 'sysadmin', which it holds between {separator!r}" in finding["cause"]
    assert "one AttributeValue for each group" in finding["cure"]


def test_a_group_with_a_comma_that_a_target_could_not_mean_is_left_alone(tmp_path: Path) -> None:
    configure(tmp_path)
    done = explain(tmp_path, story(attributes=groups("sysadmin", "CN=staff,OU=Groups,DC=example")))
    assert done.returncode == 0, done.stdout
    assert "is one group" not in done.stdout


def test_a_clock_that_is_ahead_is_told_by_how_much(tmp_path: Path) -> None:
    configure(tmp_path)
    ahead = story(now=datetime.now(UTC) + timedelta(seconds=200))
    done = explain(tmp_path, ahead)
    assert done.returncode == 1
    assert "REFUSE  clock" in done.stdout
    assert "this response's NotBefore is 1" in done.stdout
    assert "s ahead of this host's clock; 60 s are allowed" in done.stdout


def test_a_name_id_that_changes_at_every_sign_in_is_a_warning(tmp_path: Path) -> None:
    configure(tmp_path)
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    told = explain(tmp_path, story(name_id=f'<saml:NameID Format="{transient}">_1</saml:NameID>')).stdout
    assert "the NameID is transient" in told
    assert "name_id_format" in told
