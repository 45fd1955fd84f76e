"""A plan as Terraform: plain resources that OpenTofu reads as well, in the format of `terraform fmt`.

Policies are JSON in heredocs: a reviewer reads the same text in every form, and it can be compared with AWS's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from awscons.iam.federation import OWN_ACCOUNT, PlannedProvider
from awscons.iam.forms import BROKER_DESCRIPTION, PROVIDER_WHY, File, description
from awscons.iam.plan import Plan, PlannedPolicy, PlannedRole
from awscons.iam.policy import readable
from awscons.iam.revocation import POLICY_NAME


def terraform_files(plan: Plan) -> Iterator[File]:
    """One file for the account of each broker, and one to apply in each account with roles."""
    by_broker: dict[tuple[str, ...], list[PlannedPolicy]] = {}
    for policy in plan.broker:
        by_broker.setdefault(tuple(policy.brokers) or (policy.why[0],), []).append(policy)
    for own in by_broker.values():
        folder = own[0].name if len(by_broker) > 1 else "broker"
        purpose = (own[0].why[0], "Apply in the account of that user or role.")
        yield File(f"{folder}/awscons.tf", _text(_broker(policy) for policy in own), purpose)
    if plan.trusts or plan.providers:
        roles = tuple(arn for policy in plan.trusts for arn in policy.roles)
        why = (
            ("Apply in each of the accounts: an account gets the roles that it needs.",)
            if plan.roles
            else ("Use the trust policies in your own roles: assume_role_policy = local.NAME",)
        )
        parts = [
            *(_trust(policy) for policy in plan.trusts),
            *(['data "aws_caller_identity" "awscons" {}\n'] if plan.roles or plan.providers else []),
            *(part for provider in plan.providers for part in _provider(provider)),
            *(part for role in plan.roles for part in _role(role)),
        ]
        yield File("roles/awscons.tf", _text(parts), why, roles=roles)


def _text(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _broker(policy: PlannedPolicy) -> str:
    name = identifier(policy.name)
    text = comment(policy.why) + block(
        f'resource "aws_iam_policy" "{name}"',
        {"name": quoted(policy.name), "description": quoted(BROKER_DESCRIPTION)},
        {"policy": policy.document},
    )
    for broker in policy.brokers:
        kind, _, path_and_name = broker.split(":")[5].partition("/")
        text += "\n" + block(
            f'resource "aws_iam_{kind}_policy_attachment" "{name}"',
            {kind: quoted(path_and_name.rpartition("/")[2]), "policy_arn": f"aws_iam_policy.{name}.arn"},
        )
    return text


def _trust(policy: PlannedPolicy) -> str:
    return comment(policy.why) + block("locals", {}, {identifier(policy.name): policy.document})


def _provider(provider: PlannedProvider) -> Iterator[str]:
    name = identifier(f"awscons_{provider.partition}_{provider.name}")
    yield from _in_accounts(name, PROVIDER_WHY, provider.accounts)
    yield block(
        f'resource "aws_iam_saml_provider" "{name}"',
        {
            "count": _here(name),
            "name": quoted(provider.name),
            "saml_metadata_document": quoted(provider.metadata),
        },
    )


def _in_accounts(name: str, why: Sequence[str], accounts: Sequence[str]) -> Iterator[str]:
    listed = "".join(f"    {quoted(account)},\n" for account in accounts)
    yield comment(why) + f"locals {{\n  {name}_accounts = [\n{listed}  ]\n}}\n"


def _here(name: str) -> str:
    """The `count` of a resource that exists in its accounts alone."""
    return f"contains(local.{name}_accounts, data.aws_caller_identity.awscons.account_id) ? 1 : 0"


def _role(role: PlannedRole) -> Iterator[str]:
    name = identifier(role.name)
    yield from _in_accounts(name, role.why, role.accounts)
    here = _here(name)
    yield block(
        f'resource "aws_iam_role" "{name}"',
        {
            "count": here,
            "name": quoted(role.role_name),
            "path": quoted(role.path),
            "description": quoted(description(role.why[:1])),
            "max_session_duration": str(role.max_session_duration),
            "assume_role_policy": f"local.{identifier(role.trust.name)}",
        },
    )
    for policy_name, document in role.inline.items():
        attributes = {
            "count": here,
            "name": quoted(policy_name),
            "role": f"one(aws_iam_role.{name}[*].name)",
        }
        # Without this, the next `apply` would undo a revocation.
        ignored = "  lifecycle {\n    ignore_changes = [policy]\n  }\n" if policy_name == POLICY_NAME else ""
        title = f'resource "aws_iam_role_policy" "{name}_{identifier(policy_name)}"'
        yield block(title, attributes, {"policy": document}, ignored)


# --- the language ------------------------------------------------------------------------


def block(
    title: str,
    attributes: Mapping[str, str],
    documents: Mapping[str, Mapping[str, object]] | None = None,
    nested: str = "",
) -> str:
    """A block: attributes with their `=` in one column, then documents as heredocs, then nested blocks."""
    width = max(map(len, attributes), default=0)
    parts = ["".join(f"  {name.ljust(width)} = {value}\n" for name, value in attributes.items())]
    parts += [
        f"  {name} = <<-POLICY\n{_literal(readable(document))}  POLICY\n"
        for name, document in (documents or {}).items()
    ]
    return f"{title} {{\n" + "\n".join(part for part in (*parts, nested) if part) + "}\n"


def comment(sentences: Sequence[str]) -> str:
    """Sentences as comments, one on a line."""
    return "".join(f"# {' '.join(sentence.split())}\n" for sentence in sentences)


def quoted(text: str) -> str:
    """A string literal."""
    return _literal(json.dumps(text, ensure_ascii=False))


def identifier(name: str) -> str:
    """A name as Terraform accepts it for resources and locals."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def _literal(text: str) -> str:
    """Text without interpolation: `${` and `%{` begin one in strings and heredocs alike. OWN_ACCOUNT is one."""
    text = text.replace("${", "$${").replace("%{", "%%{")
    return text.replace(OWN_ACCOUNT, "${data.aws_caller_identity.awscons.account_id}")
