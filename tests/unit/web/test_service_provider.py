"""At home with every identity provider: what we ask, in which way, and what we say of ourselves."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from awscons.saml.redirect import read_redirect, verify_redirect
from awscons.saml.signature import verify_enveloped
from support.browser import forms_in, sent_to_idp, text_of
from support.describe import Description
from support.encrypt import Encrypter
from support.forge import SSO_URL, Forger, certificate_of, posted, write_key_folder
from support.house import FULL_TARGETS, House, console_url, open_house

NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
}
GROUPS_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
MFA = "https://refeds.org/profile/mfa"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"


@contextmanager
def house_with(folder: Path, *, aws: dict[str, Any] | None = None, **saml: Any) -> Iterator[House]:
    with open_house(folder, saml=saml, aws=aws or {}) as opened:
        yield opened


def only(element: etree._Element, path: str) -> etree._Element:
    (found,) = element.findall(path, NS)
    return found


# --- what we ask -------------------------------------------------------------------------


def test_a_request_is_signed_over_its_query_where_that_is_set(tmp_path: Path) -> None:
    keys = write_key_folder(tmp_path / "keys")
    with house_with(tmp_path, sp_keys=str(keys), sign_requests=True) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        verify_redirect(read_redirect(urlsplit(sent.url).query), (certificate_of("sp"),))
        console_url(browser.follow(browser.answer("/saml/acs", house.answer(sent))))


@pytest.mark.parametrize("signed", [False, True])
def test_a_request_can_be_posted_and_signed_inside(tmp_path: Path, signed: bool) -> None:  # noqa: FBT001
    keys = write_key_folder(tmp_path / "keys")
    with house_with(
        tmp_path, authn_request_binding="HTTP-POST", sp_keys=str(keys), sign_requests=signed
    ) as house:
        browser = house.browser()
        page = browser.get("/aws/cloudadmin?x=1")
        sent = sent_to_idp(page)
        assert sent.url == SSO_URL
        assert "form-action *" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        if signed:
            verify_enveloped(sent.request, (certificate_of("sp"),))
        done = browser.answer("/saml/acs", house.answer(sent))
        assert done.headers["Location"].endswith("/aws/cloudadmin?x=1")


def test_wishes_are_sent_only_where_they_are_configured(tmp_path: Path) -> None:
    persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    with house_with(tmp_path, name_id_format=persistent, authn_context=[MFA, PASSWORD]) as house:
        request = sent_to_idp(house.browser().get("/aws/cloudadmin")).request
    assert only(request, "samlp:NameIDPolicy").get("Format") == persistent
    context = only(request, "samlp:RequestedAuthnContext")
    assert context.get("Comparison") == "exact"
    assert [child.text for child in context] == [MFA, PASSWORD]


def test_an_authentication_of_another_kind_than_demanded_is_refused(tmp_path: Path) -> None:
    with house_with(tmp_path, authn_context=[MFA]) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert browser.answer("/saml/acs", house.answer(sent)).status_code == 400
        assert "authentication context" in house.audit()[-1]["cause"]


@pytest.mark.parametrize(
    ("how", "in_url", "in_request"), [("off", None, None), ("query", ["ada"], None), ("subject", None, "ada")]
)
def test_the_name_in_a_link_is_handed_on_as_configured(
    tmp_path: Path, how: str, in_url: list[str] | None, in_request: str | None
) -> None:
    with house_with(tmp_path, login_hint=how) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin?login_hint=ada"))
        assert parse_qs(urlsplit(sent.url).query).get("login_hint") == in_url
        assert sent.request.findtext("saml:Subject/saml:NameID", namespaces=NS) == in_request
        made_up = sent_to_idp(browser.get("/aws/cloudadmin?login_hint=a%20b%0d%0a"))
        assert "login_hint" not in made_up.url
        assert made_up.request.find("saml:Subject", NS) is None


# --- what we understand ------------------------------------------------------------------


def test_what_is_encrypted_to_our_key_signs_in(tmp_path: Path) -> None:
    keys = write_key_folder(tmp_path / "keys")
    with house_with(tmp_path, sp_keys=str(keys)) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        form = {
            "SAMLResponse": Encrypter().form_value(Forger(), house.story(sent.request_id)),
            "RelayState": sent.relay_state,
        }
        console_url(browser.follow(browser.answer("/saml/acs", form)))


def test_a_claim_with_a_long_name_goes_by_a_short_one(tmp_path: Path) -> None:
    with house_with(tmp_path, assertions={"groups": GROUPS_CLAIM}) as house:
        console = house.sign_in(
            house.browser(), "/aws/cloudadmin", attributes=((GROUPS_CLAIM.upper(), ("cloudadmin",)),)
        )
        console_url(console)


@pytest.mark.parametrize("group", ["/cloudadmin", r"CORP\cloudadmin", "CN=cloudadmin,OU=x,DC=y"])
def test_groups_in_other_forms_count_only_where_the_configuration_says_so(tmp_path: Path, group: str) -> None:
    attributes = (("groups", (group,)),)
    with house_with(tmp_path) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin", attributes=attributes).status_code == 403
    with house_with(tmp_path, group_formats=["path", {"domain": "CORP"}, {"dn": "DC=y"}]) as house:
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin", attributes=attributes))


def test_groups_left_out_by_entra_are_explained_to_the_person_and_in_the_log(house: House) -> None:
    overage = (("http://schemas.microsoft.com/claims/groups.link", ("https://graph.windows.net/x",)),)
    page = house.sign_in(house.browser(), "/aws/cloudadmin", attributes=overage)
    assert page.status_code == 403
    assert "more groups than your identity provider can send" in text_of(page)
    assert "left the groups out" in house.audit()[-1]["decided_by"]


# --- trust by metadata -------------------------------------------------------------------


def test_a_rollover_in_the_metadata_locks_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "idp.xml"
    path.write_bytes(Description().document())
    changes: dict[str, Any] = {"idp_metadata": str(path), "certificate": None, "saml_endpoint": None}
    with house_with(tmp_path, issuer=None, **changes) as house:
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
        path.write_bytes(Description().at(certificates=(certificate_of("next"),)).document())
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        new_key = house.answer(sent, forger=Forger(key_name="next"))
        console_url(browser.follow(browser.answer("/saml/acs", new_key)))
        assert house.audit()[-1]["action"] == "open-console"
        assert any(event["action"] == "idp-keys-changed" for event in house.audit())


# --- step-up -----------------------------------------------------------------------------

STEPPED = [
    {**FULL_TARGETS[0], "max_login_age": 600, "authn_context": [MFA]},
    {**FULL_TARGETS[0], "service": "usual"},
]


def test_a_target_can_demand_a_fresh_and_stronger_authentication_of_its_own(tmp_path: Path) -> None:
    with house_with(tmp_path, aws={"targets": STEPPED}) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/usual"))
        sent = sent_to_idp(browser.get("/aws/cloudadmin?x=1"))
        assert sent.force_authn
        assert sent.request.findtext(".//saml:AuthnContextClassRef", namespaces=NS) == MFA
        console_url(browser.get("/aws/usual"))

        story = house.story(sent.request_id)
        weak = browser.answer("/saml/acs", house.answer(sent))
        assert weak.status_code == 400
        assert "authentication context" in house.audit()[-1]["cause"]

        sent = sent_to_idp(browser.get("/aws/cloudadmin?x=1"))
        story = house.story(sent.request_id)
        strong = {
            "SAMLResponse": posted(Forger().xml(story.at(statement=statement_of(story.now, MFA)))),
            "RelayState": sent.relay_state,
        }
        back = browser.answer("/saml/acs", strong)
        assert back.headers["Location"].endswith("/aws/cloudadmin?x=1")
        console_url(browser.follow(back))

        house.clock.forward(minutes=11)
        assert sent_to_idp(browser.get("/aws/cloudadmin")).force_authn
        console_url(browser.get("/aws/usual"))


def test_an_old_authentication_in_a_new_answer_does_not_pass_for_a_fresh_one(tmp_path: Path) -> None:
    targets = [{**FULL_TARGETS[0], "max_login_age": 600}]
    with house_with(tmp_path, aws={"targets": targets}) as house:
        browser = house.browser()
        old = house.clock()
        house.clock.forward(hours=1)
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert not sent.force_authn
        came_back = browser.follow(browser.answer("/saml/acs", house.answer(sent, authn_instant=old)))
        sent = sent_to_idp(came_back)
        assert sent.force_authn
        assert browser.answer("/saml/acs", house.answer(sent, authn_instant=old)).status_code == 400
        assert "not fresh" in house.audit()[-1]["cause"]


def statement_of(now: Any, context: str) -> str:
    return (
        f'<saml:AuthnStatement AuthnInstant="{now:%Y-%m-%dT%H:%M:%SZ}" SessionIndex="_i"><saml:AuthnContext>'
        f"<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )


# --- what we say of ourselves ------------------------------------------------------------


def test_our_metadata_is_at_its_address_for_everybody(tmp_path: Path) -> None:
    keys = write_key_folder(tmp_path / "keys")
    with house_with(tmp_path, sp_keys=str(keys)) as house:
        answer = house.browser().get("/saml/metadata")
        assert answer.headers["Content-Type"] == "application/samlmetadata+xml"
        root = etree.fromstring(answer.content)
        assert only(root, ".//md:AssertionConsumerService").get("Location") == house.acs_url
        assert len(root.findall(".//{*}X509Certificate")) == 2
        assert "PRIVATE" not in answer.text


def test_the_page_that_posts_works_by_its_button_alone(tmp_path: Path) -> None:
    with house_with(tmp_path, authn_request_binding="HTTP-POST") as house:
        page = house.browser().get("/aws/cloudadmin")
        (form,) = forms_in(page)
        assert form.action == SSO_URL
        assert "Continue" in text_of(page)
        script = re.search(r'<script src="([^"]+)" defer>', page.text)
        assert script is not None
        assert house.browser().get(script[1]).status_code == 200
