"""Texts that the configuration takes from files and environment variables."""

from pathlib import Path
from typing import Any

import pytest

from awscons.config.load import parse_settings
from awscons.config.schema import RedisBacking
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError
from support.sections import CERTIFICATE, MINIMAL, SAML, with_target

SECRET = "hunter2-hunter2-hunter2"


def parse(folder: Path, environment: dict[str, str] | None = None, **sections: Any) -> Settings:
    dicts = {"session": {}, "saml": SAML, "aws": MINIMAL, **sections}
    return parse_settings(
        {f"{name}_config": section for name, section in dicts.items()},
        source="config.py",
        environment=environment or {},
        folder=folder,
    )


def report(folder: Path, environment: dict[str, str] | None = None, **sections: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(folder, environment, **sections)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def redis(password: object) -> dict[str, object]:
    return {"session_backing": {"cache_type": "Redis", "password": password}}


def secret_file(folder: Path, text: str = f" {SECRET}\n", mode: int = 0o440) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def password_of(settings: Settings) -> str | None:
    assert isinstance(settings.backing, RedisBacking)
    return settings.backing.password


def test_a_text_can_stand_in_a_file(tmp_path: Path) -> None:
    settings = parse(tmp_path, session=redis({"file": secret_file(tmp_path)}))
    assert password_of(settings) == SECRET
    assert settings.file_findings == ()
    assert SECRET not in repr(settings)


def test_a_relative_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    secret_file(tmp_path)
    assert password_of(parse(tmp_path, session=redis({"file": "secret"}))) == SECRET


def test_a_file_can_be_a_link_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    secret_file(tmp_path / "..2026")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "secret").symlink_to("..data/secret")
    settings = parse(tmp_path, session=redis({"file": "secret"}))
    assert password_of(settings) == SECRET
    assert settings.file_findings == ()


def test_a_text_can_stand_in_the_environment(tmp_path: Path) -> None:
    settings = parse(tmp_path, {"TOKEN": f"{SECRET}\n"}, server={"metrics_token": {"env": "TOKEN"}})
    assert settings.metrics.token == SECRET


def test_every_text_can_stand_elsewhere_in_dicts_and_lists_as_well(tmp_path: Path) -> None:
    (tmp_path / "idp.pem").write_text(CERTIFICATE)
    saml = {**SAML, "certificate": {"file": "idp.pem"}, "spid": {"env": "SPID"}}
    aws = with_target(external_id={"env": "ID"}, groups=["admins", {"env": "GROUP"}])
    settings = parse(tmp_path, {"ID": "id-1", "GROUP": "dbs", "SPID": "urn:ours"}, saml=saml, aws=aws)
    assert settings.service_provider.entity_id == "urn:ours"
    assert settings.targets[0].terms.external_id == "id-1"
    assert settings.targets[0].groups == ("admins", "dbs")


def test_texts_inside_a_dict_of_dicts_can_stand_elsewhere(tmp_path: Path) -> None:
    partitions = {"aws-us-gov": {"aws_profile_name": {"env": "NAME"}}}
    settings = parse(tmp_path, {"NAME": "gov"}, aws={**with_target(), "partitions": partitions})
    assert settings.aws.partitions["aws-us-gov"].profile_name == "gov"


def test_a_dict_of_the_operators_own_keys_keeps_them(tmp_path: Path) -> None:
    saml = {**SAML, "assertions": {"env": "urn:stage"}}
    settings = parse(tmp_path, saml=saml, aws=with_target(session_tags={"env": "env"}))
    assert settings.targets[0].terms.session_tags == (("env", "env"),)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (None, 0o600, "secret: no such file or directory"),
        (" \n", 0o600, "secret: empty"),
        (SECRET, 0o602, "secret can be written by every user of this host (mode 0602)"),
    ],
)
def test_a_file_that_gives_no_text_is_one_mistake_with_key_and_file(
    tmp_path: Path, text: str | None, mode: int, said: str
) -> None:
    if text is not None:
        secret_file(tmp_path, text, mode)
    found = report(tmp_path, saml={**SAML, "spid": {"file": "secret"}})
    assert "1 mistake\n\n  saml_config.spid\n" in found
    assert said in found


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    found = report(tmp_path, session=redis({"env": "REDIS_PASSWORD"}))
    assert "session_config.session_backing.password" in found
    assert "the environment variable REDIS_PASSWORD is not set" in found


def test_a_file_that_every_user_can_read_is_pointed_out(tmp_path: Path) -> None:
    path = secret_file(tmp_path, mode=0o444)
    (finding,) = parse(tmp_path, session=redis({"file": path})).file_findings
    assert f"{path} can be read by every user of this host" in finding.cause
    assert finding.cure == f"chmod o-r {path}"


def test_a_mistake_in_a_text_from_elsewhere_does_not_show_it(tmp_path: Path) -> None:
    found = report(tmp_path, {"ID": f"{SECRET} !"}, aws=with_target(external_id={"env": "ID"}))
    assert "text from a file or the environment, not shown" in found


@pytest.mark.parametrize("value", [{"file": "a", "env": "b"}, {"file": 1}, {"path": "a"}, {}])
def test_every_other_dict_in_place_of_a_text_is_a_mistake(tmp_path: Path, value: object) -> None:
    assert "session_config.session_backing.password" in report(tmp_path, session=redis(value))


def test_texts_of_patterns_and_of_their_roles_can_stand_elsewhere(tmp_path: Path) -> None:
    pattern = {
        "service": "{account_id}-{role}",
        "role": "arn:aws:iam::{account_id}:role/{role}",
        "groups": [{"env": "GROUP"}],
        "roles": {"Admin": {"external_id": {"env": "ID"}}},
    }
    aws = {"accounts": [{"id": "123456789012", "name": {"env": "NAME"}}], "patterns": [pattern]}
    settings = parse(tmp_path, {"ID": "id-1", "GROUP": "dbs", "NAME": "Web shop"}, aws=aws)
    assert settings.targets[0].terms.external_id == "id-1"
    assert settings.targets[0].groups == ("dbs",)
    assert settings.branding.accounts["123456789012"].name == "Web shop"
