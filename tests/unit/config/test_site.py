"""What people see, from the configuration: every key, and every mistake with its place and cure."""

from pathlib import Path
from typing import Any

import pytest

from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake
from awscons.site import Logo
from support.forge import Forger, pem_of

ACCOUNT = "123456789012"
PNG = b"\x89PNG\r\n\x1a\n and more"


def sections(site: object, **target: object) -> dict[str, Any]:
    return {
        "session_config": {},
        "saml_config": {
            "saml_endpoint": "https://idp.example.com/sso",
            "spid": "urn:awscons",
            "issuer": "https://idp.example.com/",
            "acs_url": "https://sso.example.com/saml/acs",
            "certificate": pem_of(Forger().certificate),
        },
        "aws_config": {
            "targets": [{"service": "adm", "role": f"arn:aws:iam::{ACCOUNT}:role/Admin", **target}]
        },
        **({} if site is None else {"site_config": site}),
    }


def parse(site: object = None, **target: object) -> Settings:
    return parse_settings(sections(site, **target), source="config.py", environment={})


def mistake(site: object = None, **target: object) -> Mistake:
    with pytest.raises(ConfigurationError) as caught:
        parse(site, **target)
    (found,) = caught.value.mistakes
    return found


def test_without_the_dict_everything_has_a_sensible_default() -> None:
    branding = parse().branding
    assert (branding.title, branding.logo, branding.support_text, branding.support_url) == (
        "awscons",
        None,
        "",
        "",
    )
    assert branding.show_required_groups
    assert branding.accounts == {}
    (target,) = parse().targets
    assert target.title == "adm"
    assert target.display.regions == ()


def test_every_key_of_the_site_is_taken(tmp_path: Path) -> None:
    logo = tmp_path / "logo.PNG"
    logo.write_bytes(PNG)
    branding = parse(
        {
            "title": "Cloud doors",
            "logo": str(logo),
            "accent_color": "#ABC",
            "support_text": "Ask Ada.",
            "support_url": "mailto:ada@example.com?subject=Consoles",
            "show_required_groups": False,
        }
    ).branding
    assert branding.title == "Cloud doors"
    assert branding.logo == Logo(".png", PNG)
    assert branding.accent_color == "#aabbcc"
    assert (branding.support_text, branding.support_url) == (
        "Ask Ada.",
        "mailto:ada@example.com?subject=Consoles",
    )
    assert not branding.show_required_groups


def test_every_key_of_a_targets_face_is_taken() -> None:
    (target,) = parse(
        title="Administrator",
        description="For emergencies.",
        label="prod",
        color="#b42318",
        regions=("eu-west-1",),
    ).targets
    assert target.title == "Administrator"
    assert (target.display.description, target.display.label, target.display.color) == (
        "For emergencies.",
        "prod",
        "#b42318",
    )
    assert target.display.regions == ("eu-west-1",)


@pytest.mark.parametrize("url", ["https://help.example.com/aws?x=1#top", "mailto:help@example.com"])
def test_support_may_be_a_page_or_an_address(url: str) -> None:
    assert parse({"support_url": url}).branding.support_url == url


@pytest.mark.parametrize(
    ("site", "path", "wanted", "hint"),
    [
        ({"accent_color": "red"}, "site_config.accent_color", "a colour such as", ""),
        (
            {"accent_color": "1f5fbf"},
            "site_config.accent_color",
            "a colour such as",
            "did you mean '#1f5fbf'?",
        ),
        ({"accent_color": "#1f5fbf;}"}, "site_config.accent_color", "a colour such as", ""),
        ({"accent_color": "#1f5fbf80"}, "site_config.accent_color", "a colour such as", ""),
        ({"title": "  "}, "site_config.title", "not empty", ""),
        ({"title": "two\nlines"}, "site_config.title", "one line of text", ""),
        ({"title": "x" * 1001}, "site_config.title", "up to 1,000 characters", ""),
        ({"support_url": "http://help.example.com/"}, "site_config.support_url", "an https URL, or", ""),
        ({"support_url": "javascript:alert(1)"}, "site_config.support_url", "an absolute http(s) URL", ""),
        ({"support_url": "help@example.com"}, "site_config.support_url", "absolute", "begins with https://"),
        ({"support_url": "mailto:help"}, "site_config.support_url", "an address such as", ""),
        ({"support_url": "https://help.example.com/#a b"}, "site_config.support_url", "white space", ""),
        ({"logo": "logo.svg"}, "site_config.logo", "a full path", "Path(__file__).with_name('logo.svg')"),
        ({"logo": "/nowhere/logo.gif"}, "site_config.logo", "a picture file: .svg, .png, .webp", ""),
        ({"logo": "/nowhere/logo.svg"}, "site_config.logo", "that this user may read", ""),
        ({"tittle": "x"}, "site_config.tittle", "one of accent_color, auditors", "did you mean 'title'?"),
        ({"show_required_groups": "no"}, "site_config.show_required_groups", "True or False", ""),
        ([], "site_config", "a dict", ""),
    ],
)
def test_a_mistake_in_the_site_is_said_with_its_place_and_cure(
    site: object, path: str, wanted: str, hint: str
) -> None:
    found = mistake(site)
    assert found.path == path
    assert wanted in found.wanted
    assert hint in found.hint


@pytest.mark.parametrize(
    ("target", "path", "wanted"),
    [
        ({"title": ""}, "title", "not empty"),
        ({"title": "bell\x07"}, "title", "one line of text"),
        ({"description": "x" * 1001}, "description", "up to 1,000 characters"),
        ({"color": "#12345"}, "color", "a colour such as"),
        ({"label": 7}, "label", "text"),
        ({"regions": "eu-west-1"}, "regions", "a list of text"),
        ({"regions": ["eu-west-1", "cn-north-1"]}, "regions[1]", "a region of partition aws"),
        ({"regions": ["Ireland"]}, "regions[0]", "such as 'us-east-1'"),
    ],
)
def test_a_mistake_in_a_targets_face_is_said_with_its_place(
    target: dict[str, object], path: str, wanted: str
) -> None:
    found = mistake(None, **target)
    assert found.path == f"aws_config.targets[0].{path}"
    assert wanted in found.wanted


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "up to 256 KiB"),
        (b"\x89PNG" + b"x" * 256 * 1024, "up to 256 KiB"),
        (b"<html>", "a file of type image/png"),
    ],
)
def test_a_logo_that_is_no_such_picture_is_a_mistake(tmp_path: Path, content: bytes, wanted: str) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(content)
    found = mistake({"logo": str(logo)})
    assert found.path == "site_config.logo"
    assert wanted in found.wanted
