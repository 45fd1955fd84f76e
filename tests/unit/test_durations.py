"""The pair of durations, for each kind of credentials that a broker can have."""

import pytest

from awscons.durations import CredentialKind, choose_durations, without_console_session_duration

LONG_TERM, EC2, CHAINED = CredentialKind.LONG_TERM, CredentialKind.EC2_INSTANCE, CredentialKind.CHAINED


@pytest.mark.parametrize(
    ("kind", "wanted", "role_session", "console_session", "lasts"),
    [
        (LONG_TERM, 900, 900, 900, 900),
        (LONG_TERM, 3600, 3600, 3600, 3600),
        (LONG_TERM, 28800, 3600, 28800, 28800),
        (LONG_TERM, 43200, 3600, 43200, 43200),
        (EC2, 28800, 3600, 28800, 28800),
        (CHAINED, 900, 900, None, 900),
        (CHAINED, 3600, 3600, None, 3600),
        (CHAINED, 28800, 3600, None, 3600),
    ],
)
def test_the_pair_is_legal_and_the_console_as_long_as_can_be(
    kind: CredentialKind, wanted: int, role_session: int, console_session: int | None, lasts: int
) -> None:
    durations = choose_durations(wanted, kind)
    assert durations.role_session_duration == role_session
    assert durations.console_session_duration == console_session
    assert durations.console_lasts == lasts


def test_a_console_cut_short_by_chaining_says_why() -> None:
    assert "role chaining ends after an hour" in choose_durations(28800, CHAINED).reason
    assert "role chaining" not in choose_durations(3600, CHAINED).reason


def test_without_the_parameter_the_console_lasts_as_the_role_session_and_says_why() -> None:
    durations = without_console_session_duration(choose_durations(28800, EC2))
    assert durations.console_session_duration is None
    assert durations.console_lasts == 3600
    assert "refused SessionDuration" in durations.reason
