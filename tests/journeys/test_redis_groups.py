"""Redis as companies run it: Sentinels, a Cluster, TLS, a socket, a user with few rights; failover under load."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from awscons.adapters.stores.choice import open_store, store_warnings
from awscons.config.schema import RedisBacking
from awscons.errors import StoreUnavailable
from awscons.store import RecordStore
from support.browser import Browser
from support.house import House, open_house
from support.load import Load
from support.operator import awscons, configure
from support.redis_groups import (
    MASTER,
    SENTINEL_PASSWORD,
    Clustered,
    eventually,
    redis_cluster,
    redis_sentinel,
    watched_redis,
)
from support.serving import authority, free_port, freeze, program
from support.stage import ROOT, write_tls
from support.stores import PASSWORD, Forward, Make, Put, SharedStoreLaws, redis_server

HOUR = timedelta(hours=1)
DOCUMENT = ROOT / "docs/how-to/redis.md"


def options_for(url: str, **more: object) -> dict[str, object]:
    login = {"password": PASSWORD}
    if "+sentinel" in url:
        login["sentinel_password"] = SENTINEL_PASSWORD
    return {"cache_type": "Redis", "url": url, **login, **more}


def store_at(url: str, **more: object) -> RecordStore:
    return open_store(RedisBacking.model_validate(options_for(url, **more)), environment={})


def works(store: RecordStore) -> bool:
    names = [f"k{number}" for number in range(20)]
    for name in names:
        store.set(name, {"a": name}, lifetime=HOUR)
    return store.get_many([*names, "x"]) == [*({"a": name} for name in names), None]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


class TestRedisCluster(SharedStoreLaws):
    @pytest.fixture
    def prefix(self, request: pytest.FixtureRequest) -> str:
        return f"{request.node.name}*[?]:"

    @pytest.fixture
    def server(self, cluster: Clustered) -> Iterator[Any]:
        """A client of its own, as another program has one."""
        with cluster.client() as client:
            yield client

    @pytest.fixture
    def make(self, cluster: Clustered, prefix: str) -> Make:
        return lambda: store_at(cluster.url, key_prefix=prefix)

    @pytest.fixture
    def forward(self, server: Any, prefix: str) -> Forward:
        def forward(seconds: float, *keys: str) -> None:
            for key in keys:
                server.pexpire(prefix + key, server.pttl(prefix + key) - int(seconds * 1_000))

        return forward

    @pytest.fixture
    def put(self, server: Any, prefix: str) -> Put:
        return lambda key, value: server.set(prefix + key, value)


# --- failover ----------------------------------------------------------------------------

Group = tuple[str, Callable[[], None], Callable[[], bool]]
"""URL, what kills a master that has logins, whether another has taken its place."""


@contextmanager
def group(kind: str, folder: Path) -> Iterator[Group]:
    if kind == "Sentinel":
        with watched_redis(folder) as watched:
            yield watched.url, watched.master.kill, watched.elects
        return
    with redis_cluster(folder) as found:
        killed: list[int] = []

        def kill() -> None:
            logins = [
                redis.Redis(host="127.0.0.1", port=port, password=PASSWORD).keys("*login:*")
                for port in found.ports[:3]
            ]
            index = max(range(3), key=lambda number: len(logins[number]))
            found.processes[index].kill()
            killed.append(found.ports[index])

        yield found.url, kill, lambda: found.elects(killed[0])


def signed_in(house: House) -> Browser:
    browser = house.browser()
    assert house.sign_in(browser, "/aws/").status_code == 200
    return browser


@pytest.mark.parametrize("kind", ["Sentinel", "Cluster"])
def test_a_failover_under_load_loses_no_login_and_is_a_503_until_the_election(
    tmp_path: Path, kind: str
) -> None:
    with group(kind, tmp_path) as (url, kill, elects), open_house(tmp_path, store=options_for(url)) as house:
        browsers = [signed_in(house) for _ in range(6)]
        assert house.browser().get("/readyz").status_code == 200
        with Load(browsers, "/aws/") as load:
            load.wait_for(12, 200)
            browsers.append(signed_in(house))
            kill()
            load.wait_for(1, 503)
            eventually(elects)
        assert set(load.codes) == {200, 503}
        assert all(load.clear)
        with Load(browsers, "/aws/") as load:
            load.wait_for(40, 200)
        assert set(load.codes) == {200}
        signed_in(house)
        house.clock.forward(seconds=2)
        assert house.browser().get("/readyz").status_code == 200
        assert PASSWORD not in house.log.getvalue()


def test_a_master_that_hangs_is_replaced_and_loses_no_login(tmp_path: Path) -> None:
    with watched_redis(tmp_path) as watched, open_house(tmp_path, store=options_for(watched.url)) as house:
        browser = signed_in(house)
        freeze(watched.master)
        eventually(watched.elects)
        # The connection to the old master costs one request its time limit.
        assert browser.get("/aws/").status_code == 503
        assert browser.get("/aws/").status_code == 200
        signed_in(house)
        watched.master.kill()


# --- TLS, a socket, rights, tokens -------------------------------------------------------


@pytest.mark.parametrize("form", ["redis", "rediss+sentinel", "valkeys+cluster"])
def test_tls_with_our_own_authority_works_in_every_form_and_no_other_is_trusted(
    tmp_path: Path, form: str
) -> None:
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "others.pem")
    certificate, key = write_tls(tmp_path)
    tls = ["--tls-auth-clients", "no", "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    tls += ["--tls-ca-cert-file", f"{tmp_path}/ca.pem", "--port", "0"]
    port, kind = free_port(), form.partition("+")[2]
    options: dict[str, object] = {} if kind else {"ssl": True}
    with ExitStack() as stack:
        clustered = (
            ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--tls-cluster", "yes")
            if kind == "cluster"
            else ()
        )
        stack.enter_context(redis_server(tmp_path, port, *tls, "--tls-port", str(port), *clustered))
        server: Any = redis.Redis(
            host="127.0.0.1", port=port, password=PASSWORD, ssl=True, ssl_ca_certs=f"{tmp_path}/ca.pem"
        )
        url = f"{form}://127.0.0.1:{port}"
        if kind == "cluster":
            server.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            eventually(lambda: server.cluster("INFO")["cluster_state"] == "ok")
        if kind == "sentinel":
            sentinel_port = free_port()
            ports = ("--tls-port", str(sentinel_port), "--tls-replication", "yes")
            stack.enter_context(redis_sentinel(tmp_path, sentinel_port, port, *tls, *ports))
            url = f"{form}://127.0.0.1:{sentinel_port}/{MASTER}"
        assert works(store_at(url, **options, ssl_ca_certs=f"{tmp_path}/ca.pem"))
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            store_at(url, **options, ssl_ca_certs=f"{tmp_path}/others.pem").get("k")


def test_a_socket_of_this_host_works(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with redis_server(tmp_path, free_port(), "--unixsocket", str(socket)):
        assert works(store_at(f"unix://{socket}", db=3))


@pytest.mark.parametrize("form", ["redis", "redis+cluster"])
def test_the_rights_in_the_documents_are_enough(tmp_path: Path, form: str) -> None:
    (line,) = re.findall(r"^user awscons .*$", DOCUMENT.read_text(), re.MULTILINE)
    (tmp_path / "users.acl").write_text(line.replace("PASSWORD", "word") + "\n")
    port = free_port()
    with lone_redis(tmp_path, port, "--aclfile", f"{tmp_path}/users.acl", clustered="cluster" in form):
        url = f"{form}://awscons:word@127.0.0.1:{port}"
        store = store_at(url, password=None)
        assert works(store)
        assert store.add("a", {}, lifetime=HOUR)
        assert store.replace("a", {}, {"a": 1}, lifetime=HOUR)
        assert store.count("c", lifetime=HOUR) == 1
        assert list(store.keys("a")) == ["a"]
        store.delete("a")
        said = found_in(url, password=None)
        assert said == "[]" or ("no replica" in said and "INFO" not in said)


@contextmanager
def lone_redis(folder: Path, port: int, *options: str, clustered: bool) -> Iterator[None]:
    """A server without a password; or the one node of a Cluster."""
    server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    if clustered:
        server += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with program([*server, *options], port=port, log=folder / "redis.log"):
        if clustered:
            node: Any = redis.Redis(host="127.0.0.1", port=port)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            eventually(lambda: node.cluster("INFO")["cluster_state"] == "ok")
        yield


def test_elasticache_gets_a_token_in_place_of_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate, key = write_tls(tmp_path)
    port = free_port()
    # A user who gets in with any password, and nobody without one.
    (tmp_path / "users.acl").write_text("user default off\nuser broker on nopass ~* &* +@all\n")
    server = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server += ["--tls-auth-clients", "no", "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    server += ["--tls-ca-cert-file", f"{tmp_path}/ca.pem", "--aclfile", f"{tmp_path}/users.acl"]
    with program(server, port=port, log=tmp_path / "redis.log"):
        iam = {"iam_cache_name": "logins", "iam_region_name": "eu-central-1", "username": "broker"}
        options: dict[str, object] = {"ssl_ca_certs": f"{tmp_path}/ca.pem", "password": None, **iam}
        assert works(store_at(f"rediss://127.0.0.1:{port}", **options))
        with pytest.raises(StoreUnavailable):
            store_at(
                f"rediss://127.0.0.1:{port}", **{**options, "iam_cache_name": None, "username": None}
            ).get("k")


# --- what `awscons check` says -----------------------------------------------------------


def checked(folder: Path, url: str) -> tuple[int, str]:
    configure(folder, options_for(url))
    done = awscons(folder, "check")
    for secret in (PASSWORD, SENTINEL_PASSWORD):
        assert secret not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def found_in(url: str, **more: object) -> str:
    """What the check finds in that store, or why it cannot be used and what helps."""
    try:
        return str(store_warnings(RedisBacking.model_validate(options_for(url, **more))))
    except StoreUnavailable as error:
        return f"{error} hint: {error.hint}"


def test_the_check_knows_sentinels_and_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    with watched_redis(tmp_path) as watched:
        hosts = watched.url.partition("://")[2].partition("/")[0]
        server = f"127.0.0.1:{watched.master_port}"
        assert found_in(watched.url) == "[]"
        status, said = checked(tmp_path, f"redis+sentinel://{hosts}/other")
        assert (status, "the Sentinels watch no master 'other'" in said) == (1, True)
        assert "`SENTINEL masters` lists the names" in said

        said = found_in(watched.url, sentinel_password="wrong")
        assert "no Sentinel answers: AuthenticationError" in said
        assert "`sentinel_password`" in said
        said = found_in(f"redis+sentinel://{server}/{MASTER}", sentinel_password=PASSWORD)
        assert "this is no Sentinel" in said
        assert "a server without cluster mode" in found_in(f"redis+cluster://{server}")

        watched.replica.kill()
        master: Any = redis.Redis(host="127.0.0.1", port=watched.master_port, password=PASSWORD)
        eventually(lambda: master.info()["connected_slaves"] == 0)
        assert "no replica that could take its place" in found_in(watched.url)


def test_the_check_knows_a_cluster_and_asks_each_of_its_masters(tmp_path: Path, cluster: Clustered) -> None:
    status, said = checked(tmp_path, cluster.url)
    assert (status, "About the store" in said) == (0, False)
    master: Any = redis.Redis(host="127.0.0.1", port=cluster.ports[2], password=PASSWORD)
    master.config_set("maxmemory", "100mb")
    master.config_set("maxmemory-policy", "allkeys-lru")
    assert "drops live logins when its 100 MiB are full" in found_in(cluster.url)
    master.config_set("maxmemory-policy", "noeviction")
    assert "redis+cluster://" in found_in(f"redis://127.0.0.1:{cluster.ports[0]}")


def test_the_check_knows_a_cluster_that_announces_addresses_which_this_host_cannot_reach(
    tmp_path: Path,
) -> None:
    port = free_port()
    with lone_redis(tmp_path, port, "--cluster-announce-ip", "192.0.2.1", clustered=True):
        said = found_in(f"redis+cluster://127.0.0.1:{port}", password=None)
    assert "no answer at an address that the Cluster announces" in said
    assert "`cluster-announce-ip`" in said
