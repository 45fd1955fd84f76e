"""The targets as entitlements of AWS's Account access manager, which assigns IAM roles to Identity Center groups.

Pure rules. Sources: API reference of Account access manager (CreateEntitlement); IAM User Guide, "Quotas and limits
in account access manager".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from awscons.access.report import grants, in_addition
from awscons.access.targets import Target
from awscons.findings import Finding, warning

MAX_GROUPS = 20
"""Groups assigned to one role; AWS raises the quota on request."""


def entitlements(targets: Iterable[Target]) -> tuple[list[tuple[str, str]], list[Finding]]:
    """Pairs of a group's name and a role's ARN; and a warning for each target that is opened otherwise there."""
    found: dict[tuple[str, str], None] = {}
    findings: dict[Finding, None] = {}
    for grant in grants(targets):
        name = grant.target.name
        if grant.group is None or grant.needs:
            needs = "; ".join(grant.needs) or "no group: every person who signs in may open it"
            findings[warning(name, f"{name} needs {needs}", "left out; assign groups by hand")] = None
            continue
        found[grant.group, str(grant.target.role)] = None
        if bounds := in_addition(grant):
            findings[warning(name, f"{name} has {bounds}", "Account access manager does not apply it")] = None
    for arn, number in Counter(arn for _, arn in found).items():
        if number > MAX_GROUPS:
            findings[warning(arn, f"{arn} has {number} groups", f"the quota is {MAX_GROUPS}")] = None
    return list(found), list(findings)
