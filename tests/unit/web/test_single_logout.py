"""Single logout, both ways: what the identity provider signed ends logins, and nothing else does."""

import base64
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from awscons.saml.redirect import RedirectMessage, read_redirect, verify_redirect
from support.browser import Browser, refresh_of, text_of
from support.encrypt import Encrypter
from support.forge import (
    IDP,
    RSA_SHA256,
    SP,
    Forger,
    certificate_of,
    instant,
    key_named,
    posted,
    write_key_folder,
)
from support.house import House, console_url, open_house

SLO_URL = "https://idp.example.com/slo"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    saml = {
        "sp_keys": str(write_key_folder(tmp_path / "keys")),
        "single_logout": True,
        "slo_endpoint": SLO_URL,
    }
    with open_house(tmp_path, saml=saml) as opened:
        yield opened


def logout_request(house: House, name: str = "ada@example.com", **changes: Any) -> str:
    """The identity provider's word that somebody signed out, unsigned."""
    said = {
        "id": "_logout",
        "issuer": IDP,
        "destination": f"{house.url}/saml/slo",
        "issued_at": instant(house.clock()),
        "index": "<samlp:SessionIndex>_index</samlp:SessionIndex>",
        "format": "",
        "extra": "",
        **changes,
    }
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
        f'ID="{said["id"]}" Version="2.0" IssueInstant="{said["issued_at"]}" '
        f'Destination="{said["destination"]}" {said["extra"]}>'
        f"<saml:Issuer>{said['issuer']}</saml:Issuer>{{{{response-signature}}}}"
        f"<saml:NameID {said['format']}>{name}</saml:NameID>{said['index']}</samlp:LogoutRequest>"
    )


def encrypted_logout_request(house: House, encrypter: Encrypter | None = None) -> str:
    """The same as Shibboleth sends it to a service that publishes an encryption key."""
    xml = logout_request(house, format='Format="urn:transient" NameQualifier="idp" SPNameQualifier="us"')
    name_id = re.findall("<saml:NameID.*</saml:NameID>", xml)[0]
    alone = name_id.replace("<saml:NameID", f'<saml:NameID xmlns:saml="{SAML}"')
    return xml.replace(name_id, (encrypter or Encrypter(data_method="aes128-gcm")).encrypted_id(alone))


def logout_response(house: House, answered: str, *, partial: bool = False) -> str:
    inner = f'<samlp:StatusCode Value="{PARTIAL}"/>' if partial else ""
    return (
        '<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_answer" Version="2.0" '
        f'IssueInstant="{instant(house.clock())}" Destination="{house.url}/saml/slo" InResponseTo="{answered}">'
        f"<saml:Issuer>{IDP}</saml:Issuer>{{{{response-signature}}}}"
        f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}">{inner}</samlp:StatusCode></samlp:Status>'
        "</samlp:LogoutResponse>"
    )


def redirected(xml: str, *, kind: str = "SAMLRequest", key_name: str = "idp", sign: bool = True) -> str:
    """A message in the query of our SLO address."""
    compressor = zlib.compressobj(wbits=-15)
    document = xml.replace("{{response-signature}}", "").encode()
    data = base64.b64encode(compressor.compress(document) + compressor.flush())
    query = f"{kind}={quote_plus(data)}&RelayState=theirs%2F1"
    if sign:
        query += f"&SigAlg={quote_plus(RSA_SHA256)}"
        key = key_named(key_name)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = base64.b64encode(key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256()))
        query += f"&Signature={quote_plus(signature)}"
    return f"/saml/slo?{query}"


def posted_form(xml: str, *, kind: str = "SAMLRequest", forger: Forger | None = None) -> dict[str, str]:
    """A message as a form, signed inside."""
    signed = (forger or Forger()).sign(xml, "response", re.findall(r' ID="([^"]+)"', xml)[0])
    return {kind: posted(signed), "RelayState": "theirs/1"}


def signed_in(house: House, name: str = "ada@example.com") -> Browser:
    browser = house.browser()
    console_url(house.sign_in(browser, "/aws/cloudadmin", name))
    return browser


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/aws/cloudadmin").status_code == 301


def message_in(url: str) -> tuple[RedirectMessage, etree._Element]:
    message = read_redirect(urlsplit(url).query)
    verify_redirect(message, (certificate_of("sp"),))
    return message, etree.fromstring(message.document)


# --- heard -------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_a_sign_out_elsewhere_ends_the_login_here_and_is_answered(house: House, binding: str) -> None:
    browser, other = signed_in(house), signed_in(house, "carl@example.com")
    stranger = house.browser()
    xml = logout_request(house)
    answered = (
        stranger.get(redirected(xml))
        if binding == "redirect"
        else stranger.answer("/saml/slo", posted_form(xml))
    )
    assert answered.status_code == 303, answered.text
    assert answered.headers["Location"].startswith(f"{SLO_URL}?SAMLResponse=")
    message, response = message_in(answered.headers["Location"])
    assert message.relay_state == "theirs/1"
    assert (response.get("InResponseTo"), response.get("Destination")) == ("_logout", SLO_URL)
    assert not is_signed_in(browser)
    assert is_signed_in(other)
    event = next(event for event in house.audit() if event["action"] == "sign-out")
    assert (event["name_id"], event["decided_by"]) == ("ada@example.com", "the identity provider")


@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_a_sign_out_with_an_encrypted_name_ends_the_login_and_is_answered(house: House, binding: str) -> None:
    browser, other = signed_in(house), signed_in(house, "carl@example.com")
    xml = encrypted_logout_request(house)
    received = (
        house.browser().get(redirected(xml))
        if binding == "redirect"
        else house.browser().answer("/saml/slo", posted_form(xml))
    )
    _message, response = message_in(received.headers["Location"])
    assert response.get("InResponseTo") == "_logout"
    assert not is_signed_in(browser)
    assert is_signed_in(other)
    event = next(event for event in house.audit() if event["action"] == "sign-out")
    assert (event["name_id"], event["decided_by"]) == ("ada@example.com", "the identity provider")


@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_an_encrypted_name_that_cannot_be_decrypted_ends_nothing_and_is_audited(
    house: House, binding: str
) -> None:
    browser = signed_in(house)
    xml = encrypted_logout_request(house, Encrypter(to="another"))
    refused = (
        house.browser().get(redirected(xml))
        if binding == "redirect"
        else house.browser().answer("/saml/slo", posted_form(xml))
    )
    assert refused.status_code == 400
    event = house.audit()[-1]
    assert (event["action"], event["outcome"]) == ("sign-out", "refused")
    assert event["cause"].startswith("cannot be decrypted")
    assert is_signed_in(browser)


def test_only_the_named_session_ends_and_all_where_none_is_named(house: House) -> None:
    browser = signed_in(house)
    house.browser().get(
        redirected(logout_request(house, index="<samlp:SessionIndex>_x</samlp:SessionIndex>"))
    )
    assert is_signed_in(browser)
    house.browser().get(redirected(logout_request(house, id="_second", index="")))
    assert not is_signed_in(browser)


def test_a_name_of_another_format_is_somebody_else(house: House) -> None:
    browser = house.browser()
    name_id = '<saml:NameID Format="urn:persistent">ada@example.com</saml:NameID>'
    console_url(house.sign_in(browser, "/aws/cloudadmin", name_id=name_id))
    house.browser().get(redirected(logout_request(house, format='Format="urn:transient"')))
    assert is_signed_in(browser)
    house.browser().get(redirected(logout_request(house, id="_b", format='Format="urn:persistent"')))
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    ("send", "rule"),
    [
        (lambda house: redirected(logout_request(house), sign=False), "no signature"),
        (lambda house: redirected(logout_request(house), key_name="attacker"), "no trusted key"),
        (lambda house: redirected(logout_request(house, issuer=SP)), "issuer"),
        (lambda house: redirected(logout_request(house, destination="https://x/")), "message destination"),
        (lambda house: redirected(logout_request(house, issued_at="2020-01-01T00:00:00Z")), "not of now"),
        (
            lambda house: redirected(logout_request(house, extra='NotOnOrAfter="2020-01-01T00:00:00Z"')),
            "expired",
        ),
        (lambda _: "/saml/slo", "message missing"),
        (lambda _: "/saml/slo?SAMLRequest=%00", "not base64"),
    ],
)
def test_a_redirect_that_is_not_sound_ends_nothing(house: House, send: Any, rule: str) -> None:
    browser = signed_in(house)
    refused = house.browser().get(send(house))
    assert refused.status_code == 400
    assert rule in house.audit()[-1]["cause"]
    assert is_signed_in(browser)


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        (
            lambda house: {
                "SAMLRequest": posted(logout_request(house).replace("{{response-signature}}", ""))
            },
            "exactly one",
        ),
        (
            lambda house: posted_form(logout_request(house), forger=Forger(key_name="attacker")),
            "no trusted key",
        ),
        (
            lambda house: posted_form(logout_request(house), forger=Forger(signature_hash="sha1")),
            "signature method",
        ),
        (lambda house: {**posted_form(logout_request(house)), "SAMLResponse": "x"}, "message missing"),
        (lambda _: {}, "message missing"),
    ],
)
def test_a_post_that_is_not_sound_ends_nothing(house: House, form: Any, rule: str) -> None:
    browser = signed_in(house)
    refused = house.browser().answer("/saml/slo", form(house))
    assert refused.status_code == 400
    assert rule in house.audit()[-1]["cause"]
    assert is_signed_in(browser)


def test_a_signed_message_wrapped_into_another_ends_nothing(house: House) -> None:
    browser = signed_in(house)
    genuine = Forger().sign(logout_request(house, "otto@example.com"), "response", "_logout")
    evil = logout_request(house, id="_evil", index="").replace(
        "{{response-signature}}", re.findall(r"<ds:Signature.*</ds:Signature>", genuine)[0]
    )
    for wrapped in (
        evil,
        evil.replace(
            "</samlp:LogoutRequest>", f"<samlp:Extensions>{genuine}</samlp:Extensions></samlp:LogoutRequest>"
        ),
        evil.replace("</ds:Signature>", f"<ds:Object>{genuine}</ds:Object></ds:Signature>"),
    ):
        assert house.browser().answer("/saml/slo", {"SAMLRequest": posted(wrapped)}).status_code == 400
    assert is_signed_in(browser)


def test_a_message_counts_once(house: House) -> None:
    signed_in(house)
    message = redirected(logout_request(house))
    assert house.browser().get(message).status_code == 303
    again = signed_in(house)
    assert house.browser().get(message).status_code == 400
    assert is_signed_in(again)


@pytest.mark.parametrize(
    ("send", "rule"),
    [
        (lambda house: redirected(logout_request(house), kind="SAMLResponse"), "kind of message"),
        (
            lambda house: redirected(logout_response(house, "_made_up"), kind="SAMLResponse"),
            "no logout of ours",
        ),
        (
            lambda house: redirected(logout_response(house, "_x"), kind="SAMLResponse", sign=False),
            "no signature",
        ),
        (
            lambda house: redirected(
                logout_response(house, "_x").replace(' ID="_answer"', ""), kind="SAMLResponse"
            ),
            "LogoutResponse without ID",
        ),
    ],
)
def test_an_answer_that_does_not_count_ends_nothing_and_is_no_error_for_the_person(
    house: House, send: Any, rule: str
) -> None:
    browser = signed_in(house)
    answered = house.browser().get(send(house))
    assert answered.headers["Location"] == f"{house.url}/saml/signed-out"
    assert rule in house.audit()[-1]["cause"]
    assert is_signed_in(browser)


# --- told --------------------------------------------------------------------------------


def test_signing_out_here_is_told_to_the_identity_provider_with_all_that_it_said(house: House) -> None:
    browser = house.browser()
    name_id = '<saml:NameID Format="urn:persistent" SPNameQualifier="us">ada@example.com</saml:NameID>'
    console_url(house.sign_in(browser, "/aws/cloudadmin", name_id=name_id))
    page = browser.post("/saml/logout", {})
    assert not is_signed_in(browser)
    url = refresh_of(page)
    assert url.startswith(SLO_URL)
    _message, request = message_in(url)
    name = request.find("{*}NameID")
    assert name is not None
    assert name.text == "ada@example.com"
    assert dict(name.attrib) == {"Format": "urn:persistent", "SPNameQualifier": "us"}
    assert request.findtext("{*}SessionIndex") == "_index"

    answer = redirected(logout_response(house, str(request.get("ID"))), kind="SAMLResponse")
    done = browser.follow(browser.get(answer))
    assert "signed out here and at your identity provider" in text_of(done)
    assert browser.get(answer).headers["Location"].endswith("/saml/signed-out")


def test_an_incomplete_logout_is_not_called_complete(house: House) -> None:
    browser = signed_in(house)
    _message, request = message_in(refresh_of(browser.post("/saml/logout", {})))
    xml = logout_response(house, str(request.get("ID")), partial=True)
    done = browser.follow(browser.answer("/saml/slo", posted_form(xml, kind="SAMLResponse")))
    assert "could not sign you out of everything" in text_of(done)


def test_without_single_logout_nobody_is_told_and_the_identity_provider_is_still_heard(
    tmp_path: Path,
) -> None:
    with open_house(tmp_path) as house:
        browser = signed_in(house)
        left = browser.post("/saml/logout", {})
        assert left.headers["Location"].endswith("/saml/signed-out")
        browser = signed_in(house)
        received = house.browser().get(redirected(logout_request(house)))
        assert received.headers["Location"].endswith("/saml/signed-out")
        assert not is_signed_in(browser)


def test_nothing_of_a_logout_message_is_logged(house: House) -> None:
    browser = signed_in(house)
    url = refresh_of(browser.post("/saml/logout", {}))
    house.browser().get(redirected(logout_request(house), sign=False))
    for secret in parse_qs(urlsplit(url).query).values():
        assert secret[0] not in house.log.getvalue()


def test_a_refused_sign_out_has_a_reason_as_a_refused_sign_in_has(house: House) -> None:
    house.browser().get("/saml/slo?SAMLRequest=x")
    event = house.audit()[-1]
    assert (event["action"], event["outcome"]) == ("sign-out", "refused")
    assert event["reason"]
