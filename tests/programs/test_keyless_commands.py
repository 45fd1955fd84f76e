"""The commands of an operator whose targets open without any AWS key."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import hcl2
import pytest

from awscons.config.key_files import make_first_pair, rotate_pairs
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from awscons.saml.metadata import build_idp_metadata, parse_idp_metadata
from support.forge import certificate_of
from support.keyless import ADMIN, TARGET, keyless
from support.kms import credentials_file, open_kms
from support.operator import awscons, configure
from support.serving import serving

ROLE = "arn:aws:iam::123456789012:role/MyAdminRole"
LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
PROVIDER = "arn:aws:iam::123456789012:saml-provider/awscons"


def trust(*actions: str) -> PretendRole:
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": list(actions)}
    return PretendRole(43_200, trust={"Statement": [statement]})


@pytest.fixture
def roles() -> dict[str, PretendRole]:
    return {ROLE: trust("sts:AssumeRoleWithSAML"), ROLE.replace("My", "Other"): trust("sts:TagSession")}


@pytest.fixture
def sts(roles: dict[str, PretendRole]) -> PretendSts:
    return PretendSts(roles=roles)


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


def test_the_doctor_asks_for_as_long_as_the_browsers_post_will(
    folder: Path, sts: PretendSts, roles: dict[str, PretendRole]
) -> None:
    config = (folder / "config.py").read_text()
    (folder / "config.py").write_text(config.replace("'AssumeRoleWithSAML'", "'SAML-POST'"))
    sts.add_saml_provider(PROVIDER, awscons(folder, "idp", "metadata").stdout.encode())
    roles[ROLE] = replace(roles[ROLE], max_duration=3_600)
    refused, _ = json.loads(awscons(folder, "doctor", "--json").stdout)["targets"]
    assert (refused["opens"], "longer maximum session duration" in refused["cure"]) == (False, True)
    roles[ROLE] = replace(roles[ROLE], max_duration=43_200)
    opens, _ = json.loads(awscons(folder, "doctor", "--json").stdout)["targets"]
    assert (opens["opens"], opens["duration"]) == (True, 43_200)


def test_the_doctor_names_a_provider_that_does_not_exist(folder: Path) -> None:
    printed = json.loads(awscons(folder, "doctor", "--json").stdout)
    assert "InvalidIdentityToken" in printed["targets"][0]["cause"]


# --- documents ---------------------------------------------------------------------------


def documents(folder: Path, form: str, *options: str) -> dict[str, str]:
    """The files of `awscons iam FORM`, by name."""
    done = awscons(folder, "iam", form, "--out", form, *options)
    assert done.returncode == 0, done.stderr
    names = [entry["file"] for entry in json.loads((folder / form / "index.json").read_text())["files"]]
    return {name: (folder / form / name).read_text(encoding="utf-8") for name in names}


def test_the_written_documents_open_every_target(
    folder: Path, sts: PretendSts, roles: dict[str, PretendRole]
) -> None:
    files = documents(folder, "json")
    index = json.loads((folder / "json" / "index.json").read_text())["files"]
    provider = json.loads(files["saml-provider-awscons.json"])
    sts.add_saml_provider(PROVIDER, provider["SAMLMetadataDocument"].encode())
    for entry in index:
        for role in entry["roles"] if entry["file"].startswith("awscons-trust") else ():
            roles[role] = PretendRole(43_200, trust=json.loads(files[entry["file"]]))
    printed = json.loads(awscons(folder, "doctor", "--json").stdout)
    assert [target["opens"] for target in printed["targets"]] == [True, True]


def test_a_written_trust_policy_is_for_its_own_target_unless_any_may_open_it(folder: Path) -> None:
    (admin,) = (text for name, text in documents(folder, "json").items() if name == "awscons-trust-saml.json")
    tests = json.loads(admin)["Statement"][0]["Condition"]
    assert tests["ForAnyValue:StringEquals"] == {"saml:edupersonentitlement": "admin"}
    assert tests["StringEquals"]["SAML:iss"] == "https://sso.example.com/saml/idp-metadata"
    shared = documents(folder, "json", "--any-target")
    assert [name for name in shared if name.startswith("awscons-trust")] == ["awscons-trust-saml.json"]
    assert "edupersonentitlement" not in shared["awscons-trust-saml.json"]


def test_other_peoples_programs_accept_the_documents(folder: Path) -> None:
    templates = documents(folder, "cloudformation", "--any-target")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LINT, *templates],
        cwd=folder / "cloudformation",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "${AWS::AccountId}" in templates["awscons-role-MyAdminRole.json"]
    (terraform,) = documents(folder, "terraform", "--with-roles").values()
    assert "aws_iam_saml_provider" in str(hcl2.loads(terraform)["resource"])


def test_documents_in_force_are_no_drift_and_a_missing_region_is(folder: Path) -> None:
    files = documents(folder, "json")
    index = json.loads((folder / "json" / "index.json").read_text())["files"]
    roles = [
        {
            "Arn": role,
            "RoleId": "AROAEXAMPLE00000",
            "AssumeRolePolicyDocument": json.loads(files[entry["file"]]),
        }
        for entry in index
        if entry["file"].startswith("awscons-trust")
        for role in entry["roles"]
    ]
    (folder / "details.json").write_text(json.dumps({"RoleDetailList": roles}))
    assert awscons(folder, "iam", "diff", "details.json").returncode == 0
    roles[0]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]["SAML:aud"] = (
        "https://x"
    )
    (folder / "details.json").write_text(json.dumps({"RoleDetailList": roles}))
    done = awscons(folder, "iam", "diff", "details.json")
    assert done.returncode == 1
    assert "lacks AssumeRoleWithSAML for our assertions, or has other conditions" in done.stdout


# --- keys --------------------------------------------------------------------------------


def test_a_rollover_is_over_when_every_account_accepts_the_next_key(folder: Path, sts: PretendSts) -> None:
    sts.add_saml_provider(PROVIDER, awscons(folder, "idp", "metadata").stdout.encode())
    assert awscons(folder, "idp", "keys", "rotate", "keys").returncode == 0
    before = awscons(folder, "idp", "accounts", "--json")
    assert before.stdout, before.stderr
    sts.add_saml_provider(PROVIDER, awscons(folder, "idp", "metadata").stdout.encode())
    after = awscons(folder, "idp", "accounts", "--json")
    said = [
        {answer["key"]: answer["accepted"] for answer in json.loads(done.stdout)["answers"]}
        for done in (before, after)
    ]
    assert said == [{"current": True, "next": False}, {"current": True, "next": True}]
    assert (before.returncode, after.returncode) == (1, 0)


def test_a_log_has_what_each_account_answered_to_people_at_last(tmp_path: Path) -> None:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC))
    log = tmp_path / "audit.log"
    targets = [TARGET, {"service": "other", "role": ADMIN.replace("123456789012", "999999999999")}]
    store = {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")}

    def answers() -> list[tuple[bool, str, bool]]:
        log.write_text(house.log.getvalue())
        configure(
            tmp_path,
            store,
            targets=targets,
            open_by="AssumeRoleWithSAML",
            identity_provider={"keys": str(tmp_path / "keys")},
        )
        done = awscons(tmp_path, "idp", "accounts", "--log", "audit.log", "--json")
        assert done.returncode == 1, done.stderr
        found = json.loads(done.stdout)["answers"]
        assert [answer["account_id"] for answer in found] == ["123456789012", "999999999999"]
        return [(each["accepted"], each["error"] or "", bool(each["at"])) for each in found]

    with keyless(tmp_path, tmp_path / "keys") as house:
        silent = (False, "the log has no answer", False)
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        assert answers() == [(True, "", True), silent]
        entity_id = f"{house.url}/saml/idp-metadata"
        metadata = build_idp_metadata(entity_id, [certificate_of("stranger")], sso_url=house.url)
        house.pretend_sts.add_saml_provider(PROVIDER, metadata)
        assert browser.get("/aws/cloudadmin").status_code == 502
        assert answers() == [(False, "STS refused our assertion: InvalidIdentityToken", True), silent]
        # Answers to another key count no more.
        rotate_pairs(tmp_path / "keys", now=datetime.now(UTC))
        rotate_pairs(tmp_path / "keys", now=datetime.now(UTC))
        assert answers() == [silent, silent]


def test_show_names_the_keys_and_no_secret(folder: Path) -> None:
    awscons(folder, "idp", "keys", "rotate", "keys")
    done = awscons(folder, "idp", "keys", "show")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["key", "current", "next"]
    assert "PRIVATE KEY" not in done.stdout


def test_a_folder_gets_its_first_pair_and_the_next_steps(tmp_path: Path) -> None:
    done = awscons(tmp_path, "idp", "keys", "new", "aws-keys")
    assert (tmp_path / "aws-keys" / "current.pem").stat().st_mode & 0o777 == 0o600
    assert "identity_provider" in done.stdout
    assert "already" in awscons(tmp_path, "idp", "keys", "new", "aws-keys").stderr


def test_a_kms_key_gets_a_certificate_that_the_configuration_accepts(folder: Path) -> None:
    with open_kms() as kms:
        found = {
            "AWS_ENDPOINT_URL_KMS": kms.url,
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials_file(folder)),
        }
        arn = kms.key()
        done = awscons(folder, "idp", "keys", "new", "--kms-key", arn, "kms.pem", **found)
        assert done.returncode == 0, done.stderr
        config = (folder / "config.py").read_text(encoding="utf-8")
        provider = {"kms_key": arn, "certificate": {"file": "kms.pem"}}
        (folder / "config.py").write_text(
            f"{config}\naws_config['identity_provider'] = {provider!r}\n", encoding="utf-8"
        )
        shown = json.loads(awscons(folder, "idp", "keys", "show", "--json", **found).stdout)
    assert [key["is_in"] for key in shown["keys"]] == [arn]


@pytest.mark.parametrize("arn", ["alias/x", "arn:aws:kms:eu-west-1:123456789012:alias/x"])
def test_what_names_no_kms_key_is_one_sentence(tmp_path: Path, arn: str) -> None:
    done = awscons(tmp_path, "idp", "keys", "new", "--kms-key", arn, "kms.pem")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "arn:aws:kms:REGION:ACCOUNT:key/ID" in done.stderr
