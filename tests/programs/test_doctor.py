"""`awscons doctor` says of each target whether it opens, and which statement is missing where it does not."""

import json
import pprint
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from awscons.assembly.service import build_service
from awscons.config.load import parse_settings
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendRole, PretendSts
from support.faults import RESET, ByRegion, Faulty, sts_error
from support.forge import Forger, Story
from support.house import config_for, write_credentials
from support.operator import awscons
from support.serving import authority, server_tls, serving

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ACCOUNT, BROKER = "222222222222", "arn:aws:iam::123456789012:user/sso/broker"
NEAR, FAR, CHINA = "eu-west-1", "us-east-1", "cn-north-1"
EVERYTHING = ("sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession")
ROOT_OF_BROKER = "arn:aws:iam::123456789012:root"


def trust(*actions: str, principal: str = ROOT_OF_BROKER, **conditions: Mapping[str, str]) -> PretendRole:
    """A role with that trust policy; the conditions hold for AssumeRole alone, by operator."""
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": action,
            "Condition": conditions if action == "sts:AssumeRole" else {},
        }
        for action in actions
    ]
    return PretendRole(3600, trust={"Statement": statements})


ROLES = {
    "opens": trust(
        *EVERYTHING, ArnEquals={"aws:PrincipalArn": BROKER}, StringEquals={"sts:ExternalId": "x-1"}
    ),
    "lacks-tags": trust("sts:AssumeRole", "sts:SetSourceIdentity"),
    "lacks-source": trust("sts:AssumeRole", "sts:TagSession"),
    "lacks-both": trust("sts:AssumeRole"),
    "lacks-assume": trust("sts:SetSourceIdentity", "sts:TagSession"),
    "other-external-id": trust(*EVERYTHING, StringEquals={"sts:ExternalId": "x-2"}),
    "no-external-id": trust(*EVERYTHING, Null={"sts:ExternalId": "true"}),
    "other-broker": trust(*EVERYTHING, ArnEquals={"aws:PrincipalArn": f"{BROKER}2"}),
    "other-organization": trust(*EVERYTHING, StringEquals={"aws:PrincipalOrgID": "o-aaaaaaaaaa"}),
    "other-account": trust(*EVERYTHING, principal="arn:aws:iam::333333333333:root"),
    "made-again": trust(*EVERYTHING, principal="AIDAAAAAAAAAAAAAAAAAA"),
    "wants-a-name": trust(*EVERYTHING, StringLike={"sts:RoleSessionName": "ada*"}),
    "wants-a-source": trust(*EVERYTHING, StringLike={"sts:SourceIdentity": "ada*"}),
    "wants-a-tag": trust(*EVERYTHING, StringLike={"aws:RequestTag/team": "ada*"}),
    "not-in-the-brokers-policy": trust(*EVERYTHING),
}
"""By name of the target, which is the name of the role."""
OWN_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": list(EVERYTHING), "Resource": "*"},
        {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*/not-in-the-brokers-policy"},
    ]
}


def arn_of(name: str, partition: str = "aws") -> str:
    return f"arn:{partition}:iam::{ACCOUNT}:role/{name}"


def target(name: str, **more: object) -> dict[str, object]:
    return {
        "service": name,
        "role": arn_of(name),
        "groups": ["admins"],
        "external_id": "x-1",
        "source_identity": "user_name",
        "session_tags": {"team": "team"},
        **more,
    }


def page(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:  # noqa: ARG001
    """The front page of an identity provider."""
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]


@dataclass
class Ward:
    """A service that runs, an AWS, and the configuration file of both."""

    folder: Path
    sts: PretendSts
    sts_in: Mapping[str, Faulty]
    signin: PretendSignin

    def doctor(self, *arguments: str) -> tuple[dict[str, Any], int]:
        """What `awscons doctor --json` prints, and its exit status."""
        done = awscons(self.folder, "doctor", "--json", *arguments)
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode

    def text(self, *arguments: str) -> str:
        """What `awscons doctor` prints."""
        return awscons(self.folder, "doctor", *arguments).stdout


@contextmanager
def open_ward(*targets: Mapping[str, object], **sections: Mapping[str, object]) -> Iterator[Ward]:
    folder = Path(tempfile.mkdtemp(prefix="awscons-doctor-"))
    sts = PretendSts(roles={arn_of(name): role for name, role in ROLES.items()})
    signin = PretendSignin(book=sts)
    key = write_credentials(folder / "credentials", *sts.add_user(BROKER, OWN_POLICY))
    authority().cert_pem.write_to_path(folder / "authority.pem")
    sts_in = {region: Faulty(sts.application(region)) for region in (NEAR, FAR, CHINA)}
    signin_in = {region: Faulty(signin.application(region)) for region in (NEAR, FAR, CHINA)}
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: ByRegion(sts_in)))
        signin_port = stack.enter_context(serving(lambda _port: ByRegion(signin_in)))
        idp_port = stack.enter_context(serving(lambda _port: page))

        def build(port: int) -> "WSGIApplication":
            config = config_for(
                f"https://localhost:{port}/saml/acs",
                sts_url=f"http://127.0.0.1:{sts_port}/{{region}}/",
                signin_url=f"http://127.0.0.1:{signin_port}/{{region}}/federation",
                credentials_file=key,
                store={"cache_type": "SQLite", "path": str(folder / "logins.sqlite3")},
                saml={
                    "saml_endpoint": f"http://127.0.0.1:{idp_port}/sso",
                    "assertions": ["groups", "team"],
                },
                aws={"targets": list(targets), "regions": [NEAR, FAR]},
                **sections,
            )
            dicts = "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in config.items())
            trusted = f"import os\nos.environ['AWS_CA_BUNDLE'] = {str(folder / 'authority.pem')!r}\n"
            (folder / "config.py").write_text(trusted + dicts)
            return build_service(parse_settings(config, source="test", environment={}), environment={})

        stack.enter_context(serving(build, tls=server_tls()))
        yield Ward(folder, sts, sts_in, signin)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    chinese = target("chinese", role=arn_of("chinese", "aws-cn"))
    with open_ward(*map(target, ROLES), target("absent"), chinese) as opened:
        yield opened


@pytest.fixture(scope="module")
def examined(ward: Ward) -> tuple[dict[str, Any], int]:
    return ward.doctor()


@pytest.fixture(scope="module")
def doors(examined: tuple[dict[str, Any], int]) -> dict[str, dict[str, Any]]:
    return {door["target"]: door for door in examined[0]["targets"]}


def causes(document: Mapping[str, Any], severity: str = "error") -> str:
    return "\n".join(one["cause"] for one in document["findings"] if one["severity"] == severity)


# --- each target -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("lacks-tags", ["sts:TagSession"]),
        ("lacks-source", ["sts:SetSourceIdentity"]),
        ("lacks-both", ["sts:SetSourceIdentity", "sts:TagSession"]),
        ("lacks-assume", list(EVERYTHING)),
        ("other-external-id", list(EVERYTHING)),
        ("other-broker", list(EVERYTHING)),
        ("other-organization", list(EVERYTHING)),
        ("other-account", list(EVERYTHING)),
        ("made-again", list(EVERYTHING)),
        ("wants-a-name", list(EVERYTHING)),
        ("wants-a-source", list(EVERYTHING)),
        ("wants-a-tag", list(EVERYTHING)),
        ("not-in-the-brokers-policy", list(EVERYTHING)),
        ("absent", list(EVERYTHING)),
        ("no-external-id", []),
        ("chinese", []),
    ],
)
def test_a_target_that_aws_refuses_is_told_with_the_actions_that_are_not_allowed(
    doors: dict[str, dict[str, Any]], name: str, missing: list[str]
) -> None:
    assert (doors[name]["opens"], doors[name]["missing"]) == (False, missing)


def test_a_target_that_aws_opens_is_told_with_its_console(doors: dict[str, dict[str, Any]]) -> None:
    door = doors["opens"]
    assert (door["opens"], door["region"], door["duration"]) == (True, NEAR, 3600)
    assert 0 < door["packed_policy_size"] < 80


def test_the_missing_statement_is_given_for_both_sides(doors: dict[str, dict[str, Any]]) -> None:
    door = doors["lacks-tags"]
    assert door["trust_statements"] == [
        {
            "Sid": "AwsconsTagSession",
            "Effect": "Allow",
            "Principal": {"AWS": ROOT_OF_BROKER},
            "Action": "sts:TagSession",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": BROKER}},
        }
    ]
    assert door["broker_statements"] == [
        {
            "Sid": "AwsconsTagSession",
            "Effect": "Allow",
            "Action": "sts:TagSession",
            "Resource": arn_of("lacks-tags"),
        }
    ]


def test_the_external_id_stands_in_the_statement_of_assume_role_alone(
    doors: dict[str, dict[str, Any]],
) -> None:
    first, second = doors["other-external-id"]["trust_statements"]
    assert first["Condition"]["StringEquals"] == {"sts:ExternalId": "x-1"}
    assert "StringEquals" not in second["Condition"]


def test_a_refused_external_id_is_told_where_the_role_opens_without_it(
    doors: dict[str, dict[str, Any]],
) -> None:
    assert "without the target's external id" in doors["no-external-id"]["cause"]


def test_credentials_of_another_partition_are_told_without_a_probe(doors: dict[str, dict[str, Any]]) -> None:
    assert "of the partition aws, and the role is of aws-cn" in doors["chinese"]["cause"]


def test_a_broker_that_was_made_again_is_a_reason_to_look_for(doors: dict[str, dict[str, Any]]) -> None:
    assert "AIDA…" in doors["made-again"]["cure"]


def test_a_target_that_does_not_open_is_exit_status_1(examined: tuple[dict[str, Any], int]) -> None:
    assert examined[1] == 1


def test_the_statements_of_the_answer_open_the_target(doors: dict[str, dict[str, Any]]) -> None:
    """Add to the trust policy what is told to be missing, and probe once more."""
    repaired = dict(ROLES)
    for name in ("lacks-tags", "lacks-source", "lacks-both", "lacks-assume"):
        before = ROLES[name].trust or {}
        added = doors[name]["trust_statements"]
        repaired[name] = PretendRole(3600, trust={"Statement": [*before["Statement"], *added]})
    names = ("lacks-tags", "lacks-source", "lacks-both", "lacks-assume")
    with open_ward(*map(target, names)) as ward:
        ward.sts._roles = {arn_of(name): repaired[name] for name in names}
        document, status = ward.doctor()
    assert [door["opens"] for door in document["targets"]] == [True] * 4
    assert status == 0, causes(document)


def test_credentials_of_a_probe_may_do_nothing(ward: Ward, doors: dict[str, dict[str, Any]]) -> None:
    assert doors["opens"]["opens"]
    probes = [one for one in ward.sts.role_sessions if one.role_session_name == "awscons-doctor"]
    assert probes
    for one in probes:
        assert json.loads(one.session_policy or "")["Statement"][-1] == {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
        }


def test_a_condition_on_the_name_is_met_with_the_operators_name(ward: Ward) -> None:
    document, _ = ward.doctor("--as", "ada", "wants-a-name", "wants-a-source", "wants-a-tag")
    assert [door["opens"] for door in document["targets"]] == [True, True, True]


def test_only_what_failed_before_is_probed_again(ward: Ward) -> None:
    (ward.folder / "before.json").write_text(
        json.dumps({"targets": [{"target": "opens", "opens": False}, {"target": "gone", "opens": False}]})
    )
    document, _ = ward.doctor("--only", "before.json")
    assert [door["target"] for door in document["targets"]] == ["opens"]
    assert "gone is not there any more" in causes(document, "warning")


def test_targets_that_lack_the_same_are_told_together(ward: Ward) -> None:
    text = ward.text("lacks-assume", "other-broker", "lacks-tags")
    assert text.index("2 targets do not open: AWS does not allow sts:AssumeRole") < text.index(
        "1 target does not open: AWS does not allow sts:TagSession"
    )
    assert '"Action": "sts:TagSession"' in text
    assert "Not proved" in text
    assert "CloudTrail" in text


# --- AWS's bad days ----------------------------------------------------------------------


def test_one_region_that_is_down_is_a_warning_and_closes_nothing() -> None:
    with open_ward(target("opens")) as ward:
        ward.sts_in[NEAR].misbehave(RESET)
        document, status = ward.doctor()
    assert document["targets"][0]["region"] == FAR
    assert f"STS in {NEAR}" in causes(document, "warning")
    assert status == 0, causes(document)


def test_throttling_is_told_as_throttling() -> None:
    with open_ward(target("opens")) as ward:
        for one in ward.sts_in.values():
            one.misbehave(sts_error(400, "Throttling", "Rate exceeded"))
        document, status = ward.doctor()
    assert document["targets"][0]["cause"] == "STS is throttling"
    assert status == 1


# --- without AWS -------------------------------------------------------------------------


def test_a_sound_service_has_no_error(ward: Ward) -> None:
    document, _ = ward.doctor("opens")
    assert causes(document) == ""
    told = causes(document, "ok")
    assert "our public URL sends browsers to the identity provider" in told
    assert "the identity provider can be reached, and its clock agrees with ours" in told
    assert f"AWS's sign-in host in {NEAR} can be reached" in told


def test_another_service_at_the_public_url_is_an_error(ward: Ward) -> None:
    config = (ward.folder / "config.py").read_text()
    with serving(lambda _port: page, tls=server_tls()) as port:
        before = config.split("https://localhost:")[1].split("/")[0]
        (ward.folder / "config.py").write_text(config.replace(f"localhost:{before}", f"localhost:{port}"))
        document, status = ward.doctor("opens")
    (ward.folder / "config.py").write_text(config)
    assert "is not this service" in causes(document)
    assert status == 1


def test_a_proxy_that_the_configuration_does_not_name_is_told(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same service, behind a proxy that says for whom it asks."""
    config = (ward.folder / "config.py").read_text()
    monkeypatch.setenv("AWS_CA_BUNDLE", "")  # the configuration sets it: afterwards it is as before
    name: dict[str, Any] = {}
    exec(config, name)
    settings = parse_settings(
        {key: value for key, value in name.items() if key.endswith("_config")}, source="test", environment={}
    )
    service = build_service(settings, environment={})

    def behind_a_proxy(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return service({**environ, "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, start_response)

    with serving(lambda _port: behind_a_proxy, tls=server_tls()) as port:
        before = config.split("https://localhost:")[1].split("/")[0]
        (ward.folder / "config.py").write_text(config.replace(f"localhost:{before}", f"localhost:{port}"))
        document, _ = ward.doctor("opens")
    (ward.folder / "config.py").write_text(config)
    assert "the running service warns of undeclared_proxy" in causes(document, "warning")


# --- the identity provider ---------------------------------------------------------------


def test_with_a_captured_response_the_identity_provider_is_examined(ward: Ward) -> None:
    (ward.folder / "response").write_text(Forger().form_value(Story(datetime.now(UTC))))
    document, _ = ward.doctor("--idp", "--response", "response")
    assert {"signature of the Assertion", "NameID"} <= {one["subject"] for one in document["findings"]}
    assert document["targets"] == []


def test_without_a_response_the_needs_of_a_sign_in_are_told(ward: Ward) -> None:
    document, status = ward.doctor("--idp")
    assert "it must send groups, team" in causes(document, "info")
    assert status == 0


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "there is no target nowhere"),
        (("--only", "config.py"), "--only: not the output of awscons doctor --json"),
        (("--response", "config.py"), "--response needs --idp"),
    ],
)
def test_a_mistake_in_the_command_line_is_one_sentence(
    ward: Ward, arguments: tuple[str, ...], said: str
) -> None:
    done = awscons(ward.folder, "doctor", *arguments)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_a_name_that_cannot_be_a_tag_is_told_for_its_targets(ward: Ward) -> None:
    document, status = ward.doctor("--as", "a<b", "opens")
    assert "AWS does not accept" in document["targets"][0]["cause"]
    assert status == 1


def test_a_configuration_with_mistakes_is_told_as_json_too(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("aws_config = {'targets': 1}\n")
    done = awscons(tmp_path, "doctor", "--json")
    assert json.loads(done.stdout)["findings"]
    assert done.returncode == 2
