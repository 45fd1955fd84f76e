"""Starting under a WSGI server of the operator's choice: by `load_application`, or by `awscons.wsgi:application`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.operator import configure
from support.stage import environment_of

IMPORTING = "from team_groups import GROUPS\naws_config['targets'][0]['groups'] = GROUPS\n"


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment_of(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def gunicorn(config: Path) -> subprocess.CompletedProcess[str]:
    command = ("-m", "gunicorn", "--bind=127.0.0.1:0", "--log-level=critical", "awscons.wsgi:application")
    return python(config.parent, *command, AWSCONS_CONFIG=str(config))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = os.environ['X']", "the name 'os' is not defined"),
        ("import os; x = os.environ['X']", "the environment variable X is not set"),
        ("server_conf = {}", "did you mean 'server_config'?"),
    ],
)
def test_a_configuration_that_fails_is_one_line_of_the_log_under_gunicorn(
    tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "config.py").write_text(f"{line}\n")
    done = gunicorn(tmp_path / "config.py")
    assert done.returncode == 3
    (event,) = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert event["event"] == "server.start_failed"
    assert said in event["cause"]
    assert "exec(" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "awscons", "check", "--json", "--config", "{config}"),
        ("-c", "from awscons.wsgi import load_application as load; load({config!r})"),
    ],
)
def test_a_file_beside_the_configuration_can_be_imported_from_another_folder(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    configure(tmp_path, {"cache_type": "SimpleCache"})
    config = tmp_path / "config.py"
    config.write_text(config.read_text() + IMPORTING)
    (tmp_path / "team_groups.py").write_text("GROUPS = ['sysadmin']\n")
    (tmp_path / "elsewhere").mkdir()
    words = [argument.format(config=str(config)) for argument in arguments]
    done = python(tmp_path / "elsewhere", *words)
    assert done.returncode == 0, done.stderr
