"""A pretend STS and federation endpoint, as a program: it answers after a given time and uses little CPU.

It checks nothing. The demo's pretend AWS checks every request, and the benchmark would measure those checks.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
from datetime import UTC, datetime, timedelta

_ENDS = (datetime.now(UTC) + timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
# As long as the real ones.
_SESSION_TOKEN = "IQoJb3JpZ2luX2Vj" + "A" * 900
_STS_BODY = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:ada</AssumedRoleId>
<Arn>arn:aws:sts::123456789012:assumed-role/MyAdminRole/ada</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE00</AccessKeyId><SecretAccessKey>{"s" * 40}</SecretAccessKey>
<SessionToken>{_SESSION_TOKEN}</SessionToken><Expiration>{_ENDS}</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>""".encode()
_TOKEN_BODY = ('{"SigninToken":"' + "T" * 2_000 + '"}').encode()


def _answer(body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# AssumeRoleWithSAML answers the same under its own name.
_SAML_BODY = _STS_BODY.replace(b"AssumeRoleRes", b"AssumeRoleWithSAMLRes")
SAML_ANSWER = _answer(_SAML_BODY, "text/xml")
STS_ANSWER = _answer(_STS_BODY, "text/xml")
TOKEN_ANSWER = _answer(_TOKEN_BODY, "application/json")


class _Connection(asyncio.Protocol):
    """Requests of one connection, one after the other: `/federation` is one endpoint, all else the other."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        usual = SAML_ANSWER if b"AssumeRoleWithSAML" in body[:100] else STS_ANSWER
        answer = TOKEN_ANSWER if head.startswith(b"POST /federation") else usual
        self._received = b""
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def _serve(port: int, delay: float, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(delay), "127.0.0.1", port, ssl=tls, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    tls = None
    if arguments.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.certificate, arguments.key)
    asyncio.run(_serve(arguments.port, arguments.delay, tls))


if __name__ == "__main__":
    main()
