"""Which file the broker's credentials lack, in words that name the file and the profile."""

from pathlib import Path

import pytest

from awscons.adapters.aws.credential_files import credential_file_error
from awscons.config.load import parse_settings
from support.sections import MINIMAL, SAML

FILE = "[cons]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and nothing of AWS in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def said(profile: str | None, **aws: str) -> str:
    sections = {"session_config": {}, "saml_config": SAML, "aws_config": {**MINIMAL, **aws}}
    settings = parse_settings(sections, source="test", environment={})
    error = credential_file_error(settings.aws, profile)
    return f"{error.cause}; {error.hint}" if error else ""


def test_nothing_is_wrong_with_a_file_that_has_the_profile(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(FILE)
    assert said("cons", aws_credentials_file=str(tmp_path / "keys")) == ""
    assert said(None) == ""


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    found = said("cons", aws_credentials_file=str(tmp_path / "keys"))
    assert f"{tmp_path}/keys cannot be read: no such file or directory" in found
    assert "`aws_credentials_file` names it" in found


def test_a_profile_that_is_in_no_file_is_named_with_the_files(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(FILE)
    found = said("konz", aws_credentials_file=str(tmp_path / "keys"))
    assert f"profile 'konz' is in neither {tmp_path}/keys nor" in found
    assert "the profiles there: cons" in found


def test_a_file_that_is_no_ini_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("AKIAEXAMPLE hunter2")
    found = said("cons", aws_credentials_file=str(tmp_path / "keys"))
    assert f"{tmp_path}/keys cannot be parsed" in found
    assert "hunter2" not in found


def test_a_web_identity_token_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    assert f"{tmp_path}/token cannot be read: no such file" in said(None)
    assert "AWS_WEB_IDENTITY_TOKEN_FILE names it" in said(None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    assert said(None) == "", "botocore does not look at the file then"


def test_a_token_of_a_container_with_a_line_break_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text("hunter2\n")
    assert f"{tmp_path}/token holds a line break" in said(None)
    assert "hunter2" not in said(None)
    (tmp_path / "token").write_text("hunter2")
    assert said(None) == ""
