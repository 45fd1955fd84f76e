"""The broker's policy: small where roles are alike, below AWS's limits always, and never without a role of a target."""

from collections.abc import Sequence

import pytest

from awscons.access.targets import RoleTerms, Target, parse_role_arn
from awscons.aws.role_request import ASSUME_ROLE
from awscons.demo.policy_evaluation import Principal, Request, Verdict, evaluate
from awscons.iam.broker_policy import PolicyKind, PolicyTooLarge, broker_policies
from awscons.iam.policy import policy_size

BROKER = Principal("arn:aws:iam::999999999999:user/broker")
ORGANIZATION = "o-example123"
TAGGED = RoleTerms(session_tags=(("team", "ou"),))


def target(arn: str, terms: RoleTerms | None = None) -> Target:
    role = parse_role_arn(arn)
    assert role
    return Target(name=arn.rpartition(":")[2], role=role, duration=3600, terms=terms or RoleTerms())


def roles(accounts: int, names: Sequence[str]) -> list[Target]:
    return [
        target(f"arn:aws:iam::{100_000_000_000 + account}:role/{name.format(account)}")
        for account in range(accounts)
        for name in names
    ]


def allowed(
    documents: Sequence[dict[str, object]],
    arn: str,
    action: str = ASSUME_ROLE,
    organization: str = ORGANIZATION,
) -> bool:
    context = {"aws:ResourceAccount": arn.split(":")[4], "aws:ResourceOrgID": organization}
    request = Request(BROKER, action, arn, context)
    return any(evaluate(document, request) is Verdict.ALLOW for document in documents)


SIX = ["Admin", "ReadOnly", "Billing", "Network", "Data", "Audit"]


@pytest.mark.parametrize(
    ("targets", "options", "policies", "statements"),
    [
        (roles(1, ["Admin"]), {}, 1, 1),
        (roles(500, SIX), {}, 2, 2),
        (roles(500, [f"sso/{name}" for name in SIX]), {}, 2, 2),
        (roles(500, [f"sso/{name}" for name in SIX]), {"organization": ORGANIZATION}, 1, 1),
        (roles(500, [f"sso/{name}" for name in SIX]), {"organization": ORGANIZATION, "strict": True}, 2, 2),
        (roles(500, ["sso/shop{}-Admin"]), {}, 2, 2),
        (roles(200, ["Shop{}Admin"]), {}, 2, 2),
        (roles(3000, ["sso/A{}"]), {"organization": ORGANIZATION}, 1, 1),
        (roles(100, SIX), {"kind": PolicyKind.ROLE_INLINE}, 1, 1),
        (roles(20, ["Shop{}Admin"]), {"kind": PolicyKind.USER_INLINE}, 1, 1),
        ([*roles(3, ["Admin"]), *roles(3, ["sso/A", "sso/B"])], {"organization": ORGANIZATION}, 1, 2),
    ],
    ids=lambda value: f"{len(value)} targets" if isinstance(value, list) else str(value),
)  # fmt: skip
def test_every_role_is_allowed_by_few_policies_of_legal_size(
    targets: list[Target], options: dict[str, object], policies: int, statements: int
) -> None:
    documents = broker_policies(targets, **options)  # type: ignore[arg-type]
    kind = options.get("kind", PolicyKind.MANAGED)
    assert isinstance(kind, PolicyKind)
    assert len(documents) == policies
    assert sum(len(document["Statement"]) for document in documents) == statements  # type: ignore[arg-type]
    assert max(policy_size(document) for document in documents) <= kind.value
    assert all(allowed(documents, str(one.role)) for one in targets)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::555555555555:role/Admin",
        "arn:aws:iam::100000000001:role/sso/Owner",
        "arn:aws:iam::100000000001:role/Admin2",
        "arn:aws:iam::100000000001:role/x/Admin",
    ],
)
def test_without_a_pattern_no_other_role_is_allowed(arn: str) -> None:
    documents = broker_policies([*roles(40, SIX), *roles(40, ["sso/Admin"])], strict=True)
    assert not allowed(documents, arn)


def test_a_pattern_ends_at_the_organization_and_at_the_path() -> None:
    documents = broker_policies(roles(9, ["sso/Admin", "sso/ReadOnly"]), organization=ORGANIZATION)
    inside = "arn:aws:iam::100000000001:role/sso/Admin"
    assert allowed(documents, inside)
    assert not allowed(documents, inside, organization="o-other00000")
    assert not allowed(documents, "arn:aws:iam::100000000001:role/Owner")


def test_a_role_of_another_company_is_named_beside_the_pattern_of_the_organization() -> None:
    partner = target("arn:aws:iam::777777777777:role/sso/Vendor", RoleTerms(external_id="42"))
    documents = broker_policies([*roles(9, ["sso/A", "sso/B"]), partner], organization=ORGANIZATION)
    assert allowed(documents, str(partner.role), organization="o-other00000")


def test_further_actions_are_allowed_only_where_a_target_needs_them() -> None:
    documents = broker_policies(
        [*roles(3, ["Admin"]), target("arn:aws:iam::222222222222:role/Tagged", TAGGED)]
    )
    assert allowed(documents, "arn:aws:iam::222222222222:role/Tagged", "sts:TagSession")
    assert not allowed(documents, "arn:aws:iam::100000000001:role/Admin", "sts:TagSession")
    assert not allowed(documents, "arn:aws:iam::222222222222:role/Tagged", "sts:SetSourceIdentity")


def test_two_targets_of_one_role_name_it_once_with_the_actions_of_both() -> None:
    arn = "arn:aws:iam::222222222222:role/Admin"
    (document,) = broker_policies([target(arn), target(arn, TAGGED)])
    (statement,) = document["Statement"]  # type: ignore[misc, attr-defined]
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole", "sts:TagSession"], arn)


def test_a_sid_occurs_once_in_a_policy() -> None:
    documents = broker_policies([*roles(3, ["Shop{}Admin"]), *roles(30, ["Admin"]), *roles(20, ["ReadOnly"])])
    for document in documents:
        sids = [statement["Sid"] for statement in document["Statement"]]  # type: ignore[attr-defined]
        assert len(sids) == len(set(sids)) > 1


def test_more_policies_than_iam_attaches_are_refused_with_a_way_out() -> None:
    with pytest.raises(PolicyTooLarge, match=r"3,000 targets need 2\d policies of 6,144") as caught:
        broker_policies(roles(3000, ["Shop{}Admin"]))
    assert "--organization" in caught.value.hint
