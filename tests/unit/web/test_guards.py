"""The guards by themselves, around a service of two views: origins, bodies, processes, headers and the mount path."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from awscons.errors import ConfigurationError
from awscons.site import Site
from awscons.web.guards import (
    ACS,
    MAX_BODY_BYTES,
    MountPoint,
    body_is_too_large,
    content_security_policy,
    foreign_origin,
    origin_of,
    register_guards,
)

OURS = "https://sso.example.com"
SITE = Site(OURS, "", "/aws")
MEBIBYTE = 1024 * 1024


def guarded(
    site: Site = SITE, *, one_process_only: bool = False, acs_has_a_limit: bool = True
) -> FlaskClient:
    """A service with a view of every method, one that takes large bodies, and one with headers of its own."""
    app = Flask(__name__)
    app.testing = True
    register_guards(app, site, one_process_only=one_process_only)

    def form() -> str:
        return str(len(request.form))

    def large_form() -> str:
        return "too large" if body_is_too_large(2 * MAX_BODY_BYTES) else str(len(request.form.get("x", "")))

    def own_headers() -> Response:
        response = Response("")
        response.headers["cache-control"] = "max-age=60"
        response.headers["x-frame-options"] = "SAMEORIGIN"
        return response

    app.add_url_rule("/", "form", form, methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
    app.add_url_rule("/acs", ACS, large_form if acs_has_a_limit else form, methods=["POST"])
    app.add_url_rule("/slo", "logout.slo_post", form, methods=["POST"])
    app.add_url_rule("/own", "own", own_headers)
    return app.test_client()


# --- origins -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OURS, "Referer": f"{OURS}/"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null", "Referer": "https://evil/"}, 200),
        ({"Origin": OURS}, 200),
        ({"Origin": f"{OURS}.evil.example.com"}, 403),
        ({"Origin": "http://sso.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": OURS, "Referer": "https://evil.example.com/"}, 200),
        ({"Origin": "https://evil.example.com", "Referer": f"{OURS}/"}, 403),
        ({"Referer": f"{OURS}/aws/"}, 200),
        ({"Referer": OURS}, 200),
        ({"Referer": ""}, 200),
        ({"Referer": f"{OURS}.evil.example.com/"}, 403),
        ({"Referer": "about:blank"}, 403),
    ],
)
def test_a_write_is_refused_where_the_browser_says_that_another_site_caused_it(
    method: str, headers: Mapping[str, str], status: int
) -> None:
    assert guarded().open("/", method=method, headers=headers).status_code == status


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("HEAD", "/"), ("OPTIONS", "/")])
def test_another_site_may_cause_a_request_that_writes_nothing(method: str, path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}
    assert guarded().open(path, method=method, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/acs", "/slo"])
def test_pages_of_the_identity_provider_may_post_to_their_two_endpoints(path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://idp.example.com"}
    assert guarded().post(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("http://a.example:8080/x?y#z", "http://a.example:8080"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://a.example?x", "https://a.example"),
        ("https://a.example#x", "https://a.example"),
        (f"https://{'a' * 300}/", f"https://{'a' * 300}"),
        (f"https://{'a' * 301}/", ""),
        ("https://A.example/", ""),
        ("https://ada@a.example/", ""),
        ("https://a.example\\@b/", ""),
        ("https:///x", ""),
        ("ftp://a.example/", ""),
        (" https://a.example/", ""),
        ("", ""),
    ],
)
def test_an_origin_is_scheme_host_and_port_as_browsers_write_them(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, None),
        ({"Referer": f"{OURS}/x"}, None),
        ({"Referer": "https://wiki.example.com/x"}, "https://wiki.example.com"),
        ({"Sec-Fetch-Site": "none"}, None),
        ({"Sec-Fetch-Site": "same-origin", "Referer": "https://wiki.example.com/x"}, None),
        ({"Sec-Fetch-Site": "none", "Referer": "https://wiki.example.com/x"}, None),
        (
            {"Sec-Fetch-Site": "cross-site", "Referer": "https://wiki.example.com/x"},
            "https://wiki.example.com",
        ),
        (
            {"Sec-Fetch-Site": "same-site", "Referer": "https://wiki.example.com/x"},
            "https://wiki.example.com",
        ),
        ({"Sec-Fetch-Site": "cross-site"}, "unknown"),
        ({"Sec-Fetch-Site": "same-site", "Referer": f"{OURS}/x"}, "unknown"),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "about:blank"}, "unknown"),
        ({"Referer": "about:blank"}, None),
    ],
)
def test_the_site_that_caused_a_request_is_named_or_unknown(
    headers: Mapping[str, str], origin: str | None
) -> None:
    with Flask(__name__).test_request_context("/", headers=headers):
        assert foreign_origin(SITE) == origin


# --- bodies --------------------------------------------------------------------------------


def post_body(body: io.BytesIO, **environ: object) -> int:
    """Post a stream with this WSGI environment, which may give another length than the stream has."""
    return (
        guarded()
        .post(
            "/",
            input_stream=body,
            content_type="application/x-www-form-urlencoded",
            environ_overrides=environ,
        )
        .status_code
    )


@pytest.mark.parametrize(
    ("length", "status", "read"),
    [
        (MAX_BODY_BYTES, 200, MAX_BODY_BYTES),
        (MAX_BODY_BYTES + 1, 413, MAX_BODY_BYTES + 1),
        (4 * MEBIBYTE, 413, 4 * MEBIBYTE),
        (4 * MEBIBYTE + 1, 413, 4 * MEBIBYTE),
        (9 * MEBIBYTE, 413, 4 * MEBIBYTE),
    ],
)
def test_a_body_of_256_kib_is_read_and_of_a_larger_one_4_mib_are_discarded(
    length: int, status: int, read: int
) -> None:
    body = io.BytesIO(b"x" * (length + 1_000))
    assert post_body(body, CONTENT_LENGTH=str(length)) == status
    assert body.tell() == read


def test_a_refused_body_that_ends_early_is_refused_all_the_same() -> None:
    body = io.BytesIO(b"x" * 1_000)
    assert post_body(body, CONTENT_LENGTH=str(MEBIBYTE)) == 413


@pytest.mark.parametrize(("terminated", "read"), [(True, 4 * MEBIBYTE), (False, 0)])
def test_a_body_without_a_length_is_refused_and_discarded_where_it_has_an_end(
    read: int, *, terminated: bool
) -> None:
    body = io.BytesIO(b"x" * (5 * MEBIBYTE))
    environ = {"wsgi.input_terminated": True} if terminated else {}
    assert post_body(body, HTTP_TRANSFER_ENCODING="chunked", **environ) == 411
    assert body.tell() == read


def test_a_request_without_a_body_needs_no_length() -> None:
    assert post_body(io.BytesIO()) == 200


@pytest.mark.parametrize(
    ("size", "answer"),
    [(2 * MAX_BODY_BYTES, str(2 * MAX_BODY_BYTES - 2)), (2 * MAX_BODY_BYTES + 1, "too large")],
)
def test_the_view_of_responses_sets_a_limit_of_its_own(size: int, answer: str) -> None:
    form = {"data": b"x=" + b"a" * (size - 2), "content_type": "application/x-www-form-urlencoded"}
    client = guarded()
    assert client.post("/acs", **form).text == answer
    assert client.post("/", **form).status_code == 413


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
def test_a_form_has_a_limit_also_where_its_view_sets_none(size: int, status: int) -> None:
    client = guarded(acs_has_a_limit=False)
    body, content_type = b"x=" + b"a" * (size - 2), "application/x-www-form-urlencoded"
    assert client.post("/acs", data=body, content_type=content_type).status_code == status


@pytest.mark.parametrize(("parts", "status"), [(20, 200), (21, 413)])
def test_a_form_has_at_most_twenty_parts(parts: int, status: int) -> None:
    fields = {f"field{number}": "x" for number in range(parts)}
    answer = guarded().post("/", data=fields, content_type="multipart/form-data")
    assert answer.status_code == status


# --- processes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("several", "one_process_only", "refused"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_a_store_of_one_process_is_refused_in_several(
    *, several: bool, one_process_only: bool, refused: bool
) -> None:
    client = guarded(one_process_only=one_process_only)
    environ = {"wsgi.multiprocess": several}
    if not refused:
        assert client.get("/", environ_overrides=environ).status_code == 200
        return
    with pytest.raises(ConfigurationError, match="SimpleCache"):
        client.get("/", environ_overrides=environ)


# --- headers -------------------------------------------------------------------------------


def test_a_view_gets_the_strictest_headers_unless_it_sets_its_own() -> None:
    client = guarded()
    plain, own = client.get("/").headers, client.get("/own").headers
    expected = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=31536000",
        "Cache-Control": "no-store",
        "Content-Security-Policy": content_security_policy(),
        "Referrer-Policy": "same-origin",
    }
    assert {name: plain.getlist(name) for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    assert own.getlist("Cache-Control") == ["max-age=60"]
    assert own.getlist("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize(("origin", "strict"), [(OURS, True), ("http://sso.example.com", False)])
def test_browsers_are_told_to_insist_on_tls_where_the_site_has_it(origin: str, *, strict: bool) -> None:
    headers = guarded(Site(origin, "", "/aws")).get("/").headers
    assert ("Strict-Transport-Security" in headers) is strict


def test_a_page_may_load_and_post_to_this_site_alone_and_one_that_posts_on_to_any() -> None:
    strict = content_security_policy()
    assert set(strict.split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    }
    assert content_security_policy(posts_on=True) == strict.replace("form-action 'self'", "form-action *")


# --- the mount path ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mount_path", "sent", "seen"),
    [
        ("/sso", {"PATH_INFO": "/sso/aws/x"}, ("/sso", "/aws/x")),
        ("/sso", {"PATH_INFO": "/sso/aws/x", "SCRIPT_NAME": ""}, ("/sso", "/aws/x")),
        ("/sso", {"PATH_INFO": "/sso/"}, ("/sso", "/")),
        ("/sso", {"PATH_INFO": "/sso"}, ("/sso", "/")),
        ("/sso", {"PATH_INFO": ""}, ("/sso", "/")),
        ("/sso", {}, ("/sso", "/")),
        ("/sso", {"PATH_INFO": "/aws/x", "SCRIPT_NAME": "/sso"}, ("/sso", "/aws/x")),
        ("/sso", {"PATH_INFO": "/sso/x", "SCRIPT_NAME": "/sso"}, ("/sso", "/sso/x")),
        ("/sso", {"PATH_INFO": "/sso/sso/x"}, ("/sso", "/sso/x")),
        ("/sso", {"PATH_INFO": "/ssox/aws"}, (None, "/ssox/aws")),
        ("/sso", {"PATH_INFO": "/aws/x"}, (None, "/aws/x")),
        ("", {"PATH_INFO": "/aws/x"}, ("", "/aws/x")),
    ],
)
def test_the_mount_path_is_taken_from_the_path_unless_the_server_has_done_so(
    mount_path: str, sent: dict[str, str], seen: tuple[str | None, str]
) -> None:
    found: list[tuple[Any, Any, Any]] = []

    def application(environ: dict[str, Any], start_response: object) -> list[bytes]:
        found.append((environ.get("SCRIPT_NAME"), environ.get("PATH_INFO"), start_response))
        return [b"answer"]

    def start_response(*_: object) -> Any:
        raise AssertionError

    answer = MountPoint(application, mount_path)(dict(sent), start_response)
    assert (found, list(answer)) == ([(*seen, start_response)], [b"answer"])
