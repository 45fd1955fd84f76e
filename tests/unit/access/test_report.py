"""Who can open what, and what changes for whom between two configurations."""

import json
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.access.comparison import Change, Kind, compare
from awscons.access.decision import Granted, decide
from awscons.access.identity import Identity
from awscons.access.report import Grant, csv_text, facts_of, grants, in_addition
from awscons.access.targets import CommandLineAccess, RoleTerms, Target, TargetDisplay
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


BOUND = replace(
    BASE,
    attributes=("mail", "uid"),
    attribute_globs=(("role", ("a*", "b*")),),
    max_login_age=900,
    authn_context=("urn:mfa", "urn:key"),
    ends_with_login=True,
    terms=RoleTerms(session_policy='{"Statement":[{}]}', policy_arns=("arn:1", "arn:2")),
)


def test_a_row_names_the_group_and_what_a_person_needs_in_addition() -> None:
    rows = list(grants([BOUND, replace(BASE, groups=())]))
    needs = ("a value for mail or uid", "role that matches a* or b*")
    assert rows == [
        Grant(BOUND, "a", needs),
        Grant(BOUND, "b", needs),
        Grant(replace(BASE, groups=()), None, ()),
    ]
    assert [row.who for row in rows] == ["a", "b", "EVERYONE"]


@pytest.mark.parametrize(
    ("group", "needs", "everyone"),
    [(None, (), True), ("a", (), False), (None, ("a value for mail",), False), ("a", ("x",), False)],
)
def test_a_target_is_for_everyone_without_a_group_and_without_needs(
    group: str | None, needs: tuple[str, ...], *, everyone: bool
) -> None:
    assert Grant(BASE, group, needs).is_for_everyone is everyone


def test_a_cell_tells_the_needs_and_the_bounds_of_a_console() -> None:
    assert in_addition(next(grants([BOUND]))) == (
        "a value for mail or uid; role that matches a* or b*; max_login_age 900; "
        "authn_context urn:mfa or urn:key; ends_with_login; session_policy; policy_arns arn:1 or arn:2"
    )
    assert in_addition(next(grants([BASE]))) == ""


def test_the_facts_of_a_target_are_complete() -> None:
    assert facts_of(replace(BOUND, display=TargetDisplay(title="Shop"))) == {
        "target": "shop-Admin",
        "title": "Shop",
        "account_id": "123456789012",
        "role": "MyAdminRole",
        "role_arn": "arn:aws:iam::123456789012:role/MyAdminRole",
        "groups": ["a", "b"],
        "needs": ["a value for mail or uid", "role that matches a* or b*"],
        "everyone": False,
        "duration": 3600,
        "conditions": {
            "max_login_age": 900,
            "authn_context": ["urn:mfa", "urn:key"],
            "ends_with_login": True,
            "session_policy": '{"Statement":[{}]}',
            "policy_arns": ["arn:1", "arn:2"],
        },
        "cli": None,
    }
    assert facts_of(BASE)["conditions"] == {}


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("a=1", "a=1"),
        ("a,b", '"a,b"'),
        ("", '""'),
    ],
)
def test_a_cell_of_csv_is_never_a_formula(cell: str, written: str) -> None:
    assert csv_text([[cell], ["x"]]) == f"{written}\r\nx\r\n"


# --- what changes ------------------------------------------------------------------------


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
        (
            {"terms": RoleTerms(policy_arns=("arn:1", "arn:2"))},
            Kind.TIGHTENED,
            "a or b",
            "policy_arns: none → arn:1 or arn:2",
        ),
        ({"ends_with_login": True}, Kind.TIGHTENED, "a or b", "ends_with_login: none → True"),
    ],
)
def test_a_change_is_told_for_the_groups_it_concerns(
    new: dict[str, object], kind: Kind, who: str, what: str
) -> None:
    (change,) = changes(BASE, replace(BASE, **new))  # type: ignore[arg-type]
    assert change == Change(kind, "shop-Admin", "123456789012", "MyAdminRole", who, what)


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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"max_login_age": 900}, {"max_login_age": 899}),
        ({"authn_context": ("urn:mfa", "urn:key")}, {"authn_context": ("urn:key",)}),
        ({"attributes": ("mail",)}, {"attributes": ("mail",), "attribute_globs": (("role", ("*",)),)}),
        ({"terms": RoleTerms(policy_arns=("arn:1", "arn:2"))}, {"terms": RoleTerms(policy_arns=("arn:2",))}),
    ],
)
def test_a_condition_that_is_narrower_tightens_access(old: dict[str, object], new: dict[str, object]) -> None:
    (change,) = changes(replace(BASE, **old), replace(BASE, **new))  # type: ignore[arg-type]
    assert change.kind is Kind.TIGHTENED
    assert not change.kind.widens


EVERYONES = replace(BASE, groups=())
WITH_MAIL = replace(BASE, attributes=("mail",))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (EVERYONES, BASE, [(Kind.CLOSED, "EVERYONE", "can no longer open it")]),
        (
            EVERYONES,
            replace(EVERYONES, duration=7200),
            [(Kind.LONGER, "EVERYONE", "duration 3600 s → 7200 s")],
        ),
        (
            EVERYONES,
            replace(BASE, duration=900),
            [
                (Kind.CLOSED, "EVERYONE", "can no longer open it"),
                (Kind.SHORTER, "a or b", "duration 3600 s → 900 s"),
            ],
        ),
        (
            WITH_MAIL,
            replace(WITH_MAIL, groups=()),
            [(Kind.OPENED, "EVERYONE", "can open it with a value for mail")],
        ),
        (
            BASE,
            replace(BASE, groups=("c",), duration=7200),
            [
                (Kind.OPENED, "c", "can open it"),
                (Kind.CLOSED, "a", "can no longer open it"),
                (Kind.CLOSED, "b", "can no longer open it"),
            ],
        ),
        (
            replace(BASE, groups=("a",)),
            replace(BASE, groups=("a",), role=replace(ADMIN_ROLE, role_name="Other")),
            [
                (Kind.OPENED, "a", "can open it of another role"),
                (Kind.CLOSED, "a", "can no longer open it of another role"),
            ],
        ),
        (None, EVERYONES, [(Kind.OPENED_TO_EVERYONE, "EVERYONE", "can open it")]),
        (EVERYONES, None, [(Kind.CLOSED, "EVERYONE", "can no longer open it")]),
        (
            None,
            replace(WITH_MAIL, groups=()),
            [(Kind.OPENED, "EVERYONE", "can open it with a value for mail")],
        ),
    ],
)
def test_who_gains_and_who_loses_access(
    old: Target | None, new: Target | None, told: list[tuple[Kind, str, str]]
) -> None:
    assert [(change.kind, change.who, change.what) for change in changes(old, new)] == told


@pytest.mark.parametrize(("length", "ends"), [(120, "x" * 120), (121, "x" * 120 + "…")])
def test_a_long_condition_is_cut_with_a_mark(length: int, ends: str) -> None:
    bound = replace(BASE, terms=RoleTerms(session_policy="x" * length))
    (change,) = changes(bound, BASE)
    assert change.what == f"session_policy: {ends} → none"


def test_a_new_target_opens_and_a_removed_one_closes() -> None:
    assert [change.kind for change in changes(None, BASE)] == [Kind.OPENED, Kind.OPENED]
    assert [change.kind for change in changes(BASE, None)] == [Kind.CLOSED, Kind.CLOSED]


@pytest.mark.parametrize(
    ("kind", "widens"),
    [
        (Kind.OPENED_TO_EVERYONE, True),
        (Kind.OPENED, True),
        (Kind.WEAKENED, True),
        (Kind.LONGER, True),
        (Kind.CLOSED, False),
        (Kind.TIGHTENED, False),
        (Kind.SHORTER, False),
    ],
)
def test_a_change_widens_access_if_somebody_can_do_more(kind: Kind, *, widens: bool) -> None:
    assert kind.widens is widens


def test_another_role_under_the_same_name_opens_another_door() -> None:
    moved = replace(BASE, role=replace(ADMIN_ROLE, account_id="222222222222"))
    assert {change.kind for change in changes(BASE, moved)} == {Kind.OPENED, Kind.CLOSED}


def test_what_opens_to_everyone_comes_first() -> None:
    other = replace(BASE, name="other")
    both = compare([facts_of(BASE)], [facts_of(other), facts_of(replace(BASE, groups=()))])
    assert both[0].kind is Kind.OPENED_TO_EVERYONE


def test_the_same_configuration_changes_nothing() -> None:
    assert changes(BASE, BASE) == []


def test_a_review_names_every_change_of_credentials_in_terminals() -> None:
    access = CommandLineAccess(3600, policy_arns=("arn:1",))
    longer, other = replace(access, max_duration=7200), replace(access, policy_arns=("arn:2",))
    for old, new, kind in [
        (None, access, Kind.WEAKENED),
        (access, None, Kind.TIGHTENED),
        (access, longer, Kind.LONGER),
        (longer, access, Kind.SHORTER),
        (access, other, Kind.WEAKENED),
    ]:
        before = json.loads(json.dumps(facts_of(replace(BASE, command_line=old))))
        (change,) = compare([before], [facts_of(replace(BASE, command_line=new))])
        assert (change.kind, change.what[:4]) == (kind, "cli:")
        assert compare([before], [facts_of(replace(BASE, command_line=old))]) == []
