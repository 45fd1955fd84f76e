"""What the configuration decides about AWS. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from awscons.access.targets import Target
from awscons.aws import partitions
from awscons.aws.assertions import OwnIdentityProvider, saml_recipient


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """What the configuration says about one partition. `partition` holds the configured hosts.

    signin_method   POST, or GET for sign-in hosts that accept nothing else: it puts credentials into a URL
    """

    partition: partitions.Partition
    profile_name: str | None = None
    fips: bool = False
    sts_endpoint: str | None = None
    signin_endpoint: str | None = None
    signin_method: str = "POST"


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """How this service itself talks to AWS.

    user_agent     of every call to AWS
    role_session_name_attribute   the attribute that becomes RoleSessionName, or `user_name`
    timeout        seconds for all calls of one sign-in together
    max_concurrent_sign_ins   sign-ins that may wait for AWS at the same time, in each process; None: by the
                   number of the server's threads
    regions        in the order of trying, of all partitions together; empty: the region of the broker's own
                   AWS configuration, else the partition's default
    logout_first   send browsers through AWS's log-out before each console, unless the link has its own choice
    sts_endpoint, signin_endpoint, saml_signin_endpoint   replace AWS's own; `{region}` is replaced by the region
    freezer_role   name, with its path, of the role in each account that can shut other roles; None: there is none
    identity_provider   this service as the identity provider of roles; None: it has no key for that
    """

    profile_name: str | None
    credentials_file: str | None
    user_agent: str
    role_session_name_attribute: str
    timeout: float
    max_concurrent_sign_ins: int | None
    regions: tuple[str, ...]
    logout_first: bool
    sts_endpoint: str | None
    signin_endpoint: str | None
    partitions: Mapping[str, PartitionSettings]
    freezer_role: str | None = None
    identity_provider: OwnIdentityProvider | None = None
    saml_signin_endpoint: str | None = None

    def profile_for(self, target: Target) -> str | None:
        """The profile whose credentials assume that target's role; None: botocore's default."""
        own = self.partitions[target.role.partition].profile_name
        return target.profile_name or own or self.profile_name

    def sts_endpoint_in(self, partition: str, region: str) -> str | None:
        """The configured URL of STS in that region; None: AWS's own."""
        endpoint = self.partitions[partition].sts_endpoint or self.sts_endpoint
        return endpoint and endpoint.replace(partitions.REGION_PLACEHOLDER, region)

    def saml_endpoint_in(self, partition: str, region: str) -> str:
        """The URL of AWS's sign-in page for SAML responses in that region."""
        if self.saml_signin_endpoint is None:
            return saml_recipient(self.partitions[partition].partition, region)
        return self.saml_signin_endpoint.replace(partitions.REGION_PLACEHOLDER, region)

    def signin_endpoint_in(self, partition: str, region: str) -> str:
        """The URL of the federation endpoint in that region."""
        own = self.partitions[partition]
        endpoint = own.signin_endpoint or self.signin_endpoint
        if endpoint is None:
            return partitions.federation_endpoint(own.partition, region, fips=own.fips)
        return endpoint.replace(partitions.REGION_PLACEHOLDER, region)

    @property
    def connect_timeout(self) -> float:
        """Seconds to wait for one connection."""
        return min(3.0, 0.15 * self.timeout)

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for one answer."""
        return min(9.0, 0.25 * self.timeout)

    @property
    def slowest_call(self) -> float:
        """Seconds that one call can take. With fewer seconds left, a sign-in makes no further call."""
        return self.connect_timeout + self.read_timeout
