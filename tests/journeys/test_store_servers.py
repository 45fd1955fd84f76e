"""Redis and memcached as somebody else has set them up: TLS, passwords, too little memory; and what we say of it."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import trustme
from pymemcache.client.base import Client

from awscons.adapters.stores.choice import open_store
from awscons.config.schema import MemcachedBacking, RedisBacking
from awscons.errors import ConfigurationError, StoreUnavailable
from awscons.store import RecordStore
from support.browser import sent_to_idp, text_of
from support.house import open_house
from support.operator import awscons, configure
from support.serving import authority, free_port
from support.stores import PASSWORD, memcached, redis_server

HOUR = timedelta(hours=1)
KINDS = pytest.mark.parametrize("kind", ["Redis", "Memcached"])


def options_for(kind: str, port: int, **more: object) -> dict[str, object]:
    """`session_backing`; `more` may take the password back."""
    where: dict[str, object] = {"host": "127.0.0.1", "port": port, "password": PASSWORD}
    if kind == "Memcached":
        where = {"servers": [f"127.0.0.1:{port}"]}
    return {"cache_type": kind, **where, **more}


def store_for(kind: str, port: int, **more: object) -> RecordStore:
    model = RedisBacking if kind == "Redis" else MemcachedBacking
    return open_store(model.model_validate(options_for(kind, port, **more)), environment={})


def works(store: RecordStore) -> bool:
    store.set("k", {"a": 1}, lifetime=HOUR)
    return store.get("k") == {"a": 1} and store.get_many(["k", "x"]) == [{"a": 1}, None]


# --- TLS ---------------------------------------------------------------------------------


def write_pair(folder: Path, name: str) -> dict[str, str]:
    """A certificate of this run's authority, and its key, as files."""
    issued = authority().issue_cert(name)
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return {"certificate": str(certificate), "key": str(key)}


@contextmanager
def tls_server(kind: str, folder: Path, name: str = "127.0.0.1", clients: str = "no") -> Iterator[int]:
    """A server that is called `name`; `clients`: whether it wants their certificates."""
    port, pair, ours = free_port(), write_pair(folder, name), folder / "ours.pem"
    authority().cert_pem.write_to_path(ours)
    if kind == "Redis":
        options = ["--tls-port", str(port), "--tls-auth-clients", clients, "--tls-ca-cert-file", str(ours)]
        options += ["--tls-cert-file", pair["certificate"], "--tls-key-file", pair["key"], "--port", "0"]
        run = redis_server(folder, port, *options)
    else:
        tls = f"ssl_chain_cert={pair['certificate']},ssl_key={pair['key']},ssl_ca_cert={ours}"
        run = memcached(folder, port, "-Z", "-o", f"{tls},ssl_verify_mode={2 if clients == 'yes' else 0}")
    with run:
        yield port


@KINDS
def test_over_tls_the_configured_authority_is_trusted_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    others, ours = tmp_path / "others.pem", str(tmp_path / "ours.pem")
    trustme.CA().cert_pem.write_to_path(others)
    with tls_server(kind, tmp_path) as port:
        assert works(store_for(kind, port, ssl=True, ssl_ca_certs=ours))
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            store_for(kind, port, ssl=True).get("k")
        monkeypatch.setenv("SSL_CERT_FILE", ours)
        assert works(store_for(kind, port, ssl=True))
        # The system trusts our authority now, and still does not count.
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            store_for(kind, port, ssl=True, ssl_ca_certs=str(others)).get("k")
        with pytest.raises(StoreUnavailable):
            store_for(kind, port).get("k")


@KINDS
def test_over_tls_a_server_of_another_name_is_refused(tmp_path: Path, kind: str) -> None:
    with (
        tls_server(kind, tmp_path, name="elsewhere.example.com") as port,
        pytest.raises(StoreUnavailable, match="IP address mismatch"),
    ):
        store_for(kind, port, ssl=True, ssl_ca_certs=str(tmp_path / "ours.pem")).get("k")


@KINDS
def test_a_server_that_wants_our_certificate_gets_it(tmp_path: Path, kind: str) -> None:
    with tls_server(kind, tmp_path, clients="yes") as port:
        pair = write_pair(tmp_path, "awscons.example.com")
        both = tmp_path / "both.pem"
        both.write_bytes(Path(pair["certificate"]).read_bytes() + Path(pair["key"]).read_bytes())
        trust = {"ssl": True, "ssl_ca_certs": str(tmp_path / "ours.pem")}
        ours = {"ssl_certfile": pair["certificate"], "ssl_keyfile": pair["key"]}
        assert works(store_for(kind, port, **trust, **ours))
        assert works(store_for(kind, port, **trust, ssl_certfile=str(both)))
        with pytest.raises(StoreUnavailable):
            store_for(kind, port, **trust).get("k")


@KINDS
@pytest.mark.parametrize("key", ["ssl_ca_certs", "ssl_certfile"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_a_mistake_before_anybody_signs_in(
    tmp_path: Path, kind: str, key: str, content: str | None
) -> None:
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        store_for(kind, 1, ssl=True, **{key: str(file)})
    (mistake,) = caught.value.mistakes
    assert mistake.path == f"session_config.session_backing.{key}"
    assert str(file) in mistake.found


# --- passwords ---------------------------------------------------------------------------


@contextmanager
def server_with_password(kind: str, folder: Path) -> Iterator[int]:
    port = free_port()
    (folder / "users").write_text(f"other:word\nawscons:{PASSWORD}\n")
    run = redis_server(folder, port)
    if kind == "Memcached":
        run = memcached(folder, port, "-Y", str(folder / "users"))
    with run:
        yield port


@KINDS
def test_a_password_opens_the_store_and_a_wrong_one_is_an_error_that_does_not_show_it(
    tmp_path: Path, kind: str
) -> None:
    user = {"username": "default" if kind == "Redis" else "awscons"}
    with server_with_password(kind, tmp_path) as port:
        assert works(store_for(kind, port, **user, password=PASSWORD))
        for wrong in ({**user, "password": "not-the-password"}, {"password": None}):
            store = store_for(kind, port, **wrong)
            # Twice: a connection that was refused must not be taken for one that was let in.
            for _ in range(2):
                with pytest.raises(StoreUnavailable) as caught:
                    store.get("k")
                assert "not-the-password" not in f"{caught.value!r} {caught.value}"


def test_a_memcached_that_asks_nobody_keeps_no_password_for_all_to_read(tmp_path: Path) -> None:
    port = free_port()
    with memcached(tmp_path, port):
        assert works(store_for("Memcached", port, username="awscons", password=PASSWORD))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"get login\r\n")
            assert connection.recv(1_000) == b"END\r\n"


# --- what `awscons check` says -----------------------------------------------------------


def checked(folder: Path, store: dict[str, object]) -> tuple[int, str]:
    configure(folder, store)
    done = awscons(folder, "check")
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def evicting_redis(folder: Path, port: int) -> AbstractContextManager[object]:
    return redis_server(folder, port, "--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru")


def steady_redis(folder: Path, port: int) -> AbstractContextManager[object]:
    return redis_server(folder, port, "--maxmemory", "100mb", "--maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    ("kind", "start", "said"),
    [
        ("Redis", redis_server, None),
        ("Redis", steady_redis, None),
        (
            "Redis",
            evicting_redis,
            "drops live logins when its 100 MiB are full (maxmemory-policy volatile-lru)",
        ),
        ("Memcached", memcached, "has room for about 21,845 logins, and then drops live ones"),
        ("Memcached", lambda folder, port: memcached(folder, port, "-m", "300"), None),
        ("Memcached", lambda folder, port: memcached(folder, port, "-M"), None),
    ],
)
def test_the_check_says_when_the_store_may_drop_live_logins(
    tmp_path: Path, kind: str, start: Callable[[Path, int], AbstractContextManager[object]], said: str | None
) -> None:
    port = free_port()
    with start(tmp_path, port):
        status, output = checked(tmp_path, options_for(kind, port))
    assert status == 0
    assert (said or "") in output
    assert ("About the store of logins" in output) is (said is not None)


def test_the_check_says_when_the_store_has_dropped_live_logins(tmp_path: Path) -> None:
    port = free_port()
    with redis_server(tmp_path, port, "--maxmemory", "2mb", "--maxmemory-policy", "allkeys-lru"):
        fill_redis(port, 4_000)
        assert "live records to make room" in checked(tmp_path, options_for("Redis", port))[1]
    port = free_port()
    with memcached(tmp_path, port, "-m", "2"):
        fill_memcached(port, [1_000], 5_000)
        assert "live records to make room" in checked(tmp_path, options_for("Memcached", port))[1]


def test_the_check_says_when_nobody_is_asked_for_the_password(tmp_path: Path) -> None:
    port = free_port()
    with memcached(tmp_path, port, "-M"):
        store = options_for("Memcached", port, username="awscons", password="word")
        assert "asks nobody for a password" in checked(tmp_path, store)[1]


def test_the_check_fails_where_the_store_takes_no_records(tmp_path: Path) -> None:
    port, away = free_port(), free_port()
    with redis_server(tmp_path, port, "--replicaof", "127.0.0.1", str(away)):
        for store, cause in [
            (options_for("Redis", port), "read only replica"),
            (options_for("Redis", port, password="wrong"), "invalid username-password pair"),
            (options_for("Redis", away), "Connection refused"),
            (options_for("Memcached", away), "Connection refused"),
        ]:
            status, output = checked(tmp_path, store)
            assert status == 1
            assert f"{store['cache_type']} does not take records" in output
            assert cause in output
            assert "hint:" in output
            assert "who may enter" in output


def test_a_redis_that_does_not_tell_is_said_not_to(tmp_path: Path) -> None:
    port = free_port()
    with redis_server(tmp_path, port):
        with redis.Redis(port=port, password=PASSWORD) as client:
            client.execute_command("ACL", "SETUSER", "app", "on", ">word", "~*", "+@all", "-info")
        status, output = checked(tmp_path, options_for("Redis", port, username="app", password="word"))
    assert status == 0
    assert "allow INFO to this user" in output


# --- nothing is thrown away while it lives -----------------------------------------------


def fill_redis(port: int, number: int) -> None:
    """Logins of other people, straight into the server; until it is full, if it is."""
    with redis.Redis(port=port, password=PASSWORD) as client:
        pipeline = client.pipeline(transaction=False)
        for place in range(number):
            pipeline.set(f"awscons:login:{place}", b"x" * 700, ex=3_600)
        pipeline.execute(raise_on_error=False)


def fill_memcached(port: int, sizes: Iterable[int], most: int) -> None:
    """Records straight into the server, so many of each size, or until it takes no more of that size."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers = connection.makefile("rb")
        for size in sizes:
            for beginning in range(0, most, 100):
                numbers = range(beginning, beginning + 100)
                value = b"x" * size
                connection.sendall(
                    b"".join(
                        b"set f:%d:%d 0 3600 %d\r\n%s\r\n" % (size, number, size, value) for number in numbers
                    )
                )
                answered = [answers.readline() for _ in numbers]
                if any(answer.startswith(b"SERVER_ERROR") for answer in answered):
                    break


def test_a_hundred_thousand_logins_in_redis_are_all_kept(tmp_path: Path) -> None:
    port = free_port()
    with redis_server(tmp_path, port), open_house(tmp_path, store=options_for("Redis", port)) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        fill_redis(port, 100_000)
        for _ in range(5):
            assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301
        with redis.Redis(port=port, password=PASSWORD) as client:
            logins = sum(1 for _ in client.scan_iter("awscons:login:*", count=10_000))
        assert logins == 100_006
        assert browser.get("/aws/cloudadmin").status_code == 301


def test_what_a_login_takes_in_memcached_is_what_the_check_reckons_with(tmp_path: Path) -> None:
    """With a name and groups of ordinary length; and everything that is kept for a sign-in."""
    port = free_port()
    with memcached(tmp_path, port), open_house(tmp_path, store=options_for("Memcached", port)) as house:
        server = Client(f"127.0.0.1:{port}")
        before = server.stats()[b"bytes"]
        for _ in range(20):
            house.sign_in(house.browser(), "/aws/cloudadmin")
        each = (server.stats()[b"bytes"] - before) / 20
        room = server.stats()[b"limit_maxbytes"] / each
        server.close()
        output = checked(tmp_path, options_for("Memcached", port))[1]
    said = int(output.partition("has room for about ")[2].partition(" logins")[0].replace(",", ""))
    assert 0.4 * room < said < room


@KINDS
def test_a_full_store_keeps_every_login_and_signs_in_again_once_there_is_room(
    tmp_path: Path, kind: str
) -> None:
    port = free_port()
    run = steady_redis(tmp_path, port) if kind == "Redis" else memcached(tmp_path, port, "-m", "2", "-M")
    with run, open_house(tmp_path, store=options_for(kind, port)) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        admin = redis.Redis(port=port, password=PASSWORD)
        if kind == "Redis":
            admin.config_set("maxmemory", "1mb")
        else:
            fill_memcached(port, range(50, 3_000, 50), 100_000)
        full = house.browser().get("/aws/cloudadmin")
        assert full.status_code == 503
        assert full.headers["Retry-After"]
        assert "cannot save sign-ins" in text_of(full)
        assert browser.get("/aws/").status_code == 200
        if kind == "Redis":
            admin.config_set("maxmemory", "0")
        else:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"cache_memlimit 64\r\n")
                assert connection.recv(100) == b"OK\r\n"
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301
        assert browser.get("/aws/").status_code == 200
        admin.close()


# --- connections -------------------------------------------------------------------------


@KINDS
def test_a_restart_that_nobody_saw_is_noticed_by_nobody(tmp_path: Path, kind: str) -> None:
    """Every connection that was kept has ended meanwhile; the logins went with the server."""
    port = free_port()
    start = redis_server if kind == "Redis" else memcached
    with open_house(tmp_path, store=options_for(kind, port)) as house:
        browser = house.browser()
        with start(tmp_path, port):
            house.sign_in(browser, "/aws/cloudadmin")
        with start(tmp_path, port):
            sent_to_idp(browser.get("/aws/cloudadmin"))
            assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
