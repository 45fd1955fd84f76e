"""The commands of an operator whose targets open without any AWS key."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from awscons.cli.key_files import make_first_pair
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from awscons.saml.metadata import parse_idp_metadata
from support.operator import awscons, configure
from support.serving import serving

ROLE = "arn:aws:iam::123456789012:role/MyAdminRole"
PROVIDER = "arn:aws:iam::123456789012:saml-provider/awscons"


def trust(*actions: str) -> PretendRole:
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": list(actions)}
    return PretendRole(43_200, trust={"Statement": [statement]})


@pytest.fixture
def sts() -> PretendSts:
    closed = trust("sts:TagSession")
    return PretendSts(roles={ROLE: trust("sts:AssumeRoleWithSAML"), ROLE.replace("My", "Other"): closed})


@pytest.fixture
def folder(tmp_path: Path, sts: PretendSts) -> Iterator[Path]:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC))
    signin = PretendSignin(book=sts)
    targets = [
        {"service": "admin", "role": ROLE, "duration": 43_200},
        {"service": "other", "role": ROLE.replace("My", "Other")},
    ]
    with (
        serving(lambda _port: sts.application()) as sts_port,
        serving(lambda _port: signin.application()) as signin_port,
    ):
        configure(
            tmp_path,
            {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")},
            targets=targets,
            open_by="AssumeRoleWithSAML",
            identity_provider={"keys": str(tmp_path / "keys")},
            aws_profile_name=None,
            aws_credentials_file=None,
            sts_endpoint=f"http://127.0.0.1:{sts_port}/",
            signin_endpoint=f"http://127.0.0.1:{signin_port}/federation",
        )
        yield tmp_path


def test_the_printed_metadata_is_what_iam_needs(folder: Path) -> None:
    printed = awscons(folder, "idp", "metadata").stdout.encode()
    metadata = parse_idp_metadata(printed, entity_id=None, now=datetime.now(UTC))
    assert metadata.entity_id == "https://sso.example.com/saml/idp-metadata"
    assert len(metadata.signing_certificates) == 1


def test_without_keys_there_is_no_metadata_and_one_sentence(tmp_path: Path) -> None:
    configure(tmp_path, {"cache_type": "SQLite"})
    done = awscons(tmp_path, "idp", "metadata")
    assert done.returncode == 2
    assert "aws_config.identity_provider" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_that_consoles_last_as_long_as_configured(folder: Path) -> None:
    printed = json.loads(awscons(folder, "check", "--aws", "--json").stdout)
    assert [(one["principal_arn"], one["duration"]) for one in printed["aws"]] == [
        (PROVIDER, 43_200),
        (PROVIDER, 3_600),
    ]


def test_the_doctor_opens_what_trusts_us_and_says_what_does_not(folder: Path, sts: PretendSts) -> None:
    sts.add_saml_provider(PROVIDER, awscons(folder, "idp", "metadata").stdout.encode())
    printed = json.loads(awscons(folder, "doctor", "--json").stdout)
    first, second = printed["targets"]
    assert (first["opens"], first["duration"]) == (True, 43_200)
    assert (second["opens"], second["missing"]) == (False, ["sts:AssumeRoleWithSAML"])
    assert "SAML provider" in second["cure"]
    assert second["trust_statements"] == []


def test_the_doctor_names_a_provider_that_does_not_exist(folder: Path) -> None:
    printed = json.loads(awscons(folder, "doctor", "--json").stdout)
    assert "InvalidIdentityToken" in printed["targets"][0]["cause"]


def test_iam_documents_leave_these_targets_out_and_say_so(folder: Path) -> None:
    done = awscons(folder, "iam", "json", "--for", "broker")
    assert "2 targets open with AssumeRoleWithSAML" in done.stderr
    assert "MyAdminRole" not in done.stdout
