"""A sign-in that begins: what the identity provider is asked, what is remembered, and whose response claims it."""

import base64
import re
import zlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from awscons.access.step_up import AuthnRequirement
from awscons.errors import NoPendingLogin
from awscons.saml.names import HTTP_POST
from awscons.saml.redirect import read_redirect, verify_redirect
from awscons.saml.signature import verify_enveloped
from awscons.signin.login import RETURN_PATH_TTL, BegunLogin
from awscons.signin.records import PendingLogin
from awscons.signin.settings import LoginHint
from awscons.store import hashed
from support.forge import SSO_URL, certificate_of
from support.sign_ins import PENDING_LIFETIME, PROVIDER, SETTINGS, FixedTrust, SignIns

MFA, PASSWORD = "https://refeds.org/profile/mfa", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
SECOND = timedelta(seconds=1)


def request_in(begun: BegunLogin) -> etree._Element:
    """The AuthnRequest that goes to the identity provider."""
    if begun.form is not None:
        return etree.fromstring(base64.b64decode(begun.form["SAMLRequest"]))
    (sent,) = parse_qs(urlsplit(begun.url).query)["SAMLRequest"]
    return etree.fromstring(zlib.decompress(base64.b64decode(sent), wbits=-15))


def claimed_by(sign_ins: SignIns, handle: str, secrets: dict[str, str]) -> PendingLogin | NoPendingLogin:
    return sign_ins.logins.claim(handle, browser_secrets=secrets)


# --- what is asked and remembered ----------------------------------------------------------


def test_a_request_has_a_random_id_of_160_bits_that_no_other_request_has() -> None:
    sign_ins = SignIns()
    ids = {str(request_in(sign_ins.begin()).get("ID")) for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("_[0-9a-f]{40}", one) for one in ids)


def test_the_secret_of_a_browser_is_random_and_the_store_holds_its_hash() -> None:
    sign_ins = SignIns()
    one, other = sign_ins.begin(), sign_ins.begin()
    assert one.browser_secret != other.browser_secret
    assert len(base64.urlsafe_b64decode(one.browser_secret + "=")) == 32
    assert sign_ins.pending_of(one).browser_hash == hashed(one.browser_secret)


def test_what_a_sign_in_is_for_is_remembered_until_the_response_comes() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin(
        "/aws/x?y=1",
        requirement=AuthnRequirement(force_authn=True, authn_context=(MFA,)),
        retry_of_login=True,
        replaced_login_id="former",
        link_origin="https://wiki.example.com",
    )
    pending = sign_ins.pending_of(begun)
    assert pending == PendingLogin(
        request_id=str(request_in(begun).get("ID")),
        return_to="/aws/x?y=1",
        browser_hash=hashed(begun.browser_secret),
        begun_at=sign_ins.clock(),
        force_authn=True,
        retry_of_login=True,
        authn_context=(MFA,),
        replaced_login=hashed("former"),
        link_origin="https://wiki.example.com",
    )


def test_a_plain_sign_in_requires_nothing_and_replaces_nothing() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    pending, request = sign_ins.pending_of(begun), request_in(begun)
    assert (pending.force_authn, pending.retry_of_login, pending.authn_context) == (False, False, ())
    assert (pending.replaced_login, pending.link_origin) == (None, None)
    assert request.get("ForceAuthn") is None
    assert [str(child.tag).partition("}")[2] for child in request] == ["Issuer"]
    assert (request.get("Destination"), begun.form) == (SSO_URL, None)


@pytest.mark.parametrize(
    ("configured", "required", "asked"), [(False, True, True), (True, False, True), (False, False, False)]
)
def test_a_fresh_authentication_is_asked_for_by_the_configuration_or_the_target(
    *, configured: bool, required: bool, asked: bool
) -> None:
    sign_ins = SignIns(replace(SETTINGS, force_authn=configured))
    begun = sign_ins.begin(requirement=AuthnRequirement(force_authn=required))
    assert (request_in(begun).get("ForceAuthn") == "true", sign_ins.pending_of(begun).force_authn) == (
        asked,
        asked,
    )


@pytest.mark.parametrize(("required", "asked"), [((MFA,), (MFA,)), ((), (PASSWORD,))])
def test_the_context_that_a_target_requires_goes_before_that_of_the_configuration(
    required: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    sign_ins = SignIns(replace(SETTINGS, authn_context=(PASSWORD,)))
    begun = sign_ins.begin(requirement=AuthnRequirement(authn_context=required))
    refs = request_in(begun).iterfind(".//{*}AuthnContextClassRef")
    assert tuple(ref.text for ref in refs) == sign_ins.pending_of(begun).authn_context == asked


def test_the_name_id_format_of_the_configuration_is_asked_for() -> None:
    begun = SignIns(replace(SETTINGS, name_id_format="urn:persistent")).begin()
    policy = request_in(begun).find("{*}NameIDPolicy")
    assert policy is not None
    assert policy.get("Format") == "urn:persistent"


def test_a_request_in_a_redirect_has_its_handle_beside_it() -> None:
    begun = SignIns().begin()
    assert parse_qs(urlsplit(begun.url).query)["RelayState"] == [begun.handle]


def test_a_posted_request_has_its_handle_beside_it_and_an_address_without_a_query() -> None:
    begun = SignIns(replace(SETTINGS, authn_request_binding=HTTP_POST)).begin()
    assert begun.url == SSO_URL
    assert begun.form is not None
    assert set(begun.form) == {"SAMLRequest", "RelayState"}
    assert begun.form["RelayState"] == begun.handle
    assert request_in(begun).get("Destination") == SSO_URL


@pytest.mark.parametrize("signs", [False, True])
def test_a_request_in_a_redirect_is_signed_where_the_configuration_says_so(*, signs: bool) -> None:
    begun = SignIns(replace(SETTINGS, sign_requests=signs)).begin()
    message = read_redirect(urlsplit(begun.url).query)
    if signs:
        verify_redirect(message, (certificate_of("sp"),))
    else:
        assert message.signed_part is None


@pytest.mark.parametrize("signs", [False, True])
def test_a_posted_request_is_signed_where_the_configuration_says_so(*, signs: bool) -> None:
    begun = SignIns(replace(SETTINGS, sign_requests=signs, authn_request_binding=HTTP_POST)).begin()
    request = request_in(begun)
    assert (request.find("{*}Signature") is not None) is signs
    if signs:
        assert verify_enveloped(request, (certificate_of("sp"),)).get("ID") == request.get("ID")


# --- the name in a link --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "sent"),
    [
        ("ada@example.com", True),
        ("a" * 256, True),
        ("a" * 257, False),
        ("", False),
        (None, False),
        ("a b", False),
        ("a\n", False),
        ("\x7f", False),
        ("\ud800", False),
    ],
)
def test_a_name_of_up_to_256_printable_characters_is_handed_on(hint: str | None, *, sent: bool) -> None:
    by_query = SignIns(replace(SETTINGS, login_hint=LoginHint.QUERY)).begin(login_hint=hint)
    by_subject = SignIns(replace(SETTINGS, login_hint=LoginHint.SUBJECT)).begin(login_hint=hint)
    found = parse_qs(urlsplit(by_query.url).query).get("login_hint", [])
    assert found == ([hint] if sent else [])
    subject = request_in(by_subject).findtext("{*}Subject/{*}NameID")
    assert subject == (hint if sent else None)


@pytest.mark.parametrize("kind", LoginHint)
def test_a_name_is_handed_on_in_the_configured_way_alone(kind: LoginHint) -> None:
    begun = SignIns(replace(SETTINGS, login_hint=kind)).begin(login_hint="ada")
    assert ("login_hint=ada" in begun.url) is (kind is LoginHint.QUERY)
    assert (request_in(begun).find("{*}Subject") is not None) is (kind is LoginHint.SUBJECT)


@pytest.mark.parametrize(("sso_url", "joined"), [(SSO_URL, "?"), (f"{SSO_URL}?tenant=1", "&")])
def test_a_name_joins_the_query_of_the_address_that_the_request_is_posted_to(
    sso_url: str, joined: str
) -> None:
    settings = replace(SETTINGS, authn_request_binding=HTTP_POST, login_hint=LoginHint.QUERY)
    begun = SignIns(settings, FixedTrust(replace(PROVIDER, sso_url=sso_url))).begin(login_hint="a&b")
    assert begun.url == f"{sso_url}{joined}login_hint=a%26b"


# --- whose response claims it --------------------------------------------------------------


def test_a_pending_login_is_claimed_by_its_browser_once() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    secrets = {begun.handle: begun.browser_secret}
    assert claimed_by(sign_ins, begun.handle, secrets) == sign_ins.pending_of(begun)
    again = claimed_by(sign_ins, begun.handle, secrets)
    assert isinstance(again, NoPendingLogin)
    assert (again.cause, again.return_to) == ("the response was posted a second time", "/aws/cloudadmin")


@pytest.mark.parametrize("age", [PENDING_LIFETIME - SECOND, PENDING_LIFETIME + RETURN_PATH_TTL - SECOND])
def test_a_used_pending_login_is_never_claimed_again(age: timedelta) -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    secrets = {begun.handle: begun.browser_secret}
    assert isinstance(claimed_by(sign_ins, begun.handle, secrets), PendingLogin)
    sign_ins.clock.now += age
    assert isinstance(claimed_by(sign_ins, begun.handle, secrets), NoPendingLogin)


@pytest.mark.parametrize(
    ("age", "cause"),
    [
        (timedelta(), None),
        (PENDING_LIFETIME - SECOND, None),
        (PENDING_LIFETIME, "the pending login took too long"),
        (PENDING_LIFETIME + RETURN_PATH_TTL - SECOND, "the pending login took too long"),
        (PENDING_LIFETIME + RETURN_PATH_TTL, "the pending login has ended, or was not issued here"),
    ],
)
def test_a_response_counts_as_long_as_its_pending_login_lives(age: timedelta, cause: str | None) -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    sign_ins.clock.now += age
    claimed = claimed_by(sign_ins, begun.handle, {begun.handle: begun.browser_secret})
    assert (claimed.cause if isinstance(claimed, NoPendingLogin) else None) == cause
    if cause == "the pending login took too long":
        assert claimed.return_to == "/aws/cloudadmin"


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize(
    ("secret", "cause"),
    [
        (None, "this browser sent no cookie of the pending login"),
        ("", "the pending login belongs to another browser"),
        ("guessed", "the pending login belongs to another browser"),
    ],
)
def test_another_browser_claims_nothing_and_does_not_learn_the_path(
    secret: str | None, cause: str, *, retry: bool
) -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin(retry_of_login=retry)
    refused = claimed_by(sign_ins, begun.handle, {} if secret is None else {begun.handle: secret})
    assert isinstance(refused, NoPendingLogin)
    assert (refused.cause, refused.return_to, refused.in_a_loop) == (cause, None, retry)
    own = claimed_by(sign_ins, begun.handle, {begun.handle: begun.browser_secret})
    assert isinstance(own, PendingLogin)


@pytest.mark.parametrize("retry", [False, True])
def test_a_retry_that_comes_late_or_twice_is_a_loop(*, retry: bool) -> None:
    sign_ins = SignIns()
    late, twice = sign_ins.begin(retry_of_login=retry), sign_ins.begin(retry_of_login=retry)
    secrets = {one.handle: one.browser_secret for one in (late, twice)}
    claimed_by(sign_ins, twice.handle, secrets)
    second = claimed_by(sign_ins, twice.handle, secrets)
    sign_ins.clock.now += PENDING_LIFETIME
    for refused in (second, claimed_by(sign_ins, late.handle, secrets)):
        assert isinstance(refused, NoPendingLogin)
        assert refused.in_a_loop is retry


def test_an_unknown_handle_is_no_loop_and_has_no_path() -> None:
    refused = claimed_by(SignIns(), "6b000000.made-up.1", {})
    assert isinstance(refused, NoPendingLogin)
    assert (refused.return_to, refused.in_a_loop) == (None, False)
