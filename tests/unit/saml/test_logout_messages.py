"""Logout messages: the limits of what the identity provider may send, and what is in ours."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from lxml import etree

from adversary.cases import NOW, SLO, Surroundings, service_provider
from adversary.corpus.logout import OTTO, query, request, signed, unsigned
from awscons.errors import ResponseRefused
from awscons.saml.input_limits import LOGOUT_LIMITS
from awscons.saml.logout_messages import (
    LogoutRequest,
    LogoutResponse,
    SubjectName,
    build_logout_request,
    build_logout_response,
    open_posted,
    open_redirected,
    read_logout_request,
    read_logout_response,
)
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import read_redirect
from awscons.saml.xml import Element, parse
from support.encrypt import Encrypter
from support.forge import ACS, IDP, SP, SSO_URL, SUCCESS, certificate_of, instant, posted

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
SKEW = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
IDP_SLO = "https://idp.example.com/slo"
US = ServiceProvider(SP, ACS, slo_url=SLO)
THEM = IdentityProvider(IDP, SSO_URL, (certificate_of("idp"),), slo_url=IDP_SLO)


def read_request(message: str, *, now: datetime = NOW) -> LogoutRequest:
    return read_logout_request(
        parse(unsigned(message)), service_provider=US, identity_provider=THEM, now=now, skew=SKEW
    )


def response(status: str = f'<samlp:StatusCode Value="{SUCCESS}"/>', *, answered: str = "_ours") -> str:
    """A LogoutResponse of the identity provider."""
    xml = request(f"<samlp:Status>{status}</samlp:Status>", kind="LogoutResponse")
    return xml.replace(" ID=", f' InResponseTo="{answered}" ID=')


def read_response(message: str, *, now: datetime = NOW) -> LogoutResponse:
    return read_logout_response(
        parse(unsigned(message)), service_provider=US, identity_provider=THEM, now=now, skew=SKEW
    )


def refusal(read: Callable[[], object]) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        read()
    return caught.value


# --- times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "beyond", "rule"),
    [
        ({"issued_at": NOW + SKEW}, SECOND, "message is not of now"),
        ({"issued_at": NOW - timedelta(minutes=10) - SKEW}, -SECOND, "message is not of now"),
        ({"end": NOW - SKEW + SECOND}, -SECOND, "expired"),
    ],
    ids=["from-the-future", "old", "ended"],
)
def test_each_time_has_a_last_accepted_second_and_a_first_refused_one(
    changes: dict[str, datetime], beyond: timedelta, rule: str
) -> None:
    def message(shift: timedelta) -> str:
        return request(**{name: instant(moment + shift) for name, moment in changes.items()})

    assert read_request(message(timedelta(0))).request_id == "_logout"
    assert refusal(lambda: read_request(message(beyond))).rule == rule


@pytest.mark.parametrize("minutes", [-12, 2])
def test_a_response_at_the_wrong_time_is_refused_too(minutes: int) -> None:
    now = NOW - timedelta(minutes=minutes)
    assert refusal(lambda: read_response(response(), now=now)).rule == "message is not of now"


@pytest.mark.parametrize("message", [request(issued_at="today"), request(end="today")])
def test_a_malformed_time_is_recorded_with_its_section(message: str) -> None:
    refused = refusal(lambda: read_request(message))
    assert (refused.rule, refused.section, refused.received) == ("instant", "SAML core 3.7", "'today'")


# --- requests ----------------------------------------------------------------------------


def test_a_request_tells_its_person_and_every_session_that_ended() -> None:
    name_id = (
        '<saml:NameID Format="urn:f" NameQualifier="idp">otto@example.com</saml:NameID>'
        "<samlp:SessionIndex>_first</samlp:SessionIndex>"
    )
    read = read_request(request(name_id))
    assert read.subject == SubjectName("otto@example.com", {"Format": "urn:f", "NameQualifier": "idp"})
    assert read.session_indexes == ("_first", "_index")


def test_a_request_without_a_session_index_means_all_sessions() -> None:
    message = request().replace("<samlp:SessionIndex>_index</samlp:SessionIndex>", "")
    assert read_request(message).session_indexes == ()


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (request(message_id=""), "LogoutRequest without ID"),
        (request(OTTO).replace("_index", "_index<x/>"), "SessionIndex must be text only"),
        (request(OTTO).replace("otto@", "otto<x/>@"), "NameID must be text only"),
        (request().replace("IssueInstant", "IssuedAt"), "LogoutRequest without IssueInstant"),
        (request("<saml:BaseID/>"), "exactly one NameID"),
    ],
)
def test_a_request_with_a_malformed_part_is_refused_with_its_section(message: str, rule: str) -> None:
    refused = refusal(lambda: read_request(message))
    assert refused.rule == rule
    assert refused.section.startswith("SAML core ")


# --- sizes -------------------------------------------------------------------------------


def with_tags(count: int) -> str:
    """A request that has as many tags in all, most of them in an extension."""
    frame = request(f"<samlp:Extensions></samlp:Extensions>{OTTO}")
    return frame.replace("</samlp:Extensions>", f"{'<x/>' * (count - frame.count('<'))}</samlp:Extensions>")


def test_a_posted_message_has_the_limits_of_a_logout_message() -> None:
    more = signed(with_tags(LOGOUT_LIMITS.max_tags + 1))
    assert refusal(lambda: open_posted(posted(more), THEM)).rule == "too many tags"


@pytest.mark.parametrize(("more", "rule"), [(0, None), (1, "too many tags")])
def test_a_redirected_message_has_the_limits_of_a_logout_message(more: int, rule: str | None) -> None:
    message = read_redirect(query(unsigned(with_tags(LOGOUT_LIMITS.max_tags + more))))
    if rule is None:
        assert open_redirected(message, THEM).get("ID") == "_logout"
    else:
        assert refusal(lambda: open_redirected(message, THEM)).rule == rule


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        (LOGOUT_LIMITS.max_tags, "NameID must be text only"),
        (LOGOUT_LIMITS.max_tags + 1, "cannot be decrypted"),
    ],
)
def test_a_decrypted_name_has_the_limits_of_a_logout_message(tags: int, rule: str) -> None:
    plaintext = OTTO.replace("@", "<x/>" * (tags - 2))
    message = unsigned(request(Encrypter().encrypted_id(plaintext)))
    us = service_provider(Surroundings())
    refused = refusal(
        lambda: read_logout_request(
            parse(message), service_provider=us, identity_provider=THEM, now=NOW, skew=SKEW
        )
    )
    assert refused.rule == rule


# --- responses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "everywhere"),
    [
        (f'<samlp:StatusCode Value="{SUCCESS}"/>', True),
        (
            f'<samlp:StatusCode Value="{SUCCESS}"><samlp:StatusCode Value="{PARTIAL}"/></samlp:StatusCode>',
            False,
        ),
        (f'<samlp:StatusCode Value="{PARTIAL}"/>', False),
        ("<samlp:StatusCode/>", False),
    ],
    ids=["success", "partial", "failure", "nothing"],
)
def test_only_a_plain_success_means_that_the_logout_is_complete(
    status: str,
    everywhere: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert read_response(response(status)) == LogoutResponse("_ours", everywhere)


@pytest.mark.parametrize(
    ("message", "rule", "section"),
    [
        (response().replace("InResponseTo", "Re"), "LogoutResponse without InResponseTo", "SAML core 3.2.2"),
        (response(answered=""), "LogoutResponse without InResponseTo", "SAML core 3.2.2"),
        (response(""), "exactly one StatusCode", "SAML core 3.2.2.1"),
        (response("<samlp:StatusCode/><samlp:StatusCode/>"), "exactly one StatusCode", "SAML core 3.2.2.1"),
        (request(kind="LogoutResponse"), "exactly one Status", "SAML core 3.7"),
        (request(), "kind of message", "SAML core 3.7"),
        (response().replace('Version="2.0"', 'Version="2.1"'), "version", "SAML core 4.1"),
        (response().replace("Version", "version"), "version", "SAML core 4.1"),
        (response().replace(SLO, f"{SLO}/"), "message destination", "SAML bindings 3.4.5.2"),
        (response().replace(IDP, f"{IDP}/"), "issuer", "SAML core 2.2.5"),
    ],
)
def test_a_response_that_is_malformed_or_not_for_us_is_refused(message: str, rule: str, section: str) -> None:
    refused = refusal(lambda: read_response(message))
    assert (refused.rule, refused.section) == (rule, section)


# --- who ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("ada", {}), ("ada", {}), True),
        (("ada", {}), ("Ada", {}), False),
        (("ada", {"Format": "urn:f"}), ("ada", {"Format": "urn:f"}), True),
        (("ada", {"Format": "urn:f"}), ("ada", {"Format": "urn:g"}), False),
        (("ada", {"Format": "urn:f"}), ("eve", {"Format": "urn:f"}), False),
        (("ada", {"Format": "urn:f"}), ("ada", {"NameQualifier": "idp"}), True),
        (("ada", {"Format": "urn:f", "NameQualifier": "a"}), ("ada", {"NameQualifier": "b"}), False),
    ],
)
def test_two_names_are_one_person_where_the_id_and_every_shared_qualifier_are_equal(
    one: tuple[str, dict[str, str]],
    other: tuple[str, dict[str, str]],
    same: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert SubjectName(*one).is_the_same_as(SubjectName(*other)) is same
    assert SubjectName(*other).is_the_same_as(SubjectName(*one)) is same


# --- ours --------------------------------------------------------------------------------


def children(root: Element) -> list[tuple[str, str | None]]:
    return [(str(child.tag), child.text) for child in root]


def our_request(session_index: str | None, **qualifiers: str) -> Element:
    message = build_logout_request(
        "_ours",
        SubjectName("ada@example.com", qualifiers),
        session_index,
        service_provider=US,
        identity_provider=THEM,
        now=NOW,
    )
    return etree.fromstring(message)


def test_our_request_names_the_person_and_ends_after_ten_minutes() -> None:
    root = our_request("_index", Format="urn:f", NameQualifier="idp")
    assert root.tag == f"{SAMLP}LogoutRequest"
    assert dict(root.attrib) == {
        "ID": "_ours",
        "Version": "2.0",
        "IssueInstant": "2026-11-22T12:00:00Z",
        "Destination": IDP_SLO,
        "NotOnOrAfter": "2026-11-22T12:10:00Z",
    }
    assert children(root) == [
        (f"{SAML}Issuer", SP),
        (f"{SAML}NameID", "ada@example.com"),
        (f"{SAMLP}SessionIndex", "_index"),
    ]
    assert dict(root[1].attrib) == {"Format": "urn:f", "NameQualifier": "idp"}


@pytest.mark.parametrize("session_index", [None, ""])
def test_a_request_for_a_login_without_a_session_index_has_none(session_index: str | None) -> None:
    written = [tag for tag, _ in children(our_request(session_index))]
    assert (f"{SAMLP}SessionIndex" in written) is (session_index is not None)


@pytest.mark.parametrize("response_url", ["", "https://idp.example.com/slo/answers"])
def test_our_response_reports_success_to_the_url_for_responses(response_url: str) -> None:
    them = IdentityProvider(
        IDP, SSO_URL, (certificate_of("idp"),), slo_url=IDP_SLO, slo_response_url=response_url
    )
    root = etree.fromstring(
        build_logout_response("_answer", "_theirs", service_provider=US, identity_provider=them, now=NOW)
    )
    assert root.tag == f"{SAMLP}LogoutResponse"
    assert dict(root.attrib) == {
        "ID": "_answer",
        "Version": "2.0",
        "IssueInstant": "2026-11-22T12:00:00Z",
        "Destination": response_url or IDP_SLO,
        "InResponseTo": "_theirs",
    }
    assert children(root) == [(f"{SAML}Issuer", SP), (f"{SAMLP}Status", None)]
    assert [(code.tag, dict(code.attrib)) for code in root[1]] == [(f"{SAMLP}StatusCode", {"Value": SUCCESS})]


def test_our_messages_write_the_usual_prefixes() -> None:
    written = etree.tostring(our_request(None)).decode()
    assert written.startswith("<samlp:LogoutRequest ")
    assert "<saml:Issuer>" in written
