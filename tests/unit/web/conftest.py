"""The open house, for tests that enter by the front door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser
from support.house import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The service with the full example of the origin's text."""
    with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def browser(house: House) -> Browser:
    """A browser that was never here before."""
    return house.browser()
