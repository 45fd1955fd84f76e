"""`awscons revoke`, as an operator at a terminal meets it, beside a service that runs and a pretend IAM."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3.session
import httpx
import pytest
from moto.server import ThreadedMotoServer

from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from support.browser import Browser, sent_to_idp
from support.house import FULL_TARGETS, House, open_house
from support.operator import ROOT, awscons, configure

ADA, OTTO = "ada@example.com", "otto@example.com"
ADMIN = "arn:aws:iam::123456789012:role/MyAdminRole"
DB_ADMIN = "arn:aws:iam::999999789012:role/DBAdmin"
RESERVED = (
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
)
BOTH = (("groups", ("sysadmin", "dbs")),)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """STS and IAM of every account, with the managed policies of AWS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@dataclass
class Scene:
    """A service that runs, and an operator with the same store. `moto`: AWS, as the operator's command reaches it."""

    house: House
    folder: Path
    moto: str

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        (self.folder / "audit.log").write_text(self.house.log.getvalue())
        done = awscons(self.folder, *arguments, stdin=stdin, AWS_ENDPOINT_URL_IAM=self.moto)
        assert "Traceback" not in done.stderr
        return done

    def revoke(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("revoke", *arguments, stdin=stdin)

    def signed_in(self, name: str = ADA, **changes: Any) -> Browser:
        browser = self.house.browser()
        assert self.house.sign_in(browser, "/aws/", name, **changes).status_code == 200
        return browser

    def iam(self, account: str) -> Any:
        """IAM in that account."""
        session = boto3.session.Session("AKIAEXAMPLE", "x", region_name="us-east-1")
        arn = f"arn:aws:iam::{account}:role/anything"
        sts = session.client("sts", endpoint_url=self.moto)
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return boto3.session.Session(*keys, region_name="us-east-1").client("iam", endpoint_url=self.moto)

    def make_role(self, arn: str) -> None:
        name = arn.rpartition("/")[2]
        self.iam(arn.split(":")[4]).create_role(RoleName=name, AssumeRolePolicyDocument="{}")

    def attached(self, arn: str) -> list[str]:
        """The managed policies of a role."""
        iam = self.iam(arn.split(":")[4])
        found = iam.list_attached_role_policies(RoleName=arn.rpartition("/")[2])["AttachedPolicies"]
        return [policy["PolicyArn"] for policy in found]


@pytest.fixture
def scene(tmp_path: Path, moto: str) -> Iterator[Scene]:
    httpx.post(f"{moto}/moto-api/reset", timeout=60)
    with open_house(tmp_path) as house:
        folder = tmp_path / "operator"
        folder.mkdir()
        reserved = {"service": "reserved", "role": RESERVED}
        configure(
            folder,
            {"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")},
            targets=[*FULL_TARGETS, reserved],
            freezer_role="awscons-freezer",
            sts_endpoint=moto,
        )
        yield Scene(house, folder, moto)


def opens(browser: Browser, target: str = "cloudadmin") -> bool:
    return browser.get(f"/aws/{target}").status_code == 301


def events(done: subprocess.CompletedProcess[str]) -> list[Mapping[str, str]]:
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "audit" and line["action"] != "checkpoint"]


def is_denied(document: Mapping[str, object], name: str, issued: datetime | None = None) -> bool:
    """Whether a policy ends a role session of that name that was issued then, or a second ago."""
    issued = issued or datetime.now(UTC) - timedelta(seconds=1)
    context = {"aws:userid": f"AROAEXAMPLE:{name}", "aws:TokenIssueTime": issued.isoformat()}
    return evaluate(document, Request(Principal(ADMIN), "s3:GetObject", "*", context)) is Verdict.DENY


# --- looking -----------------------------------------------------------------------------


def test_it_prints_what_is_open_by_the_audit_log_and_changes_nothing(scene: Scene) -> None:
    browser = scene.signed_in()
    assert opens(browser)
    done = scene.revoke("--person", ADA, "--log", "audit.log")
    assert done.returncode == 0, done.stderr
    assert ADMIN in done.stdout
    assert "aws iam put-role-policy --role-name MyAdminRole --policy-name awscons-revocation" in done.stdout
    assert re.search(r"\d+ of 10,240 characters", done.stdout)
    assert "Nothing was changed" in done.stdout
    assert events(done) == []
    assert opens(browser)


def test_the_policy_ends_the_persons_sessions_and_nobody_elses(scene: Scene) -> None:
    assert opens(scene.signed_in())
    document = json.loads(scene.revoke("--person", ADA, "--log", "audit.log", "--json").stdout)
    (session,) = document["sessions"]
    assert (session["target"], session["role"]) == ("cloudadmin", ADMIN)
    lasts = datetime.fromisoformat(session["until"]) - datetime.fromisoformat(session["since"])
    assert timedelta(hours=8) <= lasts <= timedelta(hours=8, minutes=15)
    (policy,) = document["policies"].values()
    assert is_denied(policy, session["role_session_name"])
    assert not is_denied(policy, OTTO)


def test_what_a_log_line_says_is_matched_as_cloudtrail_has_it(scene: Scene) -> None:
    name = "Ада Лавлейс"
    assert opens(scene.signed_in(name, attributes=BOTH))
    document = json.loads(scene.revoke("--person", name, "--log", "audit.log", "--json").stdout)
    (seen,) = scene.house.pretend_sts.role_sessions
    assert document["sessions"][0]["role_session_name"] == seen.role_session_name != name
    assert is_denied(document["policies"][ADMIN], seen.role_session_name)


def test_without_a_log_it_prints_what_the_logins_may_have_opened(scene: Scene) -> None:
    scene.signed_in()
    done = scene.revoke("--person", ADA)
    assert "may be open" in done.stdout
    assert "--log" in done.stdout
    assert (ADMIN in done.stdout, DB_ADMIN in done.stdout) == (True, False)


def test_everybody_at_a_role_is_ended_by_one_policy(scene: Scene) -> None:
    document = json.loads(scene.revoke("--role", DB_ADMIN, "--json").stdout)
    (policy,) = document["policies"].values()
    assert is_denied(policy, ADA)
    assert is_denied(policy, OTTO)


def test_consoles_that_have_ended_are_not_open(scene: Scene) -> None:
    line = {
        "event": "audit", "timestamp": "2026-01-01T00:00:00Z", "action": "open-console", "outcome": "done",
        "user_name": ADA, "name_id": ADA, "target": "cloudadmin", "role_arn": ADMIN, "role_session_name": ADA,
        "granted_duration": 43_200, "role_session_duration": 900,
    }  # fmt: skip
    (scene.folder / "old.log").write_text(json.dumps(line))
    done = scene.revoke("--person", ADA, "--log", "old.log")
    assert (done.returncode, "nothing is open" in done.stdout) == (0, True)


# --- doing -------------------------------------------------------------------------------


def test_a_blocked_person_is_refused_in_a_sentence_until_the_block_is_lifted(scene: Scene) -> None:
    laptop, otto = scene.signed_in(), scene.signed_in(OTTO)
    done = scene.revoke("--person", ADA, "--do", "--yes")
    assert done.returncode == 0, done.stderr
    assert [(event["action"], event["outcome"]) for event in events(done)] == [
        ("block", "done"),
        ("end-login", "done"),
    ]
    sent_to_idp(laptop.get("/aws/"))
    thief = scene.house.browser()
    for path in ("/aws/cloudadmin", "/aws/"):
        refused = thief.get(path)
        if refused.status_code == 302:
            refused = scene.house.sign_in(thief, path)
        assert refused.status_code == 403
        assert "blocked" in refused.text
        incident = re.search(r"\b[2-9a-z]{4}-[2-9a-z]{4}\b", refused.text)
        assert incident is not None
        assert incident.group() in scene.house.log.getvalue()
    event = next(event for event in scene.house.audit() if event["action"] == "open-console")
    assert (event["outcome"], event["reason"]) == ("refused", "Blocked")
    assert opens(otto, "sandbox")
    assert "blocked since" in scene.run("logins", "list").stdout
    assert json.loads(scene.run("logins", "list", "--json").stdout)["blocks"][0]["name"] == ADA
    lifted = scene.revoke("--person", ADA, "--lift", "--yes")
    assert [event["action"] for event in events(lifted)] == ["lift-block"]
    assert opens(thief)
    assert "blocked" not in scene.run("logins", "list").stdout


def test_a_blocked_target_is_refused_to_everybody(scene: Scene) -> None:
    browser = scene.signed_in(attributes=BOTH)
    scene.revoke("--target", "cloudadmin", "--do", "--yes")
    assert browser.get("/aws/cloudadmin").status_code == 403
    assert opens(browser, "sandbox")
    assert browser.get("/aws/").status_code == 200


def test_another_persons_revocation_stays_in_the_policy_of_the_role(scene: Scene) -> None:
    opened = datetime.now(UTC)
    for name in (ADA, "carl@example.com"):
        assert opens(scene.signed_in(name))
        scene.revoke("--person", name, "--log", "audit.log", "--do", "--yes")
    document = json.loads(scene.revoke("--person", "carl@example.com", "--log", "audit.log", "--json").stdout)
    assert is_denied(document["policies"][ADMIN], ADA, opened)


def test_everybodys_revocation_stays_in_the_policy_of_the_role(scene: Scene) -> None:
    opened = datetime.now(UTC)
    assert opens(scene.signed_in())
    scene.revoke("--target", "cloudadmin", "--do", "--yes")
    document = json.loads(scene.revoke("--person", ADA, "--log", "audit.log", "--json").stdout)
    assert is_denied(document["policies"][ADMIN], OTTO, opened)


@pytest.mark.parametrize("typed", ["", "otto@example.com\n"])
def test_nothing_is_done_without_the_name(scene: Scene, typed: str) -> None:
    browser = scene.signed_in()
    done = scene.revoke("--person", ADA, "--do", stdin=typed)
    assert done.returncode != 0
    assert events(done) == []
    assert opens(browser)


# --- freezing ----------------------------------------------------------------------------


def test_a_frozen_role_denies_everything_until_it_is_lifted(scene: Scene) -> None:
    scene.make_role(ADMIN)
    done = scene.revoke("--target", "cloudadmin", "--do", "--freeze", "--yes")
    assert done.returncode == 0, done.stderr
    assert scene.attached(ADMIN) == ["arn:aws:iam::aws:policy/AWSDenyAll"]
    assert [event["action"] for event in events(done)] == ["block", "freeze-role"]
    again = scene.revoke("--target", "cloudadmin", "--do", "--yes")
    assert again.returncode == 0
    lifted = scene.revoke("--target", "cloudadmin", "--lift", "--yes")
    assert [event["action"] for event in events(lifted)] == ["thaw-role", "lift-block"]
    assert scene.attached(ADMIN) == []


def test_of_a_half_that_aws_refuses_it_says_what_is_done_and_finishes_later(scene: Scene) -> None:
    browser = scene.signed_in(attributes=BOTH)
    assert opens(browser)
    assert opens(browser, "sandbox")
    scene.make_role(ADMIN)
    # moto makes an account, with all policies of AWS, at its first call: on a busy machine that outlasts ours.
    scene.iam(DB_ADMIN.split(":")[4]).list_roles()
    command = ("--person", ADA, "--log", "audit.log", "--do", "--freeze", "--yes")
    half = scene.revoke(*command)
    assert half.returncode == 1
    assert f"{ADMIN} frozen" in half.stdout
    assert DB_ADMIN in half.stderr
    assert "NoSuchEntity" in half.stderr
    assert "again" in half.stderr
    outcomes = {
        event["role_arn"]: event["outcome"] for event in events(half) if event["action"] == "freeze-role"
    }
    assert outcomes == {ADMIN: "done", DB_ADMIN: "failed"}
    scene.make_role(DB_ADMIN)
    assert scene.revoke(*command).returncode == 0
    assert [len(scene.attached(role)) for role in (ADMIN, DB_ADMIN)] == [1, 1]
    assert scene.revoke("--person", ADA, "--lift", "--yes").returncode == 0
    assert [scene.attached(role) for role in (ADMIN, DB_ADMIN)] == [[], []]


def test_a_role_that_another_block_froze_stays_frozen(scene: Scene) -> None:
    scene.make_role(ADMIN)
    assert opens(scene.signed_in())
    scene.revoke("--person", ADA, "--log", "audit.log", "--do", "--freeze", "--yes")
    scene.revoke("--target", "cloudadmin", "--do", "--freeze", "--yes")
    scene.revoke("--person", ADA, "--lift", "--yes")
    assert len(scene.attached(ADMIN)) == 1
    scene.revoke("--target", "cloudadmin", "--lift", "--yes")
    assert scene.attached(ADMIN) == []


def test_roles_of_identity_center_cannot_be_frozen_and_that_is_said(scene: Scene) -> None:
    done = scene.revoke("--target", "reserved", "--do", "--freeze", "--yes")
    assert (done.returncode, "IAM Identity Center" in done.stderr) == (1, True)


def test_a_freezer_role_that_nobody_may_assume_is_said_by_its_name(scene: Scene) -> None:
    scene.moto = "http://127.0.0.1:1"
    done = scene.revoke("--target", "cloudadmin", "--do", "--freeze", "--yes")
    assert (done.returncode, ADMIN in done.stderr) == (1, True)


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--person"),
        (["--target", "nowhere"], "nowhere"),
        (["--person", ADA, "--role", ADMIN], "--role"),
        (["--role", "MyAdminRole"], "no ARN"),
        (["--role", ADMIN.replace("arn:aws:", "arn:aws-cn:")], "aws-cn"),
        (["--role", "arn:aws:iam::123456789012:role/Other"], "no target opens"),
        (["--person", ADA, "--freeze"], "--do"),
        (["--person", ADA, "--lift", "--do"], "--lift"),
        (["--person", ADA, "--do", "--json", "--yes"], "--json"),
        (["--person", ADA, "--do", "--freeze", "--yes"], "--log"),
        (["--person", ADA, "--lift", "--yes"], "no block"),
        (["--person", ""], "--person"),
        (["--person", ADA, "--log", "missing.log"], "missing.log"),
    ],
)  # fmt: skip
def test_a_command_line_that_makes_no_sense_changes_nothing(
    scene: Scene, arguments: list[str], said: str
) -> None:
    browser = scene.signed_in()
    done = scene.revoke(*arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert opens(browser)


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        '{"event": "audit", "action": "open-console", "outcome": "done", "timestamp": "yesterday"}',
        '{"event": "audit", "action": "open-console", "outcome": "done", "timestamp": "2999-01-01T00:00:00"}',
    ],
)
def test_a_file_that_is_no_audit_log_is_said(scene: Scene, line: str) -> None:
    (scene.folder / "other.log").write_text(line)
    done = scene.revoke("--person", ADA, "--log", "other.log")
    assert (done.returncode, "other.log" in done.stderr) == (1, True)


def test_a_name_in_a_log_that_would_shut_other_people_out_is_refused(scene: Scene) -> None:
    assert opens(scene.signed_in())
    (scene.folder / "forged.log").write_text(
        scene.house.log.getvalue().replace(f'"role_session_name": "{ADA}"', '"role_session_name": "*"')
    )
    done = scene.revoke("--person", ADA, "--log", "forged.log")
    assert (done.returncode, "no name of a role session" in done.stderr) == (1, True)


def test_a_person_of_whom_nothing_is_open_can_still_be_blocked(scene: Scene) -> None:
    done = scene.revoke("--person", "eve@example.com", "--do", "--yes")
    assert (done.returncode, "0 logins" in done.stdout) == (0, True)
    assert "eve@example.com" in scene.run("logins", "list").stdout


def test_a_store_that_is_not_there_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    configure(tmp_path, {"cache_type": "SQLite", "path": str(tmp_path / "elsewhere" / "logins.sqlite3")})
    done = awscons(tmp_path, "revoke", "--person", ADA, "--do", "--yes")
    assert (done.returncode, "there is no store at" in done.stderr) == (1, True)
    assert not (tmp_path / "elsewhere").exists()


# --- the page about a stolen laptop ------------------------------------------------------


def test_the_commands_of_the_page_about_a_stolen_laptop_work_in_its_order(scene: Scene) -> None:
    scene.make_role(ADMIN)
    browser = scene.signed_in()
    assert opens(browser)
    page = (ROOT / "docs" / "how-to" / "stolen-laptop.md").read_text().replace("awsadm", "cloudadmin")
    page = page.replace("\\\n", "")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    seen: list[tuple[int, int]] = []
    for command in commands:
        done = scene.run(*command)
        assert done.returncode == 0, done.stderr
        seen.append((browser.get("/aws/cloudadmin").status_code, len(scene.attached(ADMIN))))
    # Her login has ended, and so she is sent to sign in again.
    assert seen == [(301, 0), (302, 0), (302, 0), (302, 1), (302, 1), (302, 0), (302, 0), (302, 0)]
    assert scene.house.sign_in(scene.house.browser(), "/aws/cloudadmin").status_code == 301
