"""The broker's own credentials: sources that hang, fail, are rotated or are wrong, and what people notice of it."""

import os
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser
from support.faults import sts_error
from support.house import House, open_house

EXPIRED = sts_error(403, "ExpiredToken", "The security token included in the request is expired")
UNKNOWN_KEY = sts_error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, aws={"timeout": 4}) as opened:
        yield opened


class Helper:
    """A `credential_process`: a program in a folder, which counts its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "helper.py"

    def write(self, body: str) -> str:
        """The line of a profile that runs `body`."""
        count = f"open({str(self.folder / 'runs')!r}, 'a').write('x')"
        self.program.write_text(f"import sys, time\n{count}\n{body}\n")
        return f"credential_process = {shlex.join([sys.executable, '-S', str(self.program)])}"

    @property
    def runs(self) -> int:
        runs = self.folder / "runs"
        return len(runs.read_text()) if runs.exists() else 0


@pytest.fixture
def helper(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


def printing(credentials_file: Path) -> str:
    """A body that prints the keys of a credentials file."""
    lines = dict(line.split(" = ") for line in credentials_file.read_text().splitlines() if " = " in line)
    key, secret = lines["aws_access_key_id"], lines["aws_secret_access_key"]
    return f"""print('{{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{secret}"}}')"""


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser()


def open_all_at_once(browser: Browser, count: int) -> list[int]:
    """The statuses of so many consoles."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(browser.get("/aws/cloudadmin").status_code))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


# --- sources that hang -------------------------------------------------------------------


def test_a_source_that_hangs_holds_up_neither_the_start_nor_other_targets(
    tmp_path: Path, helper: Helper
) -> None:
    hanging = {
        "service": "hanging",
        "role": "arn:aws:iam::123456789012:role/MyAdminRole",
        "groups": ["sysadmin"],
        "aws_profile_name": "slow",
    }
    sound = {**hanging, "service": "cloudadmin"}
    del sound["aws_profile_name"]
    line = helper.write("time.sleep(20)")
    (tmp_path / "config").write_text(f"[profile slow]\n{line}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        with open_house(tmp_path, prepared=True, aws={"timeout": 2, "targets": [hanging, sound]}) as house:
            browser = house.browser()
            assert house.sign_in(browser, "/aws/hanging").status_code == 503
            event = house.audit()[-1]
            assert "profile 'slow' did not come in time" in event["cause"]
            assert "credential_process" in event["hint"]
            assert browser.get("/aws/").status_code == 200
            assert browser.get("/aws/cloudadmin").status_code == 301
            assert "slow" in house.lines("aws.warm_up_failed")[0]["cause"]


def test_a_helper_that_begins_to_hang_later_costs_a_sign_in_no_more_than_its_time(
    tmp_path: Path, helper: Helper
) -> None:
    with open_house(tmp_path, aws={"timeout": 2}) as house:
        browser = house.browser()
        keys = printing(tmp_path / "credentials")
        (tmp_path / "credentials").write_text(f"[cons]\n{helper.write(keys)}\n")
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        helper.write("time.sleep(20)")
        house.sts.misbehave(EXPIRED)
        assert open_all_at_once(browser, 3) == [503] * 3
        assert "profile 'cons' did not come in time" in house.audit()[-1]["cause"]
        assert helper.runs == 2
        house.sts.fault = None
        assert browser.get("/aws/cloudadmin").status_code == 301


def test_twelve_people_wait_for_one_run_of_the_helper(
    house: House, browser: Browser, tmp_path: Path, helper: Helper
) -> None:
    house.sign_in(browser, "/aws/sandbox")
    keys = printing(tmp_path / "credentials")
    (tmp_path / "credentials").write_text(f"[cons]\n{helper.write(f'time.sleep(0.3); {keys}')}\n")
    house.sts.misbehave(UNKNOWN_KEY, times=1)
    browser.get("/aws/cloudadmin")
    house.sts.fault = None
    assert open_all_at_once(browser, 12) == [301] * 12
    assert helper.runs <= 2


def test_credentials_that_are_refused_to_many_at_once_are_loaded_once(tmp_path: Path, helper: Helper) -> None:
    with open_house(tmp_path) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/sandbox")
        good = printing(tmp_path / "credentials")
        (tmp_path / "credentials").write_text(f"[cons]\n{helper.write(good.replace('AKIA', 'AKIB'))}\n")
        assert browser.get("/aws/cloudadmin").status_code == 503
        before = helper.runs
        helper.write(f"time.sleep(0.5); {good}")
        assert open_all_at_once(browser, 12) == [301] * 12
        assert helper.runs - before == 1


# --- credentials that change -------------------------------------------------------------


@pytest.mark.parametrize("refusal", [EXPIRED, UNKNOWN_KEY], ids=["expired", "deleted"])
def test_a_file_that_is_rewritten_while_its_old_token_dies_is_read_in_the_same_sign_in(
    tmp_path: Path, refusal: object
) -> None:
    with open_house(tmp_path, broker_role_session="first") as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        key, secret, token = house.pretend_sts.add_role_session(
            "arn:aws:iam::123456789012:role/Broker", "second"
        )
        (tmp_path / "credentials").write_text(
            f"[cons]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
        )
        house.sts.misbehave(refusal, times=1)  # type: ignore[arg-type]
        assert browser.get("/aws/cloudadmin").status_code == 301


def test_the_same_credentials_are_not_offered_twice(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/sandbox")
    house.sts.misbehave(EXPIRED)
    assert browser.get("/aws/cloudadmin").status_code == 503
    assert house.sts.calls == 1


# --- sources that fail -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.stderr.write('the password is hunter2'); sys.exit(3)", "exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("print('hunter2')", "gave no credentials: JSONDecodeError"),
        ("""print('{"Version": 2}')""", "gave no credentials: CredentialRetrievalError"),
        ("sys.exit(4 if not sys.stdin.read() else 0)", "exit status 4"),
    ],
    ids=["exit-3", "killed", "no-json", "version", "asks"],
)
def test_a_helper_that_fails_is_named_with_its_profile_and_what_happened(
    house: House, browser: Browser, tmp_path: Path, helper: Helper, body: str, told: str
) -> None:
    (tmp_path / "credentials").write_text(f"[cons]\n{helper.write(body)}\n")
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    event = house.audit()[-1]
    assert "credential_process of profile 'cons' " in event["cause"]
    assert told in event["cause"]
    assert "credential_process" in event["hint"]
    assert "hunter2" not in house.log.getvalue()


def test_a_helper_of_the_profile_that_a_role_is_assumed_from_is_named(
    house: House, browser: Browser, tmp_path: Path, helper: Helper
) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/Broker\nsource_profile = base"
    (tmp_path / "credentials").write_text(f"[cons]\n{role}\n[base]\n{helper.write('sys.exit(3)')}\n")
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    assert "credential_process of profile 'base' ended with exit status 3" in house.audit()[-1]["cause"]


def test_a_helper_that_is_not_there_is_named(house: House, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[cons]\ncredential_process = /nowhere/at-all\n")
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    assert "credential_process of profile 'cons' cannot be started" in house.audit()[-1]["cause"]


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("AWS_ACCESS_KEY_ID", "access key"),
        ("AWS_SECRET_ACCESS_KEY", "secret key"),
        ("AWS_SESSION_TOKEN", "session token"),
    ],
)
def test_white_space_in_a_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, named: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "AKIAEXAMPLE\n" if name == key else "AKIAEXAMPLE")
    with open_house(tmp_path, aws={"aws_profile_name": None, "aws_credentials_file": None}) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
        assert f"white space in the {named}" in house.audit()[-1]["cause"]
        assert house.sts.calls == 0


def test_a_services_section_that_is_not_there_is_a_503_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile cons]\nservices = typo\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with open_house(tmp_path, aws={"sts_endpoint": None}) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
        assert "[services typo]" in house.audit()[-1]["hint"]
        assert house.sts.calls == 0


def test_a_metadata_service_that_swallows_requests_is_told_of_with_the_hop_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none").write_text("")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in os.environ:
        if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_CONTAINER", "AWS_WEB")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        with open_house(
            tmp_path, aws={"aws_profile_name": None, "aws_credentials_file": None, "timeout": 8}
        ) as house:
            assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
            assert "hop limit" in house.audit()[-1]["hint"]


def test_a_web_identity_whose_sts_does_not_answer_is_told_of_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("token")
    (tmp_path / "none").write_text("")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/Broker")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with open_house(
            tmp_path, aws={"aws_profile_name": None, "aws_credentials_file": None, "timeout": 1}
        ) as house:
            assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
            assert "profile 'default' did not come in time" in house.audit()[-1]["cause"]


def test_at_the_start_a_helper_that_fails_runs_once_and_is_warned_of_once(
    tmp_path: Path, helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(f"[profile broken]\n{helper.write('sys.exit(3)')}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    regions = ["eu-west-1", "us-east-1"]
    with open_house(
        tmp_path, regions=regions, prepared=True, aws={"regions": regions, "aws_profile_name": "broken"}
    ) as house:
        (warning,) = house.lines("aws.warm_up_failed")
        assert "exit status 3" in warning["cause"]
        assert helper.runs == 1
