"""Connections to AWS: kept while they stand, replaced when they broke, and never read without end."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from awscons.adapters.connections import Connections, Step
from awscons.errors import UpstreamSilent, UpstreamUnusable

STEP = Step("sts", "STS")
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


def connections() -> Connections:
    return Connections(connect_timeout=5, read_timeout=5)


@pytest.mark.parametrize("answer", [OK, CHUNKED])
def test_a_connection_is_kept_for_the_next_request(answer: bytes) -> None:
    kept = connections()
    with neighbour([[answer, answer, answer]]) as found:
        for _ in range(3):
            assert kept.ask(STEP, "GET", found.url, headers={}).body == b"ok"
        assert found.connections == 1


@pytest.mark.parametrize("answer", [LAST, UNTIL_CLOSE])
def test_a_connection_that_ends_with_its_answer_is_not_kept(answer: bytes) -> None:
    kept = connections()
    with neighbour([[answer], [answer]]) as found:
        for _ in range(2):
            assert kept.ask(STEP, "GET", found.url, headers={}).body == b"ok"
        assert found.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    kept = connections()
    with neighbour([[OK], [OK]]) as found:
        kept.ask(STEP, "GET", found.url, headers={})
        assert found.hung_up.acquire(timeout=20)
        assert kept.ask(STEP, "GET", found.url, headers={}).body == b"ok"


def test_a_kept_connection_that_closes_instead_of_answering_is_replaced_once() -> None:
    kept = connections()
    with neighbour([[OK, b""], [b""]]) as found:
        kept.ask(STEP, "GET", found.url, headers={})
        with pytest.raises(UpstreamSilent, match="cannot be reached"):
            kept.ask(STEP, "GET", found.url, headers={})
        assert found.connections == 2


def test_two_requests_at_a_time_have_a_connection_each() -> None:
    kept, both = connections(), threading.Barrier(2)
    with neighbour([[OK], [OK]]) as first, neighbour([[OK]]) as second:

        def ask(url: str) -> None:
            both.wait(20)
            kept.ask(STEP, "GET", url, headers={})

        threads = [threading.Thread(target=ask, args=(found.url,)) for found in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (first.connections, second.connections) == (1, 1)


def test_of_an_answer_without_end_only_the_beginning_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 200_000
    kept = connections()
    with neighbour([[endless], [OK]]) as found:
        assert len(kept.ask(STEP, "GET", found.url, headers={}).body) == 64 * 1024 + 1
        assert kept.ask(STEP, "GET", found.url, headers={}).body == b"ok"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok", UpstreamUnusable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", UpstreamUnusable),
        (b"\x16\x03\x01 no HTTP at all\r\n", UpstreamSilent),
        (b"HTTP/1.1 100 Continue\r\n\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", UpstreamSilent),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", UpstreamSilent),
        (b"", UpstreamSilent),
    ],
)
def test_half_an_answer_is_none(answer: bytes, kind: type[Exception]) -> None:
    with neighbour([[answer]]) as found, pytest.raises(kind):
        connections().ask(STEP, "GET", found.url, headers={})


def test_a_header_of_several_lines_is_never_sent() -> None:
    with neighbour([[OK]]) as found, pytest.raises(ValueError, match="several lines"):
        connections().ask(STEP, "GET", found.url, headers={"User-Agent": "x\r\nHost: elsewhere"})


def test_fields_after_the_last_chunk_mean_nothing_and_end_the_connection() -> None:
    trailer = CHUNKED.removesuffix(b"\r\n") + b"Content-Length: 9\r\n\r\n"
    kept = connections()
    with neighbour([[trailer], [OK]]) as found:
        for _ in range(2):
            assert kept.ask(STEP, "GET", found.url, headers={}).body == b"ok"
        assert found.connections == 2


def test_a_port_where_nobody_listens_is_told_of_without_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UpstreamSilent, match=r"^STS cannot be reached: ConnectionRefusedError$"):
        connections().ask(STEP, "POST", f"http://127.0.0.1:{port}/", headers={}, body=b"secret")


@pytest.mark.parametrize("text", [None, "no certificate at all"])
def test_certificates_that_cannot_be_read_are_told_of_with_their_file(
    tmp_path: Path, text: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if text is not None:
        bundle.write_text(text)
    unable = Connections(connect_timeout=5, read_timeout=5, certificate_bundle=str(bundle))
    with pytest.raises(UpstreamSilent, match=r"bundle\.pem cannot be read"):
        unable.prepare("https://sts.eu-west-1.amazonaws.com/")


def test_no_request_begins_when_the_time_is_over() -> None:
    with pytest.raises(UpstreamSilent, match="time for this sign-in is over"):
        connections().ask(STEP, "GET", "http://127.0.0.1:9/", headers={}, seconds_left=0)


def test_a_plain_http_address_behind_a_proxy_is_asked_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with neighbour([[OK]]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//ada:secret@").removesuffix("/there"))
        answer = connections().ask(STEP, "GET", "http://sts.example/path", headers={}, query="a=b")
        assert answer.body == b"ok"
    assert proxy.heads[0].startswith("GET http://sts.example/path?a=b HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic YWRhOnNlY3JldA==" in proxy.heads[0]
