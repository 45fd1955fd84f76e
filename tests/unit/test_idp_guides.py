"""The pages on identity providers: their examples load, their shape is one, what they say of us is so."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from awscons.access.groups import normalize_group
from awscons.config.key_files import make_first_pair
from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.signin.settings import MetadataSettings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "how-to" / "idp"
INDEX = FOLDER / "README.md"
GUIDES = sorted(page for page in FOLDER.glob("*.md") if page != INDEX)
SHAPE = [
    "There",
    "The groups",
    "Here",
    "Try it",
    "When it does not work",
    "When the certificate changes",
    "Signing out there too",
]
# Every identity provider that promises a page; a page fewer is a promise broken.
PROMISED = {
    "adfs",
    "entra-id",
    "google-workspace",
    "keycloak",
    "lemonldap-ng",
    "okta",
    "shibboleth",
    "simplesamlphp",
}

every_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.stem)


def saml_config_of(guide: Path, folder: Path) -> dict[str, Any]:
    """The `saml_config` that a guide gives, with `folder` in the place of /etc/awscons."""
    (block,) = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(block.replace("/etc/awscons", str(folder)), str(guide), "exec"), namespace)
    found: dict[str, Any] = namespace["saml_config"]
    return found


def settings_with(saml_config: dict[str, Any]) -> Settings:
    target = {"service": "cloudadmin", "role": "arn:aws:iam::123456789012:role/Admin", "groups": ["admins"]}
    config = {"session_config": {}, "saml_config": saml_config, "aws_config": {"targets": [target]}}
    return parse_settings(config, source="the guide", environment={})


@every_guide
def test_the_example_of_every_guide_is_a_configuration_without_a_mistake(guide: Path, tmp_path: Path) -> None:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC))
    settings = settings_with(saml_config_of(guide, tmp_path))
    assert isinstance(settings.trust, MetadataSettings)
    assert "groups" in settings.login.attribute_map
    assert settings.service_provider.acs_url == "https://sso.example.com/saml/acs"


@every_guide
def test_every_guide_tells_the_same_things_in_the_same_order(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[: len(SHAPE)] == SHAPE
    assert "README.md#try-it-without-guessing" in text


@every_guide
def test_every_guide_says_how_far_it_was_verified(guide: Path) -> None:
    introduction = guide.read_text(encoding="utf-8").partition("\n## ")[0]
    assert re.search(r"not verified live|Verified live with", introduction)


@every_guide
def test_every_cause_that_a_guide_quotes_is_one_that_the_log_can_hold(guide: Path) -> None:
    """A row of the table of troubles that begins with a quotation quotes our own log."""
    table = guide.read_text(encoding="utf-8").partition("## When it does not work\n")[2].partition("\n## ")[0]
    quoted = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert quoted
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    for cause in quoted:
        assert re.search(rf'"{re.escape(cause)}[",]', source), cause


def test_the_index_lists_every_guide_once() -> None:
    rows = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\) \|", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == [guide.name for guide in GUIDES] == sorted(f"{name}.md" for name in PROMISED)


def test_group_formats_reduce_what_the_index_says_that_they_reduce(tmp_path: Path) -> None:
    rows = re.findall(
        r'^\| `("path"|\{"\w+".+?\})` \| `([^`]+)` \| `([^`]+)` \|$',
        INDEX.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rows) == 8
    saml = saml_config_of(GUIDES[0], tmp_path)
    for entry, arrives, counts_as in rows:
        formats = settings_with({**saml, "group_formats": [ast.literal_eval(entry)]}).login.group_formats
        assert normalize_group(arrives, formats) == counts_as
