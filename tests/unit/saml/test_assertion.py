"""The limits of each statement in an assertion: the last value that is accepted, and the first that is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from adversary.cases import ADA, NOW, Surroundings, read
from adversary.corpus.content import PASSWORD, SECOND_FACTOR, statement
from awscons.errors import ResponseRefused
from awscons.saml.assertion import MAX_NAME_LENGTH, Assertion, build_instant, parse_instant, read_name_id
from awscons.saml.xml import parse
from support.forge import ACS, SP, Forger, Story, instant

MINUTE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
SAML_2 = datetime(2005, 3, 1, tzinfo=UTC)


def read_story(story: Story, around: Surroundings | None = None) -> Assertion:
    return read(Forger().form_value(story), around or Surroundings())


def refusal(story: Story, around: Surroundings | None = None) -> ResponseRefused:
    with pytest.raises(ResponseRefused) as caught:
        read_story(story, around)
    return caught.value


# --- times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "first", "rule"),
    [
        ({"confirmation_not_before": NOW + MINUTE}, SECOND, "not yet valid"),
        ({"conditions_begin": NOW + MINUTE}, SECOND, "not yet valid"),
        ({"authn_instant": NOW + MINUTE}, SECOND, "authentication instant"),
        ({"confirmation_end": NOW - MINUTE + SECOND}, -SECOND, "expired"),
        ({"conditions_end": NOW - MINUTE + SECOND}, -SECOND, "expired"),
        ({"session_end": NOW - MINUTE + SECOND}, -SECOND, "expired"),
        ({"authn_instant": SAML_2}, -SECOND, "authentication instant"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_each_time_has_a_last_accepted_second_and_a_first_refused_one(
    last: dict[str, datetime], first: timedelta, rule: str
) -> None:
    assert read_story(ADA.at(**last)).name_id == "ada@example.com"
    beyond = {name: moment + first for name, moment in last.items()}
    assert refusal(ADA.at(**beyond)).rule == rule


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("confirmation_not_before", "SAML profiles 4.1.4.2"),
        ("confirmation_end", "SAML profiles 4.1.4.2"),
        ("conditions_begin", "SAML core 2.5.1"),
        ("conditions_end", "SAML core 2.5.1"),
        ("authn_instant", "SAML core 2.7.2"),
        ("session_end", "SAML core 2.7.2"),
    ],
)
def test_what_is_no_instant_is_recorded_with_the_section_of_its_element(name: str, section: str) -> None:
    refused = refusal(ADA.at(**{name: "2026-11-22"}))
    assert (refused.rule, refused.section, refused.received) == ("instant", section, "'2026-11-22'")


@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_a_response_at_the_wrong_time_makes_one_look_at_the_clocks(seconds: int) -> None:
    refused = refusal(ADA, Surroundings(now=NOW + timedelta(seconds=seconds)))
    assert "clocks" in refused.hint


@pytest.mark.parametrize("implausible", [SAML_2 - SECOND, NOW + MINUTE + SECOND])
def test_an_implausible_authentication_is_refused_beside_a_plausible_one_and_recorded(
    implausible: datetime,
) -> None:
    for order in ((implausible, NOW), (NOW, implausible)):
        refused = refusal(ADA.at(statement="".join(statement(moment, PASSWORD) for moment in order)))
        assert refused.rule == "authentication instant"
        assert implausible.isoformat() in refused.received


@pytest.mark.parametrize(("seconds", "fresh"), [(60, True), (61, False)])
def test_a_fresh_authentication_may_be_a_minute_before_the_request_by_clocks_that_differ(
    seconds: int,
    fresh: bool,  # noqa: FBT001  a column of the table
) -> None:
    story = ADA.at(authn_instant=NOW - timedelta(seconds=seconds))
    # The identity provider sends whole seconds, so a part of a second in our request must not count.
    around = Surroundings(authenticated_after=NOW + timedelta(microseconds=999_999))
    if fresh:
        assert read_story(story, around).authn_instant == NOW - MINUTE
    else:
        assert refusal(story, around).rule == "authentication is not fresh"


@pytest.mark.parametrize("end", ["conditions_end", "confirmation_end"])
def test_the_end_to_remember_the_assertion_until_is_that_of_its_conditions(end: str) -> None:
    ends = {"conditions_end": NOW + 2 * MINUTE, "confirmation_end": NOW + 2 * MINUTE, end: NOW + 9 * MINUTE}
    assert read_story(ADA.at(**ends)).not_on_or_after == ends["conditions_end"]


def test_an_instant_is_written_and_read_to_the_second() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    assert build_instant(moment) == "2026-01-02T03:04:05Z"
    assert parse_instant(build_instant(moment), section="test") == moment.replace(microsecond=0)


# --- the subject -------------------------------------------------------------------------


def _statement(*, at: datetime = NOW, index: str = "", context: str = PASSWORD) -> str:
    written = statement(at, context)
    return written.replace("<saml:AuthnStatement ", f'<saml:AuthnStatement SessionIndex="{index}" ')


NAMED: dict[str, Callable[[str], Story]] = {
    "NameID": lambda text: ADA.at(name_id=f"<saml:NameID>{text}</saml:NameID>"),
    "Format": lambda text: ADA.at(name_id=f'<saml:NameID Format="{text}">ada</saml:NameID>'),
    "NameQualifier": lambda text: ADA.at(name_id=f'<saml:NameID NameQualifier="{text}">ada</saml:NameID>'),
    "SPNameQualifier": lambda text: ADA.at(
        name_id=f'<saml:NameID SPNameQualifier="{text}">ada</saml:NameID>'
    ),
    "ID of the Assertion": lambda text: ADA.at(assertion_id=text),
    "AuthnContextClassRef": lambda text: ADA.at(statement=_statement(context=text)),
    "SessionIndex": lambda text: ADA.at(statement=_statement(index=text)),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_has_a_maximum_length(name: str) -> None:
    longest = "a" * MAX_NAME_LENGTH
    assert longest in repr(read_story(NAMED[name](longest)))
    assert refusal(NAMED[name](longest + "a")).rule == f"{name} too long"


def test_the_qualifiers_of_a_name_id_are_read_and_no_other_attribute_of_it() -> None:
    element = (
        '<saml:NameID Format="urn:f" NameQualifier="" SPNameQualifier="s" SPProvidedID="p">ada</saml:NameID>'
    )
    assertion = read_story(ADA.at(name_id=element))
    assert assertion.name_id_qualifiers == {"Format": "urn:f", "NameQualifier": "", "SPNameQualifier": "s"}


@pytest.mark.parametrize("name_id", ["\u00a0", " \u200b\t", "\u202e"])
def test_a_name_id_without_a_visible_character_is_empty(name_id: str) -> None:
    assert refusal(ADA.at(name_id=f"<saml:NameID>{name_id}</saml:NameID>")).rule == "NameID is empty"


def test_without_a_subject_there_is_no_name_id() -> None:
    with pytest.raises(ResponseRefused) as caught:
        read_name_id(parse("<Assertion/>"))
    assert (caught.value.rule, caught.value.section) == ("exactly one Subject", "SAML core 2.4.1")


def test_a_name_id_keeps_the_white_space_around_it() -> None:
    assert read_story(ADA.at(name_id="<saml:NameID> a </saml:NameID>")).name_id == " a "


def _confirmation(*, recipient: str = ACS, request_id: str = "_request", end: datetime = NOW) -> str:
    return (
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
        f'Recipient="{recipient}" InResponseTo="{request_id}" NotOnOrAfter="{instant(end)}"/>'
        "</saml:SubjectConfirmation>"
    )


GOOD = _confirmation()
NOT_FOR_US = _confirmation(recipient="https://evil.example.com/")
EXPIRED = _confirmation(end=NOW - MINUTE)


@pytest.mark.parametrize("others", [NOT_FOR_US + GOOD, GOOD + NOT_FOR_US, EXPIRED + GOOD + EXPIRED])
def test_one_good_confirmation_among_several_is_enough(others: str) -> None:
    assert read_story(ADA.at(confirmation=others)).name_id == "ada@example.com"


@pytest.mark.parametrize(
    ("confirmations", "rule"), [(NOT_FOR_US + EXPIRED, "expired"), (EXPIRED + NOT_FOR_US, "recipient")]
)
def test_of_several_failed_confirmations_the_last_one_is_reported(confirmations: str, rule: str) -> None:
    assert refusal(ADA.at(confirmation=confirmations)).rule == rule


# --- conditions and statements -----------------------------------------------------------


@pytest.mark.parametrize("space", [" ", "\t", "\r\n"])
def test_white_space_around_an_audience_has_no_meaning(space: str) -> None:
    written = space.replace("\r", "&#13;")
    assert read_story(ADA.at(audiences=((f"{written}{SP}{written}",),))).name_id == "ada@example.com"


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u200b"])
def test_other_space_around_an_audience_makes_it_another(space: str) -> None:
    assert refusal(ADA.at(audiences=((f"{SP}{space}",),))).rule == "audience"


def test_the_context_and_the_session_index_are_read() -> None:
    assertion = read_story(ADA.at(statement=_statement(index="_i", context=f"\n {SECOND_FACTOR}\t")))
    assert assertion.authn_context == (SECOND_FACTOR,)
    assert assertion.session_index == "_i"


def test_a_context_without_a_class_is_empty() -> None:
    story = ADA.at(
        statement=f'<saml:AuthnStatement AuthnInstant="{instant(NOW)}"><saml:AuthnContext/></saml:AuthnStatement>'
    )
    assert read_story(story).authn_context == ()
    assert read_story(story).session_index is None
    required = Surroundings(expected_context=(PASSWORD,))
    assert refusal(story, required).rule == "authentication context"


@pytest.mark.parametrize("inside", ["<x/>", "urn:a<x/>urn:b"])
def test_the_class_of_a_context_is_text_only(inside: str) -> None:
    refused = refusal(ADA.at(statement=_statement(context=inside)))
    assert refused.rule == "AuthnContextClassRef must be text only"
    assert refused.section == "SAML core 2.7.2.2"


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u200b"])
def test_other_space_around_the_class_of_a_context_makes_it_another(space: str) -> None:
    story = ADA.at(statement=_statement(context=f"{PASSWORD}{space}"))
    assert refusal(story, Surroundings(expected_context=(PASSWORD,))).rule == "authentication context"


def test_the_contexts_of_the_latest_statements_count_and_those_of_earlier_ones_do_not() -> None:
    story = ADA.at(
        statement=statement(NOW, PASSWORD)
        + statement(NOW - MINUTE, "urn:earlier")
        + statement(NOW, SECOND_FACTOR)
    )
    assert read_story(story).authn_context == (PASSWORD, SECOND_FACTOR)


def test_one_of_several_required_contexts_is_enough() -> None:
    around = Surroundings(expected_context=("urn:other", PASSWORD))
    assert read_story(ADA, around).authn_context == (PASSWORD,)


def test_the_first_session_index_counts() -> None:
    story = ADA.at(statement=_statement() + _statement(index="_1") + _statement(index="_2"))
    assert read_story(story).session_index == "_1"


# --- attributes --------------------------------------------------------------------------

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("nil", "values"), [("true", ()), ("1", ()), ("false", ("x",)), ("0", ("x",)), ("TRUE", ("x",))]
)
def test_a_nil_value_is_left_out(nil: str, values: tuple[str, ...]) -> None:
    attribute = (
        f'<saml:Attribute Name="groups"><saml:AttributeValue {XSI} xsi:nil="{nil}">x</saml:AttributeValue>'
        "</saml:Attribute>"
    )
    story = ADA.at(attribute_statement=f"<saml:AttributeStatement>{attribute}</saml:AttributeStatement>")
    assert read_story(story).attributes == {"groups": values}


def test_values_of_another_element_than_attribute_value_are_not_read() -> None:
    statement = (
        '<saml:AttributeStatement><saml:Attribute Name="groups"><saml:Value>sysadmin</saml:Value>'
        "<saml:AttributeValue>dbs</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
    assert read_story(ADA.at(attribute_statement=statement)).attributes == {"groups": ("dbs",)}


def test_attribute_names_are_exact_and_merged_across_statements_in_order() -> None:
    def statement_of(*pairs: tuple[str, str]) -> str:
        attributes = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
            for name, value in pairs
        )
        return f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>"

    story = ADA.at(
        attribute_statement=statement_of(("groups", "b"), ("Groups", "c")) + statement_of(("groups", "a"))
    )
    assert read_story(story).attributes == {"groups": ("b", "a"), "Groups": ("c",)}
