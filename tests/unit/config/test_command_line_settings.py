"""`cli` of targets and patterns: who may have credentials in a terminal, and within which bounds."""

from datetime import timedelta

import pytest

from awscons.access.command_line import bounded_for_terminal
from awscons.access.targets import AgentBounds, CommandLineAccess
from awscons.errors import Mistake, NoAgentAccess, NoCommandLineAccess
from support.sections import SAML, mistakes, parse, said_of, with_target

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
POWER_USER = "arn:aws:iam::aws:policy/PowerUserAccess"
DENY = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
AGENT = {"policy_arns": [READ_ONLY], "tags": {"agent": "yes"}}


def found_in(**sections: object) -> list[Mistake]:
    return list(mistakes(**sections).values())


def test_a_target_gives_no_credentials_to_terminals_unless_it_says_so() -> None:
    for value in ({}, {"cli": False}):
        settings = parse(aws=with_target(**value))
        assert settings.targets[0].command_line is None
        assert not settings.login.terminals
        with pytest.raises(NoCommandLineAccess):
            bounded_for_terminal(settings.targets[0])


@pytest.mark.parametrize(
    ("duration", "cli", "lasts"),
    [(28_800, True, 3_600), (1_800, True, 1_800), (3_600, {"max_duration": 43_200}, 43_200)],
)
def test_credentials_last_an_hour_unless_the_target_allows_more(
    duration: int, cli: object, lasts: int
) -> None:
    settings = parse(aws=with_target(duration=duration, cli=cli))
    assert settings.targets[0].command_line == CommandLineAccess(lasts)
    assert settings.login.terminals


def test_terminals_and_agents_have_bounds_of_their_own_in_place_of_the_consoles() -> None:
    target = parse(
        aws=with_target(policy_arns=[POWER_USER], cli={"session_policy": DENY, "agent": AGENT})
    ).targets[0]
    assert target.command_line is not None
    assert target.command_line.agent == AgentBounds(None, (READ_ONLY,), (("agent", "yes"),))
    person, agent = bounded_for_terminal(target), bounded_for_terminal(target, is_agent=True)
    assert target.terms.policy_arns == (POWER_USER,)
    assert (person.terms.policy_arns, person.terms.session_policy) == ((), target.command_line.session_policy)
    assert (agent.terms.policy_arns, agent.terms.session_policy) == ((READ_ONLY,), None)
    assert (person.terms.fixed_tags, agent.terms.fixed_tags) == ((), (("agent", "yes"),))
    assert person.ends_with_login


def test_the_console_s_bounds_hold_in_terminals_where_there_are_no_others() -> None:
    target = parse(
        aws=with_target(policy_arns=[POWER_USER], cli={"agent": {"tags": {"agent": "yes"}}})
    ).targets[0]
    for is_agent in (False, True):
        assert bounded_for_terminal(target, is_agent=is_agent).terms.policy_arns == (POWER_USER,)


def test_no_request_gets_more_seconds_than_the_target_allows() -> None:
    target = parse(aws=with_target(cli={"max_duration": 1_800})).targets[0]
    assert [bounded_for_terminal(target, duration=asked).duration for asked in (None, 900, 7_200)] == [
        1_800,
        900,
        1_800,
    ]


def test_agents_get_nothing_where_the_target_says_nothing_of_them() -> None:
    with pytest.raises(NoAgentAccess):
        bounded_for_terminal(parse(aws=with_target(cli=True)).targets[0], is_agent=True)


def test_a_pattern_gives_its_targets_to_terminals() -> None:
    pattern = {
        "service": "{account_slug}",
        "role": "arn:aws:iam::{account_id}:role/R",
        "cli": {"max_duration": 1_800, "agent": {"tags": {"agent": "{account_slug}"}}},
    }
    account = {"id": "123456789012", "name": "Web shop"}
    (target,) = parse(aws={"targets": [], "accounts": [account], "patterns": [pattern]}).targets
    assert target.command_line == CommandLineAccess(1_800, agent=AgentBounds(tags=(("agent", "web-shop"),)))


def test_terminals_can_end_later_than_the_browser() -> None:
    assert parse().login.terminal_duration is None
    settings = parse(session={"cli_login_duration": 43_200})
    assert settings.login.terminal_duration == timedelta(hours=12)
    assert any("no target gives credentials to terminals" in line for line in said_of(settings))
    with_cli = parse(session={"cli_login_duration": 43_200}, aws=with_target(cli=True, groups=["a"]))
    assert not any("terminals" in line for line in said_of(with_cli))


@pytest.mark.parametrize(
    ("cli", "path", "wanted"),
    [
        ("yes", "", "True, False or a dict"),
        (3600, "", "True, False or a dict"),
        ({"max_duration": 899}, ".max_duration", "at least 900"),
        ({"max_duration": 43_201}, ".max_duration", "at most 43,200"),
        ({"max_duration": True}, ".max_duration", "a whole number"),
        ({"policy_arns": READ_ONLY}, ".policy_arns", "a list of text"),
        (
            {"policy_arns": ["arn:aws:iam::210987654321:policy/X"]},
            ".policy_arns[0]",
            "a managed policy of AWS",
        ),
        ({"session_policy": "{"}, ".session_policy", "a policy with a Statement"),
        (
            {"session_policy": {"Statement": [{"Sid": "x" * 2048}]}},
            ".session_policy",
            "at most 2,048 together",
        ),
        ({"agent": True}, ".agent", "a dict"),
        ({"agent": {}}, ".agent", "at least one of session_policy, policy_arns and tags"),
        ({"agent": {"tags": {"aws:x": "y"}}}, ".agent.tags", "keys of 1 to 128 letters"),
        ({"agent": {"tags": {"x": "a<b"}}}, ".agent.tags.x", "up to 256 letters"),
        ({"agent": {"tags": {"WHO": "x"}}}, ".agent.tags", "keys that `session_tags` of the target"),
        ({"agent": {"policy_arns": ["x"]}}, ".agent.policy_arns[0]", "a managed policy of AWS"),
        ({"agent": {"tags": {str(n): "x" for n in range(50)}}}, ".agent.tags", "at most 50 tags"),
    ],
)
def test_what_cannot_work_in_a_terminal_is_refused_in_one_sentence(
    cli: object, path: str, wanted: str
) -> None:
    (mistake,) = found_in(aws=with_target(session_tags={"who": "user_name"}, cli=cli))
    assert mistake.path == f"aws_config.targets[0].cli{path}"
    assert mistake.wanted.startswith(wanted)


def test_a_misspelt_key_gets_the_keys_of_its_own_dict() -> None:
    (mistake,) = found_in(aws=with_target(cli={"max_durations": 900}))
    assert (mistake.wanted, mistake.hint) == (
        "one of agent, max_duration, policy_arns, session_policy",
        "did you mean 'max_duration'?",
    )


def test_a_target_that_opens_in_the_browser_alone_gives_no_credentials() -> None:
    found = mistakes(aws=with_target(open_by="SAML-POST", cli=True))
    assert found["aws_config.targets[0].cli"].hint == "`open_by` 'AssumeRoleWithSAML' can"


def test_terminals_need_logins_that_last_as_long_as_the_shortest_credentials() -> None:
    short = {**SAML, "auth_duration": 600}
    (mistake,) = found_in(saml=short, aws=with_target(cli=True))
    assert mistake.path == "saml_config.auth_duration"
    assert parse(saml=short, aws=with_target(cli=True), session={"cli_login_duration": 900}).targets
    (mistake,) = found_in(session={"cli_login_duration": 600})
    assert (mistake.path, mistake.wanted) == ("session_config.cli_login_duration", "at least 900")
