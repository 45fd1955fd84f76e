"""Sign-outs by themselves: what the identity provider is told, which logins its messages end, and our answer."""

import base64
import re
import zlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote_plus, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from awscons.access.identity import Identity, Login, Terminal
from awscons.errors import ResponseRefused
from awscons.saml.redirect import RedirectMessage, read_redirect, verify_redirect
from awscons.signin.single_logout import FinishedLogout, LogoutReceived
from support.forge import IDP, RSA_SHA256, SUCCESS, Forger, certificate_of, instant, key_named, posted
from support.sign_ins import OUR_SLO_URL, PROVIDER, THEIR_SLO_URL, FixedTrust, SignIns

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ADA = Identity("ada@example.com", "urn:x:4711", {}, frozenset())
ANSWER_URL = "https://idp.example.com/slo/answers"


def message(kind: str, inside: str, attributes: str = "", *, issued_at: str, message_id: str = "_m") -> str:
    return (
        f'<samlp:{kind} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
        f'ID="{message_id}" Version="2.0" IssueInstant="{issued_at}" Destination="{OUR_SLO_URL}" {attributes}>'
        f"<saml:Issuer>{IDP}</saml:Issuer>{{{{response-signature}}}}{inside}</samlp:{kind}>"
    )


def request_for(
    sign_ins: SignIns,
    name: str = "urn:x:4711",
    *indexes: str,
    qualifiers: str = "",
    message_id: str = "_m",
    age: timedelta = timedelta(),
) -> str:
    """The identity provider's word that this person signed out."""
    sessions = "".join(f"<samlp:SessionIndex>{index}</samlp:SessionIndex>" for index in indexes)
    return message(
        "LogoutRequest",
        f"<saml:NameID {qualifiers}>{name}</saml:NameID>{sessions}",
        issued_at=instant(sign_ins.clock() - age),
        message_id=message_id,
    )


def response_to(sign_ins: SignIns, request_id: str, inner: str = "") -> str:
    """The identity provider's answer to a sign-out here."""
    return message(
        "LogoutResponse",
        f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}">{inner}</samlp:StatusCode></samlp:Status>',
        f'InResponseTo="{request_id}"',
        issued_at=instant(sign_ins.clock()),
    )


def signed(xml: str, forger: Forger | None = None) -> str:
    """The form value of a message, signed inside."""
    return posted((forger or Forger()).sign(xml, "response", re.findall(r' ID="([^"]+)"', xml)[0]))


def query(xml: str, kind: str = "SAMLRequest", relay_state: str = "theirs") -> str:
    """A message in a query string, signed."""
    compressor = zlib.compressobj(wbits=-15)
    data = compressor.compress(xml.replace("{{response-signature}}", "").encode()) + compressor.flush()
    text = f"{kind}={quote_plus(base64.b64encode(data))}&RelayState={relay_state}&SigAlg={quote_plus(RSA_SHA256)}"
    key = key_named("idp")
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}&Signature={quote_plus(base64.b64encode(signature))}"


def received(sign_ins: SignIns, xml: str, relay_state: str = "theirs") -> LogoutReceived:
    """What a posted logout request does."""
    done = sign_ins.logouts.handle_post(saml_request=signed(xml), saml_response="", relay_state=relay_state)
    assert isinstance(done, LogoutReceived)
    return done


def answered(sign_ins: SignIns, xml: str) -> FinishedLogout:
    """What a posted answer does."""
    done = sign_ins.logouts.handle_post(saml_request="", saml_response=signed(xml), relay_state="")
    assert isinstance(done, FinishedLogout)
    return done


def saved(sign_ins: SignIns, login_id: str, identity: Identity = ADA, **more: object) -> Login:
    login = Login(identity, sign_ins.clock(), sign_ins.clock() + timedelta(hours=1), **more)  # type: ignore[arg-type]
    sign_ins.register.save(login_id, login)
    return login


def opened(url: str | None, kind: str, *, signature: bool = True) -> tuple[RedirectMessage, etree._Element]:
    """A message of ours, taken out of its URL."""
    assert url is not None
    found = read_redirect(urlsplit(url).query)
    assert found.kind == kind
    if signature:
        verify_redirect(found, (certificate_of("sp"),))
    return found, etree.fromstring(found.document)


# --- told ----------------------------------------------------------------------------------


def test_a_sign_out_here_is_told_with_everything_that_names_the_session_there() -> None:
    sign_ins = SignIns()
    login = saved(sign_ins, "a", session_index="_index", name_id_qualifiers={"Format": "urn:persistent"})
    url = sign_ins.logouts.begin(login)
    sent, request = opened(url, "SAMLRequest")
    assert str(url).startswith(f"{THEIR_SLO_URL}?SAMLRequest=")
    assert sent.relay_state == ""
    assert re.fullmatch("_[0-9a-f]{40}", str(request.get("ID")))
    assert (request.get("Destination"), request.get("IssueInstant")) == (
        THEIR_SLO_URL,
        instant(sign_ins.clock()),
    )
    name = request.find("{*}NameID")
    assert name is not None
    assert (name.text, dict(name.attrib)) == ("urn:x:4711", {"Format": "urn:persistent"})
    assert request.findtext("{*}SessionIndex") == "_index"


@pytest.mark.parametrize(
    ("tells", "signs", "slo_url"),
    [(False, True, THEIR_SLO_URL), (True, False, THEIR_SLO_URL), (True, True, "")],
)
def test_nobody_is_told_unless_it_is_configured_signed_and_has_an_address(
    slo_url: str, *, tells: bool, signs: bool
) -> None:
    sign_ins = SignIns(trust=FixedTrust(replace(PROVIDER, slo_url=slo_url)), tells=tells, signs=signs)
    assert sign_ins.logouts.begin(saved(sign_ins, "a")) is None


@pytest.mark.parametrize(("inner", "everywhere"), [("", True), ('<samlp:StatusCode Value="urn:x"/>', False)])
def test_an_answer_to_a_sign_out_here_counts_once_and_says_whether_it_was_complete(
    inner: str, *, everywhere: bool
) -> None:
    sign_ins = SignIns()
    _sent, request = opened(sign_ins.logouts.begin(saved(sign_ins, "a")), "SAMLRequest")
    xml = response_to(sign_ins, str(request.get("ID")), inner)
    assert answered(sign_ins, xml).everywhere is everywhere
    with pytest.raises(ResponseRefused, match="answers no logout of ours"):
        answered(sign_ins, xml)


@pytest.mark.parametrize(("age", "counts"), [(10 * MINUTE - SECOND, True), (10 * MINUTE, False)])
def test_an_answer_counts_for_ten_minutes(age: timedelta, *, counts: bool) -> None:
    sign_ins = SignIns()
    _sent, request = opened(sign_ins.logouts.begin(saved(sign_ins, "a")), "SAMLRequest")
    sign_ins.clock.now += age
    xml = response_to(sign_ins, str(request.get("ID")))
    if counts:
        assert answered(sign_ins, xml).everywhere
        return
    with pytest.raises(ResponseRefused, match="answers no logout of ours"):
        answered(sign_ins, xml)


def test_an_answer_by_redirect_counts_like_a_posted_one() -> None:
    sign_ins = SignIns()
    _sent, request = opened(sign_ins.logouts.begin(saved(sign_ins, "a")), "SAMLRequest")
    xml = response_to(sign_ins, str(request.get("ID")))
    assert sign_ins.logouts.handle_redirect(query(xml, "SAMLResponse")) == FinishedLogout(everywhere=True)


# --- heard ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("request_value", "response_value"), [("", ""), ("x", "x")], ids=["neither", "both"])
def test_a_form_holds_one_message(request_value: str, response_value: str) -> None:
    with pytest.raises(ResponseRefused, match="message missing"):
        SignIns().logouts.handle_post(
            saml_request=request_value, saml_response=response_value, relay_state=""
        )


@pytest.mark.parametrize(
    ("indexes", "ended"),
    [
        ((), ["a", "b", "none"]),
        (("_1",), ["a"]),
        (("_1", "_2"), ["a", "b"]),
        (("_2", "_3"), ["b"]),
        (("_3",), []),
    ],
)
def test_a_sign_out_there_ends_the_named_sessions_or_all(indexes: tuple[str, ...], ended: list[str]) -> None:
    sign_ins = SignIns()
    logins = {}
    for login_id, index in (("a", "_1"), ("b", "_2"), ("none", None)):
        logins[login_id] = saved(sign_ins, login_id, session_index=index)
        sign_ins.clock.forward(seconds=1)
    done = received(sign_ins, request_for(sign_ins, "urn:x:4711", *indexes))
    assert done.ended == tuple(logins[login_id] for login_id in ended)
    alive = [login_id for login_id in logins if sign_ins.register.find(login_id) is not None]
    assert alive == [login_id for login_id in logins if login_id not in ended]


@pytest.mark.parametrize(
    ("qualifiers", "ended"),
    [("", True), ('Format="urn:a"', True), ('Format="urn:b"', False), ('NameQualifier="x"', True)],
)
def test_a_name_ends_the_logins_of_the_same_name_and_qualifiers(qualifiers: str, *, ended: bool) -> None:
    sign_ins = SignIns()
    saved(sign_ins, "a", name_id_qualifiers={"Format": "urn:a"})
    done = received(sign_ins, request_for(sign_ins, qualifiers=qualifiers))
    assert len(done.ended) == int(ended)


def test_a_name_does_not_end_logins_that_have_it_as_their_user_name_alone() -> None:
    sign_ins = SignIns()
    saved(sign_ins, "a")
    saved(sign_ins, "b", Identity("urn:x:4711", "ada@example.com", {}, frozenset()))
    (ended,) = received(sign_ins, request_for(sign_ins, "ada@example.com")).ended
    assert ended.identity.name_id == "ada@example.com"
    assert sign_ins.register.find("a") is not None
    assert sign_ins.register.find("b") is None


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (timedelta(), "message was used before"),
        (12 * MINUTE, "message was used before"),
        (12 * MINUTE + SECOND, "message is not of now"),
    ],
)
def test_a_request_is_remembered_for_as_long_as_it_would_be_accepted(age: timedelta, rule: str) -> None:
    """Its clock may be a minute before ours, and a message counts for ten minutes and a minute of skew."""
    sign_ins = SignIns()
    xml = request_for(sign_ins, age=-MINUTE)
    received(sign_ins, xml)
    sign_ins.clock.now += age
    with pytest.raises(ResponseRefused) as caught:
        received(sign_ins, xml)
    assert caught.value.rule == rule


def test_a_terminal_that_is_signed_in_during_a_sign_out_there_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_ins = SignIns()
    login, revoke = saved(sign_ins, "a"), sign_ins.register.revoke
    terminal = replace(login, terminal=Terminal("laptop", allowed_by="a", since=sign_ins.clock()))

    def revoke_late(public_id: str) -> None:
        sign_ins.register.save_terminal("t", terminal)
        revoke(public_id)

    monkeypatch.setattr(sign_ins.register, "revoke", revoke_late)
    assert [found.terminal for found in received(sign_ins, request_for(sign_ins)).ended] == [
        None,
        terminal.terminal,
    ]
    assert sign_ins.register.of("urn:x:4711") == ()


def test_every_request_counts_by_itself() -> None:
    sign_ins = SignIns()
    for number in range(2):
        saved(sign_ins, "a")
        assert len(received(sign_ins, request_for(sign_ins, message_id=f"_{number}")).ended) == 1


def test_a_newer_key_counts_for_messages_of_both_bindings() -> None:
    old = replace(PROVIDER, signing_certificates=(certificate_of("old"),))
    for by_post in (True, False):
        sign_ins = SignIns(trust=FixedTrust(old, newer=PROVIDER))
        saved(sign_ins, "a")
        xml = request_for(sign_ins)
        done = received(sign_ins, xml) if by_post else sign_ins.logouts.handle_redirect(query(xml))
        assert isinstance(done, LogoutReceived)
        assert len(done.ended) == sign_ins.trust.reloads == 1


# --- our answer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slo_url", "slo_response_url", "answer_url"),
    [
        (THEIR_SLO_URL, "", THEIR_SLO_URL),
        (THEIR_SLO_URL, ANSWER_URL, ANSWER_URL),
        ("", ANSWER_URL, ANSWER_URL),
        ("", "", None),
    ],
)
def test_the_answer_goes_to_the_address_for_answers(
    slo_url: str, slo_response_url: str, answer_url: str | None
) -> None:
    provider = replace(PROVIDER, slo_url=slo_url, slo_response_url=slo_response_url)
    sign_ins = SignIns(trust=FixedTrust(provider))
    url = received(sign_ins, request_for(sign_ins, message_id="_theirs")).answer_url
    if answer_url is None:
        assert url is None
        return
    _sent, response = opened(url, "SAMLResponse")
    assert str(url).startswith(f"{answer_url}?")
    assert (response.get("Destination"), response.get("InResponseTo")) == (answer_url, "_theirs")
    assert response.get("IssueInstant") == instant(sign_ins.clock())
    assert re.fullmatch("_[0-9a-f]{40}", str(response.get("ID")))


def test_without_a_key_of_ours_the_answer_is_unsigned() -> None:
    sign_ins = SignIns(signs=False)
    url = received(sign_ins, request_for(sign_ins)).answer_url
    sent, _response = opened(url, "SAMLResponse", signature=False)
    assert sent.signed_part is None


@pytest.mark.parametrize(("length", "returned"), [(0, 0), (1, 1), (1_024, 1_024), (1_025, 0)])
def test_their_relay_state_comes_back_unless_it_is_very_long(length: int, returned: int) -> None:
    sign_ins = SignIns()
    url = received(sign_ins, request_for(sign_ins), "x" * length).answer_url
    sent, _response = opened(url, "SAMLResponse")
    assert sent.relay_state == "x" * returned
