"""A house without any AWS credentials, whose roles trust its assertions."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from awscons.demo.pretend_sts import PretendRole
from support.house import House, open_house

ADMIN = "arn:aws:iam::123456789012:role/MyAdminRole"
PROVIDER = "arn:aws:iam::123456789012:saml-provider/awscons"
NEAR, FAR = "us-east-1", "eu-west-1"
ALL = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"]
TARGET: Mapping[str, Any] = {
    "service": "cloudadmin",
    "role": ADMIN,
    "duration": 43_200,
    "groups": ["sysadmin"],
}


def trust(*actions: str, **more: str | list[str]) -> PretendRole:
    """A role that trusts assertions of ours for this target alone."""
    tests = {
        "SAML:aud": [f"https://{region}.signin.aws.amazon.com/saml" for region in (NEAR, FAR)],
        "saml:edupersonentitlement": "cloudadmin",
        **more,
    }
    opens, *others = actions or ALL
    allowed = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}}
    first = {**allowed, "Action": opens, "Condition": {"StringEquals": tests}}
    return PretendRole(43_200, trust={"Statement": [first, {**allowed, "Action": others}]})


@contextmanager
def keyless(
    folder: Path,
    keys: Path | None = None,
    role: PretendRole | None = None,
    target: Mapping[str, Any] | None = None,
    *,
    provider: Mapping[str, str] | None = None,
    aws: Mapping[str, Any] | None = None,
) -> Iterator[House]:
    """A house without AWS credentials of its own, and IAM's SAML provider with our metadata.

    keys, provider   the folder of keys, or all of `identity_provider`
    """
    aws = {
        "aws_profile_name": None,
        "aws_credentials_file": None,
        "open_by": "AssumeRoleWithSAML",
        "identity_provider": provider or {"keys": str(keys)},
        "regions": [NEAR, FAR],
        "targets": [{**TARGET, **(target or {})}],
        **(aws or {}),
    }
    with open_house(folder, roles={ADMIN: role or trust()}, regions=(NEAR, FAR), aws=aws) as house:
        house.pretend_sts.add_saml_provider(PROVIDER, house.browser().get("/saml/idp-metadata").content)
        yield house
        for secret in (base64.b64encode(b"<samlp:Re").decode(), "<samlp:Response", "PRIVATE KEY"):
            assert secret not in house.log.getvalue()
