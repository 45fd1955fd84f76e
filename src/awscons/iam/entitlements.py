"""The targets as entitlements of AWS's Account access manager, which assigns IAM roles to Identity Center groups.

Pure rules. Sources: API reference of Account access manager (CreateEntitlement); IAM User Guide, "Prepare IAM roles"
and "Quotas and limits in account access manager"; the Terraform provider's `aws_accountaccess_entitlement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from awscons.access.report import grants, in_addition
from awscons.access.targets import Target
from awscons.findings import Finding, warning
from awscons.iam.terraform import block, comment, quoted

MAX_GROUPS = 20
"""Groups assigned to one role; AWS raises the quota on request."""
_INSTANCE = 'data "aws_ssoadmin_instances" "awscons" {}\n'
_GROUPS = """data "aws_identitystore_group" "awscons" {
  for_each          = toset([for entitlement in local.awscons_entitlements : entitlement.group])
  identity_store_id = tolist(data.aws_ssoadmin_instances.awscons.identity_store_ids)[0]

  alternate_identifier {
    unique_attribute {
      attribute_path  = "DisplayName"
      attribute_value = each.key
    }
  }
}
"""
_ENTITLEMENTS = """resource "aws_accountaccess_entitlement" "awscons" {
  for_each        = local.awscons_entitlements
  application_arn = var.account_access_application_arn

  entitlement {
    principal_role {
      role_arn = each.value.role_arn

      principal {
        identity_center {
          group_id = data.aws_identitystore_group.awscons[each.value.group].group_id
        }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A group of Identity Center that may open a role."""

    group: str
    role_arn: str

    def as_json(self) -> dict[str, str]:
        """The object that `--format json` prints."""
        return {"group": self.group, "role_arn": self.role_arn, "account_id": self.role_arn.split(":")[4]}


def entitlements(targets: Sequence[Target]) -> tuple[list[Entitlement], list[Finding]]:
    """The entitlements, and a warning for each target that Account access manager opens to nobody or more widely."""
    found: dict[Entitlement, None] = {}
    findings: list[Finding] = []
    for grant in grants(targets):
        target = grant.target
        if grant.group is None or grant.needs:
            needs = "; ".join(grant.needs) or "no group: every person who signs in may open it"
            cure = "left out; assign a group by hand"
            findings.append(warning(target.name, f"{target.name} needs {needs}", cure))
            continue
        found[Entitlement(grant.group, str(target.role))] = None
        if bounds := in_addition(grant):
            findings.append(
                warning(
                    target.name, f"{target.name} has {bounds}", "Account access manager does not apply it"
                )
            )
    groups: dict[str, int] = {}
    for entitlement in found:
        groups[entitlement.role_arn] = groups.get(entitlement.role_arn, 0) + 1
    findings += [
        warning(arn, f"{arn} has {number} groups", f"the quota is {MAX_GROUPS}; AWS raises it on request")
        for arn, number in groups.items()
        if number > MAX_GROUPS
    ]
    return list(found), list(dict.fromkeys(findings))


def trust_statement_for_application(application: str) -> dict[str, object]:
    """The statement that lets Account access manager assume a role, to add to its trust policy."""
    condition = {"aws:SourceAccount": application.split(":")[4], "aws:SourceArn": application}
    return {
        "Sid": "AccountAccessManager",
        "Effect": "Allow",
        "Principal": {"Service": "account-access.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:SetContext", "sts:TagSession"],
        "Condition": {"StringEquals": condition},
    }


def terraform_text(found: Iterable[Entitlement], application: str | None) -> str:
    """The entitlements as Terraform, which looks groups up by their display name."""
    entries = "".join(
        f"    {quoted(f'{one.group} {one.role_arn}')} = {{\n"
        f"      group    = {quoted(one.group)}\n      role_arn = {quoted(one.role_arn)}\n    }}\n"
        for one in found
    )
    variable = {"type": "string"} | ({"default": quoted(application)} if application else {})
    why = [
        "Entitlements of AWS's Account access manager. Needs the AWS provider 6.64 or later.",
        "Each role must trust account-access.amazonaws.com in addition to the broker.",
    ]
    return "\n".join(
        [
            comment(why) + block('variable "account_access_application_arn"', variable),
            f"locals {{\n  awscons_entitlements = {{\n{entries}  }}\n}}\n",
            _INSTANCE,
            _GROUPS,
            _ENTITLEMENTS,
        ]
    )
