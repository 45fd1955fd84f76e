"""People in thousands of groups: they sign in however their identity provider writes them, up to one limit."""

import base64
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.browser import sent_to_idp, text_of
from support.encrypt import Encrypter
from support.forge import Forger, write_key_folder
from support.house import House, console_url, open_house

PLACE = "OU=Cloud Platform,OU=Groups,OU=Corporate,DC=emea,DC=corp,DC=example,DC=com"
GROUPS = ["cloudadmin", *(f"aws-123456789012-application-{number:04}-admins" for number in range(2_999))]
XS, XSI = "http://www.w3.org/2001/XMLSchema", "http://www.w3.org/2001/XMLSchema-instance"
STYLES = {
    "Entra ID": "<saml:AttributeValue>{}</saml:AttributeValue>",
    "ADFS": '<AttributeValue xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{}</AttributeValue>',
    "SimpleSAMLphp": f'<saml:AttributeValue xmlns:xsi="{XSI}" xsi:type="xs:string">{{}}</saml:AttributeValue>',
    "Keycloak": (
        f'<saml:AttributeValue xmlns:xs="{XS}" xmlns:xsi="{XSI}" xsi:type="xs:string">{{}}</saml:AttributeValue>'
    ),
    "Shibboleth": (
        '\n    <saml:AttributeValue xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
        f'xmlns:xsd="{XS}" xmlns:xsi="{XSI}" xsi:type="xsd:string">{{}}</saml:AttributeValue>'
    ),
}


def statement(style: str, groups: list[str] = GROUPS) -> str:
    values = "".join(STYLES[style].format(f"CN={group},{PLACE}") for group in groups)
    name = '<saml:Attribute Name="groups" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic">'
    return f"<saml:AttributeStatement>{name}{values}</saml:Attribute></saml:AttributeStatement>"


def house_of(folder: Path, **server: int) -> AbstractContextManager[House]:
    saml = {"group_formats": [{"dn": PLACE}], "sp_keys": str(write_key_folder(folder / "keys"))}
    return open_house(folder, saml=saml, server=server)


@pytest.mark.parametrize("style", STYLES)
def test_a_person_in_3000_groups_signs_in_and_opens_what_one_of_them_allows(
    style: str, tmp_path: Path
) -> None:
    with house_of(tmp_path) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin", attribute_statement=statement(style)))
        signed_in = house.audit()[0]
        assert (signed_in["group_count"], len(signed_in["groups"])) == (3_000, 200)
        assert "cloudadmin" in signed_in["groups"]
        refused = browser.get("/aws/sandbox")
        assert refused.status_code == 403
        assert "sent 3000 groups for you, these among them: aws-123456789012" in text_of(refused)


def test_they_sign_in_when_the_assertion_is_encrypted_and_its_base64_is_wrapped(tmp_path: Path) -> None:
    with house_of(tmp_path) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        story = house.story(sent.request_id).at(attribute_statement=statement("Shibboleth"))
        xml = base64.b64decode(Encrypter().form_value(Forger(), story))
        wrapped = base64.encodebytes(xml).decode().replace("\n", "\r\n")
        form = {"SAMLResponse": wrapped, "RelayState": sent.relay_state}
        assert len(urlencode(form)) > 1_700_000
        console_url(browser.follow(browser.answer("/saml/acs", form)))


def test_a_response_beyond_the_limit_is_a_413_that_tells_the_person_why_and_the_log_what_to_set(
    tmp_path: Path,
) -> None:
    with house_of(tmp_path, max_answer_kb=64) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        form = house.answer(sent, attribute_statement=statement("Entra ID"))
        refused = browser.answer("/saml/acs", form)
        assert refused.status_code == 413
        assert "you are in very many groups" in text_of(refused)
        event = house.audit()[-1]
        assert (event["action"], event["outcome"], event["reason"]) == (
            "sign-in",
            "refused",
            "form too large",
        )
        assert "at most 65,536 bytes" in event["cause"]
        assert "max_answer_kb" in event["hint"]
        # The pending login still waits for an answer that fits.
        fits = house.answer(sent, attribute_statement=statement("Entra ID", GROUPS[:100]))
        console_url(browser.follow(browser.answer("/saml/acs", fits)))


def test_more_groups_than_a_response_of_that_size_has_room_for_are_a_413_too(tmp_path: Path) -> None:
    with house_of(tmp_path, max_answer_kb=64) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        short = "<saml:AttributeValue>g</saml:AttributeValue>" * 300
        attribute = f'<saml:Attribute Name="groups">{short}</saml:Attribute>'
        form = house.answer(
            sent, attribute_statement=f"<saml:AttributeStatement>{attribute}</saml:AttributeStatement>"
        )
        assert browser.answer("/saml/acs", form).status_code == 413
        assert house.audit()[-1]["reason"] == "too many tags"


def test_a_group_too_long_to_count_is_said_in_the_log_and_the_others_count(tmp_path: Path) -> None:
    with house_of(tmp_path) as house:
        groups = (("groups", ("x" * 1_025, "cloudadmin", "y" * 2_000)),)
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin", attributes=groups))
        (line,) = house.lines("sign_in.values_ignored")
        assert (line["attributes"], line["max_length"]) == (["groups"], 1_024)


def test_the_page_for_setting_up_shows_some_of_very_many_values_and_says_so(tmp_path: Path) -> None:
    with open_house(tmp_path, debug=True) as house:
        page = house.sign_in(
            house.browser(), "/saml/whoami", attribute_statement=statement("Entra ID", GROUPS[1:301])
        )
        assert "100 further groups are not stored: no target names them." in text_of(page)
        assert "Further values, if there are any, are not shown." in text_of(page)
