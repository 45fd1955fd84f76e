"""`awscons iam`: the documents that it writes, as other people's programs and a pretend AWS judge them."""

import json
import pprint
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from awscons.iam.policy import policy_size
from support.operator import awscons
from support.sections import SAML

BROKER = "arn:aws:iam::999999999999:user/web/Broker"
FREEZER = "arn:aws:iam::999999999999:role/Security"
SHARED = {"groups": ["staff"], "source_identity": "user_name"}
TARGETS: list[dict[str, Any]] = [
    {"service": "shop-admin", "role": "arn:aws:iam::111111111111:role/sso/Admin", **SHARED},
    {"service": "lake-admin", "role": "arn:aws:iam::222222222222:role/sso/Admin", **SHARED},
    {"service": "lake-read", "role": "arn:aws:iam::222222222222:role/sso/ReadOnly", **SHARED, "duration": 7200},
    {
        "service": "vendor",
        "role": "arn:aws:iam::333333333333:role/Vendor",
        "groups": ["vendors"],
        "external_id": "Deal-42",
        "session_tags": {"team": "user_name"},
    },
    {"service": "plain", "role": "arn:aws:iam::333333333333:role/Plain", "max_login_age": 900},
]  # fmt: skip
CHINESE = {"service": "china", "role": "arn:aws-cn:iam::444444444444:role/sso/Admin", "groups": ["staff"]}


def configure(folder: Path, targets: list[dict[str, Any]] | None = None, **aws: object) -> Path:
    folder.mkdir(exist_ok=True)
    sections = {
        "session_config": {},
        "saml_config": {**SAML, "assertions": ["groups"]},
        "aws_config": {"targets": TARGETS if targets is None else targets, **aws},
    }
    (folder / "config.py").write_text(
        "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in sections.items())
    )
    return folder


def written(folder: Path, form: str, *options: str) -> dict[str, str]:
    """The files of `awscons iam FORM --out`, without the index."""
    out = folder / form
    done = awscons(folder, "iam", form, "--broker", BROKER, "--out", str(out), *options)
    assert done.returncode == 0, done.stderr
    index = json.loads((out / "index.json").read_text())["files"]
    assert sorted(entry["file"] for entry in index) == sorted(
        str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and path.name != "index.json"
    )
    return {entry["file"]: (out / entry["file"]).read_text() for entry in index}


EVERYTHING = ["--with-roles", "--revocable", "--aws-login", "--freezer", FREEZER]


# --- as AWS would decide -----------------------------------------------------------------


def requests() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Every action that a target needs: target, role, action, keys of the request."""
    for target in TARGETS:
        keys = {"aws:ResourceAccount": target["role"].split(":")[4], "aws:PrincipalArn": BROKER}
        needed = {
            "sts:AssumeRole": {"sts:ExternalId": target["external_id"]} if "external_id" in target else {}
        }
        needed |= {"sts:SetSourceIdentity": {}} if "source_identity" in target else {}
        needed |= {"sts:TagSession": {}} if "session_tags" in target else {}
        for action, own in needed.items():
            yield target["service"], target["role"], action, keys | own


def closed(broker: list[dict[str, Any]], trust_of: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """The targets with the actions that one of the two sides does not allow."""
    found = set()
    for target, role, action, keys in requests():
        request = Request(Principal(BROKER), action, role, keys)
        own = any(evaluate(document, request) is Verdict.ALLOW for document in broker)
        if not own or evaluate(trust_of[role], request) not in {Verdict.ALLOW, Verdict.ALLOW_ACCOUNT}:
            found.add((target, action))
    return found


def sides(folder: Path, *options: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    files = written(configure(folder), "json", *options)
    index = json.loads((folder / "json" / "index.json").read_text())["files"]
    broker = [json.loads(text) for name, text in files.items() if name.startswith("awscons-broker")]
    trust_of = {
        role: json.loads(files[entry["file"]])
        for entry in index
        if entry["file"].startswith("awscons-trust")
        for role in entry["roles"]
    }
    return broker, trust_of


@pytest.mark.parametrize("options", [[], ["--strict"]])
def test_the_documents_open_every_target_and_each_statement_is_needed(
    tmp_path: Path, options: list[str]
) -> None:
    broker, trust_of = sides(tmp_path, *options)
    assert closed(broker, trust_of) == set()
    for documents in ([document] for document in [*broker, *trust_of.values()]):
        statements = documents[0]["Statement"]
        for statement in list(statements):
            statements.remove(statement)
            assert closed(broker, trust_of), statement
            statements.append(statement)


def test_what_a_removed_statement_closes_is_what_it_allowed(tmp_path: Path) -> None:
    broker, trust_of = sides(tmp_path)
    vendor = trust_of["arn:aws:iam::333333333333:role/Vendor"]["Statement"]
    removed = vendor.pop()
    assert removed["Action"] == "sts:TagSession"
    assert closed(broker, trust_of) == {("vendor", "sts:TagSession")}


# --- as other people's programs judge ----------------------------------------------------


def run(*code_and_arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", *code_and_arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
JUDGE = """
import json, parliament, sys
for name in sys.argv[1:]:
    for finding in parliament.analyze_policy_string(open(name).read()).findings:
        print(name, finding.issue, finding.detail)
"""


@pytest.mark.parametrize("options", [["--strict"], EVERYTHING])
def test_cfn_lint_accepts_every_template(tmp_path: Path, options: list[str]) -> None:
    files = written(configure(tmp_path), "cloudformation", *options)
    done = run(LINT, *(str(tmp_path / "cloudformation" / name) for name in files))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_parliament_accepts_every_identity_policy(tmp_path: Path) -> None:
    files = written(configure(tmp_path), "json", *EVERYTHING)
    # It does not know the actions of `aws login` yet.
    judged = [name for name in files if name.startswith(("awscons-broker", "awscons-revocation"))]
    done = run(JUDGE, *(str(tmp_path / "json" / name) for name in judged))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(judged) == 2


@pytest.mark.parametrize("options", [[], EVERYTHING])
def test_terraform_is_formatted_and_holds_the_policies_of_the_other_forms(
    tmp_path: Path, options: list[str]
) -> None:
    texts = written(configure(tmp_path), "terraform", *options)
    policies = {
        policy_size(json.loads(text)): json.loads(text)
        for name, text in written(tmp_path, "json", *options).items()
        if not name.startswith(("awscons-role", "awscons-freezer-role"))
    }
    parsed = [policy for text in texts.values() for policy in policies_in(hcl2.loads(text))]
    assert {json.dumps(policy) for policy in parsed} == {json.dumps(one) for one in policies.values()}
    if terraform := shutil.which("terraform"):  # in no package list: python-hcl2 has judged without it
        done = subprocess.run(
            [terraform, "fmt", "-check", "-diff", "-recursive", str(tmp_path / "terraform")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout


def policies_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every heredoc of a parsed file, as the policy that it holds."""
    match value:
        case dict():
            for inner in value.values():
                yield from policies_in(inner)
        case list():
            for inner in value:
                yield from policies_in(inner)
        case str() if "<<-POLICY" in value:
            yield json.loads(value.strip('"').partition("\n")[2].rpartition("POLICY")[0])


# --- what is in them ---------------------------------------------------------------------


def test_roles_have_their_maximum_duration_path_and_slot_for_revocations(tmp_path: Path) -> None:
    template = json.loads(
        written(configure(tmp_path), "cloudformation", "--revocable")["awscons-role-ReadOnly.json"]
    )
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    assert (defaults["RoleName"], defaults["RolePath"], defaults["MaxSessionDuration"]) == (
        "ReadOnly",
        "/sso/",
        7200,
    )
    slot = template["Resources"]["InlinePolicy1"]["Properties"]
    assert slot["PolicyName"] == "awscons-revocation"
    assert "1970-01-01T00:00:00Z" in json.dumps(slot)


def test_a_role_lasts_as_long_as_its_credentials_in_terminals_and_lets_people_log_in_on_request(
    tmp_path: Path,
) -> None:
    target = {**TARGETS[0], "cli": {"max_duration": 14_400, "agent": {"tags": {"agent": "yes"}}}}
    files = written(configure(tmp_path, [target]), "cloudformation", "--aws-login")
    template = json.loads(files["awscons-role-Admin.json"])
    assert template["Parameters"]["MaxSessionDuration"]["Default"] == 14_400
    assert "sts:TagSession" in files["awscons-role-Admin.json"]
    (statement,) = template["Resources"]["InlinePolicy1"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"]
    assert statement["Resource"] == "arn:aws:signin:*:*:oauth2/public-client/*"


def test_aws_login_is_for_the_partition_that_has_it(tmp_path: Path) -> None:
    options = ["--broker", "arn:aws-cn:iam::444444444444:role/Broker", "--with-roles", "--aws-login"]
    done = awscons(configure(tmp_path, [CHINESE]), "iam", "json", *options)
    assert (done.returncode, "AWS documents it for the partition aws" in done.stderr) == (2, True)


def test_one_template_serves_every_account_that_has_the_role(tmp_path: Path) -> None:
    written(configure(tmp_path), "cloudformation", "--for", "targets")
    index = json.loads((tmp_path / "cloudformation" / "index.json").read_text())["files"]
    roles = {entry["file"]: entry["roles"] for entry in index}
    assert roles["awscons-role-Admin.json"] == [TARGETS[0]["role"], TARGETS[1]["role"]]


def test_terraform_never_undoes_a_revocation(tmp_path: Path) -> None:
    text = written(configure(tmp_path), "terraform", *EVERYTHING)["roles/awscons.tf"]
    blocks = [block for block in text.split("\nresource ") if block.startswith('"aws_iam_role_policy"')]
    assert {"awscons-revocation" in block: "ignore_changes = [policy]" in block for block in blocks} == {
        True: True,
        False: False,
    }


def test_a_freezer_role_exists_for_each_set_of_roles_in_every_form(tmp_path: Path) -> None:
    configure(tmp_path)
    names = {f"awscons-freezer-role{number}.json" for number in ("", "-2", "-3")}
    files = written(tmp_path, "json", "--freezer", FREEZER)
    policies = [files[f"awscons-freezer{number}.json"] for number in ("", "-2", "-3")]
    assert names <= set(files)
    assert [json.loads(policy)["Statement"][0]["Resource"] for policy in policies] == [
        "arn:aws:iam::*:role/sso/Admin",
        ["arn:aws:iam::*:role/sso/Admin", "arn:aws:iam::*:role/sso/ReadOnly"],
        ["arn:aws:iam::*:role/Plain", "arn:aws:iam::*:role/Vendor"],
    ]
    assert names <= set(written(tmp_path, "cloudformation", "--freezer", FREEZER))
    text = written(tmp_path, "terraform", "--freezer", FREEZER)["roles/awscons.tf"]
    assert text.count('resource "aws_iam_role" "awscons_freezer_role') == 3


def test_a_selection_writes_one_part(tmp_path: Path) -> None:
    configure(tmp_path)
    only_broker = json.loads(awscons(tmp_path, "iam", "json", "--for", "broker").stdout)
    assert {tuple(statement) for statement in only_broker["Statement"]} >= {
        ("Sid", "Effect", "Action", "Resource")
    }
    one_account = awscons(tmp_path, "iam", "json", "--for", "222222222222", "--broker", BROKER)
    assert json.loads(one_account.stdout)["Statement"][0]["Principal"] == {
        "AWS": "arn:aws:iam::999999999999:root"
    }
    assert "awscons-trust-source-identity.json" in one_account.stderr


def test_the_organization_bounds_the_pattern_of_the_broker(tmp_path: Path) -> None:
    options = ["--for", "broker", "--organization", "o-abcdefghij"]
    done = awscons(configure(tmp_path), "iam", "json", *options)
    found = {
        s["Resource"]: s.get("Condition")
        for s in json.loads(done.stdout)["Statement"]
        if "/*" in s["Resource"]
    }
    assert found == {"arn:aws:iam::*:role/sso/*": {"StringEquals": {"aws:ResourceOrgID": "o-abcdefghij"}}}


def test_each_partition_and_profile_has_its_own_broker(tmp_path: Path) -> None:
    other = {"service": "other", "role": "arn:aws:iam::555555555555:role/X", "aws_profile_name": "other"}
    configure(tmp_path, [*TARGETS, CHINESE, other], partitions={"aws-cn": {"aws_profile_name": "china"}})
    china, second = "arn:aws-cn:iam::888888888888:role/Broker", "arn:aws:iam::777777777777:user/Broker"
    done = awscons(
        tmp_path, "iam", "json", "--broker", BROKER, "--broker", china, "--broker", f"other={second}"
    )
    documents = json.loads(done.stdout)
    assert {name for name in documents if "broker" in name} == {
        "awscons-broker-aws-Broker.json",
        "awscons-broker-aws-cn-Broker.json",
        "awscons-broker-aws-Broker-2.json",
    }
    principals = {
        document["Statement"][0]["Condition"]["ArnEquals"]["aws:PrincipalArn"]
        for name, document in documents.items()
        if "trust" in name
    }
    assert principals == {BROKER, china, second}


def test_three_thousand_targets_are_a_few_documents(tmp_path: Path) -> None:
    targets = [
        {"service": f"t{account}-{role}", "role": f"arn:aws:iam::{100_000_000_000 + account}:role/sso/{role}"}
        for account in range(500)
        for role in ("Admin", "ReadOnly", "Billing", "Network", "Data", "Audit")
    ]
    files = written(configure(tmp_path, targets), "cloudformation")
    assert sorted(name for name in files if "broker" in name) == [
        "awscons-broker-1.json",
        "awscons-broker-2.json",
    ]
    assert len(files) == 8


# --- bad input ---------------------------------------------------------------------------

LONG = {"external_id": "x" * 1200}


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 2, "targets in aws use the credentials of the environment: give --broker ARN"),
        (["--broker", "Broker"], 2, "not the ARN of an IAM user or role"),
        (["--broker", "arn:aws:iam::999999999999:root"], 2, "not the ARN of an IAM user or role"),
        (
            ["--broker", "arn:aws:sts::999999999999:assumed-role/Web/i-1"],
            2,
            "arn:aws:iam::999999999999:role/Web, with the path",
        ),
        (["--broker", BROKER, "--broker", BROKER + "2"], 2, "are both for aws; see PROFILE=ARN"),
        (["--broker", BROKER, "--broker", f"nobody={BROKER}"], 2, "no target uses that profile"),
        (["--broker", "arn:aws-cn:iam::888888888888:role/B"], 2, "give --broker ARN"),
        (["--broker", BROKER, "--for", "123123123123"], 2, "the number or name of an account that has targets"),
        (["--broker", BROKER, "--organization", "r-abcd"], 2, "the id of an organization is o-"),
        (["--broker", BROKER, "--revocable"], 2, "it needs --with-roles"),
        (["--broker", BROKER, "--aws-login"], 2, "--aws-login puts a policy on roles: it needs --with-roles"),
        (["--broker", BROKER, "--freezer", "x"], 2, "--freezer x: not the ARN"),
        (["--broker", BROKER, "--out", "config.py/x"], 1, "Not a directory"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(tmp_path: Path, options: list[str], status: int, said: str) -> None:
    done = awscons(configure(tmp_path), "iam", "json", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trust_policy_over_its_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    role = {"role": "arn:aws:iam::111111111111:role/Admin"}
    targets = [{"service": f"t{n}", **role, "external_id": f"{n}" * 1200} for n in (1, 2)]
    done = awscons(configure(tmp_path, targets), "iam", "json", "--broker", BROKER)
    assert done.returncode == 1
    assert "the trust policy of arn:aws:iam::111111111111:role/Admin has 2,6" in done.stderr
    assert "IAM takes 2,048" in done.stderr


# --- drift -------------------------------------------------------------------------------


def details(folder: Path, **changes: Any) -> dict[str, Any]:
    """What `aws iam get-account-authorization-details` prints where the documents are in force."""
    broker, trust_of = sides(folder)
    roles = [
        {"Arn": arn, "RoleId": f"AROA{number:012}", "AssumeRolePolicyDocument": trust, "RolePolicyList": []}
        for number, (arn, trust) in enumerate(trust_of.items())
    ]
    policies = [{"PolicyName": "p", "PolicyDocument": document} for document in broker]
    user = {"Arn": BROKER, "UserId": "AIDAEXAMPLE00000", "UserPolicyList": policies, **changes}
    return {"RoleDetailList": roles, "UserDetailList": [user], "GroupDetailList": [], "Policies": []}


def diff(folder: Path, document: object, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "details.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return awscons(folder, "iam", "diff", "details.json", "--broker", BROKER, *options)


def test_documents_in_force_are_no_drift_in_either_form(tmp_path: Path) -> None:
    document = details(tmp_path)
    for options in ([], ["--strict"]):
        done = diff(tmp_path, document, "--json", *options)
        if not options:
            assert json.loads(done.stdout) == {"findings": [], "roles": 5, "compared": 5}
        assert {f["subject"] for f in json.loads(done.stdout)["findings"]} <= {BROKER}


def test_the_order_of_values_and_how_they_are_written_are_no_drift(tmp_path: Path) -> None:
    document = details(tmp_path)
    for role in document["RoleDetailList"]:
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            del statement["Sid"]
            statement["Action"] = [statement["Action"].upper()]
            statement["Principal"] = {"AWS": ["999999999999"]}
        role["AssumeRolePolicyDocument"]["Statement"].reverse()
    assert json.loads(diff(tmp_path, document, "--json").stdout)["findings"] == []


def test_a_missing_action_is_told_with_the_statement_to_add(tmp_path: Path) -> None:
    document = details(tmp_path)
    for role in document["RoleDetailList"]:
        role["AssumeRolePolicyDocument"]["Statement"] = role["AssumeRolePolicyDocument"]["Statement"][:1]
    done = diff(tmp_path, document)
    assert done.returncode == 1
    assert "5 of 5 roles compared; 4 differences" in done.stdout
    assert "lacks sts:SetSourceIdentity" in done.stdout
    assert '"Action": "sts:TagSession"' in done.stdout
    assert "(2 more like this)" in done.stdout


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"Effect": "Deny", "Principal": "*", "Action": "sts:*"}, 1, "denies sts:* to *"),
        ({"Effect": "Allow", "Principal": {"AWS": "555555555555"}, "Action": "sts:AssumeRole"}, 0, "also allows sts:assumerole to 555555555555"),
        ({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}, 0, "to Service ec2.amazonaws.com"),
    ],
)  # fmt: skip
def test_what_a_trust_policy_has_in_addition_is_told(
    tmp_path: Path, change: dict[str, Any], status: int, said: str
) -> None:
    document = details(tmp_path)
    document["RoleDetailList"][0]["AssumeRolePolicyDocument"]["Statement"].append(change)
    done = diff(tmp_path, document)
    assert done.returncode == status, done.stdout
    assert said in done.stdout


def test_a_principal_that_was_deleted_is_told_by_its_unique_id(tmp_path: Path) -> None:
    document = details(tmp_path)
    statement = document["RoleDetailList"][0]["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Principal"], statement["Condition"] = {"AWS": "AIDADELETEDUSER1234"}, {}
    assert "the unique id of a deleted user or role" in diff(tmp_path, document).stdout


def test_the_unique_id_of_a_living_broker_is_its_arn(tmp_path: Path) -> None:
    document = details(tmp_path)
    statement = document["RoleDetailList"][-1]["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Principal"] = {"AWS": "AIDAEXAMPLE00000"}
    del statement["Condition"]
    done = diff(tmp_path, document, "--json")
    assert done.returncode == 0, done.stdout


def test_a_missing_role_and_a_broker_without_its_policy_are_errors(tmp_path: Path) -> None:
    document = details(tmp_path, UserPolicyList=[])
    document["RoleDetailList"] = document["RoleDetailList"][1:]
    document["RoleDetailList"][0]["Arn"] = "arn:aws:iam::111111111111:role/Unrelated"
    done = diff(tmp_path, document)
    assert done.returncode == 1
    assert "arn:aws:iam::111111111111:role/sso/Admin does not exist" in done.stdout
    assert f"the policies of {BROKER} lack sts:assumerole on" in done.stdout


def test_answers_of_get_role_one_after_the_other_are_compared(tmp_path: Path) -> None:
    roles = [{"Role": role} for role in details(tmp_path)["RoleDetailList"][:2]]
    done = diff(tmp_path, "\n".join(json.dumps(role) for role in roles))
    assert done.stdout == "2 of 5 roles compared; 0 differences\n"


def test_a_file_that_is_no_output_of_aws_iam_is_refused(tmp_path: Path) -> None:
    done = diff(configure(tmp_path), "[]")
    assert done.returncode == 1
    assert done.stderr.startswith("error: details.json is no JSON of aws iam\n")


# --- AWS's own -----------------------------------------------------------------------------


def test_entitlements_are_groups_and_roles_and_say_what_they_lose(tmp_path: Path) -> None:
    printed = json.loads(awscons(configure(tmp_path), "iam", "entitlements").stdout)
    assert {"group": "vendors", "role_arn": TARGETS[3]["role"]} in printed["entitlements"]
    assert len(printed["entitlements"]) == 4
    assert [finding["subject"] for finding in printed["findings"]] == ["plain"]


def test_more_groups_than_the_quota_and_lost_bounds_are_told(tmp_path: Path) -> None:
    target = {"service": "a", "role": "arn:aws:iam::111111111111:role/A", "max_login_age": 900}
    configure(tmp_path, [{**target, "groups": [f"g{number}" for number in range(21)]}])
    causes = [f["cause"] for f in json.loads(awscons(tmp_path, "iam", "entitlements").stdout)["findings"]]
    assert causes == ["a has max_login_age 900", "arn:aws:iam::111111111111:role/A has 21 groups"]
