"""The whole service and a real identity provider, each configured from nothing but the other's metadata.

SimpleSAMLphp reads ours by its own parser (`there` is what its administrator writes beside it), the service
reads SimpleSAMLphp's from its address. Their clocks stand at the same moment unless a test sets them apart.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser as Chromium

from awscons.saml.algorithms import UNKNOWN_KEY
from awscons.saml.certificates import fingerprint
from support.browser import Browser, Form, forms_in, refresh_of, sent_to_idp, text_of
from support.forge import certificate_of, write_key_folder
from support.house import FULL_TARGETS, House, console_url, open_house
from support.simplesamlphp import KEY, SimpleSamlPhp, simplesamlphp
from support.xmlsec1 import places_of

NOT_BY_HAND = {"issuer": None, "certificate": None, "saml_endpoint": None}
SLO_SIGNED = {"sign.logout": True, "validate.logout": True}
FRESH = {**FULL_TARGETS[0], "service": "fresh", "max_login_age": 120}
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
NEXT_KEY = "simplesamlphp-next"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    with simplesamlphp(tmp_path_factory.mktemp("idp") / "idp") as found:
        yield found


@pytest.fixture
def idp(running: SimpleSamlPhp) -> SimpleSamlPhp:
    """The one that runs, with its usual settings."""
    running.set_up()
    return running


@contextmanager
def service(
    folder: Path,
    idp: SimpleSamlPhp,
    *,
    here: Mapping[str, object] | None = None,
    there: Mapping[str, object] | None = None,
    keys: bool = False,
    targets: Sequence[Mapping[str, object]] = FULL_TARGETS,
) -> Iterator[House]:
    """The service, with keys of its own where it needs them, and known over there."""
    saml = {"idp_metadata": idp.entity_id, **NOT_BY_HAND, **(here or {})}
    if keys:
        saml["sp_keys"] = str(write_key_folder(folder / "keys"))
    with open_house(folder, saml=saml, aws={"targets": targets}) as house:
        idp.know(house.browser().get("/saml/metadata").content, there)
        idp.set_clock(house.clock())
        yield house


def asks_for_a_password(page: httpx.Response) -> bool:
    return any("password" in form.fields for form in forms_in(page))


def signed_in(house: House, idp: SimpleSamlPhp, name: str = "ada") -> Browser:
    """A browser in which that person has just signed in, on the way to a console."""
    browser = house.browser()
    console_url(browser.follow(idp.sign_in(browser, browser.get("/aws/cloudadmin"), name)))
    return browser


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/aws/cloudadmin").status_code == 301


def until_sent_back(browser: Browser, page: httpx.Response) -> httpx.Response:
    """What carries the browser back to us, after whatever the identity provider does with itself."""
    while page.is_redirect and not page.headers["Location"].startswith(browser.base):
        page = browser.follow(page)
    return page


def signing_out_there(browser: Browser, idp: SimpleSamlPhp) -> httpx.Response:
    """Its log-out link; gives what carries its LogoutRequest to us."""
    query = urlencode({"ReturnTo": f"{idp.url}/logout.php"})
    return until_sent_back(browser, browser.get(f"{idp.slo_url}?{query}"))


# --- what it signs and encrypts ----------------------------------------------------------


def parts_of(form: Form) -> set[str]:
    """What is signed and what is encrypted, as far as it can be seen from outside."""
    document = base64.b64decode(form.fields["SAMLResponse"])
    encrypted = {"encrypted"} if b"EncryptedAssertion" in document else set()
    return {*places_of(document), *encrypted}


@pytest.mark.parametrize(
    ("signed", "encrypted", "seen"),
    [
        ("assertion", False, {"assertion"}),
        ("response", False, {"message"}),
        ("both", False, {"assertion", "message"}),
        ("assertion", True, {"encrypted"}),
        ("response", True, {"encrypted", "message"}),
        ("both", True, {"encrypted", "message"}),
    ],
)
def test_people_come_in_whatever_it_signs_and_encrypts(
    tmp_path: Path,
    idp: SimpleSamlPhp,
    signed: str,
    encrypted: bool,  # noqa: FBT001
    seen: set[str],
) -> None:
    there = {
        "saml20.sign.assertion": signed in {"assertion", "both"},
        "saml20.sign.response": signed in {"response", "both"},
        "assertion.encryption": encrypted,
    }
    with service(tmp_path, idp, there=there, keys=encrypted) as house:
        browser = house.browser()
        form = idp.answer(browser, browser.follow_all(browser.get("/aws/cloudadmin")), "carl")
        assert parts_of(form) == seen
        console_url(browser.follow(browser.answer(form.action, form.fields)))


def test_its_cipher_is_refused_where_nothing_but_gcm_will_do(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    there = {"assertion.encryption": True}
    with service(tmp_path, idp, here={"gcm_only": True}, there=there, keys=True) as house:
        browser = house.browser()
        assert idp.sign_in(browser, browser.get("/aws/cloudadmin"), "carl").status_code == 400
        assert "aes128-cbc" in house.audit()[-1]["cause"]


# --- people ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["carl", "mona", "zoë"])
def test_people_with_one_group_with_150_and_with_a_name_beyond_ascii_get_their_console(
    tmp_path: Path, idp: SimpleSamlPhp, name: str
) -> None:
    with service(tmp_path, idp) as house:
        signed_in(house, idp, name)
        opened = house.audit()[-1]
        assert (opened["action"], opened["outcome"]) == ("open-console", "done")
        assert (opened["user_name"], opened["decided_by"]) == (name, "group 'cloudadmin'")


def test_a_person_without_groups_is_let_in_nowhere_and_told_so(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    with service(tmp_path, idp) as house:
        browser = house.browser()
        page = browser.follow(idp.sign_in(browser, browser.get("/aws/cloudadmin"), "nina"))
        assert page.status_code == 403
        assert "Unauthorized" in text_of(page)
        assert "nina" in text_of(page)
        assert house.audit()[-1]["reason"] == "the identity provider sent no groups"


# --- its keys ----------------------------------------------------------------------------


def test_the_next_of_two_keys_in_its_metadata_signs_one_day_and_nobody_notices(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    idp.set_up(idp.key_pair(NEXT_KEY, prefix="new_"))
    with service(tmp_path, idp) as house:
        signed_in(house, idp)
        idp.set_up(idp.key_pair(NEXT_KEY))
        signed_in(house, idp)
        assert not [event for event in house.audit() if event["action"] == "idp-keys-changed"]


def test_a_key_that_nobody_announced_makes_the_service_read_the_metadata_again(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    with service(tmp_path, idp) as house:
        signed_in(house, idp)
        idp.set_up(idp.key_pair(NEXT_KEY))
        signed_in(house, idp)
        (changed,) = (event for event in house.audit() if event["action"] == "idp-keys-changed")
        assert changed["keys_added"] == fingerprint(certificate_of(NEXT_KEY))
        assert changed["keys_removed"] == fingerprint(certificate_of(KEY))


def test_a_sign_out_there_by_such_a_key_counts_as_well(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    with service(tmp_path, idp, there=SLO_SIGNED, keys=True) as house:
        browser = signed_in(house, idp)
        idp.set_up(idp.key_pair(NEXT_KEY))
        done = browser.follow_all(signing_out_there(browser, idp))
        assert "You have been logged out" in text_of(done)
        assert not is_signed_in(browser)


def test_a_key_that_is_not_in_its_metadata_signs_nobody_in(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    with service(tmp_path, idp, there=idp.key_pair(NEXT_KEY, prefix="signature.")) as house:
        browser = house.browser()
        assert idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada").status_code == 400
        assert house.audit()[-1]["reason"] == UNKNOWN_KEY


# --- its clock ---------------------------------------------------------------------------

# It lets its assertions begin half a minute early and last for five minutes. These last for a second, so
# that what is too late is too late.
SHORT = {"assertion.lifetime": 1}


@pytest.mark.parametrize("seconds", [55, -55])
def test_clocks_that_differ_by_less_than_a_minute_are_one_clock_to_sign_in_again_and_out(
    tmp_path: Path, idp: SimpleSamlPhp, seconds: int
) -> None:
    there = {**SHORT, **SLO_SIGNED}
    with service(tmp_path, idp, there=there, keys=True, targets=[FULL_TARGETS[0], FRESH]) as house:
        idp.set_clock(house.clock() + timedelta(seconds=seconds))
        browser = signed_in(house, idp)
        house.clock.forward(seconds=180)
        idp.set_clock(house.clock() + timedelta(seconds=seconds))
        console_url(browser.follow(idp.sign_in(browser, browser.get("/aws/fresh"), "ada")))
        done = browser.follow_all(signing_out_there(browser, idp))
        assert "You have been logged out" in text_of(done)
        assert not is_signed_in(browser)


@pytest.mark.parametrize(("seconds", "cause"), [(65, "authentication instant"), (-65, "expired")])
def test_clocks_that_differ_by_more_are_refused_with_the_cause_in_the_log(
    tmp_path: Path, idp: SimpleSamlPhp, seconds: int, cause: str
) -> None:
    with service(tmp_path, idp, there=SHORT) as house:
        idp.set_clock(house.clock() + timedelta(seconds=seconds))
        browser = house.browser()
        assert idp.sign_in(browser, browser.get("/aws/cloudadmin"), "ada").status_code == 400
        assert cause in house.audit()[-1]["cause"]


# --- what we ask -------------------------------------------------------------------------


def begun(browser: Browser) -> httpx.Response:
    """What the identity provider shows to whoever was sent there, by a redirect or with a form."""
    page = browser.get("/aws/cloudadmin")
    if page.status_code == 200:
        page = browser.submit(page)
    return browser.follow_all(page)


@pytest.mark.parametrize("binding", ["HTTP-Redirect", "HTTP-POST"])
@pytest.mark.parametrize(("signs", "demanded"), [(True, True), (True, False), (False, False)])
def test_our_requests_are_taken_by_either_binding_signed_where_that_is_demanded(
    tmp_path: Path,
    idp: SimpleSamlPhp,
    binding: str,
    signs: bool,  # noqa: FBT001
    demanded: bool,  # noqa: FBT001
) -> None:
    there = {"validate.authnrequest": demanded}
    here = {"authn_request_binding": binding, "sign_requests": signs}
    with service(tmp_path, idp, here=here, there=there, keys=True) as house:
        browser = house.browser()
        form = idp.answer(browser, begun(browser), "ada")
        console_url(browser.follow(browser.answer(form.action, form.fields)))


@pytest.mark.parametrize("binding", ["HTTP-Redirect", "HTTP-POST"])
def test_an_unsigned_request_is_refused_there_where_it_demands_signed_ones(
    tmp_path: Path, idp: SimpleSamlPhp, binding: str
) -> None:
    there = {"validate.authnrequest": True}
    with service(tmp_path, idp, here={"authn_request_binding": binding}, there=there, keys=True) as house:
        page = begun(house.browser())
        assert not asks_for_a_password(page)
        assert "no signature found on message" in text_of(page)


def test_what_it_demands_of_everybody_our_metadata_outweighs_where_it_says_that_we_do_not_sign(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    idp.set_up({"validate.authnrequest": True})
    with service(tmp_path, idp, keys=True) as house:
        assert asks_for_a_password(begun(house.browser()))


def test_it_takes_a_request_with_everything_that_ours_can_hold(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    here = {
        "force_reauth": True,
        "authn_context": ["urn:oasis:names:tc:SAML:2.0:ac:classes:Password"],
        "name_id_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "login_hint": "subject",
        "authn_request_binding": "HTTP-POST",
        "sign_requests": True,
    }
    with service(tmp_path, idp, here=here, keys=True) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin?login_hint=ada"))
        assert "ada" in "".join(sent.request.itertext())
        form = idp.answer(browser, browser.follow_all(browser.submit(sent.response)), "ada")
        console_url(browser.follow(browser.answer(form.action, form.fields)))


# --- a fresh password --------------------------------------------------------------------


def test_a_target_that_wants_a_fresh_login_has_it_ask_for_the_password_again(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    with service(tmp_path, idp, targets=[FULL_TARGETS[0], FRESH]) as house:
        browser = house.browser()
        console_url(browser.follow(idp.sign_in(browser, browser.get("/aws/fresh"), "ada")))
        house.clock.forward(seconds=121)
        idp.set_clock(house.clock())
        console_url(browser.get("/aws/cloudadmin"))
        requested = browser.follow_all(browser.get("/aws/fresh"))
        assert asks_for_a_password(requested)
        form = idp.answer(browser, requested, "ada")
        console_url(browser.follow(browser.answer(form.action, form.fields)))


# --- single logout -----------------------------------------------------------------------


def is_known_there(browser: Browser) -> bool:
    """Whether the identity provider would answer for the person without asking for the password."""
    return not asks_for_a_password(browser.follow_all(browser.get("/aws/cloudadmin")))


def unsigned(url: str) -> str:
    """A redirect without its signature."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"SigAlg", "Signature"}]
    return parts._replace(query=urlencode(kept)).geturl()


@contextmanager
def service_with_slo_by(binding: str, folder: Path, idp: SimpleSamlPhp) -> Iterator[House]:
    """The service, whose entry over there has one binding for its messages."""
    with service(folder, idp, here={"single_logout": True}, keys=True) as house:
        slo = {"Binding": f"{BINDINGS}{binding}", "Location": f"{house.url}/saml/slo"}
        idp.know(house.browser().get("/saml/metadata").content, {**SLO_SIGNED, "SingleLogoutService": [slo]})
        yield house


def carried_on(browser: Browser, sent: httpx.Response) -> httpx.Response:
    """What we say to a message of its own, which comes by a redirect or in a form."""
    if sent.is_redirect:
        return browser.follow(sent)
    (form,) = forms_in(sent)
    return browser.answer(form.action, form.fields)


@pytest.mark.parametrize("binding", ["HTTP-Redirect", "HTTP-POST"])
def test_signing_out_here_signs_out_there_as_well(tmp_path: Path, idp: SimpleSamlPhp, binding: str) -> None:
    with service_with_slo_by(binding, tmp_path, idp) as house:
        browser = signed_in(house, idp)
        page = until_sent_back(browser, browser.get(refresh_of(browser.post("/saml/logout", {}))))
        assert page.is_redirect == (binding == "HTTP-Redirect")
        done = browser.follow_all(carried_on(browser, page))
        assert "signed out here and at your identity provider" in text_of(done)
        assert not is_known_there(browser)


def test_without_single_logout_it_still_knows_the_person(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    with service(tmp_path, idp, there=SLO_SIGNED, keys=True) as house:
        browser = signed_in(house, idp)
        done = browser.follow(browser.post("/saml/logout", {}))
        assert "you may still be signed in at your identity provider" in text_of(done)
        assert is_known_there(browser)


@pytest.mark.parametrize("binding", ["HTTP-Redirect", "HTTP-POST"])
def test_signing_out_there_ends_the_login_here_and_our_answer_satisfies_it(
    tmp_path: Path, idp: SimpleSamlPhp, binding: str
) -> None:
    with service_with_slo_by(binding, tmp_path, idp) as house:
        browser, on_the_phone = signed_in(house, idp), signed_in(house, idp)
        sent = signing_out_there(browser, idp)
        assert sent.is_redirect == (binding == "HTTP-Redirect")
        done = browser.follow_all(carried_on(browser, sent))
        assert str(done.url) == f"{idp.url}/logout.php"
        assert "You have been logged out" in text_of(done)
        assert not is_signed_in(browser)
        assert not is_known_there(browser)
        assert is_signed_in(on_the_phone)


def test_where_it_validates_an_unsigned_request_of_ours_ends_nothing_there(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    with service(tmp_path, idp, here={"single_logout": True}, there=SLO_SIGNED, keys=True) as house:
        browser = signed_in(house, idp)
        onward = refresh_of(browser.post("/saml/logout", {}))
        refused = browser.follow_all(browser.get(unsigned(onward)))
        assert "no signature found on message" in text_of(refused)
        assert is_known_there(browser)


def test_where_it_validates_an_unsigned_answer_of_ours_does_not_satisfy_it(
    tmp_path: Path, idp: SimpleSamlPhp
) -> None:
    with service(tmp_path, idp, there=SLO_SIGNED, keys=True) as house:
        browser = signed_in(house, idp)
        answered = browser.follow(signing_out_there(browser, idp))
        refused = browser.follow_all(browser.get(unsigned(answered.headers["Location"])))
        assert "no signature found on message" in text_of(refused)


def test_what_it_does_not_sign_ends_nothing_here(tmp_path: Path, idp: SimpleSamlPhp) -> None:
    with service(tmp_path, idp, there={"sign.logout": False}) as house:
        browser = signed_in(house, idp)
        assert browser.follow(signing_out_there(browser, idp)).status_code == 400
        assert "no signature" in house.audit()[-1]["cause"]
        assert is_signed_in(browser)


def test_in_a_real_browser_a_posted_request_signs_in_and_signing_out_is_told_there(
    tmp_path: Path, idp: SimpleSamlPhp, chromium: Chromium
) -> None:
    here = {"authn_request_binding": "HTTP-POST", "sign_requests": True, "single_logout": True}
    with service(tmp_path, idp, here=here, there=SLO_SIGNED, keys=True) as house:
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(f"{house.url}/aws/")
        page.fill("input[name=username]", "ada")
        page.fill("input[name=password]", "secret")
        page.click("button[type=submit], input[type=submit]")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_selector("text=You are signed out here and at your identity provider")
        page.goto(f"{house.url}/aws/")
        page.wait_for_selector("input[name=password]")
        context.close()
