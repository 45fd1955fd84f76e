"""The person of a verified assertion: which values count, and which of them a login stores."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from awscons.access.identity import Identity, Login
from awscons.errors import ResponseRefused
from awscons.saml.assertion import Assertion
from awscons.signin.identities import GROUPS_OMITTED, MAX_STORED_VALUES, identity_from, stored_values
from awscons.signin.records import record_of
from awscons.signin.settings import LoginSettings
from support.clock import MovableClock

NOW = MovableClock()()
SETTINGS = LoginSettings(
    user_attr="name_id",
    attribute_map={"groups": "groups", "mail": "mail"},
    auth_duration=timedelta(hours=8),
    idle_timeout=timedelta(hours=1),
    pending_lifetime=timedelta(minutes=10),
    force_authn=False,
)


def person(attributes: Mapping[str, tuple[str, ...]], settings: LoginSettings = SETTINGS) -> Identity:
    assertion = Assertion("_a", "idp", "ada", {}, None, NOW, NOW, (), None, attributes)
    return identity_from(assertion, settings)


def test_attribute_names_compare_without_regard_to_case_of_ascii_letters_alone() -> None:
    assert person({"GROUPS": ("a",)}).groups == {"a"}
    assert person({"group\u017f": ("a",), "gr\u00d6ups": ("b",)}).groups == frozenset()


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u2060\u00a0", "\ufeff", "\u202e", "\x85"])
def test_a_value_without_anything_to_read_counts_as_none(blank: str) -> None:
    ada = person({"groups": (blank, "a"), "mail": (blank,)})
    assert (ada.groups, ada.attributes["mail"]) == (frozenset({"a"}), ())
    with pytest.raises(ResponseRefused, match="0 values"):
        person({"mail": (blank,)}, replace(SETTINGS, user_attr="mail"))


def test_a_format_character_makes_another_group() -> None:
    assert person({"groups": ("admins\u200b",)}).groups == {"admins\u200b"}


def test_a_value_of_1024_characters_counts_and_a_longer_one_does_not() -> None:
    assert person({"groups": ("g" * 1_024, "h" * 1_025)}).groups == {"g" * 1_024}


def test_a_user_name_that_is_too_long_is_refused_by_its_own_rule() -> None:
    settings = replace(SETTINGS, user_attr="mail")
    assert person({"mail": ("m" * 1_024,)}, settings).user_name == "m" * 1_024
    with pytest.raises(ResponseRefused) as caught:
        person({"mail": ("m" * 1_025,)}, settings)
    assert caught.value.rule == "user name too long"


def test_a_login_stores_every_group_that_a_target_names_and_some_others_of_very_many() -> None:
    groups = tuple(f"g{number:04}" for number in range(3_000))
    ada = person({"groups": groups}, replace(SETTINGS, target_groups=frozenset({"g2998", "g2999", "none"})))
    assert {"g2998", "g2999", "g0000"} <= ada.groups <= set(groups)
    assert (len(ada.groups), ada.groups_not_stored) == (MAX_STORED_VALUES, 2_800)
    login = Login(ada, NOW, NOW)
    assert len(json.dumps(record_of(login))) < 16_000


def test_all_groups_that_targets_name_are_stored_however_many_they_are() -> None:
    groups = tuple(f"g{number:04}" for number in range(3_000))
    ada = person({"groups": groups}, replace(SETTINGS, target_groups=frozenset(groups[500:])))
    assert ada.groups == set(groups[500:])


def test_the_groups_of_most_people_are_stored_as_they_are() -> None:
    groups = tuple(f"g{number:03}" for number in range(MAX_STORED_VALUES))
    ada = person({"groups": groups})
    assert (ada.groups, ada.groups_not_stored) == (frozenset(groups), 0)


def test_of_an_attribute_a_login_stores_two_hundred_values_and_of_groups_whether_there_are_several() -> None:
    values = tuple(f"v{number:03}" for number in range(MAX_STORED_VALUES + 1))
    settings = replace(SETTINGS, attribute_map={"Groups": "memberOf", "mail": "mail"})
    ada = person({"memberOf": values, "mail": values}, settings)
    assert ada.attributes == {"Groups": values[:2], "mail": values[:MAX_STORED_VALUES]}
    assert (len(ada.groups), ada.groups_not_stored) == (MAX_STORED_VALUES, 1)


def test_of_groups_that_no_target_names_the_first_by_name_are_stored() -> None:
    groups = tuple(f"g{number:03}" for number in reversed(range(MAX_STORED_VALUES + 1)))
    ada = person({"groups": groups}, replace(SETTINGS, target_groups=frozenset({"g200"})))
    assert ada.groups == set(groups) - {"g199"}


@pytest.mark.parametrize(
    ("name", "omitted"), [(GROUPS_OMITTED, True), (GROUPS_OMITTED.upper(), True), ("groups", False)]
)
def test_a_link_in_place_of_the_groups_is_noticed(name: str, *, omitted: bool) -> None:
    assert person({name: ("https://graph.example.com",), "mail": ("a",)}).groups_omitted is omitted


def test_a_value_that_does_not_count_is_said_in_the_log_by_the_names_of_attributes() -> None:
    with capture_logs() as said:
        person({"groups": ("g" * 1_025, "dbs"), "mail": ("m" * 1_024,)})
        person({"groups": ("g" * 1_025,), "mail": ("m", "m" * 1_025)})
        person({"groups": ("g",), "other": ("x" * 2_000,)})
    assert said == [
        {
            "event": "sign_in.values_ignored",
            "attributes": attributes,
            "max_length": 1_024,
            "log_level": "warning",
        }
        for attributes in (["groups"], ["groups", "mail"])
    ]


def test_of_every_received_attribute_two_hundred_values_that_are_short_enough_are_stored() -> None:
    values = tuple(f"v{number}" for number in range(MAX_STORED_VALUES + 1))
    stored = stored_values({"a": ("x" * 1_024, "x" * 1_025), "b": values, "c": ()})
    assert stored == {"a": ("x" * 1_024,), "b": values[:MAX_STORED_VALUES], "c": ()}


@pytest.mark.parametrize(
    ("user_attr", "name"),
    [("name_id", "ada"), ("mail", "ada@corp.example"), ("urn:oid:mail", "ada@corp.example"), ("uid", "4711")],
)
def test_the_user_name_is_the_name_id_a_mapped_attribute_or_any_other(user_attr: str, name: str) -> None:
    settings = replace(SETTINGS, attribute_map={"mail": "urn:oid:mail"}, user_attr=user_attr)
    ada = person({"urn:oid:mail": ("ada@corp.example",), "uid": ("4711",)}, settings)
    assert (ada.user_name, ada.name_id) == (name, "ada")


@pytest.mark.parametrize("values", [(), ("a", "b"), ("a", "a")])
def test_a_user_name_with_another_number_of_values_than_one_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(ResponseRefused) as caught:
        person({"mail": values}, replace(SETTINGS, user_attr="mail"))
    assert caught.value.rule == "user name"
