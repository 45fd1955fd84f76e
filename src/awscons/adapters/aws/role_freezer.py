"""Freezes and thaws roles, for `awscons revoke`: attaches AWS's policy that denies everything, and detaches it.

It has the credentials of the freezer role of the account, which may do these two things alone. It is never on the way
of a request. As for STS, botocore makes the request, and our HTTP pool sends it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from awscons.access.targets import RoleArn
from awscons.adapters.aws.broker_credentials import BrokerCredentials
from awscons.adapters.aws.http_pool import Authorities, HttpPool, Limits, Step
from awscons.adapters.aws.pooled_client import send_by_pool
from awscons.aws.role_credentials import RoleCredentials
from awscons.aws.settings import AwsSettings
from awscons.errors import AwsconsError
from awscons.iam.freezer import deny_all

_STEP = Step("iam", "IAM")
_ATTEMPTS = 4
"""IAM throttles after a few changes a second."""
_GONE = "NoSuchEntity"
_HINTS = {
    "AccessDenied": "the policy of the freezer role has to name this role",
    _GONE: "the account has no such role",
    "LimitExceeded": "the role has as many managed policies as its quota allows: detach one, or raise the quota",
}


class FreezeFailed(AwsconsError):
    """IAM did not change the policies of a role."""


class RoleFreezer:
    """IAM, as a freezer role may call it."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._http = HttpPool()
        self._configuration = BrokerCredentials(settings)

    def set_frozen(
        self, role: RoleArn, *, frozen: bool, by: RoleCredentials, profile_name: str | None
    ) -> None:
        """Attach the policy to `role`, or detach it. Both may be repeated. Raises FreezeFailed, UpstreamError.

        by             credentials of the freezer role
        profile_name   of the AWS configuration that names the certificates to trust
        """
        client = self._client(role, by, profile_name)
        operation = client.attach_role_policy if frozen else client.detach_role_policy
        try:
            operation(RoleName=role.role_name.rpartition("/")[2], PolicyArn=deny_all(role.partition))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if not frozen and code == _GONE:
                return
            raise FreezeFailed(
                f"IAM answers {code} to {error.operation_name}", hint=_HINTS.get(code, "")
            ) from None
        except (BotoCoreError, ResponseParserError) as error:
            # Their texts may quote an answer.
            raise FreezeFailed(f"IAM gave no usable answer: {type(error).__name__}") from None

    def _client(self, role: RoleArn, by: RoleCredentials, profile_name: str | None) -> Any:
        region = self._settings.partitions[role.partition].partition.default_region
        config = Config(
            user_agent=self._settings.user_agent,
            connect_timeout=self._settings.connect_timeout,
            read_timeout=self._settings.read_timeout,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        client = self._configuration.session(profile_name).create_client(
            "iam",
            region_name=region,
            aws_access_key_id=by.access_key_id,
            aws_secret_access_key=by.secret_access_key,
            aws_session_token=by.session_token,
            config=config,
        )
        send = partial(self._send, self._configuration.authorities(profile_name))
        client.meta.events.register("before-send.iam", send)  # type: ignore[arg-type]
        return client

    def _send(self, authorities: Authorities, request: AWSPreparedRequest, **_more: object) -> AWSResponse:
        """Send the request through our pool. Raises UpstreamError."""
        settings = self._settings
        limits = Limits(settings.connect_timeout, settings.read_timeout, settings.timeout)
        return send_by_pool(self._http, _STEP, request, limits, authorities)
