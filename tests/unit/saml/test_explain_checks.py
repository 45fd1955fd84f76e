"""A captured response, explained check by check: which checks there are, in which order, and what each says."""

from datetime import UTC, datetime, timedelta

import pytest

from adversary.cases import Surroundings, service_provider
from adversary.corpus.content import PASSWORD, SECOND_FACTOR
from awscons.findings import Finding, Severity
from awscons.saml.certificates import fingerprint
from awscons.saml.explain import Explanation, explain_response
from awscons.saml.input_limits import MessageLimits
from awscons.saml.parties import IdentityProvider, ServiceProvider
from support.encrypt import Encrypter
from support.forge import ACS, IDP, SP, SSO_URL, Forger, Story, certificate_of, posted

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STORY = Story(NOW)
OUR_KEYS = service_provider(Surroundings()).decryption_keys
US = ServiceProvider(SP, ACS, OUR_KEYS)
KEYS = ("next", "idp", "last")
THEM = IdentityProvider(IDP, SSO_URL, tuple(map(certificate_of, KEYS)))
BEFORE = ["form and structure", "signature of the Response"]
ASSERTION = ["signature of the Assertion", "something is signed"]
RESPONSE = ["Issuer of the Response", "Destination", "answers a request", "Issuer of the Assertion"]
TIMED = ["subject confirmation", "conditions and audience", "authentication"]
CONTENT = ["NameID", "attributes"]


def explain(
    response: Story | str,
    *,
    us: ServiceProvider = US,
    them: IdentityProvider = THEM,
    now: datetime = NOW,
    at: datetime | None = None,
    expected_context: tuple[str, ...] = (),
) -> Explanation:
    return explain_response(
        response if isinstance(response, str) else Forger().form_value(response),
        service_provider=us,
        identity_provider=them,
        now=now,
        at=at,
        expected_context=expected_context,
    )


def named(told: Explanation, subject: str) -> Finding:
    (finding,) = [finding for finding in told.findings if finding.subject == subject]
    return finding


def refused(told: Explanation) -> list[str]:
    return [finding.subject for finding in told.findings if finding.severity is Severity.ERROR]


# --- which checks ------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_every_check_has_one_finding_in_the_order_of_the_checks(sign: str, encrypted: bool) -> None:  # noqa: FBT001
    forger = Forger()
    encrypt = Encrypter()
    told = explain(
        encrypt.form_value(forger, STORY, sign=sign) if encrypted else forger.form_value(STORY, sign=sign)
    )
    decryption = ["decryption"] if encrypted else []
    expected = [*BEFORE, *decryption, *ASSERTION, *RESPONSE, *TIMED, "clock", *CONTENT]
    assert [finding.subject for finding in told.findings] == expected
    unsigned = {"assertion": BEFORE[1:], "response": ASSERTION[:1], "both": []}[sign]
    assert [finding.subject for finding in told.findings if finding.severity is Severity.INFO] == unsigned
    assert told.accepted


def test_a_form_that_cannot_be_read_has_one_finding() -> None:
    told = explain("not base64!")
    assert [finding.subject for finding in told.findings] == ["form and structure"]


def test_what_cannot_be_decrypted_ends_with_that() -> None:
    told = explain(Encrypter(to="another").form_value(Forger(), STORY))
    assert [finding.subject for finding in told.findings] == [*BEFORE, "decryption"]


@pytest.mark.parametrize("instant", [None, "today"])
def test_without_a_valid_time_of_its_own_the_operator_has_to_give_one(instant: str | None) -> None:
    attribute = ' IssueInstant="2026-11-22T12:00:00Z"'
    changed = f' IssueInstant="{instant}"' if instant else ""
    value = posted(Forger().xml(STORY).replace(attribute, changed, 1))
    told = explain(value)
    assert [finding.subject for finding in told.findings] == [*BEFORE, "moment"]
    assert refused(told) == ["moment"]
    assert "no valid IssueInstant" in named(told, "moment").cause
    assert "--at" in named(told, "moment").cure
    assert named(explain(value, at=NOW), "NameID").severity is Severity.OK


# --- signatures --------------------------------------------------------------------------


@pytest.mark.parametrize("key_name", KEYS)
def test_the_certificate_that_signed_is_named_wherever_it_stands(key_name: str) -> None:
    told = explain(Forger(key_name=key_name).form_value(STORY, sign="both"))
    said = f"made by the certificate {fingerprint(certificate_of(key_name))}"
    assert named(told, "signature of the Response").cause == said
    assert named(told, "signature of the Assertion").cause == said


def test_without_any_signature_the_cure_is_to_sign() -> None:
    told = explain(Forger().form_value(STORY, sign="nothing"))
    assert refused(told) == ["something is signed"]
    finding = named(told, "something is signed")
    assert finding.cause == "no signature (SAML profiles 4.1.4.5)"
    assert "sign the assertion, the response, or both" in finding.cure


def test_an_invalid_signature_is_not_a_missing_one() -> None:
    told = explain(Forger(key_name="attacker").form_value(STORY))
    assert refused(told) == ["signature of the Assertion"]


def test_the_other_checks_go_on_with_what_an_invalid_signature_covers() -> None:
    for sign in ("assertion", "response", "both"):
        told = explain(Forger(key_name="attacker").form_value(STORY, sign=sign))
        assert told.unverified_name_id == "ada@example.com"
        assert [finding.subject for finding in told.findings][-2:] == CONTENT


def test_an_encrypted_assertion_has_only_the_prefixes_that_the_signed_response_has() -> None:
    """Exclusive canonicalization leaves out what nothing visible uses, so a sign-in refuses this one as well."""
    around = STORY.at(attribute_statement="<saml:AttributeStatement/><q:x/>")
    plaintext = around.assertion().replace("{{assertion-signature}}", "")
    text = STORY.response(Encrypter().encrypted_assertion(plaintext))
    text = text.replace("<samlp:Response ", '<samlp:Response xmlns:q="urn:q" ')
    told = explain(posted(Forger().sign(text, "response", STORY.response_id)))
    assert refused(told) == ["decryption"]
    assert "cannot be decrypted" in named(told, "decryption").cause


# --- limits and settings -----------------------------------------------------------------


def test_the_limits_of_the_service_hold_for_the_form() -> None:
    us = ServiceProvider(SP, ACS, answer_limits=MessageLimits(1_000))
    assert refused(explain(STORY, us=us)) == ["form and structure"]
    assert "form value too large" in named(explain(STORY, us=us), "form and structure").cause


@pytest.mark.parametrize(("room", "wrong"), [(1, ["decryption"]), (4, [])])
def test_the_limits_of_the_service_hold_for_the_decrypted_assertion(room: int, wrong: list[str]) -> None:
    """Inside are 800 tags, which a form of this size must not have, and one of four times its size may."""
    groups = tuple(map(str, range(400)))
    value = Encrypter().form_value(Forger(), STORY.at(attributes=(("groups", groups),)))
    us = ServiceProvider(SP, ACS, OUR_KEYS, answer_limits=MessageLimits(room * len(value)))
    assert refused(explain(value, us=us)) == wrong


def test_cbc_is_refused_where_only_gcm_is_allowed() -> None:
    value = Encrypter(data_method="aes256-cbc").form_value(Forger(), STORY)
    them = IdentityProvider(IDP, SSO_URL, THEM.signing_certificates, gcm_only=True)
    assert explain(value).accepted
    assert refused(explain(value, them=them)) == ["decryption"]


def test_what_is_decrypted_must_have_the_shape_of_an_assertion() -> None:
    value = Encrypter().form_value(Forger(), STORY.at(extra_in_assertion="<saml:Issuer/>"))
    assert refused(explain(value)) == ["decryption"]


def test_the_authentication_context_is_checked_where_one_is_expected() -> None:
    assert explain(STORY, expected_context=(SECOND_FACTOR, PASSWORD)).accepted
    assert refused(explain(STORY, expected_context=(SECOND_FACTOR,))) == ["authentication"]


# --- the response ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "wrong"), [("assertion", []), ("response", ["Destination"]), ("both", ["Destination"])]
)
def test_only_a_signed_response_must_have_a_destination(sign: str, wrong: list[str]) -> None:
    assert refused(explain(Forger().form_value(STORY.at(destination=None), sign=sign))) == wrong


def test_a_response_may_leave_out_its_issuer() -> None:
    assert explain(STORY.at(response_issuer=None)).accepted


def test_an_unsolicited_response_is_explained_as_such() -> None:
    told = explain(STORY.at(response_in_response_to=None, confirmation_in_response_to=None))
    assert refused(told) == ["answers a request", "subject confirmation"]
    finding = named(told, "answers a request")
    assert finding.cause.startswith("in response to (SAML profiles 4.1.4.2)")
    assert "unsolicited" in finding.cure


def test_what_only_the_running_service_knows_is_said() -> None:
    assert named(explain(STORY), "answers a request").cause.startswith("only the running service knows")


# --- the person --------------------------------------------------------------------------


def test_friendly_names_are_noted_by_the_name_of_their_attribute() -> None:
    statement = (
        '<saml:AttributeStatement><saml:Attribute Name="urn:oid:1" FriendlyName="mail"/>'
        '<saml:Attribute Name="urn:oid:2" FriendlyName=""/><saml:Attribute Name="urn:oid:3">'
        '<saml:AttributeValue Name="a" FriendlyName="b"><saml:Attribute FriendlyName="c"/></saml:AttributeValue>'
        "</saml:Attribute></saml:AttributeStatement>"
    )
    told = explain(STORY.at(attribute_statement=statement))
    assert told.unverified_friendly_names == {"urn:oid:1": "mail"}


# --- the clock ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s behind"), (1, "1 s ahead of"), (-1, "1 s behind"), (60, "60 s ahead of")]
)
def test_a_difference_that_makes_none_is_said_in_seconds(seconds: int, said: str) -> None:
    moment = NOW + timedelta(seconds=seconds)
    finding = named(explain(Story(moment)), "clock")
    assert finding.cause == (
        f"judged as of the response's own time, {moment.isoformat()}; it is {said} this host's clock, "
        "which makes no difference"
    )
    assert (finding.severity, finding.cure) == (Severity.OK, "")


def test_the_latest_begin_is_the_one_that_is_named() -> None:
    later = {"confirmation_not_before": NOW + 90 * SECOND}
    told = explain(Story(NOW + 70 * SECOND).at(**later, authn_instant=NOW))
    assert named(told, "clock").cause.startswith(
        "this response's NotBefore is 90 s ahead of this host's clock"
    )
    assert "judged as of the response's own time, 2026-11-22T12:01:10+00:00" in named(told, "clock").cause


def test_what_has_no_begin_at_all_has_expired_as_of_now() -> None:
    """Only an end is in the past; nothing says since when the response counts."""
    story = STORY.at(statement="", conditions='<saml:Conditions NotOnOrAfter="2026-11-22T12:05:00Z"/>')
    finding = named(explain(story, now=NOW + timedelta(hours=1)), "clock")
    assert (finding.severity, finding.cause.endswith("as of now it has expired")) == (Severity.INFO, True)


def test_a_begin_that_is_no_time_is_passed_over() -> None:
    story = Story(NOW + 90 * SECOND).at(authn_instant="soon")
    assert named(explain(story), "clock").cause.startswith("this response's NotBefore is 90 s ahead")


def test_a_begin_of_an_element_that_states_none_is_passed_over() -> None:
    value = '<saml:AttributeValue NotBefore="2026-11-23T00:00:00Z" AuthnInstant="2026-11-23T00:00:00Z"/>'
    statement = f'<saml:AttributeStatement><saml:Attribute Name="a">{value}</saml:Attribute></saml:AttributeStatement>'
    told = explain(Story(NOW + 90 * SECOND).at(attribute_statement=statement))
    assert named(told, "clock").cause.startswith("this response's NotBefore is 90 s ahead")


def test_a_response_that_is_refused_at_every_time_is_not_blamed_on_the_clock() -> None:
    story = STORY.at(recipient="https://x/", audiences=(("urn:other",),), authn_instant="soon")
    assert named(explain(story, now=NOW + timedelta(hours=1)), "clock").severity is Severity.OK


@pytest.mark.parametrize("seconds", [30, 121])
def test_a_begin_within_the_tolerance_is_not_what_differs(seconds: int) -> None:
    """The conditions ended 60 s ago, and the authentication was 31 s ago, or will be in exactly 60 s."""
    story = STORY.at(conditions_end=NOW + SECOND, authn_instant=NOW + seconds * SECOND)
    finding = named(explain(story, now=NOW + 61 * SECOND), "clock")
    assert (finding.severity, "has expired" in finding.cause) == (Severity.INFO, True)
    assert "NTP" in finding.cure


@pytest.mark.parametrize("late", ["confirmation_end", "conditions_end"])
def test_one_end_in_the_past_is_enough_to_have_expired(late: str) -> None:
    ends = {"confirmation_end": NOW + 999 * SECOND, "conditions_end": NOW + 999 * SECOND, late: NOW + SECOND}
    told = explain(STORY.at(**ends), now=NOW + 61 * SECOND)
    assert named(told, "clock").severity is Severity.INFO
    assert told.accepted
    assert named(explain(STORY.at(**ends), now=NOW + 60 * SECOND), "clock").severity is Severity.OK


@pytest.mark.parametrize(
    ("attributes", "told_format"),
    [("", ""), (' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"', "urn:oasis:names:tc:SAML:2.0:nameid-format:transient")],
)  # fmt: skip
def test_the_format_of_the_name_id_is_told(attributes: str, told_format: str) -> None:
    told = explain(STORY.at(name_id=f"<saml:NameID{attributes}>ada@example.com</saml:NameID>"))
    assert told.unverified_name_id_format == told_format
