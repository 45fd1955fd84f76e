"""Many accounts: a file of accounts and a pattern give ordinary targets, and mistakes name where they come from."""

import re
from pathlib import Path
from typing import Any

import pytest

from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake
from awscons.site import Account
from support.sections import SAML

ACCOUNTS = """id,name,slug,ou,environment,color,status,tag:team
012345678901,Web shop,,Root/Production/Shops,production,#b42318,,red
222222222222,Data lake (old),lake,Root/Data,staging,,ACTIVE,blue
333333333333,Closed,,Root,,,SUSPENDED,
"""
PATTERN: dict[str, Any] = {
    "service": "{account_slug}-{role}",
    "role": "arn:aws:iam::{account_id}:role/sso/{role}",
    "groups": ["aws-{account_id}-{role}"],
    "roles": {"Admin": {"duration": 3600, "max_login_age": 900}, "ReadOnly": {"duration": 28800}},
}


def load(
    folder: Path, *patterns: dict[str, Any], accounts: object = "accounts.csv", **aws: object
) -> Settings:
    if not (folder / "accounts.csv").exists():
        (folder / "accounts.csv").write_text(ACCOUNTS)
    sections = {
        "session_config": {},
        "saml_config": {**SAML, "assertions": ["groups", "mail"]},
        "aws_config": {"accounts": accounts, "patterns": list(patterns), **aws},
    }
    return parse_settings(sections, source="config.py", environment={}, folder=folder)


def mistakes(folder: Path, *patterns: dict[str, Any], **more: Any) -> list[Mistake]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, *patterns, **more)
    return list(caught.value.mistakes)


def names(settings: Settings) -> list[str]:
    return [target.name for target in settings.targets]


def written(folder: Path, name: str, content: str | bytes) -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


# --- targets -----------------------------------------------------------------------------


def test_a_pattern_gives_each_active_account_a_target_for_each_role(tmp_path: Path) -> None:
    settings = load(tmp_path, PATTERN, targets=[])
    assert names(settings) == ["web-shop-Admin", "web-shop-ReadOnly", "lake-Admin", "lake-ReadOnly"]
    admin, reader = settings.targets[:2]
    assert str(admin.role) == "arn:aws:iam::012345678901:role/sso/Admin"
    assert (admin.groups, admin.duration, admin.max_login_age) == (("aws-012345678901-Admin",), 3600, 900)
    assert (reader.duration, reader.max_login_age) == (28800, None)


def test_targets_by_hand_stand_before_those_of_patterns(tmp_path: Path) -> None:
    by_hand = {"service": "own", "role": "arn:aws:iam::999999999999:role/Own", "groups": ["x"]}
    assert names(load(tmp_path, PATTERN, targets=[by_hand]))[:2] == ["own", "web-shop-Admin"]


def test_with_patterns_the_targets_may_be_left_out(tmp_path: Path) -> None:
    assert len(names(load(tmp_path, PATTERN))) == 4


def test_people_read_the_names_of_the_accounts_file(tmp_path: Path) -> None:
    accounts = load(tmp_path, PATTERN).branding.accounts
    assert accounts["012345678901"] == Account("Web shop", "production", "#b42318", slug="web-shop")


def test_placeholders_stand_in_every_text_and_leave_policies_alone(tmp_path: Path) -> None:
    (target,) = load(
        tmp_path,
        {
            "service": "{account_slug}",
            "role": "arn:aws:iam::{account_id}:role/sso",
            "groups": ["{tag:team}"],
            "title": "{account_name}, {environment}",
            "destination": "https://{region}.console.aws.amazon.com/s3/home?region={region}",
            "attrs_match": {"mail": "{role_arn}*"},
            "session_policy": {
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "${aws:username}-{account_id}"}]
            },
            "only": {"slug": "web-*"},
        },
    ).targets
    assert (target.title, target.groups) == ("Web shop, production", ("red",))
    assert target.attribute_globs == (("mail", ("arn:aws:iam::012345678901:role/sso*",)),)
    assert "{region}" in (target.console_destination or "")
    assert "${aws:username}-012345678901" in (target.terms.session_policy or "")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"only": {"id": "222222222222"}}, ["lake"]),
        ({"only": {"slug": ["web-*", "nothing"]}}, ["web-shop"]),
        ({"only": {"ou": "Root/Production/*"}}, ["web-shop"]),
        ({"only": {"environment": "staging", "tags": {"team": "blue"}}}, ["lake"]),
        ({"only": {"environment": "*"}, "except": {"tags": {"team": "b*"}}}, ["web-shop"]),
        ({"except": {"id": "012345678901", "slug": "nothing"}}, ["lake"]),
    ],
)
def test_a_pattern_selects_accounts(tmp_path: Path, selection: dict[str, Any], expected: list[str]) -> None:
    pattern = {"service": "{account_slug}", "role": PATTERN["role"].replace("{role}", "x"), "groups": ["g"]}
    assert names(load(tmp_path, {**pattern, **selection})) == expected


def test_accounts_come_from_every_kind_of_file_and_from_a_list(tmp_path: Path) -> None:
    written(tmp_path, "a.json", '{"accounts": [{"id": "012345678901", "name": "Web shop"}]}')
    written(tmp_path, "b.toml", '[[accounts]]\nid = "012345678901"\nname = "Web shop"\n')
    written(tmp_path, "c.csv", "\ufeffid;name\r\n012345678901;Web shop\r\n\r\n")
    for accounts in ("a.json", "b.toml", "c.csv", [{"id": "012345678901", "name": "Web shop"}]):
        assert names(load(tmp_path, PATTERN, accounts=accounts)) == ["web-shop-Admin", "web-shop-ReadOnly"]


# --- findings ----------------------------------------------------------------------------


def test_a_pattern_without_accounts_is_a_finding(tmp_path: Path) -> None:
    settings = load(tmp_path, PATTERN, {**PATTERN, "only": {"id": "333333333333"}})
    assert "patterns[1] gives no target" in settings.file_findings[0].cause


def test_a_target_by_hand_in_a_closed_account_is_a_finding(tmp_path: Path) -> None:
    by_hand = {"service": "old", "role": "arn:aws:iam::333333333333:role/Own", "groups": ["x"]}
    assert "SUSPENDED" in load(tmp_path, PATTERN, targets=[by_hand]).file_findings[0].cause


# --- mistakes ----------------------------------------------------------------------------


def test_a_mistake_in_a_pattern_is_said_once_with_the_first_account_and_a_count(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, {**PATTERN, "durration": 1})
    assert found.path == "aws_config.patterns[0].durration"
    assert found.hint == "did you mean 'duration'?"
    assert found.repeated == "4 targets"
    assert "account 012345678901 (Web shop), role Admin" in found.found


def test_a_mistake_under_a_role_is_said_there(tmp_path: Path) -> None:
    roles = {"Admin": {"duration": 1}, "ReadOnly": {}}
    (found,) = mistakes(tmp_path, {**PATTERN, "roles": roles})
    assert (found.path, found.repeated) == ("aws_config.patterns[0].roles['Admin'].duration", "2 targets")


def test_two_targets_of_one_name_are_one_mistake_that_names_both_origins(tmp_path: Path) -> None:
    found = mistakes(tmp_path, {**PATTERN, "service": "{account_slug}"})[0]
    assert found.path == "aws_config.patterns[0].service"
    assert "role ReadOnly" in found.found
    assert found.hint == "patterns[0], account 012345678901 (Web shop), role Admin has it already"


@pytest.mark.parametrize(
    ("change", "path", "found", "wanted"),
    [
        ({"groups": ["{acount_id}"]}, "groups", "{acount_id}", "{account_id}"),
        ({"title": "{tag:owner}"}, "title", "{tag:owner}, for account 012345678901", "a value for it"),
        ({"title": "{environment}"}, "title", "{environment}, for account 444444444444", "a value for it"),
        ({"roles": {}}, "roles", "{} (a dict)", "at least one role"),
        ({"only": {"slg": "x"}}, "only.slg", "a key that does not exist", "one of environment, id"),
        ({"only": "production"}, "only", "'production' (text)", "a dict"),
    ],
)
def test_a_mistake_in_a_pattern_says_what_is_wanted(
    tmp_path: Path, change: dict[str, Any], path: str, found: str, wanted: str
) -> None:
    written(tmp_path, "accounts.csv", ACCOUNTS + "444444444444,Plain,,,,,,green\n")
    first = mistakes(tmp_path, {**PATTERN, **change})[0]
    assert first.path == f"aws_config.patterns[0].{path}"
    assert found in first.found
    assert wanted in first.wanted


def test_a_role_placeholder_without_roles_says_so(tmp_path: Path) -> None:
    pattern = {key: value for key, value in PATTERN.items() if key != "roles"}
    assert "`roles` in the pattern" in mistakes(tmp_path, pattern)[0].wanted


def test_patterns_need_accounts(tmp_path: Path) -> None:
    aws = {"patterns": [PATTERN]}
    sections = {"session_config": {}, "saml_config": SAML, "aws_config": aws}
    with pytest.raises(ConfigurationError, match="`accounts` beside it"):
        parse_settings(sections, source="config.py", environment={}, folder=tmp_path)


def test_a_hundred_thousand_targets_are_refused_in_a_sentence(tmp_path: Path) -> None:
    accounts = [{"id": f"{number:012}"} for number in range(25_001)]
    found = mistakes(tmp_path, {**PATTERN, "service": "{account_id}-{role}"}, accounts=accounts)[0]
    assert found.found == "25,001 accounts with 2 roles each"
    assert "at most 50,000 targets" in found.wanted


@pytest.mark.parametrize(
    ("name", "content", "path", "found", "wanted"),
    [
        ("missing.csv", None, "aws_config.accounts", "no such file", "may read"),
        ("a.yaml", "", "aws_config.accounts", "'a.yaml' (text)", ".csv, .json, .toml"),
        ("a.csv", b"id,name\n012345678901,caf\xe9\n", "a.csv, line 2", "not UTF-8", "UTF-8"),
        ("a.csv", "id,name\n12345678901,x\n", "a.csv, line 2.id", "12345678901", "twelve digits"),
        ("a.csv", "id\n012345678901\n012345678901\n", "a.csv, line 3.id", "012345678901", "no other account"),
        ("a.csv", "id,slug\n012345678901,x\n222222222222,x\n", "a.csv, line 3.slug", "'x'", "no other"),
        ("a.csv", "id,nam\n012345678901,x\n", "a.csv, line 2.nam", "does not exist", "one of color"),
        ("a.csv", "id\n012345678901,x\n", "a.csv, line 2", "2 fields", "1 fields, as in the header"),
        ("a.csv", 'id,name\n012345678901,"x\n', "a.csv, line 2", "unexpected end", "comma-separated"),
        ("a.json", "[{]", "a.json, line 1", "", "of that type"),
        ("a.json", '{"a": 1}', "a.json", "a dict", "a list of accounts"),
        ("a.json", '[{"id": 12345678901}]', "a.json, account 1.id", "12345678901", "text"),
        ("a.toml", "accounts = [", "a.toml", "", "of that type"),
    ],
)
def test_a_mistake_in_the_accounts_says_file_and_line(
    tmp_path: Path, name: str, content: str | bytes | None, path: str, found: str, wanted: str
) -> None:
    if content is not None:
        written(tmp_path, name, content)
    first = mistakes(tmp_path, PATTERN, accounts=name)[0]
    assert first.path == path
    assert found in first.found
    assert wanted in first.wanted


def test_eleven_digits_get_the_hint_that_a_spreadsheet_removed_the_zero(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "id\n12345678901\n")
    assert "'012345678901'" in mistakes(tmp_path, PATTERN, accounts="a.csv")[0].hint


def test_the_example_of_the_documents_works_as_written(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/many-accounts.md").read_text(encoding="utf-8")
    (accounts,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    written(tmp_path, "accounts.csv", accounts)
    first, *_, loop = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for code, expected in ((first, "shop-Admin"), (loop, "shop-Admin")):
        names_in: dict[str, Any] = {"__file__": str(tmp_path / "config.py")}
        exec(code, names_in)
        sections = {"session_config": {}, "saml_config": SAML, "aws_config": names_in["aws_config"]}
        settings = parse_settings(sections, source="config.py", environment={}, folder=tmp_path)
        assert names(settings)[0] == expected
        assert len(settings.targets) == 4
