"""What the service asks of a table that is there already when it starts."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from structlog.testing import capture_logs

from awscons.adapters.stores.dynamodb_store import DynamoDbStore

NAME = {"TableName": "awscons"}
ON = {**NAME, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expiration_time"}}


@pytest.fixture
def client() -> Any:
    session = botocore.session.Session()
    session.set_credentials("AKIAEXAMPLE", "secret")
    return session.create_client("dynamodb", region_name="eu-central-1")


@pytest.fixture
def aws(client: Any) -> Iterator[Stubber]:
    """The answers of AWS; the table is there."""
    with Stubber(client) as stubber:
        stubber.add_response("describe_table", {}, NAME)
        yield stubber
        stubber.assert_no_pending_responses()


def time_to_live(status: str, **more: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    return "describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": status, **more}}, NAME


def start(client: Any) -> list[str]:
    """Start with the table; the causes of what is logged."""
    with capture_logs() as lines:
        DynamoDbStore(client, table_name="awscons", key_prefix="").prepare()
    assert {line["event"] for line in lines} <= {"store.table_grows"}
    return [line["cause"] for line in lines]


def test_a_table_whose_time_to_live_is_off_gets_it_at_any_start(client: Any, aws: Stubber) -> None:
    aws.add_response(*time_to_live("DISABLED"))
    aws.add_response("update_time_to_live", {"TimeToLiveSpecification": ON["TimeToLiveSpecification"]}, ON)
    assert start(client) == []


def test_a_table_with_our_time_to_live_is_left_alone(client: Any, aws: Stubber) -> None:
    aws.add_response(*time_to_live("ENABLED", AttributeName="expiration_time"))
    assert start(client) == []


def test_two_processes_may_switch_it_on_at_the_same_moment(client: Any, aws: Stubber) -> None:
    aws.add_response(*time_to_live("DISABLED"))
    aws.add_client_error("update_time_to_live", "ValidationException")
    assert start(client) == []


def test_a_table_with_another_time_to_live_is_told_of(client: Any, aws: Stubber) -> None:
    aws.add_response(*time_to_live("ENABLED", AttributeName="ttl"))
    assert start(client) == ["its time to live reads 'ttl'"]


@pytest.mark.parametrize("denied", ["describe_time_to_live", "update_time_to_live"])
def test_without_the_right_to_it_the_service_starts_and_says_that_the_table_grows(
    client: Any, aws: Stubber, denied: str
) -> None:
    if denied == "update_time_to_live":
        aws.add_response(*time_to_live("DISABLED"))
    aws.add_client_error(denied, "AccessDeniedException")
    (cause,) = start(client)
    assert "AccessDeniedException" in cause
