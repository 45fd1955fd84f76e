"""The decision: who may open what, and why."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.access.decision import Granted, RefusalReason, Refused, decide
from awscons.access.identity import Identity
from awscons.access.target_index import TargetIndex
from awscons.access.targets import Target
from support.sample_people import ADA, ADMIN_ROLE, AWSADM, CLOUDADMIN, NINA, OTTO, SANDBOX, person

AUDITORS = Target("audit", ADMIN_ROLE, 3600, attributes=("costCenter", "employeeNumber"))
BOTH = Target("both", ADMIN_ROLE, 3600, groups=("dbs",), attributes=("costCenter",))

names = st.text(min_size=1, max_size=8)


def test_a_member_of_one_listed_group_is_let_in_by_that_group() -> None:
    assert decide(CLOUDADMIN, ADA) == Granted(by_group="sysadmin", by_attribute=None)


def test_a_person_in_exactly_one_group_is_let_in() -> None:
    assert decide(SANDBOX, OTTO) == Granted(by_group="dbs", by_attribute=None)


def test_a_member_of_other_groups_is_refused_and_told_which_would_do() -> None:
    assert decide(CLOUDADMIN, OTTO) == Refused(
        RefusalReason.IN_NONE_OF_THE_GROUPS, groups=("sysadmin", "cloudadmin"), attributes=()
    )


def test_a_person_without_any_groups_is_refused_for_that_reason() -> None:
    refused = decide(CLOUDADMIN, NINA)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_GROUPS_RECEIVED


def test_a_target_without_rules_lets_in_everyone_and_says_so() -> None:
    granted = decide(AWSADM, NINA)
    assert isinstance(granted, Granted)
    assert granted.reason == "open to everyone who signs in"


@pytest.mark.parametrize(
    ("granted", "reason"),
    [
        (Granted("dbs", None), "group 'dbs'"),
        (Granted(None, "costCenter"), "attribute 'costCenter'"),
        (Granted("dbs", "costCenter"), "group 'dbs' and attribute 'costCenter'"),
        (Granted(None, None), "open to everyone who signs in"),
    ],
)
def test_the_reason_names_each_condition_that_was_met(granted: Granted, reason: str) -> None:
    assert granted.reason == reason


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (Identity("x", "x", {"groups": ("a",)}, frozenset({"a"})), RefusalReason.IN_NONE_OF_THE_GROUPS),
        (Identity("x", "x", {"Groups": ()}, frozenset()), RefusalReason.NO_GROUPS_RECEIVED),
        (Identity("x", "x", {"groups": ()}, frozenset(), groups_omitted=True), RefusalReason.GROUPS_OMITTED),
        (Identity("x", "x", {"mail": ("a",)}, frozenset()), RefusalReason.GROUPS_NOT_KEPT),
        (Identity("x", "x", {"mail": ()}, frozenset(), groups_omitted=True), RefusalReason.GROUPS_NOT_KEPT),
    ],
)
def test_a_refusal_says_why_the_person_is_in_none_of_the_groups(
    identity: Identity, reason: RefusalReason
) -> None:
    assert decide(BOTH, identity) == Refused(reason, groups=("dbs",), attributes=("costCenter",))


def test_a_refusal_for_attributes_names_those_that_would_do() -> None:
    assert decide(BOTH, person("x", groups=("dbs",))) == Refused(
        RefusalReason.NONE_OF_THE_ATTRIBUTES, groups=("dbs",), attributes=("costCenter",)
    )


GLOBS = Target(
    "globs", ADMIN_ROLE, 3600, groups=("dbs",), attribute_globs=(("team", ("x*",)), ("site", ("y", "z")))
)


@pytest.mark.parametrize(
    ("held", "decision"),
    [
        ({"team": ("x1",), "site": ("z",)}, Granted("dbs", "team")),
        ({"team": ("a", "x1"), "SITE": ("y",)}, Granted("dbs", "team")),
        ({"team": ("x1",)}, Refused(RefusalReason.ATTRIBUTE_DOES_NOT_MATCH, ("dbs",), ("site",))),
        ({"site": ("z",)}, Refused(RefusalReason.ATTRIBUTE_DOES_NOT_MATCH, ("dbs",), ("team",))),
        (
            {"team": ("x1",), "site": ("yz",)},
            Refused(RefusalReason.ATTRIBUTE_DOES_NOT_MATCH, ("dbs",), ("site",)),
        ),
    ],
)
def test_every_attribute_with_globs_is_a_condition_of_its_own(
    held: dict[str, tuple[str, ...]], decision: Granted | Refused
) -> None:
    assert decide(GLOBS, person("x", groups=("dbs",), attributes=held)) == decision


def test_a_required_attribute_is_named_before_one_that_matches() -> None:
    target = replace(GLOBS, attributes=("mail",))
    somebody = person("x", groups=("dbs",), attributes={"mail": ("m",), "team": ("x",), "site": ("y",)})
    assert decide(target, somebody) == Granted("dbs", "mail")


def test_a_group_is_compared_whole_and_not_by_its_letters() -> None:
    assert isinstance(decide(SANDBOX, person("x", groups=("d", "b", "s"))), Refused)


@pytest.mark.parametrize("groups", [("DBS",), ("dbs ",), ("dbs-admins",), ("/dbs",)])
def test_a_group_that_is_merely_similar_does_not_count(groups: tuple[str, ...]) -> None:
    assert isinstance(decide(SANDBOX, person("x", groups=groups)), Refused)


def test_one_present_attribute_of_several_lets_in() -> None:
    somebody = person("x", attributes={"employeeNumber": ("7",)})
    assert decide(AUDITORS, somebody) == Granted(by_group=None, by_attribute="employeeNumber")


def test_attribute_names_are_matched_without_regard_to_case() -> None:
    assert isinstance(decide(AUDITORS, person("x", attributes={"COSTCENTER": ("7",)})), Granted)


@pytest.mark.parametrize("values", [(), ("",), ("", ""), ("\n   ",)])
def test_an_attribute_without_a_value_does_not_count(values: tuple[str, ...]) -> None:
    refused = decide(AUDITORS, person("x", attributes={"costCenter": values}))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NONE_OF_THE_ATTRIBUTES


def test_groups_and_attributes_must_both_be_satisfied_where_both_are_named() -> None:
    group_only = person("x", groups=("dbs",))
    attribute_only = person("x", attributes={"costCenter": ("7",)})
    complete = person("x", groups=("dbs",), attributes={"costCenter": ("7",)})
    assert isinstance(decide(BOTH, group_only), Refused)
    assert isinstance(decide(BOTH, attribute_only), Refused)
    granted = decide(BOTH, complete)
    assert isinstance(granted, Granted)
    assert granted.reason == "group 'dbs' and attribute 'costCenter'"


@given(wanted=st.lists(names, min_size=1), held=st.lists(names))
def test_whoever_is_let_in_by_groups_holds_one_of_them(wanted: list[str], held: list[str]) -> None:
    decision = decide(Target("t", ADMIN_ROLE, 3600, groups=tuple(wanted)), person("x", groups=tuple(held)))
    match decision:
        case Granted(by_group=group):
            assert group in wanted
            assert group in held
        case Refused():
            assert not set(wanted) & set(held)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        (("arn:aws:iam::123456789012:role/x,arn:aws:iam::123456789012:saml-provider/p",), True),
        (("other", "arn:aws:iam::123456789012:role/x,anything"), True),
        (("arn:aws:iam::123456789012:role/xx,p",), False),
        (("ARN:aws:iam::123456789012:role/x,p",), False),
        ((), False),
    ],
)
def test_an_attribute_must_match_one_of_its_globs(values: tuple[str, ...], *, allowed: bool) -> None:
    globs = (("aws_role", ("arn:aws:iam::123456789012:role/x,*",)),)
    target = Target("match", ADMIN_ROLE, 3600, attribute_globs=globs)
    decision = decide(target, Identity("ada", "ada", {"AWS_role": values}, frozenset()))
    assert isinstance(decision, Granted) is allowed
    if isinstance(decision, Refused):
        assert decision.reason is RefusalReason.ATTRIBUTE_DOES_NOT_MATCH


class Watched(list[Target]):
    """Targets, with the names of those that were looked at one by one."""

    def __init__(self, targets: list[Target]) -> None:
        super().__init__(targets)
        self.looked_at: list[str] = []

    def __getitem__(self, position: Any) -> Any:
        found = super().__getitem__(position)
        self.looked_at.append(found.name)
        return found


def test_the_index_looks_only_at_targets_of_which_the_person_has_a_group_or_an_attribute() -> None:
    team, site = ("team", ("*",)), ("site", ("*",))
    targets = Watched(
        [
            Target("open", ADMIN_ROLE, 3600),
            Target("group a", ADMIN_ROLE, 3600, groups=("a", "b")),
            Target("group c", ADMIN_ROLE, 3600, groups=("c",), attributes=("mail",)),
            Target("mail", ADMIN_ROLE, 3600, attributes=("mail", "uid")),
            Target("uid", ADMIN_ROLE, 3600, attributes=("uid",), attribute_globs=(team,)),
            Target("team", ADMIN_ROLE, 3600, attribute_globs=(team, site)),
            Target("site", ADMIN_ROLE, 3600, attribute_globs=(site, team)),
        ]
    )
    index = TargetIndex(targets)
    somebody = person("x", groups=("a",), attributes={"MAIL": ("m",), "Team": ("t",)})
    assert list(index.allowed(somebody)) == [0, 1, 3]
    assert targets.looked_at == ["open", "group a", "mail", "team"]


_ATTRIBUTES = st.dictionaries(st.sampled_from(["mail", "Mail", "team", "role"]), st.tuples(names), max_size=3)
_TARGETS = st.builds(
    Target,
    names,
    st.just(ADMIN_ROLE),
    st.just(3600),
    groups=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    attributes=st.lists(st.sampled_from(["mail", "TEAM"]), max_size=2).map(tuple),
    attribute_globs=st.lists(st.tuples(st.sampled_from(["role", "MAIL"]), st.just(("a*",))), max_size=2).map(
        tuple
    ),
)


@given(
    st.lists(_TARGETS, max_size=8),
    st.builds(Identity, names, names, _ATTRIBUTES, st.frozensets(st.sampled_from("abc"))),
)
def test_the_index_finds_exactly_the_targets_that_a_decision_about_each_would_grant(
    targets: list[Target], identity: Identity
) -> None:
    granted = [
        position for position, target in enumerate(targets) if isinstance(decide(target, identity), Granted)
    ]
    assert list(TargetIndex(targets).allowed(identity)) == granted
