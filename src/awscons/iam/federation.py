"""The trust policy of a role that assertions of ours open, and the SAML provider that they count by.

AssumeRoleWithSAML has a statement of its own, because its condition keys do not all exist for the actions beside it;
over all three they would refuse those (service authorization reference of STS). These open no role without it.

The ARN of a SAML provider holds the account of the role. Documents here have OWN_ACCOUNT in its place, so that roles of
many accounts share them; each form puts its own notation for the account there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from awscons.access.targets import Target
from awscons.aws.assertions import saml_recipient
from awscons.aws.destinations import ConsoleDestination, choose_regions
from awscons.aws.role_request import needed_actions
from awscons.aws.settings import AwsSettings
from awscons.iam.policy import Statement, allow, one_or_list

OWN_ACCOUNT = "OWN-ACCOUNT"


@dataclass(frozen=True, slots=True)
class FederatedTrust:
    """What makes two roles trust our assertions equally.

    providers   the ARNs of SAML providers, with OWN_ACCOUNT; usually one
    audiences   the Recipients of our assertions: sign-in endpoints of regions
    targets     that may open the role; empty: all of ours
    actions     that the trust policy allows, `sts:AssumeRoleWithSAML` first
    """

    providers: tuple[str, ...]
    issuer: str
    audiences: tuple[str, ...]
    targets: tuple[str, ...]
    actions: tuple[str, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the trust policy."""
        tests: dict[str, dict[str, str | list[str]]] = {
            "StringEquals": {"SAML:aud": one_or_list(self.audiences), "SAML:iss": self.issuer}
        }
        if self.targets:
            # An attribute may have several values: IAM wants a set operator for its key.
            tests["ForAnyValue:StringEquals"] = {"saml:edupersonentitlement": one_or_list(self.targets)}
        opens, *others = self.actions
        first = allow((opens,), federated=self.providers, condition=tests)
        return (first, *([allow(others, federated=self.providers)] if others else []))


@dataclass(frozen=True, slots=True)
class PlannedProvider:
    """A SAML provider in IAM, the same in each of the accounts. `metadata`: ours, as XML."""

    name: str
    metadata: str
    partition: str
    accounts: tuple[str, ...]

    @property
    def arns(self) -> tuple[str, ...]:
        """Its ARN in each account."""
        return tuple(
            f"arn:{self.partition}:iam::{account}:saml-provider/{self.name}" for account in self.accounts
        )


@dataclass(frozen=True, slots=True)
class Federation:
    """How roles trust this service. `any_target`: a role opens for every target of ours that names it."""

    settings: AwsSettings
    issuer: str
    any_target: bool

    def trust(self, targets: Sequence[Target]) -> FederatedTrust | None:
        """What the role of these targets has to trust; None where none of them needs an assertion."""
        own = [target for target in targets if target.saml_provider is not None]
        if not own:
            return None
        account = f":{own[0].role.account_id}:"
        providers = (str(target.saml_provider).replace(account, f":{OWN_ACCOUNT}:") for target in own)
        audiences = (audience for target in own for audience in self._audiences(target))
        return FederatedTrust(
            tuple(dict.fromkeys(providers)),
            self.issuer,
            tuple(dict.fromkeys(audiences)),
            () if self.any_target else tuple(dict.fromkeys(target.name for target in own)),
            needed_actions(
                source_identity=any(target.terms.source_identity is not None for target in own),
                tags=any(target.has_tags for target in own),
                saml=True,
            ),
        )

    def _audiences(self, target: Target) -> list[str]:
        partition = self.settings.partitions[target.role.partition].partition
        regions = choose_regions(
            partition,
            requested=ConsoleDestination(),
            default_region=target.region,
            configured=self.settings.regions,
            broker_region=None,  # as in `Broker`: the region of some host is no part of a trust policy
        )
        return [saml_recipient(partition, region) for region in regions]


def plan_providers(targets: Sequence[Target], metadata: str) -> tuple[PlannedProvider, ...]:
    """The SAML providers that the targets need."""
    accounts: dict[tuple[str, str], set[str]] = {}
    for target in targets:
        if target.saml_provider is not None:
            name = target.saml_provider.rpartition("/")[2]
            accounts.setdefault((target.role.partition, name), set()).add(target.role.account_id)
    return tuple(
        PlannedProvider(name, metadata, partition, tuple(sorted(found)))
        for (partition, name), found in accounts.items()
    )


def in_account(document: Mapping[str, object], account: str) -> dict[str, object]:
    """The document with `account` in place of OWN_ACCOUNT, in the principals of its statements."""
    statements = document["Statement"]
    assert isinstance(statements, list)  # noqa: S101  as `policy` writes it
    return {**document, "Statement": [_in_account(statement, account) for statement in statements]}


def _in_account(statement: Mapping[str, object], account: str) -> dict[str, object]:
    principal = statement["Principal"]
    if not isinstance(principal, Mapping) or "Federated" not in principal:
        return dict(statement)
    named = principal["Federated"]
    providers = [named] if isinstance(named, str) else named
    own = one_or_list([str(provider).replace(OWN_ACCOUNT, account) for provider in providers])
    return {**statement, "Principal": {"Federated": own}}
