"""`awscons-cli login`, `logout`, `status`, `list` and `open`, against a service that checks every step."""

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from subprocess import Popen
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.cli_service import CliService, cli_service
from support.client_terminal import PYTHONS, Terminal, shown_address
from support.proxy import open_proxy
from support.serving import authority, server_tls

NO_BROWSER = {"BROWSER": ""}
"""The client shows the address, and the test plays the browser."""


def visit(address: str, **headers: str) -> httpx.Response:
    return httpx.get(address, headers=headers, trust_env=False, timeout=30)


@contextmanager
def waiting_login(terminal: Terminal, service: CliService) -> Iterator[tuple[Popen[str], str, str]]:
    """A login that waits for the browser: the process, its callback, the state that it waits for."""
    with terminal.begin("login", service.url, **NO_BROWSER) as process:
        try:
            question = parse_qs(urlsplit(shown_address(process)).query)
            yield process, question["redirect_uri"][0], question["state"][0]
        finally:
            process.kill()


def said(process: Popen[str]) -> tuple[int, str]:
    """How the process ended, and the last line of its errors."""
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.splitlines()[-1]


@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_a_person_signs_in_by_the_browser_and_sees_the_doors(
    tmp_path: Path, zipapp: Path, service: CliService, python: Path
) -> None:
    terminal = Terminal(tmp_path / "home", zipapp, python)
    done = terminal.run("login", service.url)
    assert done.stdout.startswith(f"Signed in to {service.url} as Ada Lovelace, for 7 h 59 min, until "), (
        done.stderr
    )
    assert terminal.run("list").stdout.splitlines() == [
        "210987654321",
        "  billing     Billing, browser only",
        "Shop (123456789012)",
        "  auditor     Audit, Auditor",
        "  cloudadmin  Admin, Cloud administrator",
    ]
    assert json.loads(terminal.run("credentials", "cloudadmin").stdout)["Version"] == 1


def test_a_person_without_a_browser_pastes_the_code(terminal: Terminal, service: CliService) -> None:
    process = terminal.begin("login", service.url, "--no-browser")
    code = visit(shown_address(process)).text
    output, errors = process.communicate(f"{code}\n", timeout=60)
    assert process.returncode == 0, errors
    assert output.startswith("Signed in")


def test_a_pasted_code_of_another_sign_in_is_worth_nothing(terminal: Terminal, service: CliService) -> None:
    with terminal.begin("login", service.url, "--no-browser") as other:
        foreign = visit(shown_address(other)).text
        other.communicate("\n", timeout=60)
    done = terminal.run("login", service.url, "--no-browser", typed=f"{foreign}\n")
    assert done.returncode == 1
    assert done.stderr.endswith("The service does not take this code, or no longer. Run the command again.\n")


def test_a_code_that_somebody_intercepts_is_worth_nothing_without_the_proof(
    terminal: Terminal, service: CliService
) -> None:
    with waiting_login(terminal, service) as (_, callback, state):
        address = (
            f"{service.url}/cli/authorize?response_type=code&client_id=awscons-cli&machine=x&state={state}"
        )
        address += f"&redirect_uri={callback}&code_challenge={'A' * 43}&code_challenge_method=S256"
        stolen = parse_qs(urlsplit(visit(address).headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": stolen, "redirect_uri": callback}
        form |= {"client_id": "awscons-cli", "code_verifier": "a guess"}
        agent = {"User-Agent": "awscons-cli/0"}
        assert (
            httpx.post(f"{service.url}/cli/token", data=form, headers=agent).json()["error"]
            == "invalid_grant"
        )


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("code=stolen&state=guessed", {}, 400),
        ("code=stolen&state=", {}, 400),
        ("code=stolen", {}, 400),
        ("code=stolen&state={state}&state={state}", {}, 400),
        ("code=stolen&state={state}", {"Host": "evil.example.com"}, 403),
        ("code=stolen&state={state}", {"Host": "localhost:1"}, 403),
    ],
)
def test_a_hostile_page_that_calls_the_loopback_port_gets_nothing_and_ends_nothing(
    terminal: Terminal, service: CliService, query: str, headers: dict[str, str], status: int
) -> None:
    with waiting_login(terminal, service) as (process, callback, state):
        answer = visit(f"{callback}?{query.format(state=state)}", **headers)
        assert answer.status_code == status
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert process.poll() is None
        assert service.count("POST /cli/token") == 0
        assert visit(f"{callback}?code=none&state={state}&iss={service.url}").status_code == 200
        assert said(process)[0] == 1


def test_only_the_first_answer_counts(terminal: Terminal, service: CliService) -> None:
    with waiting_login(terminal, service) as (process, callback, state):
        page = visit(f"{callback}?error=access_denied&state={state}&iss={service.url}")
        assert "You can close this page" in page.text
        assert said(process) == (4, "awscons-cli: The sign-in was refused in the browser.")
        with pytest.raises(httpx.ConnectError):
            visit(f"{callback}?code=late&state={state}&iss={service.url}")


def test_an_answer_in_the_name_of_another_service_is_refused(terminal: Terminal, service: CliService) -> None:
    service.issuer_in_answers = "https://evil.example.com"
    done = terminal.run("login", service.url)
    assert done.returncode == 4
    assert "came from another service" in done.stderr
    assert service.count("POST /cli/token") == 0


def test_a_person_may_refuse_on_the_consent_page(terminal: Terminal, service: CliService) -> None:
    service.consents = False
    done = terminal.run("login", service.url)
    assert (done.returncode, "refused in the browser" in done.stderr) == (4, True)


def test_a_computer_without_loopback_is_sent_to_the_way_without_a_browser(
    tmp_path: Path, terminal: Terminal, service: CliService
) -> None:
    taken = "import socketserver\ndef bind(self): raise OSError(98, 'Address already in use')\nsocketserver.TCPServer.server_bind = bind\n"
    (tmp_path / "sitecustomize.py").write_text(taken)
    done = terminal.run("login", service.url, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.strip().rpartition(". ")[2]) == (
        1,
        "Use: awscons-cli login --no-browser",
    )


def test_tokens_and_folder_are_for_their_owner_alone(signed_in: Terminal) -> None:
    files = [path for path in signed_in.state.rglob("*") if path.is_file()]
    assert any(path.name == "tokens.json" for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(signed_in.state.stat().st_mode) == 0o700


def test_tokens_are_in_the_keyring_of_the_desktop(tmp_path: Path, zipapp: Path, service: CliService) -> None:
    terminal = Terminal(tmp_path / "home", zipapp, Path(sys.executable))  # which has the package keyring
    run = f"{sys.executable} {zipapp}"
    look = (
        f'{sys.executable} -c \'import keyring; print(keyring.get_password("awscons-cli", "{service.url}"))\''
    )
    desktop = [
        "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1",
        f"{run} login {service.url} && {run} list --json >/dev/null && {look} && {run} logout && {look}",
        f"{run} login {service.url}",
    ]
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", "\n".join(desktop)],
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (signed_in, tokens, signed_out, none, again) = done.stdout.splitlines()
    assert signed_in == again
    assert set(json.loads(tokens)) == {"access_token", "access_token_ends", "refresh_token"}
    assert (signed_out[:11], none) == ("Signed out ", "None")
    assert [path.read_text() for path in terminal.state.rglob("tokens.json")] == ['{"keyring": true}']
    # Without the desktop, nobody gets them, and nothing keeps the person from a new login.
    shut = terminal.run("list")
    assert (shut.returncode, "The keyring does not give the tokens" in shut.stderr) == (3, True)
    assert terminal.run("login", service.url, AWSCONS_CLI_KEYRING="0").returncode == 0
    assert terminal.run("list").returncode == 0


def test_a_login_that_is_stopped_while_its_code_is_exchanged_is_stored_first(
    terminal: Terminal, service: CliService
) -> None:
    started: Queue[Popen[str]] = Queue()
    service.meanwhile["POST /cli/token"] = lambda: started.get().send_signal(signal.SIGINT)
    process = terminal.begin("login", service.url)
    started.put(process)
    assert said(process)[0] == 130
    assert terminal.run("status", "--service", service.url).returncode == 0


def test_a_login_in_a_file_stays_in_the_file_when_its_tokens_are_renewed(
    tmp_path: Path, terminal: Terminal, service: CliService
) -> None:
    keyring = "import sys\npriority = 5\nget_keyring = lambda: sys.modules[__name__]\nset_password = print\n"
    (tmp_path / "keyring.py").write_text(keyring)
    terminal.environment["PYTHONPATH"] = str(tmp_path)
    assert terminal.run("login", service.url, AWSCONS_CLI_KEYRING="0").returncode == 0
    service.forget_access_tokens()
    assert terminal.run("list").returncode == 0
    (tokens,) = terminal.state.rglob("tokens.json")
    assert "refresh_token" in json.loads(tokens.read_text())


def test_a_logout_ends_the_login_here_and_at_the_service(signed_in: Terminal, service: CliService) -> None:
    signed_in.run("credentials", "cloudadmin")
    assert signed_in.run("logout").returncode == 0
    assert service.count("POST /cli/revoke") == 1
    assert not [
        path
        for path in signed_in.state.rglob("*")
        if path.suffix == ".credentials" or path.name == "tokens.json"
    ]
    assert signed_in.run("credentials", "cloudadmin").returncode == 3


def test_a_logout_without_a_network_ends_the_login_here_and_says_what_is_left(
    signed_in: Terminal, service: CliService
) -> None:
    service.broken = 502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>"
    done = signed_in.run("logout")
    assert (done.returncode, "could not be told" in done.stderr) == (5, True)
    assert signed_in.run("status").returncode == 3


def test_a_second_login_ends_the_first_at_the_service(signed_in: Terminal, service: CliService) -> None:
    signed_in.sign_in(service.url)
    assert service.count("POST /cli/revoke") == 1
    assert signed_in.run("list").returncode == 0


def test_status_says_who_until_when_and_what(signed_in: Terminal, service: CliService) -> None:
    done = signed_in.run("status")
    assert done.stdout.startswith(f"{service.url}: signed in as Ada Lovelace, for 7 h 59 min, until ")
    assert done.stdout.endswith("; doors: 3, in the terminal: 2.\n")
    service.end_all_logins()
    done = signed_in.run("status")
    assert (done.returncode, done.stdout) == (
        3,
        f"{service.url}: The login at {service.url} has ended. Run: awscons-cli login {service.url}\n",
    )


@pytest.mark.parametrize(("ahead", "word"), [(-3600, "60 minutes fast"), (3600, "60 minutes slow")])
def test_status_says_that_the_clock_is_wrong(
    signed_in: Terminal, service: CliService, ahead: float, word: str
) -> None:
    service.ahead = ahead
    assert f"The clock of this computer is {word}" in signed_in.run("status").stdout


def test_several_services_are_told_apart_by_name_and_the_last_is_the_default(
    signed_in: Terminal, service: CliService
) -> None:
    with cli_service() as other:
        other.doors = other.doors[:1]
        signed_in.sign_in(other.url)
        assert len(json.loads(signed_in.run("list", "--json").stdout)["doors"]) == 1
        named = service.url.removeprefix("http://")
        assert len(json.loads(signed_in.run("list", "--json", "--service", named).stdout)["doors"]) == 3
        assert (
            len(json.loads(signed_in.run("list", "--json", AWSCONS_SERVICE=service.url).stdout)["doors"]) == 3
        )
        assert f"{other.url} (default): signed in" in signed_in.run("status").stdout


def test_a_search_finds_doors_by_any_of_their_names(signed_in: Terminal) -> None:
    found = json.loads(signed_in.run("list", "--json", "SHOP", "admin").stdout)["doors"]
    assert [door["name"] for door in found] == ["cloudadmin"]
    assert signed_in.run("list", "nothing").stderr == "No door matches.\n"


def test_open_leads_to_the_door_and_its_page(signed_in: Terminal, service: CliService) -> None:
    page = "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1#b"
    done = signed_in.run("open", "billing", "--destination", page, "--region", "eu-west-1", **NO_BROWSER)
    address, _, query = done.stdout.strip().partition("?")
    assert address == f"{service.url}/aws/billing"
    assert parse_qs(query) == {"destination": [page], "region": ["eu-west-1"]}
    assert signed_in.run("open", "nowhere").returncode == 4


def test_open_follows_no_address_of_another_site(signed_in: Terminal, service: CliService) -> None:
    service.doors[0]["console_url"] = "file:///etc/passwd"
    assert "is none of" in signed_in.run("open", "cloudadmin").stderr


def test_the_address_of_a_page_of_the_portal_leads_to_the_service(
    terminal: Terminal, service: CliService
) -> None:
    done = terminal.run("login", f"{service.url}/aws/cloudadmin")
    assert done.stdout.startswith(f"Signed in to {service.url} as"), done.stderr


def test_a_terminal_without_the_letters_of_a_name_shows_their_codes(
    signed_in: Terminal, service: CliService
) -> None:
    service.doors[0]["title"] = "Verwalter für Läden"
    assert r"Verwalter f\xfcr L\xe4den" in signed_in.run("list", PYTHONIOENCODING="ascii").stdout


def test_a_service_of_another_version_has_the_right_client(terminal: Terminal, service: CliService) -> None:
    service.version = "9.9.9"
    assert f"{service.url}/cli/awscons.pyz" in terminal.run("login", service.url).stderr


def test_what_the_service_calls_people_and_itself_cannot_move_the_cursor(
    terminal: Terminal, service: CliService
) -> None:
    service.person = "Ada\x1b[2J"
    service.version = "\x1b]0;x\x07"
    done = terminal.run("login", service.url)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (200, {"Content-Type": "text/html"}, b"<h1>Hello</h1>", "answered 200 with text/html that"),
        (200, {"Content-Type": "application/json"}, b"<h1>", "answered 200 with application/json that"),
        (200, {"Content-Type": "application/json"}, b"[1]", "answered 200 with application/json that"),
        (302, {"Location": "https://portal.example.com/"}, b"", "answered 302 with something that"),
        (404, {"Content-Type": "text/html"}, b"", "opens nothing for the command line"),
        (
            200,
            {"Content-Type": "application/json"},
            b'{"issuer": "https://evil\\u001b[2J"}',
            "It calls itself https://evil [2J.",
        ),
    ],
)
def test_an_address_that_is_no_service_is_said_in_one_sentence(
    terminal: Terminal, service: CliService, status: int, headers: dict[str, str], body: bytes, words: str
) -> None:
    service.broken = status, headers, body
    done = terminal.run("login", service.url)
    assert done.returncode in {4, 5}
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://sso.example.com", "is not encrypted. Use https://sso.example.com instead."),
        ("https://", "is no address of a service"),
        ("ftp://sso.example.com", "is no address of a service"),
        ("https://ada@sso.example.com", "is no address of a service"),
        ("https://sso.example.com:port", "is no address of a service"),
        ("https://sso.example.com/$(id)", "is no address of a service"),
        ("https://sso.example.com;id", "is no address of a service"),
    ],
)
def test_an_address_that_cannot_be_one_is_a_mistake(terminal: Terminal, url: str, words: str) -> None:
    done = terminal.run("login", url)
    assert (done.returncode, words in done.stderr) == (2, True)


def test_a_private_authority_is_trusted_when_it_is_named_and_never_else(
    tmp_path: Path, terminal: Terminal
) -> None:
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(bundle))
    with cli_service(server_tls()) as service:
        done = terminal.run("login", service.url, "--no-browser")
        assert (done.returncode, "is not trusted" in done.stderr) == (5, True)
        for variable in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
            done = terminal.run("login", service.url, "--no-browser", typed="x\n", **{variable: str(bundle)})
            assert "does not take this code" in done.stderr


def test_a_proxy_is_used_as_python_and_the_aws_cli_use_it(
    tmp_path: Path, terminal: Terminal, service: CliService
) -> None:
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(bundle))
    plain, service.url = service.url, "https://sso.example.com"
    routes = {"sso.example.com": int(plain.rpartition(":")[2])}
    with open_proxy("", credentials="ada:secret", routes=routes, opens_tls=authority()) as proxy:
        terminal.environment |= {
            "AWS_CA_BUNDLE": str(bundle),
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
        }
        done = terminal.run("login", "sso.example.com", "--no-browser")
        assert (done.returncode, "407 Proxy Authentication Required" in done.stderr) == (5, True)
        terminal.environment["HTTPS_PROXY"] = f"http://ada:secret@127.0.0.1:{proxy.port}"
        process = terminal.begin("login", "sso.example.com", "--no-browser")
        code = visit(shown_address(process).replace(service.url, plain)).text
        output, errors = process.communicate(f"{code}\n", timeout=60)
        assert output.startswith("Signed in to https://sso.example.com as"), errors
        assert terminal.run("credentials", "cloudadmin").returncode == 0
    assert proxy.hosts() == {"sso.example.com"}


def test_debug_says_what_is_asked_of_whom_and_no_secret(signed_in: Terminal, service: CliService) -> None:
    service.forget_access_tokens()
    before = signed_in.state.rglob("tokens.json").__next__().read_text()
    done = signed_in.run("credentials", "cloudadmin", "--debug")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"debug: POST {service.url}/cli/credentials 401 ")
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["POST", f"{service.url}/cli/token"],
        ["POST", f"{service.url}/cli/credentials"],
    ]
    secrets = [*json.loads(before).values(), *json.loads(done.stdout).values()]
    assert not [secret for secret in secrets if str(secret) in done.stderr and len(str(secret)) > 8]
