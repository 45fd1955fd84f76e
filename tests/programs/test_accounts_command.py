"""`awscons accounts`: the file of accounts, from AWS Organizations and from names that an identity provider has."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3.session
import httpx
import pytest
from moto.server import ThreadedMotoServer

from support.operator import ROOT


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """AWS Organizations, with a root."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def organization(moto: str) -> Iterator[Any]:
    """A new organization with two accounts, one of them in a unit."""
    httpx.post(f"{moto}/moto-api/reset")
    client: Any = boto3.session.Session("AKIAEXAMPLE", "x", region_name="us-east-1").client(
        "organizations", endpoint_url=moto
    )
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    unit = client.create_organizational_unit(ParentId=root, Name="Production")["OrganizationalUnit"]["Id"]
    for name in ("Web shop", "Data lake"):
        status = client.create_account(Email=f"{name[:3]}@example.com", AccountName=name)
        number = status["CreateAccountStatus"]["AccountId"]
        if name == "Web shop":
            client.move_account(AccountId=number, SourceParentId=root, DestinationParentId=unit)
            client.tag_resource(ResourceId=number, Tags=[{"Key": "stage", "Value": "production"}])
    yield client
    client.close()


def awscons(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    nowhere = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_CONFIG_FILE": "none",
    }
    return subprocess.run(
        [sys.executable, "-m", "awscons", "accounts", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **keys, **nowhere, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def accounts_in(file: Path) -> Mapping[str, dict[str, Any]]:
    found = json.loads(file.read_text())["accounts"]
    return {account.get("name", account["id"]): account for account in found}


@pytest.mark.usefixtures("organization")
def test_a_new_file_gets_every_account_with_its_unit_tags_and_slug(tmp_path: Path, moto: str) -> None:
    command = ["sync", "accounts.json", "--environment-tag", "stage"]
    done = awscons(tmp_path, *command, AWS_ENDPOINT_URL_ORGANIZATIONS=moto)
    assert done.returncode == 0, done.stderr
    shop = accounts_in(tmp_path / "accounts.json")["Web shop"]
    assert shop["ou"] == "Root/Production"
    assert shop["slug"] == "web-shop"
    assert (shop["environment"], shop["tags"]) == ("production", {"stage": "production"})
    again = awscons(tmp_path, *command, AWS_ENDPOINT_URL_ORGANIZATIONS=moto)
    assert "0 changes; nothing was written" in again.stdout


def test_a_sync_keeps_what_people_wrote_and_says_what_changed(
    tmp_path: Path, moto: str, organization: Any
) -> None:
    number = next(a["Id"] for a in organization.list_accounts()["Accounts"] if a["Name"] == "Web shop")
    file = tmp_path / "accounts.csv"
    file.write_text(f"id,name,slug,color\n{number},Old name,shop,#b42318\n999999999999,Sold,sold,\n")
    dry = awscons(tmp_path, "sync", "accounts.csv", "--dry-run", AWS_ENDPOINT_URL_ORGANIZATIONS=moto)
    assert f"~ {number}  name: Old name → Web shop" in dry.stdout
    assert "~ 999999999999  status: ACTIVE → CLOSED" in dry.stdout
    assert "Old name" in file.read_text()
    awscons(tmp_path, "sync", "accounts.csv", AWS_ENDPOINT_URL_ORGANIZATIONS=moto)
    rows = file.read_text().splitlines()
    assert f"{number},Web shop,shop,Root/Production,,#b42318,ACTIVE,production" in rows
    assert "999999999999,Sold,sold,,,,CLOSED," in rows


def test_names_of_groups_give_accounts_and_roles(tmp_path: Path) -> None:
    (tmp_path / "groups.txt").write_text(
        "aws-012345678901-Admin\naws-012345678901-ReadOnly\naws-222222222222-Admin\nvpn-users\n"
    )
    pattern = ["--pattern", "aws-{account_id}-{role}"]
    done = awscons(tmp_path, "import", "accounts.csv", "groups.txt", *pattern)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("roles:\n  Admin: 2 accounts\n  ReadOnly: 1 accounts\n")
    assert (tmp_path / "accounts.csv").read_text().splitlines()[1].startswith("012345678901,")


def test_values_of_the_role_attribute_give_accounts_and_roles(tmp_path: Path) -> None:
    provider = "arn:aws:iam::012345678901:saml-provider/entra"
    (tmp_path / "roles.txt").write_text(f"{provider},arn:aws:iam::012345678901:role/sso/Admin\n")
    done = awscons(tmp_path, "import", "accounts.csv", "roles.txt")
    assert "+ 012345678901" in done.stdout
    assert "sso/Admin: 1 accounts" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sync", "accounts.toml"], "a file .csv or .json"),
        (["sync", "accounts.csv", "--profile", "nobody"], "nobody"),
        (["sync", "accounts.csv"], "AWS Organizations"),
        (["import", "accounts.csv", "groups.txt"], "no line of groups.txt names an account"),
        (["import", "accounts.csv", "groups.txt", "--pattern", "aws-{role}"], "--pattern needs {account_id}"),
        (["import", "broken.csv", "groups.txt", "--pattern", "{account_id}"], "broken.csv, line 2"),
    ],
)
def test_bad_input_is_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "groups.txt").write_text("admins\n123456789012\n")
    (tmp_path / "broken.csv").write_text("id\n1\n")
    nowhere = "http://127.0.0.1:1"
    failed = awscons(tmp_path, *arguments, AWS_ENDPOINT_URL_ORGANIZATIONS=nowhere, AWS_MAX_ATTEMPTS="1")
    assert failed.returncode in {1, 2}
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr
