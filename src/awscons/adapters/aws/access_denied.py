"""What to change when STS denies a role, read from AWS's own words. Pure rules.

Source: IAM User Guide, "Troubleshoot access denied error messages": each names the type of the policy that
denies, or that does not allow.
"""

from __future__ import annotations

import re

from awscons.aws.role_request import INHERITED

# Words of AWS for a type of policy, and what we say of it.
_POLICIES = (
    (
        "service control policy",
        "a service control policy (SCP) of the organization",
        "the organization's administrators have to change it, no trust policy helps",
    ),
    (
        "resource control policy",
        "a resource control policy (RCP) of the organization",
        "the organization's administrators have to change it, no trust policy helps",
    ),
    (
        "VPC endpoint policy",
        "the policy of the VPC endpoint for STS",
        "change it there, no trust policy helps",
    ),
    (
        "permissions boundary",
        "the permissions boundary of this broker's own user or role",
        "change the boundary, no trust policy helps",
    ),
    (
        "session policy",
        "the session policy of this broker's own credentials",
        "change what issues them, no trust policy helps",
    ),
)
_OWN_POLICY = (
    "a policy of this broker's own user or role",
    "remove its Deny statement, no trust policy helps",
)
_TRUST_POLICY = ("the role's trust policy", "remove its Deny statement; an Allow cannot override it")
_DENIES = re.compile(r"explicit deny in (?:an? |the )?([A-Za-z -]{1,60}?policy|permissions boundary)")
_ACTION = re.compile(r"not authorized to perform: (sts:[A-Za-z]+)")


def access_denied_hint(message: str, needs: tuple[str, ...]) -> str:
    """What to change, and where.

    message   AWS's own; it names the action and the policy, or neither
    needs     the actions that this request needs
    """
    action = denied_action(message)
    return _by_policy(message, action or " and ".join(needs)) or _by_action(action, needs)


def denied_action(message: str) -> str:
    """The action that AWS's message names; empty when it names none."""
    named = _ACTION.search(message)
    return named.group(1) if named else ""


def is_by_a_deny(message: str) -> bool:
    """Whether an Allow statement in the trust policy or in the broker's own policy would change nothing."""
    return bool(_by_policy(message, ""))


def _by_policy(message: str, action: str) -> str:
    denies = _DENIES.search(message)
    for words, policy, cure in _POLICIES:
        if denies is not None and words in denies.group(1):
            return f"{policy} denies {action} explicitly: {cure}"
        if f"no {words} allows" in message:
            return f"{policy} does not allow {action}: {cure}"
    if denies is None:
        return ""
    policy, cure = _OWN_POLICY if "identity-based" in denies.group(1) else _TRUST_POLICY
    return f"{policy} denies {action} explicitly: {cure}"


def _by_action(action: str, needs: tuple[str, ...]) -> str:
    both = "both the role's trust policy, for this broker's principal, and the broker's own policy must allow"
    match action:
        case "sts:TagSession":
            reason = "the target has `session_tags`" if action in needs else INHERITED[action]
            return f"{both} {action}, since {reason}"
        case "sts:SetSourceIdentity":
            reason = "the target has `source_identity`" if action in needs else INHERITED[action]
            return f"{both} {action}, since {reason}"
        case _ if "sts:GetCallerIdentity" in {action, *needs}:
            return (
                "AWS allows sts:GetCallerIdentity to everybody, so a policy denies it: one of this broker's own "
                "user or role, of its organization, or of the VPC endpoint for STS"
            )
        case _ if "sts:AssumeRoleWithSAML" in needs:
            return (
                f"the role's trust policy must allow {' and '.join(needs)} to the SAML provider of this service; its "
                "conditions, such as SAML:aud, count too"
            )
        case _:
            actions = " and ".join(needs) or action or "sts:AssumeRole"
            return f"{both} {actions} on this role; its conditions, such as sts:ExternalId, count too"
