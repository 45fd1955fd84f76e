"""The guide to SimpleSAMLphp, followed to the letter: its PHP goes there, its Python comes here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from awscons.assembly.service import build_service
from awscons.config.load import parse_settings
from support.browser import Browser, text_of
from support.house import FULL_TARGETS
from support.serving import server_tls, serving
from support.simplesamlphp import simplesamlphp

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "idp" / "simplesamlphp.md"
OURS = "https://sso.example.com"


def block(language: str) -> str:
    """The first block of a language in the guide."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_whoever_follows_the_guide_to_simplesamlphp_gets_a_person_in_with_name_and_groups(
    tmp_path: Path,
) -> None:
    with simplesamlphp(tmp_path / "idp", entity_id="urn:nobody", acs_url="http://localhost/") as idp:
        metadata = tmp_path / "idp.xml"
        metadata.write_bytes(httpx.get(f"{idp.url}/saml2/idp/metadata.php").content)

        def build(port: int) -> WSGIApplication:
            ours = f"https://localhost:{port}"
            there = tmp_path / "idp" / "metadata" / "saml20-sp-remote.php"
            there.write_text("<?php\n" + block("php").replace(OURS, ours))
            here: dict[str, Any] = {}
            exec(block("python").replace(OURS, ours), here)
            config = {
                "session_config": {"session_backing": {"cache_type": "SimpleCache"}},
                "saml_config": {**here["saml_config"], "idp_metadata": str(metadata)},
                "aws_config": {"targets": FULL_TARGETS},
            }
            environment = {"STATE_DIRECTORY": str(tmp_path / "state")}
            settings = parse_settings(config, source="the guide", environment=environment)
            return build_service(settings, environment=environment)

        with serving(build, tls=server_tls()) as port:
            browser = Browser(f"https://localhost:{port}")
            page = browser.follow(idp.sign_in(browser, browser.get("/"), "otto"))
            browser.close()
    assert page.status_code == 200
    quote_for_log = text_of(page)
    assert "otto" in quote_for_log
    assert "sandbox" in quote_for_log
    assert "cloudadmin" not in quote_for_log
