"""The command line, as a person at a terminal meets it: run as a program, read what it prints."""

import itertools
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from urllib.parse import urlencode

import pytest
from lxml import etree

from awscons import __version__
from awscons.demo.pretend_sts import PretendSts
from support.describe import Description
from support.forge import Forger, Story, pem_of, posted
from support.serving import serving

ROOT = Path(__file__).parents[2]

CONFIG = f"""
session_config = {{}}
saml_config = {{
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/awscon/saml/acs",
    "certificate": '''{pem_of(Forger().certificate)}''',
    "assertions": ["groups", "costCenter"],
}}
aws_config = {{
    "url_prefix": "/aws",
    "targets": [
        {{
            "service": "cloudadmin",
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "duration": 28800,
            "groups": ["sysadmin", "cloudadmin"],
        }},
        {{"service": "audit", "role": "arn:aws:iam::999999789012:role/x/Audit", "duration": 5400, "attrs": ["costCenter"]}},
        {{"service": "readonly", "role": "arn:aws:iam::123456789012:role/ReadOnlyRole"}},
    ],
}}
"""


def awscons(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscons", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configured(folder: Path, text: str = CONFIG) -> Path:
    (folder / "config.py").write_text(text)
    return folder


def test_check_shows_every_target_and_who_may_enter(tmp_path: Path) -> None:
    done = awscons("check", folder=configured(tmp_path))
    assert done.returncode == 0, done.stderr
    table = done.stdout.splitlines()
    row = next(line for line in table if "cloudadmin" in line)
    assert re.split(r" {2,}", row.strip()) == [
        "/awscon/aws/cloudadmin",
        "123456789012",
        "MyAdminRole",
        "8 h",
        "members of sysadmin or cloudadmin",
    ]
    assert any("1 h 30 min" in line and "people with a value for costCenter" in line for line in table)


def test_check_points_out_a_target_open_to_everyone(tmp_path: Path) -> None:
    done = awscons("check", folder=configured(tmp_path))
    row = next(line for line in done.stdout.splitlines() if "/aws/readonly" in line)
    assert "EVERYONE who can sign in" in row
    assert "target 'readonly' is open to every person who can sign in" in done.stdout


def test_check_reports_all_mistakes_with_exit_status_2_and_no_traceback(tmp_path: Path) -> None:
    broken = CONFIG.replace('"duration": 5400', '"duraton": 5400').replace(
        "123456789012:role/Read", "1:role/Read"
    )
    done = awscons("check", folder=configured(tmp_path, broken))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "2 mistakes" in done.stderr
    assert "did you mean 'duration'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_one_json_document_with_the_targets_and_the_findings(tmp_path: Path) -> None:
    done = awscons("check", "--json", folder=configured(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["acs_url"] == "https://sso.example.com/awscon/saml/acs"
    assert document["targets"][0] == {
        "path": "/awscon/aws/cloudadmin",
        "role_arn": "arn:aws:iam::123456789012:role/MyAdminRole",
        "duration": 28800,
        "groups": ["sysadmin", "cloudadmin"],
        "attributes": [],
        "attributes_match": {},
        "open_to_everyone": False,
    }
    (finding,) = [found for found in document["findings"] if found["subject"] == "target 'readonly'"]
    assert set(finding) == {"severity", "subject", "cause", "cure"}
    assert finding["severity"] == "warning"
    assert "open to every person" in finding["cause"]


def test_mistakes_are_findings_in_json_and_text_on_standard_error(tmp_path: Path) -> None:
    broken = CONFIG.replace('"duration": 5400', '"duraton": 5400')
    done = awscons("check", "--json", folder=configured(tmp_path, broken))
    assert done.returncode == 2
    assert "did you mean 'duration'?" in done.stderr
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["severity"], finding["subject"]) == ("error", "aws_config.targets[1].duraton")
    assert finding["cure"] == "did you mean 'duration'?"


@pytest.mark.parametrize("command", ["check", "serve"])
def test_without_a_configuration_a_command_says_how_to_begin(tmp_path: Path, command: str) -> None:
    done = awscons(command, folder=tmp_path)
    assert done.returncode == 2
    assert re.search(r"copy \S*config\.py\.sample to config\.py", done.stderr)


def test_the_configuration_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = configured(tmp_path / "etc") / "config.py"
    assert awscons("check", "--config", str(path), folder=tmp_path).returncode == 0
    assert awscons("check", folder=tmp_path, environment={"AWSCONS_CONFIG": str(path)}).returncode == 0


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_is_a_sentence_with_a_hint(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = awscons(command, "--port", port, folder=configured(tmp_path))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: address already in use" in done.stderr
    assert "end it, or choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_ours_is_a_sentence_with_a_hint(tmp_path: Path) -> None:
    done = awscons("demo", "--bind", "192.0.2.1", folder=tmp_path)
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in done.stderr


def test_many_processes_with_the_memory_of_one_are_refused(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "session_config = {}", "session_config = {'session_backing': {'cache_type': 'SimpleCache'}}"
    )
    done = awscons("serve", "--port", "0", "--workers", "2", folder=configured(tmp_path, text))
    assert done.returncode == 2
    done = awscons("serve", "--port", "18999", "--workers", "2", folder=configured(tmp_path, text))
    assert done.returncode == 2
    assert "SimpleCache keeps logins in the memory of one process" in done.stderr


def test_a_store_that_cannot_be_set_up_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = f"{{'session_backing': {{'cache_type': 'FileSystem', 'cache_dir': '{tmp_path}/file/x'}}}}"
    text = CONFIG.replace("session_config = {}", f"session_config = {store}")
    done = awscons("serve", "--port", "18998", folder=configured(tmp_path, text))
    assert done.returncode == 2
    assert "session_backing.cache_dir" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--confg", "x"], ["demo", "--port", "x"]])
def test_a_wrong_command_line_is_a_sentence_with_exit_status_2(tmp_path: Path, arguments: list[str]) -> None:
    done = awscons(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Error:" in done.stderr


def test_our_metadata_is_printed_alone_so_that_it_can_be_piped(tmp_path: Path) -> None:
    done = awscons("metadata", folder=configured(tmp_path))
    assert done.returncode == 0, done.stderr
    root = etree.fromstring(done.stdout.encode())
    assert root.get("entityID") == "urn:awscons"


def test_keys_are_made_and_rolled_with_a_word_on_what_to_do_next(tmp_path: Path) -> None:
    made = awscons("keys", "new", "keys", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "SHA-256 fingerprint" in made.stdout
    assert '"sp_keys"' in made.stdout
    again = awscons("keys", "new", "keys", folder=tmp_path)
    assert again.returncode == 1
    assert "awscons keys rotate" in again.stderr
    first = awscons("keys", "rotate", "keys", folder=tmp_path)
    assert "run the same command once more" in first.stdout
    second = awscons("keys", "rotate", "keys", folder=tmp_path)
    assert re.search(r"^previous ", second.stdout, re.MULTILINE)
    assert "PRIVATE" not in made.stdout + first.stdout + second.stdout


def test_check_reads_the_metadata_and_says_what_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "idp.xml").write_bytes(Description().document())
    text = re.sub(r'"certificate": \'\'\'.*?\'\'\',', '"idp_metadata": "idp.xml",', CONFIG, flags=re.DOTALL)
    text = text.replace('"saml_endpoint": "https://idp.example.com/sso",', "").replace(
        '"issuer": "https://idp.example.com/",', ""
    )
    environment = {"STATE_DIRECTORY": str(tmp_path / "state")}
    done = awscons("check", folder=configured(tmp_path, text), environment=environment)
    assert done.returncode == 0, done.stderr
    assert "1 certificate in idp.xml, which ends on" in done.stdout
    (tmp_path / "idp.xml").write_text("<html>Sign in</html>")
    done = awscons("check", folder=tmp_path, environment={"STATE_DIRECTORY": str(tmp_path / "other")})
    assert done.returncode == 1
    assert "it begins with html" in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["form value", "form body", "XML", "standard input"])
def test_a_captured_response_is_explained_in_whatever_form_it_was_captured(tmp_path: Path, form: str) -> None:
    acs = "https://sso.example.com/awscon/saml/acs"
    story = Story(
        datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC),
        idp="https://idp.example.com/",
        assertion_issuer="https://idp.example.com/",
        response_issuer="https://idp.example.com/",
        acs=acs,
        destination=acs,
        recipient="https://sso.example.com/saml/acs",
        audiences=(("urn:awscons",),),
        attributes=(("urn:x/groups", ("dbs",)), ("mail", ("secret@example.com",))),
    )
    xml = Forger().xml(story)
    captured = {
        "form value": posted(xml),
        "form body": urlencode({"RelayState": "x", "SAMLResponse": posted(xml)}),
        "XML": xml,
        "standard input": posted(xml),
    }[form]
    (tmp_path / "captured").write_text(captured)
    done = awscons(
        "saml",
        "explain",
        *([] if form == "standard input" else ["captured"]),
        folder=configured(tmp_path),
        stdin=captured if form == "standard input" else "",
    )
    assert done.returncode == 1, done.stderr
    assert "REFUSE  subject confirmation" in done.stdout
    assert "hint: `acs_url` here" in done.stdout
    assert "did you mean {'groups': 'urn:x/groups'}?" in done.stdout
    assert "secret@example.com" not in done.stdout + done.stderr
    assert "Signature" not in done.stdout


def test_an_explanation_is_one_json_document_with_a_finding_for_each_check(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    done = awscons(
        "saml", "explain", "--json", folder=configured(tmp_path), stdin=Forger().form_value(Story(moment))
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    findings = {finding["subject"]: finding for finding in document["findings"]}
    assert document["accepted"] is False
    assert document["groups"] == ["cloudadmin", "sysadmin"]
    assert findings["signature of the Assertion"]["severity"] == "ok"
    assert findings["conditions and audience"]["severity"] == "error"
    assert "`spid`" in findings["conditions and audience"]["cure"]


def test_an_explanation_counts_the_values_that_a_sign_in_counts(tmp_path: Path) -> None:
    groups = (("Groups", ("dbs", "x" * 1_025, "\u200b")), ("group\u017f", ("sysadmin",)))
    story = Story(datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC), attributes=groups)
    done = awscons("saml", "explain", "--json", folder=configured(tmp_path), stdin=Forger().form_value(story))
    document = json.loads(done.stdout)
    assert document["groups"] == ["dbs"]
    causes = [finding["cause"] for finding in document["findings"] if finding["subject"] == "groups"]
    assert "a value of 'groups' has more than 1,024 characters, and does not count" in causes


def test_a_response_without_a_moment_is_not_accepted(tmp_path: Path) -> None:
    xml = re.sub(r' IssueInstant="[^"]*"', "", Forger().xml(Story(datetime(2026, 11, 22, tzinfo=UTC))))
    done = awscons("saml", "explain", folder=configured(tmp_path), stdin=xml)
    assert done.returncode == 1
    assert "REFUSE  moment" in done.stdout
    assert "--at" in done.stdout


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    assert awscons("--version", folder=tmp_path).stdout == f"awscons, version {__version__}\n"


def test_help_explains_each_command(tmp_path: Path) -> None:
    quote_for_log = awscons("--help", folder=tmp_path).stdout
    for command in ("check", "demo", "keys", "logins", "metadata", "saml", "serve"):
        assert re.search(rf"^  {command} +\S", quote_for_log, re.MULTILINE)
        assert awscons(command, "-h", folder=tmp_path).stdout.startswith(f"Usage: awscons {command}")


def aws_answers(folder: Path, name: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    """`awscons check --aws` with the keys of a user, or of a role session of that name."""
    sts = PretendSts(roles={})
    key: tuple[str, ...] = sts.add_user("arn:aws:iam::123456789012:user/AWSconSSO")
    if name is not None:
        key = sts.add_role_session("arn:aws:iam::123456789012:role/Broker", name)
    (folder / "config.py").write_text(CONFIG)
    with serving(lambda _port: sts.application("eu-west-1")) as port:
        environment = {
            "AWS_ACCESS_KEY_ID": key[0],
            "AWS_SECRET_ACCESS_KEY": key[1],
            "AWS_SESSION_TOKEN": key[2] if name else "",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{port}/",
        }
        ran = awscons("check", "--aws", *options, folder=folder, environment=environment)
    assert key[1] not in ran.stdout + ran.stderr
    return ran


def test_check_asks_aws_how_long_consoles_last_when_told_to(tmp_path: Path) -> None:
    ran = aws_answers(tmp_path, None)
    assert ran.returncode == 0, ran.stderr
    row = next(line for line in ran.stdout.splitlines() if "user/AWSconSSO" in line)
    assert row.split("   ")[0].strip() == "/awscon/aws/cloudadmin"
    assert re.search(r" eu-west-1 +8 h +asked with access keys of an IAM user$", row)


def test_check_says_why_a_console_will_be_shorter_than_wanted(tmp_path: Path) -> None:
    ran = aws_answers(tmp_path, "my-function")
    row = next(line for line in ran.stdout.splitlines() if "assumed-role/Broker/my-function" in line)
    assert "1 h, not 8 h" in row
    assert "role chaining ends after an hour" in row


def test_what_aws_says_is_in_the_json_document(tmp_path: Path) -> None:
    document = json.loads(aws_answers(tmp_path, "my-function", "--json").stdout)
    assert document["aws"][0]["region"] == "eu-west-1"
    assert document["aws"][0]["duration"] == 3600
    (finding,) = [found for found in document["findings"] if found["subject"] == "/awscon/aws/cloudadmin"]
    assert finding["severity"] == "warning"
    assert finding["cause"].startswith("the console lasts 1 h, not 8 h")


def test_check_says_what_is_wrong_when_aws_does_not_know_us(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    nowhere = {
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ran = awscons("check", "--aws", folder=tmp_path, environment=nowhere)
    assert ran.returncode == 1
    assert "the broker has no usable AWS credentials" in ran.stdout
    assert "AWS has no answer for 3 of 3 targets" in ran.stderr
    assert "Traceback" not in ran.stderr


class HostCredentials:
    """What gives a host or a container its role's credentials: EC2's metadata service, ECS's endpoint."""

    def __init__(self, key: Sequence[str]) -> None:
        self.answer = {
            "Code": "Success",
            "AccessKeyId": key[0],
            "SecretAccessKey": key[1],
            "Token": key[2],
            "Expiration": "2099-01-01T00:00:00Z",
        }

    def __call__(self, environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        match environ["PATH_INFO"]:
            case "/latest/api/token":
                body = "token"
            case "/latest/meta-data/iam/security-credentials/":
                body = "Broker"
            case _:
                body = json.dumps(self.answer)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body.encode()]


@pytest.mark.parametrize(
    ("environment", "name", "lasts", "why"),
    [
        (
            {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:{port}/"},
            "i-0123456789abcdef0",
            "8 h",
            "asked with the role of an EC2 instance",
        ),
        (
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:{port}/task"},
            "0123abcd",
            "1 h, not 8 h",
            "asked with the role of a container (ECS task or EKS pod identity); role chaining ends after an hour",
        ),
    ],
    ids=["EC2", "container"],
)
def test_check_knows_the_credentials_that_a_host_gives(
    tmp_path: Path, environment: dict[str, str], name: str, lasts: str, why: str
) -> None:
    sts = PretendSts(roles={})
    key = sts.add_role_session("arn:aws:iam::123456789012:role/Broker", name)
    (tmp_path / "config.py").write_text(CONFIG)
    with (
        serving(lambda _port: sts.application("eu-west-1")) as port,
        serving(lambda _port: HostCredentials(key)) as host_port,
    ):
        ran = awscons(
            "check",
            "--aws",
            folder=tmp_path,
            environment={
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{port}/",
                "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
                "AWS_CONFIG_FILE": "/nowhere",
                **{variable: value.format(port=host_port) for variable, value in environment.items()},
            },
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    row = next(line for line in ran.stdout.splitlines() if f"assumed-role/Broker/{name}" in line)
    assert f" {lasts} " in row
    assert row.endswith(why)


# --- what a command loads ----------------------------------------------------------------

LIBRARIES = {"botocore", "cryptography", "flask", "gunicorn", "lxml", "pydantic", "structlog", "urllib3"}


def loaded_by(*arguments: str, folder: Path, environment: dict[str, str] | None = None) -> set[str]:
    """The modules that Python says it loads for a command."""
    told = {"PYTHONPROFILEIMPORTTIME": "1", **(environment or {})}
    lines = awscons(*arguments, folder=folder, environment=told).stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["serve", "--help"],
        ["logins", "end", "--help"],
        ["saml", "explian"],
        ["serve", "--prot"],
    ],
    ids=" ".join,
)
def test_help_and_typing_mistakes_wait_for_no_library(tmp_path: Path, arguments: list[str]) -> None:
    loaded = loaded_by(*arguments, folder=tmp_path)
    assert "click" in loaded
    assert not loaded & LIBRARIES


@pytest.mark.parametrize("words", ["awscons ", "awscons logins ", "awscons serve --"])
def test_completion_in_the_shell_waits_for_no_library(tmp_path: Path, words: str) -> None:
    requested = {
        "_AWSCONS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = awscons(folder=tmp_path, environment=requested)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1
    loaded = loaded_by(folder=tmp_path, environment=requested)
    assert "click" in loaded
    assert not loaded & LIBRARIES


def test_a_command_loads_neither_the_server_nor_the_demo_of_others(tmp_path: Path) -> None:
    loaded = loaded_by("check", folder=configured(tmp_path))
    assert "awscons.cli.check_command" in loaded
    assert not loaded & {"gunicorn", "awscons.demo", "awscons.cli.serve_command"}


def test_version_names_every_library_of_the_project(tmp_path: Path) -> None:
    assert awscons("version", folder=tmp_path).stdout == f"awscons {__version__}\n"
    document = json.loads(awscons("version", "--json", folder=tmp_path).stdout)
    assert (document["version"], document["python"]) == (__version__, platform.python_version())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    assert set(document["libraries"]) == {re.split(r"[\[<>=]", text)[0] for text in required}
    assert document["libraries"]["lxml"] == metadata.version("lxml")
