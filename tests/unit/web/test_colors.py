"""Whatever colour a configuration names, what is written in it and on it can be read."""

from hypothesis import given
from hypothesis import strategies as st

from awscons.web.assets import DARK_HOVER, LIGHT_PAPER
from awscons.web.colors import MIN_TEXT_CONTRAST, contrast, ink_on, readable_on

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(COLORS, st.sampled_from([LIGHT_PAPER, DARK_HOVER, "#ffffff", "#000000"]))
def test_any_colour_becomes_one_that_can_be_read(color: str, background: str) -> None:
    assert contrast(readable_on(background, color), background) >= MIN_TEXT_CONTRAST


@given(COLORS)
def test_black_or_white_can_be_read_on_any_colour(color: str) -> None:
    assert contrast(ink_on(color), color) >= MIN_TEXT_CONTRAST


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable_on(LIGHT_PAPER, "#1f5fbf") == "#1f5fbf"


def test_contrast_is_as_the_standard_counts_it() -> None:
    assert round(contrast("#ffffff", "#000000"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert contrast("#123456", "#123456") == 1
