"""Our events as OCSF and in the Elastic Common Schema, as the schemas judge them."""

from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from awscons.audit.event import Action, Outcome
from awscons.audit.shapes import to_ecs, to_ocsf
from support.house import House, console_url, open_house


@cache
def validator(name: str) -> Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema(name)
    return Draft202012Validator(schema)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real events: a sign-in, a console, a refusal, a failure, a sign-out."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        return _lived(house)


def _lived(house: House) -> list[dict[str, Any]]:
    browser = house.browser()
    console_url(house.sign_in(browser, "/aws/cloudadmin"))
    other = house.browser()
    house.sign_in(other, "/aws/cloudadmin", name="nina@example.com", attributes=())
    other.answer("/saml/acs", {"SAMLResponse": "eDw="})
    for neighbour in house.sts_in.values():
        neighbour.misbehave("reset")
    browser.get("/aws/cloudadmin")
    return house.audit()


def test_every_sign_in_and_console_is_valid_ocsf(events: list[dict[str, Any]]) -> None:
    shapes = [shape for event in events if (shape := to_ocsf(event)) is not None]
    assert {shape["class_uid"] for shape in shapes} == {3002, 3003}
    for shape in shapes:
        name = "authentication" if shape["class_uid"] == 3002 else "authorize_session"
        assert [error.message for error in validator(name).iter_errors(shape)] == []


def test_ocsf_says_who_where_and_how_it_ended(events: list[dict[str, Any]]) -> None:
    (console,) = [
        event for event in events if (event["action"], event["outcome"]) == ("open-console", "done")
    ]
    shape = to_ocsf(console)
    assert shape is not None
    assert (shape["type_uid"], shape["status"], shape["user"]["name"]) == (
        300301,
        "Success",
        "ada@example.com",
    )
    assert shape["privileges"] == [console["role_arn"]]
    assert shape["session"]["expiration_time"] - shape["time"] == 1_000 * console["granted_duration"]
    refused = [shape for event in events if event["outcome"] != "done" and (shape := to_ocsf(event))]
    assert {one["status"] for one in refused} == {"Failure"}


def test_what_ocsf_has_no_class_for_is_left_out() -> None:
    assert to_ocsf({"action": "checkpoint", "outcome": "done"}) is None


def test_ecs_has_its_fields_and_ours_beside_them(events: list[dict[str, Any]]) -> None:
    for event in events:
        shape = to_ecs(event)
        assert shape["@timestamp"] == event["timestamp"]
        assert shape["event"]["outcome"] in {"success", "failure"}
        assert shape["awscons"] == event
        assert None not in shape["event"].values()
    (console,) = [
        event for event in events if (event["action"], event["outcome"]) == ("open-console", "done")
    ]
    assert to_ecs(console)["cloud"]["account"] == {"id": console["role_arn"].split(":")[4]}
    assert to_ecs(console)["user"] == {"name": "ada@example.com", "id": console["name_id"]}


# Elastic Common Schema 8.17, "ECS categorization field: event.category": the expected types of each category.
EXPECTED_TYPES = {
    "authentication": {"start", "end", "info"},
    "session": {"start", "end", "info"},
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("action", Action)
def test_ecs_has_only_types_that_every_category_of_the_event_expects(
    action: Action, outcome: Outcome
) -> None:
    event = to_ecs({"action": action.value, "outcome": outcome.value})["event"]
    assert event["category"]
    assert event["type"]
    for category in event["category"]:
        assert set(event["type"]) <= EXPECTED_TYPES[category]


def test_ecs_says_of_a_sign_in_that_a_session_starts_only_if_one_did() -> None:
    told = [to_ecs({"action": "sign-in", "outcome": outcome})["event"] for outcome in ("done", "refused")]
    assert [(event["category"], event["type"]) for event in told] == [
        (["authentication", "session"], ["start"]),
        (["authentication"], ["info"]),
    ]
