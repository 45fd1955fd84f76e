"""A small browser for tests: it keeps cookies, follows what it is told to, and fills in forms."""

from __future__ import annotations

import base64
import html
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx
from lxml import etree

from support.serving import client_tls


@dataclass
class Form:
    """A form of a page."""

    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(values.get("action", ""), {}))
        elif tag in {"input", "button"} and self.found and "name" in values:
            self.found[-1].fields[values["name"]] = values.get("value", "")


def forms_in(page: httpx.Response) -> list[Form]:
    """The forms of a page, in order."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def text_of(page: httpx.Response) -> str:
    """What a page says, without markup, white space folded."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def refresh_of(page: httpx.Response) -> str:
    """Where a page leads by itself. Fails on a page that stays."""
    found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page.text)
    assert found is not None, text_of(page)
    return html.unescape(found[1])


@dataclass(frozen=True)
class SentToIdp:
    """A redirect to the identity provider, taken apart."""

    response: httpx.Response
    url: str
    request_id: str
    relay_state: str
    force_authn: bool
    request: etree._Element


class _KeptConnections(httpx.HTTPTransport):
    """Sends a GET again where a kept connection had been closed meanwhile, as browsers do (RFC 9110 section 9.2.2)."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; a connection that was opened for this request gets no second try."""
        events: list[str] = []
        request.extensions = {**request.extensions, "trace": lambda name, _info: events.append(name)}
        while True:
            try:
                return super().handle_request(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if request.method != "GET" or "connection.connect_tcp.started" in events:
                    raise


class Browser:
    """One browser. Redirects are followed by hand, so that a test sees each."""

    def __init__(self, base: str) -> None:
        self.base = base
        transport = _KeptConnections(verify=client_tls(), trust_env=False)
        self.http = httpx.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=30)

    def get(self, url: str, **more: object) -> httpx.Response:
        """GET a path of the service, or a whole URL."""
        return self.http.get(self._whole(url), **more)  # type: ignore[arg-type]

    def post(self, url: str, data: Mapping[str, str], **more: object) -> httpx.Response:
        """POST a form from a page of the service itself."""
        return self.http.post(self._whole(url), data=dict(data), **more)  # type: ignore[arg-type]

    def answer(self, url: str, data: Mapping[str, str | list[str]]) -> httpx.Response:
        """POST a form from another site, as the identity provider's page does: without SameSite=Lax cookies."""
        request = self.http.build_request("POST", self._whole(url), data=dict(data))
        crossing = [
            pair
            for pair in request.headers.get("Cookie", "").split("; ")
            if "awscons-pending" in pair or "awscons-returns" in pair
        ]
        request.headers.pop("Cookie", None)
        if crossing:
            request.headers["Cookie"] = "; ".join(crossing)
        return self.http.send(request)

    def submit(
        self, page: httpx.Response, fields: Mapping[str, str] | None = None, *, form: int = 0
    ) -> httpx.Response:
        """Send a form of a page, with some fields filled in."""
        found = forms_in(page)[form]
        action = str(page.url.join(found.action)) if found.action else str(page.url)
        return self.http.post(action, data={**found.fields, **(fields or {})})

    def follow(self, response: httpx.Response) -> httpx.Response:
        """GET where a redirect points."""
        assert response.is_redirect, f"{response.status_code}: {text_of(response)}"
        return self.http.get(response.url.join(response.headers["Location"]))

    def follow_all(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects until there is a page."""
        while response.is_redirect:
            response = self.follow(response)
        return response

    def _whole(self, url: str) -> str:
        return url if url.startswith(("http://", "https://")) else f"{self.base}{url}"

    def close(self) -> None:
        """End connections."""
        self.http.close()


def sent_to_idp(response: httpx.Response) -> SentToIdp:
    """What a way to the identity provider carries: a redirect, or a form to post. Fails on anything else."""
    if response.status_code == 200:
        (form,) = (found for found in forms_in(response) if "SAMLRequest" in found.fields)
        url, relay_state = form.action, form.fields["RelayState"]
        xml = base64.b64decode(form.fields["SAMLRequest"])
    else:
        assert response.status_code in {302, 303}, f"{response.status_code}: {text_of(response)}"
        url = response.headers["Location"]
        query = parse_qs(urlsplit(url).query)
        relay_state = query["RelayState"][0]
        xml = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15)
    root = etree.fromstring(xml)
    return SentToIdp(
        response=response,
        url=url,
        request_id=root.attrib["ID"],
        relay_state=relay_state,
        force_authn=root.get("ForceAuthn") == "true",
        request=root,
    )
