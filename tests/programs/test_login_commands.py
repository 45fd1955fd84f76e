"""`awscons logins`, as an operator at a terminal meets it, beside a service that runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser, sent_to_idp
from support.house import FULL_TARGETS, House, open_house
from support.operator import configure, logins
from support.terminal import Terminal


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")})
        yield opened


def signed_in(house: House, name: str) -> Browser:
    browser = house.browser()
    house.sign_in(browser, "/aws/", name)
    return browser


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/aws/").status_code == 200


def test_the_list_shows_who_is_signed_in_and_no_cookie(house: House, tmp_path: Path) -> None:
    browsers = [signed_in(house, "ada@example.com"), signed_in(house, "otto@example.com")]
    done = logins(tmp_path, "list")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split("  ")[1].strip() == "id"
    assert [name in row for name, row in zip(("ada@example.com", "otto@example.com"), rows, strict=True)] == [
        True,
        True,
    ]
    for browser in browsers:
        assert browser.http.cookies["__Host-awscons"] not in done.stdout
    assert "otto" not in logins(tmp_path, "list", "--person", "ada@example.com").stdout


def test_the_list_is_one_json_document_with_whole_ids(house: House, tmp_path: Path) -> None:
    signed_in(house, "ada@example.com")
    (login,) = json.loads(logins(tmp_path, "list", "--json").stdout)["logins"]
    assert set(login) == {"id", "user_name", "name_id", "signed_in_at", "last_used_at", "ends_at", "terminal"}
    assert login["user_name"] == "ada@example.com"
    assert logins(tmp_path, "end", "--id", login["id"]).stdout == "1 login ended\n"
    assert json.loads(logins(tmp_path, "list", "--json").stdout)["logins"] == []


def test_ending_a_persons_logins_ends_them_at_the_next_request_and_nobody_elses(
    house: House, tmp_path: Path
) -> None:
    laptop, telephone = signed_in(house, "ada@example.com"), signed_in(house, "ada@example.com")
    otto = signed_in(house, "otto@example.com")
    done = logins(tmp_path, "end", "--person", "ada@example.com")
    assert (done.returncode, done.stdout) == (0, "2 logins ended\n")
    for browser in (laptop, telephone):
        sent_to_idp(browser.get("/aws/"))
    assert is_signed_in(otto)


def test_one_login_is_ended_by_its_id(house: House, tmp_path: Path) -> None:
    browsers = [signed_in(house, "ada@example.com"), signed_in(house, "ada@example.com")]
    shown_id = logins(tmp_path, "list").stdout.splitlines()[1].split()[0]
    assert logins(tmp_path, "end", "--id", shown_id).stdout == "1 login ended\n"
    assert sorted(map(is_signed_in, browsers)) == [False, True]
    assert logins(tmp_path, "end", "--id", shown_id).stdout == "no such login\n"


def test_all_logins_are_ended_at_once(house: House, tmp_path: Path) -> None:
    browsers = [signed_in(house, "ada@example.com"), signed_in(house, "otto@example.com")]
    assert logins(tmp_path, "end", "--all").stdout == "2 logins ended\n"
    assert not any(map(is_signed_in, browsers))
    assert logins(tmp_path, "list").stdout == "nobody is signed in\n"


def test_each_end_is_an_audit_event(house: House, tmp_path: Path) -> None:
    signed_in(house, "ada@example.com")
    done = logins(tmp_path, "end", "--all")
    event, checkpoint = [json.loads(line) for line in done.stderr.splitlines() if '"audit"' in line]
    assert (event["action"], event["outcome"], event["user_name"]) == ("end-login", "done", "ada@example.com")
    assert (checkpoint["action"], checkpoint["at_stop"]) == ("checkpoint", True)


def test_what_a_command_wrote_into_the_log_is_missed_where_it_is_removed(
    house: House, tmp_path: Path
) -> None:
    signed_in(house, "ada@example.com")
    heads = tmp_path / "audit-heads"
    heads.mkdir(exist_ok=True)
    with (tmp_path / "config.py").open("a") as config:
        config.write(f"\nserver_config = {{'audit_log': {str(tmp_path / 'log')!r}}}\n")
    assert logins(tmp_path, "end", "--all").returncode == 0
    *_, last = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert last["at_stop"]
    assert {last["stream"]: [last["seq"], last["hash"]]} in [
        json.loads(f.read_text()) for f in heads.iterdir()
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all", "--person", "ada"],
        ["--all", "--id", "0123456789"],
        ["--id", "0123"],
        ["--id", ""],
    ],
)
def test_ending_without_saying_whose_ends_nothing(house: House, tmp_path: Path, arguments: list[str]) -> None:
    browser = signed_in(house, "ada@example.com")
    done = logins(tmp_path, "end", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert is_signed_in(browser)


def test_a_name_that_could_do_something_to_a_terminal_is_escaped(house: House, tmp_path: Path) -> None:
    signed_in(house, "ada\u009b31m\u202e")
    quote_for_log = logins(tmp_path, "list").stdout
    assert "\u009b" not in quote_for_log
    assert "\u202e" not in quote_for_log
    assert "x9b" in quote_for_log


def test_a_store_that_is_not_there_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "elsewhere" / "logins.sqlite3")})
    done = logins(tmp_path, "list")
    assert done.returncode == 1
    assert "there is no store at" in done.stderr
    assert "STATE_DIRECTORY" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("arguments", [["list"], ["list", "--person", "ada"], ["end", "--all"]])
def test_the_memory_of_another_process_is_out_of_reach_and_that_is_said(
    tmp_path: Path, arguments: list[str]
) -> None:
    configure(tmp_path, {"cache_type": "SimpleCache"})
    done = logins(tmp_path, *arguments)
    assert done.returncode == 1
    assert "restart the service" in done.stderr


def test_a_folder_of_files_can_be_listed_as_well(tmp_path: Path) -> None:
    store = {"cache_type": "FileSystem", "cache_dir": str(tmp_path / "cache")}
    with open_house(tmp_path, store=store) as house:
        configure(tmp_path, store)
        browser = signed_in(house, "ada@example.com")
        assert "ada@example.com" in logins(tmp_path, "list").stdout
        assert logins(tmp_path, "end", "--all").stdout == "1 login ended\n"
        assert not is_signed_in(browser)


def test_terminals_stand_in_the_list_and_end_with_the_login_that_allowed_them(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"targets": [{**FULL_TARGETS[0], "cli": True}]}) as house:
        configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")})
        browser, other = signed_in(house, "ada@example.com"), signed_in(house, "ada@example.com")
        terminal, others = Terminal(house, machine="laptop").sign_in(browser), Terminal(house).sign_in(other)
        assert "laptop" in logins(tmp_path, "list").stdout
        listed = json.loads(logins(tmp_path, "list", "--json").stdout)["logins"]
        assert sorted(filter(None, (login["terminal"] for login in listed))) == ["ada-laptop", "laptop"]
        (browsers_id,) = {
            event["decided_by"].removeprefix("login ")
            for event in house.audit()
            if event["action"] == "sign-in-terminal" and event["machine"] == "laptop"
        }
        assert logins(tmp_path, "end", "--id", browsers_id).stdout == "2 logins ended\n"
        assert terminal.doors().status_code == 401
        assert others.doors().status_code == 200
        assert logins(tmp_path, "end", "--person", "ada@example.com").stdout == "2 logins ended\n"
        assert others.doors().status_code == 401
