"""An inline policy of a role that lets people run `aws login` on a console of it.

Source: AWS's managed policy SignInLocalDevelopmentAccess (managed policy reference), which holds the same two actions.
"""

from __future__ import annotations

from awscons.iam.policy import allow, policy

POLICY_NAME = "awscons-aws-login"
PARTITION = "aws"
"""The one for which AWS documents the actions."""
_ACTIONS = ("signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token")
_RESOURCE = f"arn:{PARTITION}:signin:*:*:oauth2/public-client/*"


def aws_login_policy() -> dict[str, object]:
    """The policy."""
    return policy(allow(_ACTIONS, resources=[_RESOURCE]))
