"""The assertions with which AWS opens a role to a person, without any AWS key of ours. Pure rules, and their signing.

Source of every name: IAM user guide, "Configure SAML assertions for the authentication response" and "Pass session
tags in AWS STS"; STS API, AssumeRoleWithSAML. AWS compares the Recipient with the sign-in endpoints of its regions, and
offers it to trust policies as `SAML:aud`.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.x509 import Certificate

from awscons.aws.partitions import PARTITIONS, Partition, is_region
from awscons.aws.role_request import RoleRequest, SamlGrant
from awscons.saml.issuing import AssertionContent, issue_response
from awscons.saml.parties import KeyPair, Signer

ENTITLEMENT = "urn:oid:1.3.6.1.4.1.5923.1.1.1.7"
"""eduPersonEntitlement, the condition key `saml:edupersonentitlement`: it has the name of the target."""
_KMS_KEY = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]{1,64}"
)
_NAMES = "https://aws.amazon.com/SAML/Attributes/"
_AUDIENCE = "urn:amazon:webservices"
_AUDIENCES = {"aws-cn": f"{_AUDIENCE}:cn-north-1", "aws-us-gov": f"{_AUDIENCE}:govcloud"}
"""Where the entity ID in AWS's own SAML metadata (`static/saml-metadata.xml` at the sign-in host) is another one."""


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key that never leaves KMS (AWS Key Management Service), and the certificate that we made for it."""

    arn: str
    certificate: Certificate


def is_kms_key(arn: str) -> bool:
    """Whether `arn` names one key of KMS. An alias may be moved to another key, and is none."""
    matched = _KMS_KEY.fullmatch(arn)
    partition = PARTITIONS.get(matched["partition"]) if matched else None
    return bool(matched and partition and is_region(matched["region"], partition))


@dataclass(frozen=True, slots=True)
class AssertionKeys:
    """The keys that sign assertions for AWS.

    signing     signs now
    published   the certificates in our metadata: more than one during a rollover
    next        signs after the rollover; None: none is under way
    """

    signing: KeyPair | KmsKey = field(repr=False)
    published: tuple[Certificate, ...]
    next: KeyPair | KmsKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OwnIdentityProvider:
    """This service as the identity provider that SAML providers at IAM stand for."""

    entity_id: str
    provider_name: str
    keys: AssertionKeys


def saml_recipient(partition: Partition, region: str) -> str:
    """The URL at which AWS's sign-in takes responses in that region."""
    return f"https://{region}.{partition.signin_suffix}/saml"


def assertion_attributes(
    request: RoleRequest, grant: SamlGrant, *, console_duration: int | None = None
) -> dict[str, tuple[str, ...]]:
    """What the assertion says for AWS: the one role, the names in CloudTrail, tags, and the target.

    console_duration   seconds; only AWS's own sign-in page reads it (SessionDuration)
    """
    source, transitive = request.source_identity, request.transitive_tags
    return {
        f"{_NAMES}Role": (f"{request.role},{grant.provider}",),
        f"{_NAMES}RoleSessionName": (request.role_session_name,),
        **({f"{_NAMES}SourceIdentity": (source,)} if source is not None else {}),
        **{f"{_NAMES}PrincipalTag:{key}": (value,) for key, value in request.session_tags},
        **({f"{_NAMES}TransitiveTagKeys": transitive} if transitive else {}),
        **({f"{_NAMES}SessionDuration": (str(console_duration),)} if console_duration else {}),
        ENTITLEMENT: (grant.target,),
    }


class AssertionIssuer:
    """Issues assertions for AWS. Safe for many threads."""

    def __init__(
        self,
        entity_id: str,
        signer: Signer,
        *,
        partitions: Mapping[str, Partition],
        clock: Callable[[], datetime],
    ) -> None:
        """An issuer.

        entity_id   ours, as SAML providers in IAM know it
        signer      signs; it may call KMS, and then raises UpstreamError
        clock       UTC
        """
        self._entity_id = entity_id
        self._signer = signer
        self._partitions = partitions
        self._clock = clock

    def issue(self, request: RoleRequest, region: str, *, console_duration: int | None = None) -> str:
        """The response for one role session by the sign-in of that region, in Base64. A secret for five minutes.

        console_duration   see `assertion_attributes`
        Raises UpstreamError where the key is in KMS.
        """
        if request.saml is None:
            raise ValueError("the request is for AssumeRole")
        now = self._clock()
        recipient = saml_recipient(self._partitions[request.role.partition], region)
        content = AssertionContent(
            recipient=recipient,
            audiences=(recipient, _AUDIENCES.get(request.role.partition, _AUDIENCE)),
            name_id=request.saml.subject,
            attributes=assertion_attributes(request, request.saml, console_duration=console_duration),
            authn_instant=now,
            session_ends=request.saml.session_ends,
        )
        response = issue_response(
            content,
            response_id=f"_{secrets.token_hex(20)}",
            assertion_id=f"_{secrets.token_hex(20)}",
            issuer=self._entity_id,
            signing=self._signer,
            now=now,
        )
        return base64.b64encode(response).decode("ascii")
