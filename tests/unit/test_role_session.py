"""Role session names that STS takes, whatever people are called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.role_session import legal_role_session_name

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
    ],
)
def test_any_other_name_becomes_readable_and_legal(name: str, begins: str) -> None:
    made = legal_role_session_name(name)
    assert made.startswith(begins)
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
