"""`awscons check` with very many targets: a screen to read, and not thousands of lines."""

import json
import pprint
from pathlib import Path
from typing import Any

import pytest

from support.operator import awscons
from support.sections import SAML

PATTERN: dict[str, Any] = {
    "service": "{account_slug}-{role}",
    "role": "arn:aws:iam::{account_id}:role/sso/{role}",
    "groups": ["admins-{account_id}", "everybody"],
    "roles": {f"Role{number}": {} for number in range(20)},
}


def configure(folder: Path, **changes: object) -> Path:
    """1,000 targets in 50 accounts."""
    accounts = [{"id": f"{number:012}", "name": f"Team {number}"} for number in range(1, 51)]
    sections = {
        "session_config": {},
        "saml_config": {**SAML, "assertions": ["groups"]},
        "aws_config": {"accounts": accounts, "patterns": [{**PATTERN, **changes}]},
    }
    text = "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in sections.items())
    (folder / "config.py").write_text(text)
    return folder


def test_totals_by_account_and_by_group_take_the_place_of_rows(tmp_path: Path) -> None:
    done = awscons(configure(tmp_path), "check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) < 80
    assert (
        "  1,000 targets in 50 accounts, opened by 51 groups. Rows: --verbose, --account, --target, --group"
        in lines
    )
    assert any(line.split() == ["000000000001", "Team", "1", "20"] for line in lines)
    assert any(line.split() == ["everybody", "1,000"] for line in lines)
    assert any(line.split() == ["and", "30", "more", "600"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["--verbose"], 1000),
        (["--account", "Team 7"], 20),
        (["--account", "000000000007"], 20),
        (["--target", "team-7-Role3"], 1),
        (["--group", "admins-000000000007"], 20),
    ],
)
def test_a_selection_shows_its_rows(tmp_path: Path, arguments: list[str], rows: int) -> None:
    done = awscons(configure(tmp_path), "check", *arguments)
    assert done.stdout.count("members of admins-") == rows


def test_what_is_open_to_everyone_stands_first_and_its_warning_once(tmp_path: Path) -> None:
    done = awscons(configure(tmp_path, groups=[]), "check")
    assert done.stdout.count("is open to every person who can sign in") == 1
    assert "(999 more like this)" in done.stdout
    assert any(line.split() == ["EVERYONE", "1,000"] for line in done.stdout.splitlines())
    assert done.stdout.index("Warnings:") < done.stdout.index("1,000 targets in 50 accounts")


def test_the_json_document_has_every_target(tmp_path: Path) -> None:
    done = awscons(configure(tmp_path), "check", "--json")
    assert len(json.loads(done.stdout)["targets"]) == 1000
