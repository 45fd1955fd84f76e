"""Credentials in terminals: the same decision, limits, names and audit event as the console's."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from awscons.adapters.stores.choice import open_store
from awscons.config.key_files import make_first_pair
from awscons.config.schema import SqliteBacking
from awscons.demo.pretend_sts import PretendRole
from awscons.signin.blocks import Block, BlockKind, BlockList
from support.browser import Browser, sent_to_idp, text_of
from support.faults import RESET, Fault, sts_error
from support.house import FULL_TARGETS, House, open_house
from support.keyless import keyless
from support.terminal import Terminal, error_of

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMIN, SANDBOX = FULL_TARGETS
ROLES = {
    str(ADMIN["role"]): PretendRole(
        43_200, frozenset({"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"})
    ),
    str(SANDBOX["role"]): PretendRole(3_600),
}
CLOUDADMIN = {
    **ADMIN,
    "source_identity": "user_name",
    "session_tags": {"who": "user_name"},
    "cli": {"max_duration": 7_200, "agent": {"policy_arns": [READ_ONLY], "tags": {"agent": "yes"}}},
}
BROWSER_ONLY = {
    **SANDBOX,
    "service": "browser",
    "groups": ["sysadmin"],
    "title": "Sand box",
    "region": "eu-west-1",
}
NO_AGENTS = {**ADMIN, "service": "people", "cli": True}
MFA = "https://refeds.org/profile/mfa"
STRICT = {**ADMIN, "service": "strict", "cli": True, "max_login_age": 600}
STRONGER = {**ADMIN, "service": "stronger", "cli": True, "authn_context": [MFA]}
THEIRS = {**SANDBOX, "service": "theirs", "max_login_age": 600}
TARGETS: list[dict[str, Any]] = [
    CLOUDADMIN,
    {**SANDBOX, "cli": True},
    BROWSER_ONLY,
    NO_AGENTS,
    STRICT,
    STRONGER,
    THEIRS,
]
ACCOUNTS = [{"id": "123456789012", "name": "Web shop"}]
INVALID_TOKEN = (401, "invalid_token")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(
        tmp_path,
        roles=ROLES,
        aws={"targets": TARGETS, "accounts": ACCOUNTS},
        saml={"auth_duration": 8 * 3600},
    ) as opened:
        yield opened


@pytest.fixture
def ada(house: House) -> Browser:
    browser = house.browser()
    house.sign_in(browser, "/aws/")
    return browser


@pytest.fixture
def terminal(house: House, ada: Browser) -> Terminal:
    """A terminal that Ada has signed in."""
    return Terminal(house).sign_in(ada)


def last_event(house: House) -> dict[str, Any]:
    return house.audit()[-1]


def lasts(answer: httpx.Response, house: House) -> float:
    """Seconds that credentials last, to the nearest ten."""
    assert answer.status_code == 200, answer.text
    expires_at = datetime.fromisoformat(answer.json()["Expiration"])
    return round((expires_at - house.clock()).total_seconds(), -1)


# --- doors -----------------------------------------------------------------------------------


def test_a_terminal_lists_what_its_person_may_open(house: House, terminal: Terminal) -> None:
    answer = terminal.doors()
    assert answer.headers["Cache-Control"] == "no-store"
    doors = {door["name"]: door for door in answer.json()["doors"]}
    assert set(doors) == {"cloudadmin", "browser", "people", "strict", "stronger"}
    assert doors["cloudadmin"] == {
        "name": "cloudadmin",
        "title": "cloudadmin",
        "account_id": "123456789012",
        "account_name": "Web shop",
        "account_slug": "web-shop",
        "role_name": "MyAdminRole",
        "role_arn": ADMIN["role"],
        "partition": "aws",
        "region": None,
        "cli": True,
        "max_duration": 7_200,
        "console_url": f"{house.url}/aws/cloudadmin",
    }
    browser = doors["browser"]
    assert (browser["cli"], browser["account_name"], browser["account_slug"]) == (False, None, "999999789012")
    assert (browser["title"], browser["region"]) == ("Sand box", "eu-west-1")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {'x' * 43}"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer a b"},
    ],
)
def test_without_an_access_token_there_is_nothing(
    house: House, ada: Browser, terminal: Terminal, headers: dict[str, str]
) -> None:
    # Ada's browser has her cookie: it is no token.
    for answer in (
        ada.get("/cli/doors", headers=headers),
        ada.post("/cli/credentials", {"door": "people"}, headers=headers),
    ):
        assert error_of(answer) == INVALID_TOKEN
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert terminal.doors().status_code == 200
    assert len(house.pretend_sts.role_sessions) == 0


def test_an_access_token_lasts_five_minutes_and_the_next_one_is_good(
    house: House, terminal: Terminal
) -> None:
    house.clock.forward(seconds=301)
    assert error_of(terminal.doors()) == INVALID_TOKEN
    assert terminal.refresh().status_code == 200
    assert terminal.doors().status_code == 200


# --- credentials -----------------------------------------------------------------------------


def test_a_terminal_gets_what_credential_process_reads(house: House, terminal: Terminal) -> None:
    answer = terminal.credentials("cloudadmin")
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.json()
    assert set(document) == {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert document["Version"] == 1
    found = house.pretend_sts.find(
        document["AccessKeyId"], document["SecretAccessKey"], document["SessionToken"]
    )
    assert found is not None
    assert (found.role_arn, found.role_session_name, found.source_identity, found.tags) == (
        ADMIN["role"],
        "ada@example.com",
        "ada@example.com",
        {"who": "ada@example.com"},
    )
    assert found.policy_arns == ()
    event = last_event(house)
    assert (event["action"], event["outcome"], event["via"], event["machine"], event["decided_by"]) == (
        "get-credentials",
        "done",
        "cli",
        "ada-laptop",
        "group 'sysadmin'",
    )
    assert (event["access_key_id"], event["granted_duration"]) == (document["AccessKeyId"], 7_200)


def test_a_console_says_that_it_is_one(house: House, ada: Browser) -> None:
    assert ada.get("/aws/cloudadmin").status_code == 301
    assert (last_event(house)["via"], "machine" in last_event(house)) == ("console", False)


def test_every_request_gets_credentials_of_its_own(house: House, terminal: Terminal) -> None:
    keys = {terminal.credentials("people").json()["AccessKeyId"] for _ in range(3)}
    assert len(keys) == len(house.pretend_sts.role_sessions) == 3


@pytest.mark.parametrize(
    ("duration", "seconds"), [("", 7_200), ("900", 900), ("3600", 3_600), ("43200", 7_200)]
)
def test_credentials_last_as_long_as_requested_and_never_longer_than_allowed(
    house: House, terminal: Terminal, duration: str, seconds: int
) -> None:
    assert lasts(terminal.credentials("cloudadmin", duration=duration), house) == seconds


@pytest.mark.parametrize(
    "duration", ["899", "0", "-900", "43201", "9e9", "1000.0", " 900", "\u0669\u0660\u0660", "9" * 5000]
)
def test_other_durations_are_refused_in_a_sentence(terminal: Terminal, duration: str) -> None:
    assert error_of(terminal.credentials("cloudadmin", duration=duration)) == (400, "invalid_request")


def test_no_credentials_outlast_the_login(house: House, terminal: Terminal) -> None:
    house.clock.forward(hours=7, minutes=30)
    assert terminal.refresh().status_code == 200
    assert lasts(terminal.credentials("cloudadmin"), house) == 1_800
    # AWS gives none for less than 900 seconds, so a new sign-in is due.
    house.clock.forward(minutes=4)
    assert terminal.credentials("cloudadmin").status_code == 200
    assert terminal.refresh().status_code == 200
    house.clock.forward(minutes=4)
    terminal.refresh()
    house.clock.forward(minutes=4)
    terminal.refresh()
    house.clock.forward(minutes=4)
    assert error_of(terminal.credentials("cloudadmin")) == INVALID_TOKEN


def test_a_role_of_assertions_gives_credentials_as_well(tmp_path: Path) -> None:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC))
    changes = {"cli": {"max_duration": 7_200}, "source_identity": "user_name"}
    with keyless(tmp_path, tmp_path / "keys", target=changes) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/")
        terminal = Terminal(house).sign_in(browser)
        # The login lasts an hour, and the role session ends with it.
        assert lasts(terminal.credentials("cloudadmin"), house) == 3_600
        assert house.pretend_sts.role_sessions[-1].source_identity == "ada@example.com"


# --- coding agents ---------------------------------------------------------------------------


def test_a_coding_agent_gets_what_the_target_allows_to_agents(house: House, terminal: Terminal) -> None:
    assert terminal.credentials("cloudadmin", agent="true").status_code == 200
    session = house.pretend_sts.role_sessions[-1]
    assert session.policy_arns == (READ_ONLY,)
    assert session.tags == {"who": "ada@example.com", "agent": "yes"}
    event = last_event(house)
    assert (event["via"], event["session_tags"]) == ("agent", "who, agent")
    assert terminal.credentials("cloudadmin", agent="false").status_code == 200
    assert house.pretend_sts.role_sessions[-1].policy_arns == ()


def test_a_coding_agent_gets_nothing_elsewhere(house: House, terminal: Terminal) -> None:
    assert error_of(terminal.credentials("people", agent="true")) == (403, "no_agent")
    event = last_event(house)
    assert (event["outcome"], event["reason"], event["via"]) == ("refused", "NoAgentAccess", "agent")
    assert error_of(terminal.credentials("people", agent="yes")) == (400, "invalid_request")
    assert house.pretend_sts.role_sessions == []


# --- what is refused -------------------------------------------------------------------------


def test_a_door_that_is_not_there_or_not_theirs_or_for_the_browser_gives_nothing(
    house: House, terminal: Terminal
) -> None:
    for door in ("nothing", "", "x" * 5000):
        assert error_of(terminal.credentials(door)) == (404, "unknown_door")
    assert error_of(terminal.credentials("sandbox")) == (403, "access_denied")
    assert last_event(house)["reason"] == "in none of the groups"
    assert error_of(terminal.credentials("browser")) == (403, "no_cli")
    assert last_event(house)["reason"] == "NoCommandLineAccess"
    assert house.pretend_sts.role_sessions == []


def test_a_terminal_signs_in_as_a_door_requires_it(house: House, ada: Browser, terminal: Terminal) -> None:
    assert terminal.credentials("strict").status_code == 200
    house.clock.forward(minutes=11)
    assert error_of(Terminal(house).sign_in(ada).credentials("strict")) == (403, "step_up_required")
    link = terminal.link_with(door="strict")
    assert sent_to_idp(ada.get(link)).force_authn
    consent = house.sign_in(ada, link)
    terminal.redeem(terminal.code_from(ada.submit(consent, {"decision": "allow"}, form=-1)))
    assert terminal.credentials("strict").status_code == 200


def test_a_terminal_that_names_a_door_for_a_stronger_sign_in_is_sent_to_one(
    ada: Browser, terminal: Terminal
) -> None:
    sent = sent_to_idp(ada.get(terminal.link_with(door="stronger")))
    assert sent.force_authn
    assert sent.request.findtext(".//{*}AuthnContextClassRef") == MFA


@pytest.mark.parametrize("door", ["people", "theirs", "nothing"])
def test_a_door_that_requires_nothing_of_the_person_asks_for_no_sign_in(
    house: House, ada: Browser, terminal: Terminal, door: str
) -> None:
    house.clock.forward(minutes=11)
    assert "Sign in a terminal?" in text_of(ada.get(terminal.link_with(door=door)))


def block(tmp_path: Path, kind: BlockKind, name: str) -> None:
    store = open_store(SqliteBacking(path=str(tmp_path / "logins.sqlite3")), environment={})
    BlockList(store).put(Block(kind, name, datetime.now(UTC)))


def test_a_blocked_person_gets_nothing_from_the_next_request_on(
    ada: Browser, terminal: Terminal, tmp_path: Path
) -> None:
    assert terminal.credentials("people").status_code == 200
    block(tmp_path, BlockKind.PERSON, "ada@example.com")
    assert error_of(terminal.credentials("people")) == (403, "access_denied")
    assert error_of(terminal.doors()) == (403, "access_denied")
    assert ada.get(terminal.link).status_code == 403


def test_a_blocked_target_gives_nothing(terminal: Terminal, tmp_path: Path) -> None:
    block(tmp_path, BlockKind.TARGET, "people")
    assert error_of(terminal.credentials("people")) == (403, "access_denied")
    assert terminal.credentials("cloudadmin").status_code == 200


def test_groups_of_a_new_sign_in_count_in_the_terminals_that_are_open(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    carls = house.browser()
    house.sign_in(carls, "/aws/", "carl@example.com")
    theirs = Terminal(house).sign_in(carls)
    house.sign_in(house.browser(), "/aws/", attributes=(("groups", ("dbs",)),))
    assert error_of(terminal.credentials("cloudadmin")) == (403, "access_denied")
    assert terminal.credentials("sandbox").status_code == 200
    assert theirs.credentials("cloudadmin").status_code == 200
    # In the browser that was signed in before, the groups of its own sign-in count on.
    assert ada.get("/aws/cloudadmin").status_code == 301


def test_somebody_who_was_in_many_groups_loses_them_in_the_terminals_as_well(house: House) -> None:
    groups = ("sysadmin", *(f"team {number}" for number in range(150)))
    browser = house.browser()
    house.sign_in(browser, "/aws/", attributes=(("groups", groups),))
    terminal = Terminal(house).sign_in(browser)
    house.sign_in(house.browser(), "/aws/", attributes=(("groups", groups[1:]),))
    assert error_of(terminal.credentials("cloudadmin")) == (403, "access_denied")


def test_one_person_gets_so_many_credentials_and_consoles_in_a_minute(tmp_path: Path) -> None:
    server = {"rate_limit_per_person": 2}
    with open_house(tmp_path, roles=ROLES, aws={"targets": TARGETS}, server=server) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        terminal = Terminal(house).sign_in(browser)
        assert terminal.credentials("people").status_code == 200
        refused = terminal.credentials("people")
        assert error_of(refused) == (429, "rate_limited")
        assert refused.headers["Retry-After"].isdecimal()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            sts_error(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"),
            (502, "aws_refused"),
        ),
        (sts_error(400, "Throttling", "Rate exceeded"), (503, "aws_unavailable")),
        (RESET, (503, "aws_unavailable")),
    ],
)
def test_what_aws_refuses_is_told_apart_from_what_it_does_not_answer(
    house: House, terminal: Terminal, fault: Fault, expected: tuple[int, str]
) -> None:
    house.sts.misbehave(fault)
    assert error_of(terminal.credentials("people")) == expected
    assert (last_event(house)["outcome"], last_event(house)["via"]) == ("failed", "cli")


def test_no_credentials_stand_in_the_log_or_the_store(
    house: House, terminal: Terminal, tmp_path: Path
) -> None:
    document = terminal.credentials("cloudadmin").json()
    kept = (tmp_path / "logins.sqlite3").read_bytes() + house.log.getvalue().encode()
    for name in ("SecretAccessKey", "SessionToken"):
        assert document[name].encode() not in kept
    assert json.dumps(document["AccessKeyId"]).encode() in kept
