"""Redis, memcached and a pretend DynamoDB: the laws of every store, and what a network store adds to them."""

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
from pymemcache.client.base import Client

from awscons.adapters.stores.choice import open_store
from awscons.config.schema import DynamoDBBacking, MemcachedBacking, RedisBacking
from awscons.errors import ConfigurationError, StoreUnavailable
from awscons.store import RecordStore
from support.browser import text_of
from support.clock import MovableClock
from support.house import House, open_house
from support.serving import free_port, freeze
from support.stage import Aws
from support.stores import PASSWORD, Forward, Make, Put, SharedStoreLaws, memcached, redis_server

HOUR = timedelta(hours=1)
TABLE = "awscons-logins"


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


class TestRedis(SharedStoreLaws):
    @pytest.fixture
    def prefix(self, request: pytest.FixtureRequest) -> str:
        return f"{request.node.name}*[?]:"

    @pytest.fixture
    def server(self, redis_port: int) -> Iterator[Any]:
        """A client of its own, as another program has one."""
        with redis.Redis(port=redis_port, password=PASSWORD) as client:
            yield client

    @pytest.fixture
    def make(self, redis_port: int, prefix: str) -> Make:
        return lambda: open_store(redis_backing(redis_port, key_prefix=prefix), environment={})

    @pytest.fixture
    def forward(self, server: Any, prefix: str) -> Forward:
        def forward(seconds: float, *keys: str) -> None:
            for key in keys:
                # No time or less than none: Redis deletes the key.
                server.pexpire(prefix + key, server.pttl(prefix + key) - int(seconds * 1_000))

        return forward

    @pytest.fixture
    def put(self, server: Any, prefix: str) -> Put:
        return lambda key, value: server.set(prefix + key, value)

    def test_a_wrong_password_is_an_error_that_does_not_show_it(self, redis_port: int) -> None:
        store = open_store(redis_backing(redis_port, password="not-the-password"), environment={})
        with pytest.raises(StoreUnavailable) as caught:
            store.get("k")
        assert "not-the-password" not in str(caught.value)

    def test_a_value_of_another_kind_counts_as_absent(
        self, store: RecordStore, server: Any, prefix: str
    ) -> None:
        server.hset(prefix + "k", "field", "value")
        assert store.get("k") is None
        assert store.get_many(["k"]) == [None]
        assert store.replace("k", None, {"a": 1}, lifetime=HOUR) is True
        assert store.get("k") == {"a": 1}


class TestMemcached(SharedStoreLaws):
    can_list = False

    @pytest.fixture
    def prefix(self, request: pytest.FixtureRequest) -> str:
        # memcached takes neither white space nor long keys.
        return f"{request.node.name[:80].replace(' ', '-')}:"

    @pytest.fixture
    def server(self, memcached_port: int) -> Iterator[Client]:
        """A client of its own, as another program has one."""
        client = Client(f"127.0.0.1:{memcached_port}", default_noreply=False)
        yield client
        client.close()

    @pytest.fixture
    def make(self, memcached_port: int, prefix: str) -> Make:
        servers = [f"127.0.0.1:{memcached_port}"]
        backing = MemcachedBacking(cache_type="Memcached", servers=servers, key_prefix=prefix)
        return lambda: open_store(backing, environment={})

    @pytest.fixture
    def forward(self, server: Client, prefix: str) -> Forward:
        def forward(seconds: float, *keys: str) -> None:
            for key in keys:
                left = int(seconds_left(server, prefix + key) - seconds)
                server.touch(prefix + key, int(time.time()) + left if left > 0 else -1)

        return forward

    @pytest.fixture
    def put(self, server: Client, prefix: str) -> Put:
        return lambda key, value: server.set(prefix + key, value)

    def test_lifetimes_go_by_memcacheds_clock_which_may_differ_from_ours(
        self, memcached_port: int, server: Client
    ) -> None:
        """A month and less are seconds to memcached; more is Unix time, which a year can bear."""
        backing = MemcachedBacking(
            cache_type="Memcached", servers=[f"127.0.0.1:{memcached_port}"], key_prefix="clock:"
        )
        store = open_store(backing, environment={}, now=lambda: 0.0)
        for lifetime in (timedelta(seconds=90), HOUR, timedelta(days=30)):
            store.set("k", {}, lifetime=lifetime)
            wanted = lifetime.total_seconds()
            assert wanted - 30 < seconds_left(server, "clock:k") <= wanted

    def test_the_keys_of_a_server_that_is_away_are_an_error_and_never_move(self, tmp_path: Path) -> None:
        ports = [free_port(), free_port()]
        servers = [f"127.0.0.1:{port}" for port in ports]
        store = open_store(MemcachedBacking(cache_type="Memcached", servers=servers), environment={})
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
        store = open_store(backing, environment={})
        with memcached(tmp_path, port) as process:
            store.set("k", {}, lifetime=HOUR)
            freeze(process)
            try:
                with ThreadPoolExecutor() as others:
                    tries = [others.submit(store.delete, "k") for _ in range(2)]
                    ended, waiting = wait(tries, timeout=20)
                    # A thread that waits for ever would keep the test waiting, too.
                    process.send_signal(signal.SIGCONT)
            finally:
                process.send_signal(signal.SIGCONT)
        assert not waiting
        assert {type(one.exception()) for one in ended} == {StoreUnavailable}


def seconds_left(server: Client, name: str) -> float:
    """Until memcached forgets what is under `name`."""
    return float(server.raw_command(f"mg {name} t").removeprefix(b"HD t"))


class TestDynamoDb(SharedStoreLaws):
    """The pretend AWS of the journeys knows DynamoDB as well."""

    @pytest.fixture
    def prefix(self, request: pytest.FixtureRequest) -> str:
        return f"{request.node.name}:"

    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    @pytest.fixture
    def client(self, aws: Aws) -> Any:
        """A client of its own, as another program has one."""
        return boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=aws.sts_url)

    @pytest.fixture
    def clock(self) -> MovableClock:
        return MovableClock()

    @pytest.fixture
    def make(self, aws: Aws, prefix: str, clock: MovableClock) -> Make:
        backing = DynamoDBBacking(
            cache_type="DynamoDB",
            table_name=TABLE,
            region_name="eu-central-1",
            endpoint_url=aws.sts_url,
            key_prefix=prefix,
        )
        return lambda: open_store(backing, environment={}, now=lambda: clock().timestamp())

    @pytest.fixture
    def forward(self, clock: MovableClock) -> Forward:
        return lambda seconds, *_: clock.forward(seconds=seconds)

    @pytest.fixture
    def put(self, client: Any, prefix: str) -> Put:
        return lambda key, value: client.put_item(
            TableName=TABLE,
            Item={
                "cache_key": {"S": prefix + key},
                "record": {"S": value.decode("latin-1")},
                "expiration_time": {"N": "9999999999"},
            },
        )

    def test_a_table_that_is_gone_is_an_error_and_no_used_assertion(
        self, store: RecordStore, client: Any
    ) -> None:
        client.delete_table(TableName=TABLE)
        for use in (
            lambda: store.get("k"),
            lambda: store.add("k", {}, lifetime=HOUR),
            lambda: store.set("k", {}, lifetime=HOUR),
            lambda: store.replace("k", None, {}, lifetime=HOUR),
            lambda: store.delete("k"),
            lambda: store.count("k", lifetime=HOUR),
        ):
            with pytest.raises(StoreUnavailable):
                use()

    def test_without_a_region_it_is_a_configuration_error(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        backing = DynamoDBBacking(cache_type="DynamoDB", endpoint_url=aws.sts_url)
        with pytest.raises(ConfigurationError, match="region_name"):
            open_store(backing, environment={})

    def test_as_many_as_there_are_are_kept_and_listed_and_got_at_once(self, store: RecordStore) -> None:
        """More than an answer of DynamoDB holds: a mebibyte of a table; a hundred keys, or 16 MiB of values."""
        for n in range(150):
            store.set(f"login:{n}", {"n": n, "x": "x" * (300_000 if n < 60 else 1)}, lifetime=HOUR)
        keys = list(store.keys("login:"))
        assert len(set(keys)) == len(keys) == 150
        records = store.get_many([f"login:{n}" for n in range(150)])
        assert [record and record["n"] for record in records] == [*range(150)]

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {"record": {"N": "5"}, "expiration_time": {"S": "never"}},
            {"record": {"S": "{}"}},
            {"expiration_time": {"N": "9999999999"}},
        ],
        ids=range(4),
    )
    def test_an_item_of_another_program_counts_as_absent_and_hides_no_other(
        self, store: RecordStore, client: Any, prefix: str, attributes: dict[str, object]
    ) -> None:
        store.set("a", {"a": 1}, lifetime=HOUR)
        client.put_item(TableName=TABLE, Item={"cache_key": {"S": prefix + "k"}, **attributes})
        assert store.get("k") is None
        assert store.get_many(["k", "a"]) == [None, {"a": 1}]
        assert store.replace("k", None, {"b": 1}, lifetime=HOUR) is True
        assert store.get("k") == {"b": 1}

    def test_dynamodb_itself_deletes_records_after_their_end(self, store: RecordStore, client: Any) -> None:
        assert store.get("k") is None
        described = client.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
        assert (described["AttributeName"], described["TimeToLiveStatus"]) == ("expiration_time", "ENABLED")


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
        assert "cannot save sign-ins" in text_of(away)
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
        freeze(process)
        try:
            assert browser.get("/aws/cloudadmin").status_code == 503
        finally:
            process.send_signal(signal.SIGCONT)
        assert browser.get("/aws/cloudadmin").status_code == 301
