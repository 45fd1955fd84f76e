"""A plan as JSON files for the AWS CLI, and as CloudFormation templates. Pure functions: file names with documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from awscons.iam.federation import OWN_ACCOUNT, PlannedProvider, in_account
from awscons.iam.plan import Names, Plan, PlannedPolicy, PlannedRole
from awscons.iam.policy import policy_size, readable
from awscons.iam.trust import account_root

_DESCRIPTION_LENGTH = 1000
"""Characters; a description of a role and of a policy at IAM. A template's may have 1,024 bytes."""
PROVIDER_WHY = (
    "SAML provider with the metadata of awscons, for roles that trust its assertions.",
    "Write it again at each step of a rollover of the key: awscons idp keys rotate.",
)
BROKER_DESCRIPTION = "Lets awscons assume the roles of its targets."


@dataclass(frozen=True, slots=True)
class File:
    """One file to write.

    why       what the file is for, in sentences
    size      characters of its policy, as IAM counts them; None: it holds no single policy
    roles     ARNs of the roles that it is for; empty: it is for the broker
    """

    name: str
    text: str
    why: tuple[str, ...]
    size: int | None = None
    roles: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Its entry in the index."""
        return {
            "file": self.name,
            "characters": self.size,
            "roles": list(self.roles),
            "why": list(self.why),
        }


def description(why: tuple[str, ...]) -> str:
    """The reasons as the description of a resource."""
    text = " ".join(("Written by awscons.", *why))[:_DESCRIPTION_LENGTH]
    return text.encode("ascii", "replace").decode()


# --- JSON, for the AWS CLI ---------------------------------------------------------------


def json_files(plan: Plan) -> Iterator[File]:
    """Policies as `file://…` arguments, and roles as `aws iam create-role --cli-input-json` takes them."""
    for policy in (*plan.broker, *plan.trusts):
        for name, document, arns in _by_account(policy.name, policy.document, policy.roles):
            yield File(f"{name}.json", readable(document), policy.why, policy_size(document), arns)
    for role in plan.roles:
        for name, document, arns in _by_account(role.name, role.trust.document, role.arns):
            request = {
                "RoleName": role.role_name,
                "Path": role.path,
                "AssumeRolePolicyDocument": json.dumps(document, separators=(",", ":")),
                "MaxSessionDuration": role.max_session_duration,
                "Description": description(role.why[:1]),
            }
            yield File(f"{name}.json", readable(request), role.why, None, arns)
    for provider in plan.providers:
        request = {"Name": provider.name, "SAMLMetadataDocument": provider.metadata}
        yield File(f"{_file_of(provider)}.json", readable(request), PROVIDER_WHY, None, provider.arns)
    roles_with: dict[tuple[str, str], list[PlannedRole]] = {}
    for role in plan.roles:
        for name, document in role.inline.items():
            roles_with.setdefault((name, readable(document)), []).append(role)
    names = Names()
    for (name, text), roles in roles_with.items():
        arns = tuple(arn for role in roles for arn in role.arns)
        why = (f"Inline policy {name}, for aws iam put-role-policy.",)
        yield File(f"{names.unique(name)}.json", text, why, policy_size(json.loads(text)), arns)


def _by_account(
    name: str, document: Mapping[str, object], roles: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, object], tuple[str, ...]]]:
    """A document that names its own account, once for each account; every other document as it is."""
    accounts: dict[str, list[str]] = {}
    for role in roles:
        accounts.setdefault(role.split(":")[4], []).append(role)
    if OWN_ACCOUNT not in json.dumps(document):
        yield name, document, roles
        return
    for account, own in accounts.items():
        in_file = f"{name}-{account}" if len(accounts) > 1 else name
        yield in_file, in_account(document, account), tuple(own)


def _file_of(provider: PlannedProvider) -> str:
    suffix = "" if provider.partition == "aws" else f"-{provider.partition}"
    return f"saml-provider-{provider.name}{suffix}"


# --- CloudFormation ----------------------------------------------------------------------


def cloudformation_files(plan: Plan) -> Iterator[File]:
    """A template for each policy of the broker, and one for each role, fit for service-managed StackSets."""
    for policy in plan.broker:
        yield File(
            f"{policy.name}.json",
            readable(_broker_template(policy)),
            policy.why,
            policy_size(policy.document),
        )
    for role in plan.roles:
        yield File(f"{role.name}.json", readable(_role_template(role)), role.why, None, role.arns)
    for provider in plan.providers:
        properties = {"Name": provider.name, "SamlMetadataDocument": provider.metadata}
        resource = {"Type": "AWS::IAM::SAMLProvider", "Properties": properties}
        text = readable(_template(PROVIDER_WHY, {}, {}, {"SamlProvider": resource}))
        yield File(f"{_file_of(provider)}.json", text, PROVIDER_WHY, None, provider.arns)


def _broker_template(policy: PlannedPolicy) -> dict[str, object]:
    attached = {}
    for broker in policy.brokers:
        kind, _, name = broker.split(":")[5].partition("/")
        attached["Users" if kind == "user" else "Roles"] = [name.rpartition("/")[2]]
    properties = {
        "ManagedPolicyName": policy.name,
        # A changed description would replace the policy, and two of one name cannot exist.
        "Description": BROKER_DESCRIPTION,
        "PolicyDocument": policy.document,
    }
    resource = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties | attached}
    return _template(policy.why, {}, {}, {"BrokerPolicy": resource})


def _role_template(role: PlannedRole) -> dict[str, object]:
    parameters: dict[str, object] = {
        "RoleName": _parameter("Name of the role", role.role_name),
        "RolePath": _parameter("Path of the role", role.path),
        "MaxSessionDuration": _parameter(
            "Seconds that a role session may last", role.max_session_duration, "Number"
        ),
    }
    properties: dict[str, object] = {
        "RoleName": {"Ref": "RoleName"},
        "Path": {"Ref": "RolePath"},
        "Description": description(role.why[:1]),
        "MaxSessionDuration": {"Ref": "MaxSessionDuration"},
    }
    conditions: dict[str, object] = {}
    if role.for_people:
        parameters["PermissionPolicyArns"] = _parameter(
            "ARNs of the managed policies that people should have", "", "CommaDelimitedList"
        )
        conditions["HasPermissions"] = {
            "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "PermissionPolicyArns"}]}, ""]}]
        }
        properties["ManagedPolicyArns"] = {
            "Fn::If": ["HasPermissions", {"Ref": "PermissionPolicyArns"}, {"Ref": "AWS::NoValue"}]
        }
    replace: dict[str, object] = {}
    if len(role.trust.brokers) == 1:
        (broker,) = role.trust.brokers
        name, whose = ("BrokerArn", "of the broker") if role.for_people else ("CallerArn", "that may freeze")
        parameters[name] = _parameter(f"ARN of the IAM user or role {whose}", broker)
        account = {"Fn::Select": [4, {"Fn::Split": [":", {"Ref": name}]}]}
        root = ["arn:${AWS::Partition}:iam::${Account}:root", {"Account": account}]
        replace |= {broker: {"Ref": name}, account_root(broker): {"Fn::Sub": root}}
    if len(role.trust.external_ids) == 1:
        parameters["ExternalId"] = _parameter(
            "The external_id of the targets, an agreement with the broker", role.trust.external_ids[0]
        )
        replace[role.trust.external_ids[0]] = {"Ref": "ExternalId"}
    # Values only: an external id that equals a key of the policy language must not replace that key.
    trust = in_account(role.trust.document, "${AWS::AccountId}")
    properties["AssumeRolePolicyDocument"] = _replaced(trust, replace)
    resources: dict[str, object] = {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}
    for number, (policy_name, document) in enumerate(role.inline.items(), start=1):
        # A resource of its own: an update of the role then leaves what a revocation wrote there.
        slot = {"RoleName": {"Ref": "Role"}, "PolicyName": policy_name, "PolicyDocument": document}
        resources[f"InlinePolicy{number}"] = {"Type": "AWS::IAM::RolePolicy", "Properties": slot}
    return _template((*role.why, *role.trust.why), parameters, conditions, resources)


def _parameter(text: str, default: object, kind: str = "String") -> dict[str, object]:
    return {"Type": kind, "Default": default, "Description": text}


def _replaced(value: Any, replace: Mapping[str, object]) -> Any:
    """The document with parameters in place of the broker and the external id, in principals and conditions."""
    document = json.loads(json.dumps(value))
    for statement in document["Statement"]:
        for kind, named in statement["Principal"].items():
            statement["Principal"][kind] = (
                _each(named, lambda text: {"Fn::Sub": text})
                if kind == "Federated"
                else _each(named, lambda text: replace.get(text, text))
            )
        for tests in statement.get("Condition", {}).values():
            for key in tests:
                tests[key] = _each(tests[key], lambda text: replace.get(text, text))
    return document


def _each(value: Any, change: Callable[[str], object]) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _template(
    why: tuple[str, ...],
    parameters: dict[str, object],
    conditions: dict[str, object],
    resources: dict[str, object],
) -> dict[str, object]:
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description(why),
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": resources,
    }
    return {name: part for name, part in document.items() if part}
