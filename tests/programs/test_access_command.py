"""`awscons access`: who can open what, who did, and what changes for whom, as a reviewer runs it."""

import csv
import io
import json
import pprint
import re
import subprocess
from pathlib import Path

import pytest

from support.operator import ROOT, awscons
from support.sections import SAML

ACCOUNTS = "id,name,environment\n111111111111,Shop,production\n222222222222,Lake,staging\n"
PATTERN = {
    "service": "{account_slug}-{role}",
    "role": "arn:aws:iam::{account_id}:role/sso/{role}",
    "groups": ["aws-{account_id}-{role}"],
    "roles": {"Admin": {"max_login_age": 900}, "ReadOnly": {"groups": []}},
}


def configure(folder: Path, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "accounts.csv").write_text(ACCOUNTS)
    aws = {"accounts": "accounts.csv", "patterns": [{**PATTERN, **changes}]}
    sections = {"session_config": {}, "saml_config": {**SAML, "assertions": ["groups"]}, "aws_config": aws}
    (folder / "config.py").write_text(
        "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in sections.items())
    )
    return folder


def audit_line(target: str, group: str, person: str, day: str) -> str:
    event = {
        "event": "audit",
        "action": "open-console",
        "outcome": "done",
        "target": target,
        "decided_by": f"group {group!r}",
        "user_name": person,
        "timestamp": f"2026-{day}T10:00:00Z",
    }
    return json.dumps(event) + "\n"


# --- the report --------------------------------------------------------------------------


def test_each_group_and_target_is_one_row(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(awscons(configure(tmp_path), "access", "--format", "csv").stdout)))
    assert [(row["who"], row["target"]) for row in rows] == [
        ("aws-111111111111-Admin", "shop-Admin"),
        ("EVERYONE", "shop-ReadOnly"),
        ("aws-222222222222-Admin", "lake-Admin"),
        ("EVERYONE", "lake-ReadOnly"),
    ]
    assert rows[0]["account"] == "Shop 111111111111"
    assert rows[0]["in addition"] == "max_login_age 900"


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (["--target", "shop-Admin"], 1),
        (["--account", "Lake"], 2),
        (["--account", "222222222222"], 2),
        (["--group", "aws-111111111111-Admin"], 1),
        (["--everyone"], 2),
        (["--target", "nothing"], 0),
    ],
)
def test_a_selection_leaves_the_rows_that_match(tmp_path: Path, selection: list[str], count: int) -> None:
    shown = awscons(configure(tmp_path), "access", *selection)
    assert f"\n{count} rows. awscons knows groups, and not their members." in shown.stdout


def test_a_file_of_members_names_people(tmp_path: Path) -> None:
    members = configure(tmp_path) / "members.csv"
    members.write_text("person,group\nada,aws-111111111111-Admin\ngrace,aws-111111111111-Admin\n")
    shown = awscons(tmp_path, "access", "--target", "shop-Admin", "--groups-of", str(members)).stdout
    assert re.findall(r"^  (\w+) +aws-111111111111-Admin", shown, re.MULTILINE) == ["ada", "grace"]


def test_audit_logs_say_what_was_used_and_what_was_not(tmp_path: Path) -> None:
    log = configure(tmp_path) / "audit.log"
    log.write_text(
        "not json\n"
        + audit_line("shop-Admin", "aws-111111111111-Admin", "ada", "05-01")
        + audit_line("lake-Admin", "aws-222222222222-Admin", "ada", "11-20")
    )
    shown = awscons(tmp_path, "access", "--format", "csv", "--used", str(log)).stdout
    last = {row["target"]: row["last opened"] for row in csv.DictReader(io.StringIO(shown))}
    assert (last["shop-Admin"], last["lake-Admin"], last["shop-ReadOnly"]) == (
        "2026-05-01",
        "2026-11-20",
        "never",
    )
    unused = awscons(tmp_path, "access", "--used", str(log), "--unused-for", "90").stdout
    assert "lake-Admin" not in unused
    assert "shop-Admin" in unused


def test_a_cell_is_never_a_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    configure(tmp_path, groups=["=HYPERLINK(1)"])
    assert "'=HYPERLINK(1)," in awscons(tmp_path, "access", "--format", "csv").stdout


# --- what changes ------------------------------------------------------------------------


def test_a_wider_configuration_is_told_with_everyone_first_and_exit_status_3(tmp_path: Path) -> None:
    old, new = configure(tmp_path / "old"), configure(tmp_path / "new", groups=[])
    done = awscons(
        tmp_path, "access", "diff", str(old / "config.py"), str(new / "config.py"), "--format", "md"
    )
    assert done.returncode == 3, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows[2].startswith("| opened to EVERYONE | shop-Admin | 111111111111 | sso/Admin | EVERYONE |")
    assert "opened to EVERYONE: 2. Somebody can do more than before." in done.stdout


def test_a_narrower_or_equal_configuration_passes(tmp_path: Path) -> None:
    old, new = configure(tmp_path / "old", duration=7200), configure(tmp_path / "new")
    narrower = awscons(tmp_path, "access", "diff", str(old / "config.py"), str(new / "config.py"))
    assert (narrower.returncode, "Nobody can do more" in narrower.stdout) == (0, True)
    same = awscons(tmp_path, "access", "diff", str(new / "config.py"), str(new / "config.py"))
    assert (same.returncode, same.stdout) == (
        0,
        "Nobody can open more, less or for longer than before.\n",
    )


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_git_revision_is_read_with_the_files_beside_it(tmp_path: Path) -> None:
    configure(tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    (tmp_path / "accounts.csv").write_text(ACCOUNTS + "333333333333,New,\n")
    done = awscons(tmp_path, "access", "diff", "git:HEAD", "config.py", "--format", "json")
    assert done.returncode == 3, done.stderr
    assert {change["target"] for change in json.loads(done.stdout)["changes"]} == {
        "new-Admin",
        "new-ReadOnly",
    }


def test_many_equal_changes_are_told_by_the_first_ones_and_their_number(tmp_path: Path) -> None:
    old, new = configure(tmp_path / "old"), configure(tmp_path / "new")
    rows = "".join(f"{number:012},Team {number},\n" for number in range(1, 31))
    (new / "accounts.csv").write_text(ACCOUNTS + rows)
    command = ["access", "diff", str(old / "config.py"), str(new / "config.py")]
    shown = awscons(tmp_path, *command).stdout
    assert shown.count("and 20 more: see them with --all") == 2
    assert awscons(tmp_path, *command, "--all").stdout.count("team-") == 60


def test_the_check_for_merge_requests_of_the_documents_works(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/access-reports.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    configure(tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    git(tmp_path, "switch", "--quiet", "--create", "topic")
    configure(tmp_path, duration=7200)
    fake = tmp_path / "bin" / "awscons"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT}/src exec {ROOT}/.venv/bin/python -m awscons "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{fake.parent}:/usr/bin:/bin", "BASE": "main"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "longer" in (tmp_path / "access.md").read_text()


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--groups-of", "missing.csv"], "missing.csv: No such file"),
        (["--groups-of", "config.py"], "a line is person,group"),
        (["--used", "config.py"], "config.py has no audit event of this service"),
        (["--used", "missing.log"], "missing.log"),
        (["--unused-for", "90"], "--unused-for needs --used LOG"),
        (["diff", "git:nothing", "config.py"], "git does not know nothing"),
        (["diff", "git:--output=x", "config.py"], "is no git revision"),
        (["diff", "missing.py", "config.py"], "missing.py cannot be read"),
    ],
)
def test_bad_input_is_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    failed = awscons(configure(tmp_path), "access", *arguments)
    assert failed.returncode in {1, 2}
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr
