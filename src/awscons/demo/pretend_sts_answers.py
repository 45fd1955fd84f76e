"""The answers of the pretend STS as XML: query protocol, version 2011-06-15."""

from __future__ import annotations

import secrets
from datetime import datetime
from xml.sax.saxutils import escape

from awscons.demo.pretend_sts_checks import ApiError

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ASSUME_ROLE_RESPONSE = f"""<{{operation}}Response xmlns="{_NAMESPACE}">
  <{{operation}}Result>
    <AssumedRoleUser><AssumedRoleId>{{role_id}}</AssumedRoleId><Arn>{{arn}}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{{key_id}}</AccessKeyId>
      <SecretAccessKey>{{secret}}</SecretAccessKey>
      <SessionToken>{{token}}</SessionToken>
      <Expiration>{{expiration}}</Expiration>
    </Credentials>
    {{packed}}
  </{{operation}}Result>
  <ResponseMetadata><RequestId>{{request_id}}</RequestId></ResponseMetadata>
</{{operation}}Response>"""
_CALLER_IDENTITY_RESPONSE = f"""<GetCallerIdentityResponse xmlns="{_NAMESPACE}">
  <GetCallerIdentityResult>
    <Arn>{{arn}}</Arn><UserId>{{user_id}}</UserId><Account>{{account}}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>{{request_id}}</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
_ERROR_RESPONSE = f"""<ErrorResponse xmlns="{_NAMESPACE}">
  <Error><Type>Sender</Type><Code>{{code}}</Code><Message>{{message}}</Message></Error>
  <RequestId>{{request_id}}</RequestId>
</ErrorResponse>"""


def assume_role_xml(
    operation: str,
    *,
    name: str,
    arn: str,
    key: tuple[str, str, str],
    ends: datetime,
    packed: int,
    request_id: str,
) -> str:
    """The answer to AssumeRole or AssumeRoleWithSAML.

    name, arn   of the role session
    key         ID, secret, session token
    packed      percent; 0: not told
    """
    key_id, secret, token = key
    return _ASSUME_ROLE_RESPONSE.format(
        operation=operation,
        role_id=f"AROA{letters(17)}:{escape(name)}",
        arn=escape(arn),
        key_id=key_id,
        secret=secret,
        token=token,
        expiration=ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        packed=f"<PackedPolicySize>{packed}</PackedPolicySize>" if packed else "",
        request_id=request_id,
    )


def caller_identity_xml(arn: str, request_id: str) -> str:
    """The answer to GetCallerIdentity."""
    return _CALLER_IDENTITY_RESPONSE.format(
        arn=escape(arn), user_id=f"AIDA{letters(17)}", account=arn.split(":")[4], request_id=request_id
    )


def error_xml(error: ApiError, request_id: str) -> str:
    """An error."""
    return _ERROR_RESPONSE.format(code=error.code, message=escape(error.message), request_id=request_id)


def letters(count: int) -> str:
    """A random end of an access key ID or a unique ID."""
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
