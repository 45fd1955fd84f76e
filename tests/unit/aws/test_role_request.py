"""Role session names that STS takes, whatever people are called."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.access.identity import Identity
from awscons.access.targets import RoleArn, RoleTerms, Target
from awscons.aws.role_request import (
    RoleRequest,
    build_role_request,
    is_external_id,
    is_policy_arn_for,
    is_tag_key,
    is_tag_text,
    legal_role_session_name,
    normal_session_policy,
)
from awscons.errors import AttributesUnfit

LEGAL = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")


@pytest.mark.parametrize("name", ["ada@example.com", "ab", "a" * 64, "x=1,y+2_3.4-5"])
def test_a_legal_name_stays_as_it_is(name: str) -> None:
    assert legal_role_session_name(name) == name


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("Zoë Müller", "Zoe-Muller-"),
        ("CORP\\ada", "CORP-ada-"),
        ("ada\x00\n@example.com", "ada-@example.com-"),
        ("a" * 200, "a" * 53 + "-"),
        ("山田太郎", "user-"),
        ("x", "x-"),
        ("🙂", "user-"),
        ("(ada)", "ada-"),
        ("-/-", "user-"),
        ("ada/\ud800", "ada-"),
    ],
)
def test_any_other_name_becomes_readable_and_legal(name: str, begins: str) -> None:
    made = legal_role_session_name(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    assert made == begins + digest[:10]
    assert LEGAL.fullmatch(made)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë", "Zoe-" + legal_role_session_name("Zoë")[-10:]),
        ("ana/b", "ana b"),
        ("a" * 65, "a" * 66),
        ("Zoë", "Zoe\u0308"),
        ("山田", "田山"),
    ],
)
def test_two_people_never_share_a_name(one: str, other: str) -> None:
    assert legal_role_session_name(one) != legal_role_session_name(other)


@given(st.text())
def test_every_name_is_legal_and_always_the_same(name: str) -> None:
    made = legal_role_session_name(name)
    assert LEGAL.fullmatch(made)
    assert made == legal_role_session_name(name)


# --- what else is asked for --------------------------------------------------------------

ROLE = RoleArn("aws", "123456789012", "MyAdminRole")


def person(name: str = "ada", **attributes: tuple[str, ...]) -> Identity:
    return Identity(name, name, attributes, frozenset())


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_whatever_people_are_called_aws_gets_what_it_takes_or_nothing(
    name: str, mail: str, departments: list[str]
) -> None:
    terms = RoleTerms(source_identity="mail", session_tags=(("team", "department"), ("who", "user_name")))
    target = Target("x", ROLE, 3600, terms=terms)
    who = person(name, mail=(mail,), department=tuple(departments))
    try:
        request = build_role_request(target, who, name_attribute="user_name")
    except AttributesUnfit:
        return
    assert LEGAL.fullmatch(request.role_session_name)
    assert request.source_identity is not None
    assert LEGAL.fullmatch(request.source_identity)
    assert all(is_tag_text(value, max_length=256) for _, value in request.session_tags)
    assert {value for key, value in request.session_tags if key == "team"} <= set(departments)


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("", True),
        ("Größe 山田 _.:/=+-@ 12", True),
        ("a\u00a0b", True),
        ("x" * 256, True),
        ("x" * 257, False),
        ("R&D", False),
        ("a,b", False),
        ("a\tb", False),
        ("a\nb", False),
        ("\x00", False),
        ("🙂", False),
        ("\ud800", False),
    ],
)
def test_a_tag_holds_letters_digits_spaces_and_few_signs_of_any_language(text: str, *, legal: bool) -> None:
    assert is_tag_text(text, max_length=256) is legal


@pytest.mark.parametrize("key", ["", "aws:x", "AWS:x", "x" * 129, "a*b"])
def test_such_a_tag_key_is_none(key: str) -> None:
    assert not is_tag_key(key)


@pytest.mark.parametrize("key", ["x", "x" * 128, "awsx", "x:aws:"])
def test_such_a_tag_key_is_one(key: str) -> None:
    assert is_tag_key(key)


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("ab", True),
        ("a:b/c=d+e,f.g@h-i_j", True),
        ("a", False),
        ("a b", False),
        ("ä" * 5, False),
        ("ab\n", False),
        ("a" * 1224, True),
        ("a" * 1225, False),
    ],
)
def test_an_external_id_is_ascii_without_spaces(text: str, *, legal: bool) -> None:
    assert is_external_id(text) is legal


@pytest.mark.parametrize(
    ("arn", "fits"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", True),
        ("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", True),
        ("arn:aws:iam::123456789012:policy/Mine", True),
        ("arn:aws:iam::999999789012:policy/Mine", False),
        ("arn:aws-cn:iam::aws:policy/ReadOnlyAccess", False),
        ("arn:aws:iam::aws:role/ReadOnlyAccess", False),
        ("arn:aws:iam::aws:policy/", False),
        ("ReadOnlyAccess", False),
    ],
)
def test_a_managed_policy_is_of_aws_or_of_the_roles_account(arn: str, *, fits: bool) -> None:
    assert is_policy_arn_for(ROLE, arn) is fits


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "[]",
        "{}",
        '{"Statement": []}',
        '{"Statement": [{}], "Statement": [{}]}',
        '{"Statement": [NaN]}',
        '{"Statement": ["山"]}',
        "{",
        {"Statement": [object()]},
        {"Statement": [float("inf")]},
        "[" * 100_000,
    ],
)
def test_such_a_session_policy_is_none(policy: str | dict[str, object]) -> None:
    assert normal_session_policy(policy) is None


def test_a_session_policy_is_brought_to_its_shortest_form() -> None:
    assert normal_session_policy('{ "Statement" : [ { "Sid": "ä" } ] }') == '{"Statement":[{"Sid":"ä"}]}'
    assert normal_session_policy({"Statement": [{}]}) == '{"Statement":[{}]}'


@pytest.mark.parametrize(
    ("terms", "more"),
    [
        (RoleTerms(), ()),
        (RoleTerms(external_id="x", policy_arns=("arn:1",)), ()),
        (RoleTerms(source_identity="user_name"), ("sts:SetSourceIdentity",)),
        (RoleTerms(session_tags=(("who", "user_name"),)), ("sts:TagSession",)),
        (RoleTerms(session_tags=(("team", "department"),)), ()),
        (
            RoleTerms(source_identity="user_name", session_tags=(("who", "user_name"),)),
            ("sts:SetSourceIdentity", "sts:TagSession"),
        ),
    ],
)
def test_a_role_asked_for_with_more_needs_more_actions(terms: RoleTerms, more: tuple[str, ...]) -> None:
    request = build_role_request(Target("x", ROLE, 3600, terms=terms), person(), name_attribute="user_name")
    assert request.needed_actions == ("sts:AssumeRole", *more)


def test_a_request_carries_every_term_of_the_target_and_the_tags_that_the_person_has() -> None:
    terms = RoleTerms(
        source_identity="mail",
        session_tags=(("team", "department"), ("site", "city"), ("who", "user_name")),
        transitive_tags=("site", "who"),
        external_id="ext-1",
        session_policy='{"Statement":[{}]}',
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    )
    who = person("Ada", mail=("ada@example.com",), department=("R / D",), city=())
    request = build_role_request(Target("x", ROLE, 3600, terms=terms), who, name_attribute="mail")
    assert request == RoleRequest(
        role=ROLE,
        role_session_name="ada@example.com",
        source_identity="ada@example.com",
        session_tags=(("team", "R / D"), ("who", "Ada")),
        transitive_tags=("who",),
        external_id="ext-1",
        session_policy='{"Statement":[{}]}',
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    )


def test_a_request_without_terms_has_a_role_and_a_name() -> None:
    request = build_role_request(Target("x", ROLE, 3600), person("ada"), name_attribute="user_name")
    assert request == RoleRequest(role=ROLE, role_session_name="ada")


@pytest.mark.parametrize(
    ("values", "cause", "hint"),
    [
        ((), "the attribute mail has no value", "must send it"),
        ((" ",), "the attribute mail has no value", "must send it"),
        (("a@x.example", "b@x.example"), "the attribute mail has 2 values", "sends one value"),
    ],
)
@pytest.mark.parametrize("terms", [RoleTerms(), RoleTerms(source_identity="mail")])
def test_a_name_in_cloudtrail_needs_exactly_one_value(
    values: tuple[str, ...], cause: str, hint: str, terms: RoleTerms
) -> None:
    target, name_attribute = (
        Target("x", ROLE, 3600, terms=terms),
        "user_name" if terms.source_identity else "mail",
    )
    with pytest.raises(AttributesUnfit, match=cause) as caught:
        build_role_request(target, person(mail=values), name_attribute=name_attribute)
    assert hint in caught.value.hint


def test_a_value_that_is_sent_twice_is_one() -> None:
    who = person(mail=("ada@x.example", "ada@x.example"))
    request = build_role_request(Target("x", ROLE, 3600), who, name_attribute="mail")
    assert request.role_session_name == "ada@x.example"


@pytest.mark.parametrize("value", ["R&D", "x" * 257])
def test_a_tag_value_that_aws_refuses_is_not_changed_but_refused(value: str) -> None:
    target = Target("x", ROLE, 3600, terms=RoleTerms(session_tags=(("team", "department"),)))
    with pytest.raises(
        AttributesUnfit, match=f"session tag team: AWS does not accept '{value[:200]}"
    ) as caught:
        build_role_request(target, person(department=(value,)), name_attribute="user_name")
    assert "256" in caught.value.hint


def test_a_tag_value_of_256_characters_is_kept() -> None:
    target = Target("x", ROLE, 3600, terms=RoleTerms(session_tags=(("team", "department"),)))
    request = build_role_request(target, person(department=("x" * 256,)), name_attribute="user_name")
    assert request.session_tags == (("team", "x" * 256),)
