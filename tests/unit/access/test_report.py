"""Who can open what, and what changes for whom between two configurations."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.access.comparison import Change, Kind, compare
from awscons.access.decision import Granted, decide
from awscons.access.identity import Identity
from awscons.access.report import facts_of, grants
from awscons.access.targets import RoleTerms, Target
from support.sample_people import ADMIN_ROLE

BASE = Target("shop-Admin", ADMIN_ROLE, 3600, groups=("a", "b"))


VALUES = st.dictionaries(
    st.sampled_from(["mail", "team"]), st.lists(st.sampled_from(["x1", "x2", "y"]), max_size=2).map(tuple)
)


@given(
    groups=st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple),
    attributes=st.sets(st.sampled_from(["mail", "team"])).map(tuple),
    globs=st.dictionaries(st.sampled_from(["mail", "team"]), st.sampled_from([("x*",), ("y", "x1")])),
    of_person=st.frozensets(st.sampled_from("abc")),
    values=VALUES,
)
def test_a_report_never_disagrees_with_the_decision(
    groups: tuple[str, ...],
    attributes: tuple[str, ...],
    globs: dict[str, tuple[str, ...]],
    of_person: frozenset[str],
    values: dict[str, tuple[str, ...]],
) -> None:
    target = replace(BASE, groups=groups, attributes=attributes, attribute_globs=tuple(globs.items()))
    reported = [grant for grant in grants([target]) if grant.group is None or grant.group in of_person]
    has_needs = (not attributes or any(values.get(name) for name in attributes)) and all(
        any(fnmatchcase(value, glob) for value in values.get(name, ()) for glob in wanted)
        for name, wanted in globs.items()
    )
    is_granted = isinstance(decide(target, Identity("ada", "ada", values, of_person)), Granted)
    assert is_granted is (reported != [] and has_needs)
    assert all(bool(grant.needs) is bool(attributes or globs) for grant in reported)


def changes(old: Target | None, new: Target | None) -> list[Change]:
    return compare([facts_of(target) for target in [old] if target], [facts_of(new)] if new else [])


@pytest.mark.parametrize(
    ("new", "kind", "who", "what"),
    [
        ({"groups": ("a", "b", "c")}, Kind.OPENED, "c", "can open it"),
        ({"groups": ("a",)}, Kind.CLOSED, "b", "can no longer open it"),
        ({"groups": ()}, Kind.OPENED_TO_EVERYONE, "EVERYONE", "can open it"),
        ({"duration": 7200}, Kind.LONGER, "a or b", "duration 3600 s → 7200 s"),
        ({"duration": 900}, Kind.SHORTER, "a or b", "duration 3600 s → 900 s"),
        ({"max_login_age": 900}, Kind.TIGHTENED, "a or b", "max_login_age: none → 900"),
        ({"attributes": ("mail",)}, Kind.TIGHTENED, "a or b", "attributes: none → a value for mail"),
    ],
)
def test_a_change_is_told_for_the_groups_it_concerns(
    new: dict[str, object], kind: Kind, who: str, what: str
) -> None:
    (change,) = changes(BASE, replace(BASE, **new))  # type: ignore[arg-type]
    assert (change.kind, change.who, change.what) == (kind, who, what)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"max_login_age": 900}, {}),
        ({"max_login_age": 900}, {"max_login_age": 1800}),
        ({"authn_context": ("urn:mfa",)}, {}),
        ({"authn_context": ("urn:mfa",)}, {"authn_context": ("urn:mfa", "urn:password")}),
        ({"ends_with_login": True}, {}),
        ({"attributes": ("mail",)}, {}),
        ({"attribute_globs": (("role", ("a*",)),)}, {"attribute_globs": (("role", ("*",)),)}),
        ({"terms": RoleTerms(session_policy="{1}")}, {}),
        ({"terms": RoleTerms(session_policy="{1}")}, {"terms": RoleTerms(session_policy="{2}")}),
        ({"terms": RoleTerms(policy_arns=("arn:1",))}, {"terms": RoleTerms(policy_arns=("arn:1", "arn:2"))}),
    ],
)
def test_a_condition_that_is_gone_or_weaker_widens_access(
    old: dict[str, object], new: dict[str, object]
) -> None:
    (change,) = changes(replace(BASE, **old), replace(BASE, **new))  # type: ignore[arg-type]
    assert change.kind is Kind.WEAKENED
    assert change.kind.widens


def test_a_new_target_opens_and_a_removed_one_closes() -> None:
    assert [change.kind for change in changes(None, BASE)] == [Kind.OPENED, Kind.OPENED]
    assert [change.kind for change in changes(BASE, None)] == [Kind.CLOSED, Kind.CLOSED]
    assert not Kind.CLOSED.widens


def test_another_role_under_the_same_name_opens_another_door() -> None:
    moved = replace(BASE, role=replace(ADMIN_ROLE, account_id="222222222222"))
    assert {change.kind for change in changes(BASE, moved)} == {Kind.OPENED, Kind.CLOSED}


def test_what_opens_to_everyone_comes_first() -> None:
    other = replace(BASE, name="other")
    both = compare([facts_of(BASE)], [facts_of(other), facts_of(replace(BASE, groups=()))])
    assert both[0].kind is Kind.OPENED_TO_EVERYONE


def test_the_same_configuration_changes_nothing() -> None:
    assert changes(BASE, BASE) == []
