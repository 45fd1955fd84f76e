"""`awscons-cli credentials`, `env` and `exec`: one call for many programs, and the right answer when it fails."""

import json
import os
import pty
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from support.cli_service import CliService, cli_service
from support.client_terminal import PYTHONS, Terminal

CALL = "POST /cli/credentials"
REFRESH = "POST /cli/token"
DAMAGED = '{"services": {"URL": {"ends": %s, "id": "1"}}}'


def credentials(terminal: Terminal, *words: str, **variables: str) -> dict[str, Any]:
    done = terminal.run("credentials", *words, **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def failure(terminal: Terminal, *words: str, **variables: str) -> tuple[int, str]:
    done = terminal.run("credentials", *words, **variables)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    return done.returncode, done.stderr.strip()


def entry(terminal: Terminal) -> Path:
    (path,) = terminal.state.rglob("*.credentials")
    return path


def test_standard_output_has_the_five_fields_and_nothing_else(signed_in: Terminal) -> None:
    found = credentials(signed_in, "cloudadmin")
    assert list(found) == ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]


@pytest.mark.parametrize("token_life", [300.0, 1.0], ids=["valid tokens", "tokens to renew"])
def test_twenty_programs_at_once_make_one_call(
    terminal: Terminal, service: CliService, token_life: float
) -> None:
    service.token_life = token_life
    terminal.sign_in(service.url)
    service.token_life = 300.0
    processes = [terminal.begin("credentials", "cloudadmin") for _ in range(20)]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 20
    assert len(outputs) == 1
    assert service.count(CALL) == 1


def test_twenty_programs_for_different_doors_use_each_refresh_token_once(
    terminal: Terminal, service: CliService
) -> None:
    service.token_life = 1.0
    terminal.sign_in(service.url)
    service.doors = [dict(service.doors[0], name=f"door{number}") for number in range(20)]
    processes = [terminal.begin("credentials", f"door{number}") for number in range(20)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == ""
    assert service.reused == 0
    assert service.count(REFRESH) == 21


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_stopped_while_it_renews_its_tokens_stores_the_new_ones_first(
    signed_in: Terminal, service: CliService, number: signal.Signals
) -> None:
    started: Queue[subprocess.Popen[str]] = Queue()
    service.forget_access_tokens()
    service.meanwhile[REFRESH] = lambda: started.get().send_signal(number)
    process = signed_in.begin("credentials", "cloudadmin")
    started.put(process)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (130 if number == signal.SIGINT else -number, "")
    assert credentials(signed_in, "cloudadmin")
    assert service.reused == 0


def test_programs_that_wait_for_a_call_share_its_failure(signed_in: Terminal, service: CliService) -> None:
    service.refusal = 503, "aws_unavailable"
    processes = [signed_in.begin("credentials", "cloudadmin") for _ in range(20)]
    assert {process.communicate(timeout=60)[1] for process in processes} == {
        "awscons-cli: It says aws_unavailable. (Incident INC-1)\n"
    }
    assert {process.returncode for process in processes} == {5}
    assert service.count(CALL) < 20


@pytest.mark.parametrize("ahead", [0.0, 7200.0, -7200.0], ids=["right", "slow", "fast"])
def test_credentials_are_kept_until_ten_minutes_before_their_end_by_the_clock_of_the_service(
    signed_in: Terminal, service: CliService, ahead: float
) -> None:
    service.ahead = ahead
    first = credentials(signed_in, "cloudadmin")
    kept = json.loads(entry(signed_in).read_text())
    assert kept["until"] - kept["since"] == pytest.approx(3000, abs=10)
    assert credentials(signed_in, "cloudadmin") == first
    entry(signed_in).write_text(json.dumps({**kept, "until": kept["since"]}))
    assert credentials(signed_in, "cloudadmin") != first


def test_a_clock_that_is_wrong_is_named(signed_in: Terminal, service: CliService) -> None:
    service.ahead = 3600
    assert "is 60 minutes slow; AWS refuses" in signed_in.run("credentials", "cloudadmin").stderr


def test_credentials_from_the_future_of_a_clock_that_was_set_back_are_replaced(
    signed_in: Terminal,
) -> None:
    first = credentials(signed_in, "cloudadmin")
    kept = json.loads(entry(signed_in).read_text())
    entry(signed_in).write_text(
        json.dumps({**kept, "since": kept["since"] + 9000, "until": kept["until"] + 9000})
    )
    assert credentials(signed_in, "cloudadmin") != first


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "cloudadmin"}', '{"name": "cloudadmin", "since": "x"}']
)
def test_a_damaged_cache_is_no_cache(signed_in: Terminal, content: str) -> None:
    credentials(signed_in, "cloudadmin")
    entry(signed_in).write_text(content)
    assert credentials(signed_in, "cloudadmin")


@pytest.mark.parametrize(
    "damaged",
    ["[]", '{"services": 5}', '{"services": {"URL": 5}}', *(DAMAGED % ends for ends in ('"x"', "9e9"))],
)
def test_a_damaged_list_of_services_has_no_login(
    signed_in: Terminal, service: CliService, damaged: str
) -> None:
    (signed_in.state / "services.json").write_text(damaged.replace("URL", service.url))
    assert failure(signed_in, "cloudadmin", "--service", service.url)[0] == 3
    assert signed_in.run("logout", "--service", service.url).returncode in {0, 3}
    signed_in.sign_in(service.url)
    assert credentials(signed_in, "cloudadmin")


def test_an_access_token_whose_end_is_damaged_is_renewed(signed_in: Terminal, service: CliService) -> None:
    (path,) = signed_in.state.rglob("tokens.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "access_token_ends": "x"}))
    assert credentials(signed_in, "cloudadmin")
    assert service.count(REFRESH) == 2


@pytest.mark.parametrize(
    ("words", "output", "said"),
    [
        ("list", "/dev/full", "awscons-cli: No space left on device.\n"),
        ("credentials cloudadmin", "/dev/full", "awscons-cli: No space left on device.\n"),
        ("--help", "/dev/full", "awscons-cli: No space left on device.\n"),
        ("list", "a closed pipe", ""),
    ],
)
def test_output_that_cannot_be_written_is_a_status_and_no_traceback(
    signed_in: Terminal, words: str, output: str, said: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    target = writer if output == "a closed pipe" else os.open(output, os.O_WRONLY)
    done = subprocess.run(
        [signed_in.python, signed_in.zipapp, *words.split()],
        stdout=target,
        stderr=subprocess.PIPE,
        text=True,
        env=signed_in.environment,
        check=False,
    )
    for descriptor in {writer, target}:
        os.close(descriptor)
    assert (done.returncode, done.stderr) == (1, said)


def test_credentials_of_a_short_rest_of_a_login_are_handed_out_and_not_kept(
    signed_in: Terminal, service: CliService
) -> None:
    service.lifetime = 500
    credentials(signed_in, "cloudadmin")
    credentials(signed_in, "cloudadmin")
    assert service.count(CALL) == 2


def test_an_access_token_that_the_service_takes_no_more_is_renewed(
    signed_in: Terminal, service: CliService
) -> None:
    service.forget_access_tokens()
    assert credentials(signed_in, "cloudadmin")
    assert (service.count(CALL), service.count(REFRESH)) == (2, 2)


@pytest.mark.parametrize("cached", [True, False], ids=["another door was open", "nothing was open"])
def test_a_login_that_was_ended_has_a_status_of_its_own_and_leaves_nothing(
    signed_in: Terminal, service: CliService, *, cached: bool
) -> None:
    if cached:
        credentials(signed_in, "auditor")
    service.end_all_logins()
    ended = (3, f"awscons-cli: The login at {service.url} has ended. Run: awscons-cli login {service.url}")
    assert failure(signed_in, "cloudadmin") == ended
    assert failure(signed_in, "auditor") == ended
    assert list(signed_in.state.rglob("*.credentials")) == []


def test_credentials_that_come_after_a_logout_are_not_handed_out(
    signed_in: Terminal, service: CliService
) -> None:
    credentials(signed_in, "cloudadmin")
    path = entry(signed_in)
    late = path.read_text()
    signed_in.run("logout")
    path.write_text(late)
    assert failure(signed_in, "cloudadmin")[0] == 3
    signed_in.sign_in(service.url)
    path.write_text(late)
    assert credentials(signed_in, "cloudadmin") != json.loads(late)["credentials"]


def test_a_program_that_is_refused_leaves_a_login_that_was_made_meanwhile(
    signed_in: Terminal, service: CliService
) -> None:
    service.refusal = 401, "invalid_token"
    login = partial(signed_in.run, "login", service.url)
    service.meanwhile[REFRESH] = lambda: service.meanwhile.update({CALL: login})
    assert failure(signed_in, "cloudadmin")[0] == 3
    service.refusal = None
    assert credentials(signed_in, "cloudadmin")


def test_a_logout_during_a_call_leaves_no_credentials(signed_in: Terminal, service: CliService) -> None:
    service.meanwhile[CALL] = partial(signed_in.run, "logout")
    credentials(signed_in, "cloudadmin")
    assert list(signed_in.state.rglob("*.credentials")) == []


def test_a_logout_deletes_what_a_killed_program_left(signed_in: Terminal) -> None:
    credentials(signed_in, "cloudadmin")
    rest = entry(signed_in).with_name("cloudadmin.credentials.0f1e2d.new")
    rest.write_text("{}")
    signed_in.run("logout")
    assert not rest.exists()


def test_a_login_whose_time_is_up_asks_nobody(terminal: Terminal, service: CliService) -> None:
    terminal.sign_in(service.url)
    services = terminal.state / "services.json"
    known = json.loads(services.read_text())
    known["services"][service.url]["ends"] = 1
    services.write_text(json.dumps(known))
    asked = len(service.asked)
    assert failure(terminal, "cloudadmin")[0] == 3
    assert len(service.asked) == asked


def test_a_stolen_refresh_token_that_both_sides_use_ends_the_login(
    tmp_path: Path, signed_in: Terminal, service: CliService
) -> None:
    thief = Terminal(tmp_path / "thief", signed_in.zipapp)
    subprocess.run(["cp", "-r", signed_in.state, thief.state], check=True)
    service.forget_access_tokens()
    assert thief.run("list").returncode == 0
    assert failure(signed_in, "cloudadmin")[0] == 3
    assert service.reused == 1
    assert failure(thief, "cloudadmin")[0] == 3


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        ((403, "access_denied"), 4, "access_denied."),
        (
            (403, "step_up_required"),
            4,
            "step_up_required. Run: awscons-cli login {url} --for cloudadmin",
        ),
        ((429, "rate_limited"), 5, "rate_limited. Try again in 7 seconds."),
        ((502, "aws_refused"), 5, "aws_refused."),
        ((503, "unavailable"), 5, "unavailable."),
    ],
)
def test_what_the_service_refuses_is_one_sentence_with_its_status(
    signed_in: Terminal, service: CliService, refusal: tuple[int, str], status: int, words: str
) -> None:
    service.refusal = refusal
    sentence = f"awscons-cli: It says {words.format(url=service.url)} (Incident INC-1)"
    assert failure(signed_in, "cloudadmin") == (status, sentence)


@pytest.mark.parametrize(
    ("door", "status", "words"),
    [
        ("nowhere", 4, "awscons-cli list shows the doors."),
        ("billing", 4, "awscons-cli open opens it in the browser."),
        ("../../etc", 2, "is no name of a door"),
        ("", 2, "is no name of a door"),
    ],
)
def test_a_door_that_does_not_open_here_has_a_hint(
    signed_in: Terminal, door: str, status: int, words: str
) -> None:
    got, text = failure(signed_in, door)
    assert (got, words in text) == (status, True)


def test_a_service_that_answers_a_page_is_one_sentence(signed_in: Terminal, service: CliService) -> None:
    service.broken = 200, {"Content-Type": "text/html"}, b"<h1>Sign in to the hotel</h1>"
    status, text = failure(signed_in, "cloudadmin")
    assert (status, "does no proxy ask for a sign-in first?" in text) == (5, True)


def test_without_a_network_a_cached_door_opens_and_another_says_why_not(terminal: Terminal) -> None:
    with cli_service() as service:
        terminal.sign_in(service.url)
        credentials(terminal, "auditor")
    assert credentials(terminal, "auditor")
    host = service.url.removeprefix("http://")
    words = f"awscons-cli: {host} cannot be reached: Connection refused. Is the network, VPN or proxy there?"
    assert failure(terminal, "cloudadmin") == (5, words)


def test_a_state_folder_that_cannot_be_written_is_named(
    tmp_path: Path, terminal: Terminal, service: CliService
) -> None:
    (tmp_path / "file").write_text("")
    done = terminal.run("login", service.url, AWSCONS_CLI_STATE=str(tmp_path / "file" / "state"))
    assert (done.returncode, "AWSCONS_CLI_STATE can name another one." in done.stderr) == (1, True)


@pytest.mark.parametrize("variables", [{"AI_AGENT": "some-agent"}, {"CLAUDECODE": "1"}, {}])
def test_a_coding_agent_gets_its_own_credentials_or_none(
    signed_in: Terminal, variables: dict[str, str]
) -> None:
    flag = [] if variables else ["--agent"]
    own = credentials(signed_in, "cloudadmin")
    assert credentials(signed_in, "cloudadmin", *flag, **variables) != own
    assert credentials(signed_in, "cloudadmin") == own
    status, text = failure(signed_in, "auditor", *flag, **variables)
    assert (status, "Coding agents get no credentials there." in text) == (4, True)


def test_a_coding_agent_never_gets_what_a_door_of_another_name_has(
    signed_in: Terminal, service: CliService
) -> None:
    service.doors.append({**service.doors[0], "name": "cloudadmin~agent"})
    full = credentials(signed_in, "cloudadmin~agent")
    assert credentials(signed_in, "cloudadmin", "--agent") != full
    assert credentials(signed_in, "cloudadmin~agent") == full


def test_no_browser_opens_for_credentials_without_a_terminal(
    signed_in: Terminal, service: CliService
) -> None:
    service.end_all_logins()
    assert failure(signed_in, "cloudadmin", "--interactive")[0] == 3
    assert service.count("GET /cli/authorize") == 1


def in_terminal(terminal: Terminal, *words: str) -> tuple[int, str]:
    """Run the client with a terminal as its standard input; standard output is read by another program."""
    person, device = pty.openpty()
    try:
        done = subprocess.run(
            [terminal.python, terminal.zipapp, *words],
            stdin=device,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=terminal.environment,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(person)
        os.close(device)
    return done.returncode, done.stdout


def test_at_a_terminal_a_browser_opens_for_credentials_only_when_that_is_asked_for(
    signed_in: Terminal, service: CliService
) -> None:
    service.end_all_logins()
    assert in_terminal(signed_in, "credentials", "cloudadmin") == (3, "")
    noisy = f'{sys.executable} -c \'import sys; print(1); exec(open(sys.argv[1]).read().replace("argv[1]", "argv[2]"))\' {signed_in.home / "browser.py"} %s'
    signed_in.environment["BROWSER"] = noisy
    status, output = in_terminal(signed_in, "credentials", "cloudadmin", "--interactive")
    assert status == 0
    assert json.loads(output)["Version"] == 1
    assert service.count("GET /cli/authorize") == 2


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", 'eval "$({0} env cloudadmin --shell bash)"'),
        ("sh", 'eval "$({0} env cloudadmin --shell bash)"'),
        ("zsh", 'eval "$({0} env cloudadmin --shell zsh)"'),
        ("fish", "{0} env cloudadmin --shell fish | source"),
    ],
)
def test_env_sets_what_programs_read_and_removes_what_comes_before_it(
    signed_in: Terminal, shell: str, line: str
) -> None:
    script = f"{line.format(f'{signed_in.python} {signed_in.zipapp}')}\nenv"
    output = subprocess.run(
        [shell, "-c", script],
        env={**signed_in.environment, "AWS_PROFILE": "other"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = dict(line.partition("=")[::2] for line in output.splitlines())
    assert found["AWS_SESSION_TOKEN"] == credentials(signed_in, "cloudadmin")["SessionToken"]
    assert found["AWS_REGION"] == "eu-central-1"
    assert "AWS_PROFILE" not in found


def test_exec_runs_the_command_with_credentials_and_gives_its_status(signed_in: Terminal) -> None:
    done = signed_in.run(
        "exec",
        "cloudadmin",
        "--",
        "sh",
        "-c",
        "echo $AWS_ACCESS_KEY_ID $AWS_PROFILE --; exit 7",
        AWS_PROFILE="other",
    )
    assert (done.returncode, done.stdout) == (
        7,
        f"{credentials(signed_in, 'cloudadmin')['AccessKeyId']} --\n",
    )


@pytest.mark.parametrize(("words", "status"), [(("--", "no-such-program"), 127), (("--", "/"), 126), ((), 2)])
def test_exec_says_what_it_cannot_run(signed_in: Terminal, words: tuple[str, ...], status: int) -> None:
    done = signed_in.run("exec", "cloudadmin", *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1)


def test_exec_begins_with_half_the_time_of_credentials_and_without_a_network_with_the_rest(
    terminal: Terminal,
) -> None:
    command = ("exec", "cloudadmin", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID")
    with cli_service() as service:
        terminal.sign_in(service.url)
        first = credentials(terminal, "cloudadmin")["AccessKeyId"]
        kept = json.loads(entry(terminal).read_text())
        aged = {name: kept[name] - 1900 for name in ("since", "until")}
        entry(terminal).write_text(json.dumps({**kept, **aged}))
        assert credentials(terminal, "cloudadmin")["AccessKeyId"] == first
        second = terminal.run(*command).stdout.strip()
        assert second != first
        assert terminal.run(*command).stdout.strip() == second
        kept = json.loads(entry(terminal).read_text())
        entry(terminal).write_text(json.dumps({**kept, **aged}))
    assert terminal.run(*command).stdout.strip() == second


def test_exec_needs_no_network_to_learn_a_region(terminal: Terminal) -> None:
    with cli_service() as service:
        terminal.sign_in(service.url)
        credentials(terminal, "cloudadmin")
    assert terminal.run("exec", "cloudadmin", "--", "true").returncode == 0


def test_exec_leaves_signals_as_a_shell_does(signed_in: Terminal) -> None:
    done = signed_in.run("exec", "cloudadmin", "--", "sh", "-c", "yes | head -n 1")
    assert (done.stdout, done.stderr) == ("y\n", "")


def test_completion_offers_commands_options_and_doors(signed_in: Terminal) -> None:
    signed_in.run("list")

    def complete(*words: str) -> list[str]:
        return signed_in.run("_complete", *words).stdout.split()

    assert complete("log") == ["login", "logout"]
    assert complete("credentials", "") == ["cloudadmin", "auditor"]
    assert complete("open", '"b') == ["billing"]
    assert complete("env", "--shell", "z") == ["zsh"]
    assert complete("env", "--agent", "--shell", "zsh", "c") == ["cloudadmin"]
    assert complete("env", "cloudadmin", "") == []
    assert complete("login", "--for", "c") == ["cloudadmin"]
    assert complete("credentials", "--ag") == ["--agent"]
    assert complete("completion", "") == ["bash", "zsh", "fish", "powershell"]


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        (
            "bash",
            """eval "$(awscons-cli completion bash)"
            COMP_WORDS=(awscons-cli credentials cl) COMP_CWORD=2
            _awscons_cli; echo "${COMPREPLY[@]}" """,
        ),
        # Outside its editor, zsh has neither of these two.
        (
            "zsh",
            """compdef() { }; compadd() { shift; echo "$@" }
            eval "$(awscons-cli completion zsh)"
            words=(awscons-cli credentials cl) CURRENT=3
            _awscons_cli""",
        ),
        (
            "fish",
            """awscons-cli completion fish | source
            complete --do-complete 'awscons-cli credentials cl'""",
        ),
    ],
)
def test_shells_complete_by_the_script_that_they_are_given(
    tmp_path: Path, signed_in: Terminal, shell: str, script: str
) -> None:
    signed_in.run("list")
    (tmp_path / "awscons-cli").write_text(f'#!/bin/sh\nexec {signed_in.python} {signed_in.zipapp} "$@"\n')
    (tmp_path / "awscons-cli").chmod(0o755)
    environment = {**signed_in.environment, "PATH": f"{tmp_path}:{signed_in.environment['PATH']}"}
    done = subprocess.run([shell, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "cloudadmin\n"


@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_the_way_to_cached_credentials_imports_neither_network_nor_cryptography(
    signed_in: Terminal, python: Path
) -> None:
    credentials(signed_in, "cloudadmin")
    done = subprocess.run(
        [python, "-X", "importtime", signed_in.zipapp, "credentials", "cloudadmin"],
        env=signed_in.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "awscons_cli.role_credentials" in imported
    start = subprocess.run(
        [python, "-X", "importtime", "-c", "import runpy"], capture_output=True, text=True, check=True
    )
    own = imported - {line.rpartition("|")[2].strip() for line in start.stderr.splitlines()}
    assert not own & {
        "ssl",
        "http",
        "http.client",
        "socket",
        "urllib.request",
        "hashlib",
        "typing",
        "dataclasses",
        "inspect",
        "pathlib",
        "shutil",
        "email",
    }
