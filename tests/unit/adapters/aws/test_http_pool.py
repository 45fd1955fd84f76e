"""Outgoing requests: connections are kept while they stand, replaced when they break, and never read without end."""

import io
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from awscons.adapters.audit_log import configure_logging
from awscons.adapters.aws.http_pool import Answer, Authorities, HttpPool, Limits, Step
from awscons.errors import UpstreamSilent, UpstreamUnusable
from support.faults import FORGOTTEN, HANG, Faulty
from support.proxy import open_proxy
from support.serving import authority, server_tls, serving

STEP = Step("sts", "STS")
PATIENT = Limits(connect=5, read=5, total=20)
SYSTEM = Authorities(None, system=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nok"


@dataclass
class Neighbour:
    """A server that answers what the script says: for each connection, the answers that it gives, then its end."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    hung_up: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@contextmanager
def neighbour(script: Sequence[Sequence[bytes]]) -> Iterator[Neighbour]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Neighbour(f"http://127.0.0.1:{listener.getsockname()[1]}/there")

        def serve() -> None:
            for answers in script:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                found.connections += 1
                # Clients hang up in the middle, too.
                with suppress(OSError), connection, connection.makefile("rb") as reading:
                    for answer in answers:
                        head = b"".join(iter(reading.readline, b"\r\n")).decode()
                        found.heads.append(head)
                        connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                found.hung_up.release()

        threading.Thread(target=serve, daemon=True).start()
        yield found


def ask(
    pool: HttpPool,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limits: Limits = PATIENT,
    authorities: Authorities = SYSTEM,
) -> Answer:
    return pool.ask(
        STEP, method, url, headers=headers or {}, body=body, limits=limits, authorities=authorities
    )


@pytest.mark.parametrize("answer", [OK, CHUNKED])
def test_a_connection_is_kept_for_the_next_request(answer: bytes) -> None:
    kept = HttpPool()
    with neighbour([[answer, answer, answer]]) as found:
        for _ in range(3):
            assert ask(kept, found.url).body == b"ok"
        assert found.connections == 1


@pytest.mark.parametrize("answer", [LAST, UNTIL_CLOSE])
def test_a_connection_that_ends_with_its_answer_is_not_kept(answer: bytes) -> None:
    kept = HttpPool()
    with neighbour([[answer], [answer]]) as found:
        for _ in range(2):
            assert ask(kept, found.url).body == b"ok"
        assert found.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    kept = HttpPool()
    with neighbour([[OK], [OK]]) as found:
        ask(kept, found.url)
        assert found.hung_up.acquire(timeout=20)
        assert ask(kept, found.url).body == b"ok"


def test_a_kept_connection_that_closes_instead_of_answering_is_replaced_once() -> None:
    kept = HttpPool()
    with neighbour([[OK, b""], [b""]]) as found:
        ask(kept, found.url)
        with pytest.raises(UpstreamSilent, match="cannot be reached"):
            ask(kept, found.url)
        assert found.connections == 2


def test_two_requests_at_a_time_have_a_connection_each() -> None:
    kept, both = HttpPool(), threading.Barrier(2)
    with neighbour([[OK], [OK]]) as first, neighbour([[OK]]) as second:

        def ask_with_the_other(url: str) -> None:
            both.wait(20)
            ask(kept, url)

        threads = [
            threading.Thread(target=ask_with_the_other, args=(found.url,)) for found in (first, second)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (first.connections, second.connections) == (1, 1)


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 200_000
    kept = HttpPool()
    with neighbour([[endless], [OK]]) as found:
        with pytest.raises(UpstreamUnusable, match="more than 65,536 bytes"):
            ask(kept, found.url)
        assert ask(kept, found.url).body == b"ok"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", UpstreamUnusable),
        (b"\x16\x03\x01 no HTTP at all\r\n", UpstreamSilent),
        (b"HTTP/1.1 100 Continue\r\n\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", UpstreamSilent),
        (b"", UpstreamSilent),
    ],
)
def test_half_an_answer_is_none(answer: bytes, kind: type[Exception]) -> None:
    with neighbour([[answer]]) as found, pytest.raises(kind):
        ask(HttpPool(), found.url)


def test_a_header_of_several_lines_is_never_sent() -> None:
    with neighbour([[OK]]) as found, pytest.raises(ValueError, match="Invalid header"):
        ask(HttpPool(), found.url, headers={"User-Agent": "x\r\nHost: elsewhere"})


def test_a_port_where_nobody_listens_is_told_of_without_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UpstreamSilent, match=r"^STS cannot be reached: ConnectionRefusedError$"):
        ask(HttpPool(), f"http://127.0.0.1:{port}/", method="POST", body=b"secret")


@pytest.mark.parametrize("text", [None, "no certificate at all"])
def test_certificates_that_cannot_be_read_are_told_of_with_their_file(
    tmp_path: Path, text: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if text is not None:
        bundle.write_text(text)
    with pytest.raises(UpstreamSilent, match=r"bundle\.pem cannot be read"):
        HttpPool().prepare("https://sts.eu-west-1.amazonaws.com/", authorities=Authorities(str(bundle)))


def test_headers_that_cannot_be_read_put_no_address_into_the_log() -> None:
    log = io.StringIO()
    configure_logging(stream=log)
    with neighbour([[b"HTTP/1.1 200 OK\r\nno colon\r\n\r\nok"]]) as found:
        ask(HttpPool(), f"{found.url}?Session=secret")
    assert log.getvalue() == ""


def test_no_request_begins_when_the_time_is_over() -> None:
    with pytest.raises(UpstreamSilent, match="time for this sign-in has run out"):
        ask(HttpPool(), "http://127.0.0.1:9/", limits=Limits(connect=5, read=5, total=0))


def test_a_plain_http_address_behind_a_proxy_is_asked_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with neighbour([[OK]]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//ada:secret@").removesuffix("/there"))
        assert ask(HttpPool(), "http://sts.example/path?a=b").body == b"ok"
    assert proxy.heads[0].startswith("GET http://sts.example/path?a=b HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic YWRhOnNlY3JldA==" in proxy.heads[0]


# --- connections that something on the way forgot ----------------------------------------


def test_a_connection_that_was_idle_for_too_long_is_not_used_again() -> None:
    kept = HttpPool(max_idle=0)
    with neighbour([[OK], [OK]]) as found:
        for _ in range(2):
            assert ask(kept, found.url).body == b"ok"
        assert found.connections == 2


def hello(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@contextmanager
def forgetful() -> Iterator[tuple[Faulty, str]]:
    faulty = Faulty(hello)
    with serving(lambda _port: faulty) as port:
        yield faulty, f"http://127.0.0.1:{port}/"
        faulty.released.set()


QUICK = Limits(connect=5, read=1, total=20)


def test_a_kept_connection_that_swallows_what_is_sent_is_replaced_by_a_new_one() -> None:
    kept = HttpPool()
    with forgetful() as (faulty, url):
        ask(kept, url)
        faulty.misbehave(FORGOTTEN)
        assert ask(kept, url, limits=QUICK).body == b"ok"
        assert faulty.calls == 2


def test_when_one_kept_connection_fails_none_that_was_idle_then_is_used() -> None:
    kept = HttpPool()
    with forgetful() as (one, url), forgetful() as (other, other_url):
        ask(kept, url)
        ask(kept, other_url)
        one.misbehave(FORGOTTEN)
        other.misbehave(FORGOTTEN)
        assert ask(kept, url, limits=QUICK).body == b"ok"
        assert ask(kept, other_url).body == b"ok"
        assert other.calls == 1


def test_a_new_connection_that_hangs_is_not_tried_again() -> None:
    with forgetful() as (faulty, url):
        faulty.misbehave(HANG)
        with pytest.raises(UpstreamSilent, match="ReadTimeout"):
            ask(HttpPool(), url, limits=QUICK)
        assert faulty.calls == 1


def test_a_kept_connection_is_replaced_within_the_same_time() -> None:
    kept = HttpPool()
    with forgetful() as (faulty, url):
        ask(kept, url)
        faulty.misbehave(FORGOTTEN)
        with pytest.raises(UpstreamSilent, match="time for this sign-in has run out"):
            ask(kept, url, limits=Limits(connect=5, read=5, total=0.1))


# --- proxies -----------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Authorities:
    """The file that names this run's authority."""
    file = tmp_path / "bundle.pem"
    authority().cert_pem.write_to_path(file)
    return Authorities(str(file))


@pytest.mark.parametrize("form", ["http://{}", "{}", "//{}"])
def test_a_proxy_is_used_whether_or_not_its_address_has_a_scheme(
    monkeypatch: pytest.MonkeyPatch, bundle: Authorities, form: str
) -> None:
    with open_proxy(refusal="") as proxy, serving(lambda _port: hello, tls=server_tls()) as port:
        monkeypatch.setenv("HTTPS_PROXY", form.format(f"127.0.0.1:{proxy.port}"))
        assert ask(HttpPool(), f"https://localhost:{port}/", authorities=bundle).body == b"ok"
        assert proxy.host() == f"localhost:{port}"


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://localhost:9/", "example.com, localhost", True),
        ("https://localhost:9/", ".LOCALHOST", True),
        ("https://localhost:9/", "localhost:9", True),
        ("https://localhost:9/", "*", True),
        ("https://127.0.0.1:9/", "127.0.0.1", True),
        ("https://127.0.0.1:9/", "0.0.1", True),
        ("https://127.0.0.1:9/", "7.0.0.1", False),
        ("https://localhost:9/", "localhost:10", False),
        ("https://idp.example.com/", "*.example.com", False),
        ("https://127.0.0.1:9/", "127.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_and_domains_but_no_ranges_of_addresses(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, *, direct: bool
) -> None:
    with open_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        with pytest.raises(UpstreamSilent):
            ask(HttpPool(), url, limits=QUICK)
        assert (proxy.heads == []) is direct


def test_a_proxy_with_a_certificate_of_a_private_authority_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda _port: hello, tls=server_tls()) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{port}")
        with pytest.raises(
            UpstreamSilent, match=rf"proxy localhost:{port} .*: certificate verify failed: unable to get"
        ) as caught:
            ask(HttpPool(), "https://sts.example/")
    assert "AWS_CA_BUNDLE" in caught.value.hint


def test_a_proxy_without_tls_that_is_named_with_https_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        port = listener.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        with pytest.raises(UpstreamSilent, match=rf"proxy 127.0.0.1:{port} .*: wrong version") as caught:
            ask(HttpPool(), "https://sts.example/")
    assert "HTTPS_PROXY says https://" in caught.value.hint


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        ("407 Proxy Authentication Required", "user and a password"),
        ("403 Forbidden", "NO_PROXY"),
        ("503 Service Unavailable", "the proxy itself cannot reach"),
    ],
)
def test_a_proxy_that_refuses_is_told_of_with_its_status(
    monkeypatch: pytest.MonkeyPatch, refusal: str, hint: str
) -> None:
    with open_proxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:pa%3Ass@127.0.0.1:{proxy.port}")
        told = rf"proxy 127.0.0.1:{proxy.port} refused the connection to STS: HTTP {refusal[:3]}$"
        with pytest.raises(UpstreamSilent, match=told) as caught:
            ask(HttpPool(), "https://sts.example/")
    assert hint in caught.value.hint
    assert "ass@" not in f"{caught.value} {caught.value.hint}"


def test_a_proxy_that_refuses_a_plain_request_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_proxy("407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(UpstreamSilent, match=rf"{proxy.port} refused .* HTTP 407"):
            ask(HttpPool(), "http://sts.example/")


@pytest.mark.parametrize("url", ["https://sts.example/", "http://sts.example/"])
def test_a_proxy_that_is_away_is_told_of(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    with pytest.raises(UpstreamSilent, match=f"the proxy 127.0.0.1:{port} on the way to STS cannot"):
        ask(HttpPool(), url)


def test_a_proxy_that_cannot_be_used_is_told_of_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:söcret@proxy.example")
    with pytest.raises(UpstreamSilent, match="proxy that the environment names cannot be used") as caught:
        ask(HttpPool(), "https://sts.example/")
    assert "cret" not in str(caught.value)
