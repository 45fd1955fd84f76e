"""Which attribute a name means, and which of its values count."""

import pytest

from awscons.access.attributes import has_text, name_key, values_named


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\t\r\n",
        "\x00",
        "\x7f",
        "\u00a0",
        "\u00ad",
        "\u200b",
        "\u200f",
        "\u2028",
        "\u2029",
        "\ufeff \u2060",
    ],
)
def test_a_value_without_anything_to_read_does_not_count(value: str) -> None:
    assert not has_text(value)
    assert values_named("mail", {"mail": (value, "x")}) == ("x",)


@pytest.mark.parametrize("value", ["x", "0", "-", " x", "\u200bx", "é", "山", "🙂"])
def test_a_value_with_anything_to_read_counts_as_it_is(value: str) -> None:
    assert values_named("mail", {"mail": (value,)}) == (value,)


def test_values_of_a_name_in_every_letter_case_count() -> None:
    received = {"mail": ("a",), "Mail": ("b", "c"), "MAIL": (), "email": ("d",)}
    assert values_named("mAIL", received) == ("a", "b", "c")


@pytest.mark.parametrize("name", ["group\u017f", "GROUP\u017f", "\uff47roups"])
def test_only_ascii_letters_have_a_case(name: str) -> None:
    assert name_key(name) != name_key("groups")
    assert values_named("groups", {name: ("a",)}) == ()


def test_a_kelvin_sign_is_no_letter_k() -> None:
    assert values_named("kind", {"\u212aind": ("a",)}) == ()
