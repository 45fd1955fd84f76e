"""What other people's service providers say of the assertions that we sign: they take them, and no changed one.

python3-saml and pysaml2 in this process, lasso (the library of mod_auth_mellon) under Debian's Python, and SimpleSAMLphp
over HTTP. Each knows us by the metadata that IAM gets.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig

from awscons.saml.issuing import AssertionContent, issue_response
from awscons.saml.metadata import build_idp_metadata, build_sp_metadata
from awscons.saml.parties import KeyPair, ServiceProvider
from support.forge import certificate_of, key_named, pem_of
from support.simplesamlphp import simplesamlphp

ISSUER = "https://sso.example.com/saml/idp-metadata"
SP, ACS = "https://signin.example.com/saml", "https://signin.example.com/saml"
NAMES = "https://aws.amazon.com/SAML/Attributes/"
ROLE = "arn:aws:iam::123456789012:role/Admin,arn:aws:iam::123456789012:saml-provider/awscons"
SAID: Mapping[str, tuple[str, ...]] = {
    f"{NAMES}Role": (ROLE,),
    f"{NAMES}RoleSessionName": ("ada@example.com",),
    f"{NAMES}PrincipalTag:team": ("blue",),
}
OUR_KEY = key_named("sp")
assert isinstance(OUR_KEY, RSAPrivateKey)
OURS = KeyPair(certificate_of("sp"), OUR_KEY)
METADATA = build_idp_metadata(ISSUER, [OURS.certificate], sso_url="https://sso.example.com/")

Judge = Callable[[bytes, Path], Mapping[str, list[str]] | None]


def issued(acs: str = ACS, entity_id: str = SP) -> bytes:
    now = datetime.now(UTC)
    content = AssertionContent(
        acs, (acs, entity_id), "0123abcd", SAID, now, session_ends=now + timedelta(hours=8)
    )
    return issue_response(
        content, response_id="_r1", assertion_id="_a1", issuer=ISSUER, signing=OURS, now=now
    )


def by_python3_saml(response: bytes, _folder: Path) -> Mapping[str, list[str]] | None:
    """The attributes, or None where it refuses."""
    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {"entityId": SP, "assertionConsumerService": {"url": ACS}},
            "idp": {
                "entityId": ISSUER,
                "singleSignOnService": {"url": "https://sso.example.com/"},
                "x509cert": pem_of(OURS.certificate),
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantMessagesSigned": True,
                "rejectDeprecatedAlgorithm": True,
            },
        }
    )
    answer = OneLogin_Saml2_Response(settings, base64.b64encode(response))
    request = {
        "https": "on",
        "http_host": "signin.example.com",
        "script_name": "/saml",
        "get_data": {},
        "post_data": {},
    }
    return dict(answer.get_attributes()) if answer.is_valid(request) else None


def by_pysaml2(response: bytes, _folder: Path) -> Mapping[str, list[str]] | None:
    config = SPConfig()
    config.load(
        {
            "entityid": SP,
            "metadata": {"inline": [METADATA.decode()]},
            "allow_unknown_attributes": True,
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
                    "allow_unsolicited": True,
                    "want_response_signed": True,
                    "want_assertions_signed": True,
                }
            },
        }
    )
    try:
        answer = Saml2Client(config).parse_authn_request_response(
            base64.b64encode(response).decode(), BINDING_HTTP_POST, outstanding={}
        )
    except Exception:  # noqa: BLE001  it has a class for each refusal
        return None
    return dict(answer.ava) if answer is not None and answer.ava is not None else None


LASSO = """
import json, lasso, sys
sp, idp, response = sys.argv[1:]
server = lasso.Server(sp, None)
server.addProvider(lasso.PROVIDER_ROLE_IDP, idp)
login = lasso.Login(server)
try:
    login.processAuthnResponseMsg(open(response).read())
    login.acceptSso()
except lasso.Error as error:
    sys.exit(str(error))
statement = login.assertion.attributeStatement[0]
print(json.dumps({one.name: [value.any[0].content for value in one.attributeValue] for one in statement.attribute}))
"""


def by_lasso(response: bytes, folder: Path) -> Mapping[str, list[str]] | None:
    sp = ServiceProvider(SP, ACS, published_certificates=(certificate_of("idp"),))
    (folder / "sp.xml").write_bytes(build_sp_metadata(sp))
    (folder / "idp.xml").write_bytes(METADATA)
    (folder / "response").write_text(base64.b64encode(response).decode())
    names = [str(folder / name) for name in ("sp.xml", "idp.xml", "response")]
    done = subprocess.run(
        ["/usr/bin/python3", "-c", LASSO, *names], capture_output=True, text=True, check=False, timeout=30
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


JUDGES = [by_python3_saml, by_pysaml2, by_lasso]


@pytest.mark.parametrize("judge", JUDGES)
def test_it_reads_what_we_say(judge: Judge, tmp_path: Path) -> None:
    read = judge(issued(), tmp_path)
    assert read is not None
    assert {name: tuple(values) for name, values in read.items()} == dict(SAID)


@pytest.mark.parametrize("judge", JUDGES)
def test_it_takes_no_changed_response(judge: Judge, tmp_path: Path) -> None:
    assert judge(issued().replace(b"ada@example.com", b"eve@example.com"), tmp_path) is None


@pytest.mark.parametrize("judge", [by_python3_saml, by_pysaml2])  # lasso leaves the recipient to its caller
def test_it_takes_no_response_for_somebody_else(judge: Judge, tmp_path: Path) -> None:
    assert judge(issued(acs="https://elsewhere.example.com/saml"), tmp_path) is None


def test_simplesamlphp_signs_a_person_in_by_our_response(tmp_path: Path) -> None:
    with simplesamlphp(tmp_path) as sp, httpx.Client(follow_redirects=True) as browser:
        sp.serve_for(METADATA, entity_id=SP)
        shows = f"{sp.url}/module.php/core/authenticate.php?as=default-sp"
        for changed, opens in ((False, True), (True, False)):
            browser.cookies.clear()
            response = issued(acs=sp.acs_url)
            response = response.replace(b"ada@example.com", b"eve@example.com") if changed else response
            form = {"SAMLResponse": base64.b64encode(response).decode(), "RelayState": shows}
            page = browser.post(sp.acs_url, data=form)
            assert (page.status_code == 200 and "ada@example.com" in page.text) is opens, page.text
