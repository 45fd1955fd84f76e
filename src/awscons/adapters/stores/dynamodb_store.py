"""DynamoDB: a table in AWS, shared by any number of hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import botocore.session
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.config.schema import DynamoDBBacking
from awscons.findings import Finding
from awscons.store import Record

_log = structlog.get_logger(__name__)

_KEY, _RECORD, _NUMBER = "cache_key", "record", "number"
_ENDS_AT = "expiration_time"
"""Unix time in seconds. DynamoDB deletes ended items by this attribute, but only after hours or days."""
_MAX_CONNECTIONS = 64
_MAX_BATCH = 100
"""Keys in one BatchGetItem request, by AWS's limit."""
_MAX_REQUESTS_PER_BATCH = 8

_Item = dict[str, dict[str, str]]
"""Attributes with their types, as DynamoDB's API has them: {"name": {"S": "text"}}."""


class DynamoDbStore:
    """See `RecordStore`. Safe for many threads, which share botocore's client. Reads are consistent."""

    def __init__(
        self, client: Any, *, table_name: str, key_prefix: str, now: Callable[[], float] = time.time
    ) -> None:
        """`client` is botocore's, for DynamoDB; `now` gives Unix time in seconds."""
        self._client = client
        self._table = table_name
        self._prefix = key_prefix
        self._now = now

    @unavailable("create the table for")
    def prepare(self) -> None:
        """Create the table when it is missing, and have its ended items deleted. Raises StoreUnavailable."""
        try:
            self._client.describe_table(TableName=self._table)
        except (BotoCoreError, ClientError) as error:
            # Any other error is reported at the first use: the role may lack DescribeTable and still be
            # allowed to read and write, or AWS may be out of reach for a moment.
            if _code(error) != "ResourceNotFoundException":
                return
            self._create_table()
        self._have_ended_items_deleted()

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, self._live(self._item(key)))

    @unavailable("get")
    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        names = [self._prefix + key for key in dict.fromkeys(keys)]
        items: dict[str, _Item] = {}
        for start in range(0, len(names), _MAX_BATCH):
            items |= {item[_KEY]["S"]: item for item in self._items(names[start : start + _MAX_BATCH])}
        return [decode_record(key, self._live(items.get(self._prefix + key, {}))) for key in keys]

    @unavailable("set")
    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        self._client.put_item(TableName=self._table, Item=self._new_item(key, record, lifetime))

    @unavailable("add")
    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        answer = self._write(
            self._client.put_item,
            Item=self._new_item(key, record, lifetime),
            ConditionExpression="attribute_not_exists(#key) OR #end <= :now",
            ExpressionAttributeNames={"#key": _KEY, "#end": _ENDS_AT},
            ExpressionAttributeValues={":now": self._number(self._now())},
        )
        return answer is not None

    @unavailable("replace")
    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        """The write is conditional on both attributes being as they were read."""
        item = self._item(key)
        if decode_record(key, self._live(item)) != expected:
            return False
        names = {"#record": _RECORD, "#end": _ENDS_AT}
        conditions, values = [], {}
        for placeholder, name in names.items():
            if name in item:
                value = placeholder.replace("#", ":")
                conditions.append(f"{placeholder} = {value}")
                values[value] = item[name]
            else:
                conditions.append(f"attribute_not_exists({placeholder})")
        answer = self._write(
            self._client.put_item,
            Item=self._new_item(key, record, lifetime),
            ConditionExpression=" AND ".join(conditions),
            ExpressionAttributeNames=names,
            # DynamoDB refuses an empty dict here.
            **({"ExpressionAttributeValues": values} if values else {}),
        )
        return answer is not None

    @unavailable("delete")
    def delete(self, key: str) -> None:
        self._client.delete_item(TableName=self._table, Key=self._key(key))

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        while True:
            now = self._number(self._now())
            end = self._number(self._now() + whole_seconds(lifetime))
            answer = self._write(
                self._client.update_item,
                Key=self._key(key),
                UpdateExpression="SET #end = if_not_exists(#end, :end) ADD #number :one",
                ConditionExpression="attribute_not_exists(#end) OR #end > :now",
                ExpressionAttributeNames={"#end": _ENDS_AT, "#number": _NUMBER},
                ExpressionAttributeValues={":end": end, ":one": {"N": "1"}, ":now": now},
                ReturnValues="UPDATED_NEW",
            )
            if answer is not None:
                return int(answer["Attributes"][_NUMBER]["N"])
            # A counter under this key has ended. Any process may delete it; the next update starts anew.
            self._write(
                self._client.delete_item,
                Key=self._key(key),
                ConditionExpression="#end <= :now",
                ExpressionAttributeNames={"#end": _ENDS_AT},
                ExpressionAttributeValues={":now": now},
            )

    @unavailable("list")
    def keys(self, prefix: str) -> Iterator[str]:
        """Reads the whole table, page by page."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="#key",
            FilterExpression="begins_with(#key, :prefix) AND #end > :now",
            ExpressionAttributeNames={"#key": _KEY, "#end": _ENDS_AT},
            ExpressionAttributeValues={
                ":prefix": {"S": self._prefix + prefix},
                ":now": self._number(self._now()),
            },
        )
        return iter([item[_KEY]["S"].removeprefix(self._prefix) for page in pages for item in page["Items"]])

    def warnings(self) -> list[Finding]:
        """None: DynamoDB drops no live record."""
        return []

    # --- requests ------------------------------------------------------------------------

    def _create_table(self) -> None:
        try:
            self._client.create_table(
                TableName=self._table,
                AttributeDefinitions=[{"AttributeName": _KEY, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": _KEY, "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        except ClientError as error:
            # Another process that starts at the same moment creates it.
            if _code(error) != "ResourceInUseException":
                raise
        self._client.get_waiter("table_exists").wait(TableName=self._table)

    def _have_ended_items_deleted(self) -> None:
        """Switch the table's time to live on. Without it everything works, but the table grows for ever."""
        try:
            found = self._client.describe_time_to_live(TableName=self._table)["TimeToLiveDescription"]
            if found["TimeToLiveStatus"].startswith("DISABL"):
                self._client.update_time_to_live(
                    TableName=self._table,
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": _ENDS_AT},
                )
            elif found["AttributeName"] != _ENDS_AT:
                self._warn_of_growth(f"its time to live reads {found['AttributeName']!r}")
        except (BotoCoreError, ClientError) as error:
            # Another process that starts at the same moment has switched it on, or the last change is too new.
            if _code(error) != "ValidationException":
                self._warn_of_growth(str(error))

    def _warn_of_growth(self, cause: str) -> None:
        _log.warning(
            "store.table_grows",
            table=self._table,
            cause=cause,
            hint=f"allow dynamodb:DescribeTimeToLive and UpdateTimeToLive, or set it to {_ENDS_AT!r} yourself",
        )

    def _item(self, key: str) -> _Item:
        """The item under `key`, live or not; {} when there is none."""
        answer = self._client.get_item(TableName=self._table, Key=self._key(key), ConsistentRead=True)
        item: _Item = answer.get("Item", {})
        return item

    def _items(self, names: Sequence[str]) -> list[_Item]:
        """The items with these prefixed keys, _MAX_BATCH at most."""
        found: list[_Item] = []
        request: Any = {
            self._table: {"Keys": [{_KEY: {"S": name}} for name in names], "ConsistentRead": True},
        }
        # An answer holds at most 16 MiB, and fewer items when the table is busy. DynamoDB returns the keys
        # that it left out, and the client has to ask for them again.
        for _ in range(_MAX_REQUESTS_PER_BATCH):
            answer = self._client.batch_get_item(RequestItems=request)
            found += answer["Responses"].get(self._table, [])
            request = answer.get("UnprocessedKeys")
            if not request:
                return found
        raise OSError(f"DynamoDB left keys unread in each of {_MAX_REQUESTS_PER_BATCH} answers")

    def _write(self, send: Callable[..., Any], **request: Any) -> Any:
        """DynamoDB's answer to a conditional write; None when the condition does not hold."""
        try:
            return send(TableName=self._table, **request)
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return None
            raise

    # --- items ---------------------------------------------------------------------------

    def _key(self, key: str) -> _Item:
        return {_KEY: {"S": self._prefix + key}}

    def _new_item(self, key: str, record: Record, lifetime: timedelta) -> _Item:
        ends_at = self._number(self._now() + whole_seconds(lifetime))
        return {**self._key(key), _RECORD: {"S": encode_record(record).decode()}, _ENDS_AT: ends_at}

    def _live(self, item: _Item) -> str | None:
        """The JSON of a live item; "" when another program wrote the item; None when it has ended."""
        if not item:
            return None
        try:
            ends_at, stored = float(item[_ENDS_AT]["N"]), item[_RECORD]["S"]
        except (KeyError, ValueError):
            return ""
        return stored if ends_at > self._now() else None

    @staticmethod
    def _number(seconds: float) -> dict[str, str]:
        return {"N": str(int(seconds))}


def open_dynamodb_store(
    backing: DynamoDBBacking, *, timeout: float, now: Callable[[], float] = time.time, create: bool = True
) -> DynamoDbStore:
    """The store in the configured table, which is created when it is missing, unless `create` is False.

    timeout   seconds to wait for a connection, and for each answer
    now       Unix time in seconds
    Raises BotoCoreError for AWS settings that cannot be used, StoreUnavailable when the table cannot be created.
    """
    client = botocore.session.Session().create_client(
        "dynamodb",
        region_name=backing.region_name,
        endpoint_url=backing.endpoint_url,
        config=Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=_MAX_CONNECTIONS,
        ),
    )
    store = DynamoDbStore(client, table_name=backing.table_name, key_prefix=backing.key_prefix, now=now)
    if create:
        store.prepare()
    return store


def _code(error: BotoCoreError | ClientError) -> str:
    """AWS's code of an error that it answered; "" when it did not answer."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
