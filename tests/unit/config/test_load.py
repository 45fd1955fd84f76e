"""Reading `config.py`, and everything that can be wrong with a file."""

import os
import re
import sys
from pathlib import Path

import pytest

from awscons.config.load import load_settings
from awscons.errors import ConfigurationError
from support.forge import Forger, pem_of

GOOD = f"""
session_config = {{}}
saml_config = {{
    "saml_endpoint": "https://idp.example.com/sso",
    "spid": "urn:awscons",
    "issuer": "https://idp.example.com/",
    "acs_url": "https://sso.example.com/saml/acs",
    "certificate": '''{pem_of(Forger().certificate)}''',
}}
aws_config = {{"targets": [{{"service": "awsadm", "role": "arn:aws:iam::123456789012:role/MyAdminRole"}}]}}
"""


def report(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environment={})
    return str(caught.value)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_good_file_gives_settings(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, GOOD), environment={}).targets[0].name == "awsadm"


def test_the_file_may_compute_and_import(tmp_path: Path) -> None:
    text = "import os\nfrom pathlib import Path\nHERE = Path(__file__).parent\n" + GOOD
    assert load_settings(written(tmp_path, text), environment={}).targets


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    assert re.search(r"copy \S*config\.py\.sample to config\.py", report(tmp_path / "config.py"))


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    assert "may read" in report(tmp_path)


def test_an_empty_file_lacks_all_three_dicts(tmp_path: Path) -> None:
    said = report(written(tmp_path, ""))
    for name in ("session_config", "saml_config", "aws_config"):
        assert name in said


def test_a_misspelt_dict_is_recognised(tmp_path: Path) -> None:
    said = report(written(tmp_path, GOOD.replace("aws_config =", "asw_config =")))
    assert "asw_config" in said
    assert "did you mean 'aws_config'?" in said


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    said = report(written(tmp_path, "x = 1\nsession_config = {\n"))
    assert "config.py, line 2" in said
    assert "valid Python" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nx = y\n", "line 2"),
        (
            "import os\n\nx = os.environ['NOT_THERE_AT_ALL']\n",
            "the environment variable NOT_THERE_AT_ALL is not set",
        ),
        ("raise SystemExit(3)\n", "SystemExit"),
        (b"x = '\xff'\n", "config.py"),
        (b"x = 1\x00\n", "config.py"),
    ],
)
def test_a_file_that_fails_while_it_runs_says_where_and_how(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    quote_for_log = report(written(tmp_path, text))
    assert said in quote_for_log
    assert "Traceback" not in quote_for_log


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file or directory"), ("x", "holds no audit key")],
)
def test_an_audit_key_file_without_a_key_is_a_mistake_before_the_start(
    tmp_path: Path, content: str | None, said: str
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    found = report(written(tmp_path, GOOD + f'server_config = {{"audit_key_file": {str(key)!r}}}\n'))
    assert "server_config.audit_key_file" in found
    assert said in found
    assert "awscons audit key FILE" in found


def test_a_path_may_be_text(tmp_path: Path) -> None:
    assert load_settings(str(written(tmp_path, GOOD)), environment={}).targets


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import teams_that_are_nowhere\n", "no module 'teams_that_are_nowhere'"),
        ("from math import taw\n", "the module 'math'"),
        ("open('/nowhere/at-all')\n", "/nowhere/at-all: no such file or directory"),
        ("import math\nx = math.taw\n", "no attribute 'taw'"),
        ("x = os.environ['X']\n", "import os"),
    ],
)
def test_a_file_that_fails_names_what_it_misses(tmp_path: Path, text: str, said: str) -> None:
    assert said in report(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    ["int('hunter2')\n", "{}['hunter2']\n", "raise ValueError('hunter2')\n", "eval('hunter2 hunter2')\n"],
)
def test_the_text_of_an_exception_is_not_shown(tmp_path: Path, text: str) -> None:
    said = report(written(tmp_path, "pass\n" + text))
    assert "config.py, line 2" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("server_conf", "server_config"),
        ("sites_config", "site_config"),
        ("aws_conf", "aws_config"),
        ("SAML_CONFIG", "saml_config"),
        ("sessionconfig", "session_config"),
    ],
)
def test_a_dict_whose_name_resembles_one_of_ours_is_a_mistake(tmp_path: Path, name: str, meant: str) -> None:
    said = report(written(tmp_path, f"{GOOD}\n{name} = {{}}\n"))
    assert name in said
    assert f"did you mean {meant!r}?" in said


@pytest.mark.parametrize("line", ["logging_config = {}", "app_config = {}", "servers = {}", "aws_conf = 'x'"])
def test_every_other_name_is_the_files_own(tmp_path: Path, line: str) -> None:
    assert load_settings(written(tmp_path, f"{GOOD}\n{line}\n"), environment={}).targets


IMPORTING = GOOD.replace("aws_config = ", "from team_names import NAME\naws_config = ").replace(
    '"awsadm"', "NAME"
)


def test_a_module_beside_the_file_can_be_imported_and_is_read_anew_each_time(tmp_path: Path) -> None:
    path = written(tmp_path, IMPORTING)
    before = list(sys.path)
    for name in ("blue", "teal"):
        (tmp_path / "team_names.py").write_text(f"NAME = {name!r}\n")
        assert load_settings(path, environment={}).targets[0].name == name
    assert "team_names" not in sys.modules
    assert sys.path == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.py", "team_names.py"]


def test_a_package_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "team_names").mkdir()
    (tmp_path / "team_names" / "__init__.py").write_text("from .inner import NAME\n")
    (tmp_path / "team_names" / "inner.py").write_text("NAME = 'blue'\n")
    assert load_settings(written(tmp_path, IMPORTING), environment={}).targets[0].name == "blue"
    assert not [name for name in sys.modules if name.startswith("team_names")]


def test_a_mistake_in_a_module_beside_the_file_names_that_module(tmp_path: Path) -> None:
    (tmp_path / "team_names.py").write_text("\n\nNAME = int('hunter2')\n")
    said = report(written(tmp_path, IMPORTING))
    assert "team_names.py, line 3" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("name", ["config.py", "team_names.py", "."])
def test_what_every_user_can_write_is_not_run(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, IMPORTING)
    (tmp_path / "team_names.py").write_text("NAME = 'blue'\n")
    (tmp_path / name).chmod(0o777)
    said = report(path)
    assert "can be written by every user of this host (mode 0777)" in said
    assert f"chmod o-w {(tmp_path / name).absolute()}" in said


def test_what_a_group_can_write_is_pointed_out(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    group = os.getgid() or 12_345  # root's group counts as root
    os.chown(path, -1, group)
    path.chmod(0o660)
    (finding,) = load_settings(path, environment={}).file_findings
    assert f"can be written by the group {group}" in finding.cause


@pytest.mark.parametrize(("mode", "findings"), [(0o644, 1), (0o640, 0)])
def test_a_file_that_holds_a_password_and_that_every_user_can_read_is_pointed_out(
    tmp_path: Path, mode: int, findings: int
) -> None:
    token = "server_config = {'metrics_token': 'made-up-for-tests-0123456789'}\n"
    path = written(tmp_path, GOOD + token)
    path.chmod(mode)
    found = load_settings(path, environment={}).file_findings
    assert ["can be read by every user" in finding.cause for finding in found] == [True] * findings


def test_credentials_that_every_user_can_read_are_pointed_out(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("")
    path = written(tmp_path, f"{GOOD}\naws_config['aws_credentials_file'] = {str(keys)!r}\n")
    for mode, findings in ((0o644, 1), (0o640, 0)):
        keys.chmod(mode)
        found = load_settings(path, environment={}).file_findings
        assert [finding.cure for finding in found] == [f"chmod o-r {keys}"] * findings


def test_equal_mistakes_are_reported_once_with_their_number(tmp_path: Path) -> None:
    targets = "aws_config['targets'] = [{**aws_config['targets'][0], 'service': f's{n}', 'durration': 1} for n in range(2998)]"
    said = report(written(tmp_path, f"{GOOD}\n{targets}\n"))
    assert said.count("did you mean 'duration'?") == 1
    assert "aws_config.targets[0].durration" in said
    assert "in      2,998 targets, of which this is the first" in said
