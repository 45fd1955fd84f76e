"""DynamoDB as a store: cachelib's cache, with JSON values and with its errors let through.

cachelib answers False to everything that goes wrong, so that a table that cannot be written looks like one
in which every assertion was used before; and pickles. It uses boto3's resources, which are not for several
threads; their client is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from cachelib import DynamoDbCache

_KEY = "cache_key"
_VALUE = "response"
_ENDS_AT = "expiration_time"
_MAX_CONNECTIONS = 64
_MAX_BATCH = 100
"""Keys; BatchGetItem takes no more."""
_MAX_QUESTIONS = 8
"""For one batch."""


class JsonDynamoDbCache(DynamoDbCache):
    """A table, made with a time to live when it is missing. Raises what botocore raises."""

    def __init__(
        self,
        *,
        table_name: str,
        key_prefix: str,
        region_name: str | None,
        endpoint_url: str | None,
        timeout: float,
    ) -> None:
        """`timeout`: seconds to wait for the service, to connect or to answer."""
        super().__init__(
            table_name=table_name,
            key_prefix=key_prefix,
            region_name=region_name,
            endpoint_url=endpoint_url,
            config=Config(
                connect_timeout=timeout,
                read_timeout=timeout,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=_MAX_CONNECTIONS,
            ),
        )
        self._client: Any = self._dynamo.meta.client
        self._name = table_name

    def get(self, key: str) -> Any:
        """The value under `key`, or None; as it was last written, whichever process wrote it.

        Raises ValueError when it is none of ours.
        """
        answer = self._client.get_item(TableName=self._name, Key=self._key(key), ConsistentRead=True)
        return _value(answer.get("Item"))

    def get_many(self, *keys: str) -> list[Any]:
        """The values under `keys`, None where there is none; a hundred in each question."""
        items: dict[str, Any] = {}
        requested = [self._key(key) for key in dict.fromkeys(keys)]
        for beginning in range(0, len(requested), _MAX_BATCH):
            batch = requested[beginning : beginning + _MAX_BATCH]
            request = {self._name: {"Keys": batch, "ConsistentRead": True}}
            # What the service had no time for, or no room in its answer, it asks to be asked for again.
            for _ in range(_MAX_QUESTIONS):
                answer = self._client.batch_get_item(RequestItems=request)
                items |= {item[_KEY]: item for item in answer["Responses"].get(self._name, [])}
                request = answer.get("UnprocessedKeys", {})
                if not request:
                    break
            else:
                raise OSError("DynamoDB left keys unread, again and again")
        return [_value(items.get(self.key_prefix + key)) for key in keys]

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value`, in place of any other."""
        self._client.put_item(TableName=self._name, Item=self._item(key, value, timeout))
        return True

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value` unless a live one is there; one conditional write, hence atomic."""
        try:
            self._client.put_item(
                TableName=self._name,
                Item=self._item(key, value, timeout),
                ConditionExpression="attribute_not_exists(#key) OR #end <= :now",
                ExpressionAttributeNames={"#key": _KEY, "#end": _ENDS_AT},
                ExpressionAttributeValues={":now": int(time.time())},
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def delete(self, key: str) -> bool:
        """Forget the value under `key`; whether there was one."""
        answer = self._client.delete_item(TableName=self._name, Key=self._key(key), ReturnValues="ALL_OLD")
        return bool(answer.get("Attributes"))

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`; one write, hence atomic. Keys of counts are never used again."""
        answer = self._client.update_item(
            TableName=self._name,
            Key=self._key(key),
            UpdateExpression="SET #end = if_not_exists(#end, :end) ADD #number :one",
            ExpressionAttributeNames={"#end": _ENDS_AT, "#number": "number"},
            ExpressionAttributeValues={":end": int(time.time()) + timeout, ":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["number"])

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live values that begin with `prefix`. Reads the whole table, page by page."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._name,
            ProjectionExpression="#key",
            FilterExpression="begins_with(#key, :prefix) AND #end > :now",
            ExpressionAttributeNames={"#key": _KEY, "#end": _ENDS_AT},
            ExpressionAttributeValues={":prefix": self.key_prefix + prefix, ":now": int(time.time())},
        )
        for page in pages:
            for item in page["Items"]:
                yield str(item[_KEY]).removeprefix(self.key_prefix)

    def _key(self, key: str) -> dict[str, str]:
        return {_KEY: self.key_prefix + key}

    def _item(self, key: str, value: Any, timeout: int | timedelta | None) -> dict[str, Any]:
        ends_at = int(time.time()) + self._normalize_timeout(timeout)
        return {**self._key(key), _VALUE: json.dumps(value), _ENDS_AT: ends_at}


def _value(item: dict[str, Any] | None) -> Any:
    if not item:
        return None
    try:
        return json.loads(item[_VALUE]) if item[_ENDS_AT] > time.time() else None
    except (KeyError, TypeError) as error:
        raise ValueError("an item of somebody else's") from error
