"""Redis and memcached, the real ones: the laws of every store, and what a network store adds to them."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis

from awscons.adapters.caches import build_cache
from awscons.adapters.record_store import CacheRecordStore
from awscons.config.schema import DynamoDBBacking, MemcachedBacking, RedisBacking
from awscons.errors import StoreUnavailable
from support.browser import text_of
from support.house import House, open_house
from support.serving import free_port
from support.stores import PASSWORD, StoreContract, memcached, redis_server
from support.world import Aws

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with redis_server(tmp_path_factory.mktemp("redis"), port):
        yield port


@pytest.fixture(scope="module")
def memcached_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with memcached(tmp_path_factory.mktemp("memcached"), port):
        yield port


def redis_backing(port: int, **more: object) -> RedisBacking:
    options = {"cache_type": "Redis", "host": "127.0.0.1", "port": port, "password": PASSWORD, **more}
    return RedisBacking.model_validate(options)


class TestRedis(StoreContract):
    def seconds_left(self, cache: Any, key: str) -> float:
        return float(cache._read_client.pttl(cache._get_prefix() + key)) / 1_000

    def put(self, cache: Any, key: str, value: bytes) -> None:
        cache._write_client.set(cache._get_prefix() + key, value)

    @pytest.fixture
    def make(self, redis_port: int, request: pytest.FixtureRequest) -> Callable[[], CacheRecordStore]:
        backing = redis_backing(redis_port, key_prefix=f"{request.node.name}:")
        return lambda: CacheRecordStore(build_cache(backing, environment={}))

    def test_an_added_record_has_a_lifetime_from_the_first_moment(
        self, make: Callable[[], CacheRecordStore], redis_port: int
    ) -> None:
        make().add("k", {}, lifetime=HOUR)
        client = redis.Redis(port=redis_port, password=PASSWORD)
        keys = client.keys("*lifetime_from_the_first_moment*")
        assert [0 < client.ttl(key) <= 3600 for key in keys] == [True]
        client.close()

    def test_a_wrong_password_is_an_error_that_does_not_show_it(self, redis_port: int) -> None:
        store = CacheRecordStore(
            build_cache(redis_backing(redis_port, password="not-the-password"), environment={})
        )
        with pytest.raises(StoreUnavailable) as caught:
            store.get("k")
        assert "not-the-password" not in str(caught.value)

    def test_a_value_of_another_kind_counts_as_absent(self, make: Callable[[], CacheRecordStore]) -> None:
        store = make()
        cache: Any = store._cache
        cache._write_client.hset(cache._get_prefix() + "k", "field", "value")
        assert store.get("k") is None
        assert store.get_many(["k"]) == [None]


class TestMemcached(StoreContract):
    can_list = False

    def seconds_left(self, cache: Any, key: str) -> float:
        (client,) = cache._client._clients
        return float(client.raw_command(f"mg {cache.key_prefix}{key} t").removeprefix(b"HD t"))

    def put(self, cache: Any, key: str, value: bytes) -> None:
        (client,) = cache._client._clients
        head = f"set {cache.key_prefix}{key} 0 0 {len(value)}\r\n"
        assert client.raw_command(head.encode() + value) == b"STORED"

    @pytest.fixture
    def make(self, memcached_port: int, request: pytest.FixtureRequest) -> Callable[[], CacheRecordStore]:
        backing = MemcachedBacking(
            cache_type="Memcached",
            servers=[f"127.0.0.1:{memcached_port}"],
            key_prefix=f"{request.node.name[:60]}:",
        )
        return lambda: CacheRecordStore(build_cache(backing, environment={}))

    def test_the_keys_of_a_server_that_is_away_are_an_error_and_never_move(self, tmp_path: Path) -> None:
        ports = [free_port(), free_port()]
        servers = [f"127.0.0.1:{port}" for port in ports]
        backing = MemcachedBacking(cache_type="Memcached", servers=servers)
        store = CacheRecordStore(build_cache(backing, environment={}))
        with memcached(tmp_path, ports[0]):
            with memcached(tmp_path, ports[1]):
                for number in range(20):
                    assert store.add(f"k{number}", {}, lifetime=HOUR) is True
            answers: list[bool | None] = []
            for number in range(20):
                try:
                    answers.append(store.add(f"k{number}", {}, lifetime=HOUR))
                except StoreUnavailable:
                    answers.append(None)
        assert set(answers) == {False, None}

    def test_a_sign_out_that_did_not_happen_is_an_error(self, tmp_path: Path) -> None:
        port = free_port()
        backing = MemcachedBacking(cache_type="Memcached", servers=[f"127.0.0.1:{port}"])
        store = CacheRecordStore(build_cache(backing, environment={}))
        with memcached(tmp_path, port) as process:
            store.set("k", {}, lifetime=HOUR)
            process.send_signal(signal.SIGSTOP)
            try:
                with ThreadPoolExecutor() as others:
                    tries = [others.submit(store.delete, "k") for _ in range(2)]
                    ended, waiting = wait(tries, timeout=20)
                    # Whoever waits for ever would keep the test waiting, too.
                    process.send_signal(signal.SIGCONT)
            finally:
                process.send_signal(signal.SIGCONT)
        assert not waiting
        assert {type(one.exception()) for one in ended} == {StoreUnavailable}


class TestDynamoDb(StoreContract):
    """The pretend AWS of the journeys knows DynamoDB as well."""

    def seconds_left(self, cache: Any, key: str) -> float:
        item = cache._client.get_item(TableName=cache._name, Key=cache._key(key))["Item"]
        return float(item["expiration_time"]) - time.time()

    def put(self, cache: Any, key: str, value: bytes) -> None:
        item = {**cache._key(key), "response": value.decode("latin-1"), "expiration_time": 9_999_999_999}
        cache._client.put_item(TableName=cache._name, Item=item)

    @pytest.fixture
    def make(
        self, aws: Aws, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], CacheRecordStore]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        backing = DynamoDBBacking(
            cache_type="DynamoDB",
            table_name="awscons-logins",
            region_name="eu-central-1",
            endpoint_url=aws.sts_url,
            key_prefix=f"{request.node.name}:",
        )
        return lambda: CacheRecordStore(build_cache(backing, environment={}))

    def test_a_table_that_is_gone_is_an_error_and_no_used_assertion(
        self, make: Callable[[], CacheRecordStore], aws: Aws
    ) -> None:
        store = make()
        client = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=aws.sts_url)
        client.delete_table(TableName="awscons-logins")
        for use in (
            lambda: store.get("k"),
            lambda: store.add("k", {}, lifetime=HOUR),
            lambda: store.set("k", {}, lifetime=HOUR),
            lambda: store.delete("k"),
            lambda: store.count("k", lifetime=HOUR),
        ):
            with pytest.raises(StoreUnavailable):
                use()

    def test_as_many_as_there_are_are_kept_and_listed_and_got_at_once(
        self, make: Callable[[], CacheRecordStore]
    ) -> None:
        """More than an answer of DynamoDB holds: a mebibyte of a table; a hundred keys, or 16 MiB of values."""
        store = make()
        cache: Any = store._cache
        records = [
            {**cache._item(f"login:{n}", {"n": n, "x": "x" * (300_000 if n < 60 else 1)}, 3_600)}
            for n in range(150)
        ]
        with cache._dynamo.Table(cache._name).batch_writer() as batch:
            for record in records:
                batch.put_item(Item=record)
        keys = list(store.keys("login:"))
        assert len(set(keys)) == len(keys) == 150
        assert [record and record["n"] for record in store.get_many([f"login:{n}" for n in range(150)])] == [
            *range(150)
        ]

    def test_an_item_of_somebody_elses_counts_as_absent_and_hides_no_other(
        self, make: Callable[[], CacheRecordStore]
    ) -> None:
        store = make()
        cache: Any = store._cache
        store.set("a", {"a": 1}, lifetime=HOUR)
        for more in ({}, {"response": 5, "expiration_time": "never"}, {"response": "{}"}):
            cache._client.put_item(TableName=cache._name, Item={**cache._key("k"), **more})
            assert store.get("k") is None
            assert store.get_many(["k", "a"]) == [None, {"a": 1}]

    def test_ended_records_are_left_to_dynamodb_and_count_as_absent_until_then(
        self, make: Callable[[], CacheRecordStore], aws: Aws
    ) -> None:
        store = make()
        store.set("login:a", {"a": 1}, lifetime=HOUR)
        client = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=aws.sts_url)
        described = client.describe_time_to_live(TableName="awscons-logins")["TimeToLiveDescription"]
        assert (described["AttributeName"], described["TimeToLiveStatus"]) == ("expiration_time", "ENABLED")
        cache: Any = store._cache
        key = {"cache_key": {"S": cache._key("login:a")["cache_key"]}}
        item = client.get_item(TableName="awscons-logins", Key=key)["Item"]
        client.put_item(TableName="awscons-logins", Item={**item, "expiration_time": {"N": "1"}})
        assert store.get("login:a") is None
        assert list(store.keys("login:")) == []
        assert store.add("login:a", {"a": 2}, lifetime=HOUR) is True


@contextmanager
def store_program(kind: str, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    with redis_server(folder, port) if kind == "Redis" else memcached(folder, port) as process:
        yield process


@pytest.mark.parametrize("kind", ["Redis", "Memcached"])
def test_sign_in_works_and_a_store_that_is_away_is_a_503_until_it_is_back(tmp_path: Path, kind: str) -> None:
    port = free_port()
    store: dict[str, object] = {"cache_type": kind}
    if kind == "Redis":
        store |= {"host": "127.0.0.1", "port": port, "password": PASSWORD}
    else:
        store |= {"servers": [f"127.0.0.1:{port}"]}
    with open_house(tmp_path, store=store) as house:
        with store_program(kind, tmp_path, port):
            browser = house.browser()
            assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
            assert browser.get("/aws/cloudadmin").status_code == 301
        away = browser.get("/aws/cloudadmin")
        assert away.status_code == 503
        assert "cannot keep track of sign-ins" in text_of(away)
        assert PASSWORD not in house.log.getvalue()
        with store_program(kind, tmp_path, port):
            assert eventually_signs_in(house)


def eventually_signs_in(house: House) -> bool:
    """Ask until it works: a client waits some seconds before it asks a server again that was away."""
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        browser = house.browser()
        if browser.get("/aws/cloudadmin").status_code == 302:
            return house.sign_in(browser, "/aws/cloudadmin").status_code == 301
    return False


def test_a_redis_that_hangs_is_a_503_within_bounds(tmp_path: Path) -> None:
    port = free_port()
    store = {"cache_type": "Redis", "host": "127.0.0.1", "port": port, "password": PASSWORD}
    with open_house(tmp_path, store=store) as house, redis_server(tmp_path, port) as process:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        process.send_signal(signal.SIGSTOP)
        try:
            assert browser.get("/aws/cloudadmin").status_code == 503
        finally:
            process.send_signal(signal.SIGCONT)
        assert browser.get("/aws/cloudadmin").status_code == 301
