"""A login that ends: a real identity provider, and the service's own clock moved on."""

from pathlib import Path

from support.browser import sent_to_idp
from support.house import open_house
from support.simplesamlphp import simplesamlphp


def test_a_login_that_has_ended_leads_to_the_identity_provider_again(tmp_path: Path) -> None:
    with (
        simplesamlphp(tmp_path / "idp") as idp,
        open_house(
            tmp_path,
            saml={"saml_endpoint": idp.sso_url, "issuer": idp.entity_id, "certificate": idp.certificate_pem},
        ) as house,
    ):
        browser = house.browser()
        idp.know(browser.get("/saml/metadata").content)
        answered = idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada")
        assert browser.follow(answered).status_code == 301
        house.clock.forward(minutes=59)
        assert browser.get("/aws/cloudadmin").status_code == 301
        house.clock.forward(minutes=1)
        assert sent_to_idp(browser.get("/aws/cloudadmin")).url.startswith(idp.sso_url)
