"""Debug mode saves every attribute of everybody: the value of the variable decides, not its presence."""

import pytest

from awscons.assembly.observability import is_debug_mode


@pytest.mark.parametrize("value", ["1", "true", "True", "YES", " yes "])
@pytest.mark.parametrize("name", ["AWSCONS_DEBUG", "DEBUG"])
def test_a_yes_switches_debug_mode_on(name: str, value: str) -> None:
    assert is_debug_mode({name: value})


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off", "*", "app:*"])
@pytest.mark.parametrize("name", ["AWSCONS_DEBUG", "DEBUG"])
def test_every_other_value_leaves_it_off(name: str, value: str) -> None:
    assert not is_debug_mode({name: value})


def test_our_own_name_decides_against_the_one_of_other_programs() -> None:
    assert not is_debug_mode({"AWSCONS_DEBUG": "0", "DEBUG": "1"})
