"""Every cookie by itself: its flags at each kind of site, what is read back, and what is deleted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from awscons.signin.login import BegunLogin
from awscons.site import CookieSettings, Site
from awscons.web import cookies
from awscons.web.cookies import CookiePolicy, choose_cookie_policy

SSO_URL = "https://idp.example.com/sso"
CHOOSE = CookieSettings(name=None, path=None, secure=None)
POLICY = choose_cookie_policy(Site("https://sso.example.com", "/sso", "/aws"), CHOOSE, sso_url=SSO_URL)
PLAIN = choose_cookie_policy(Site("http://sso.example.com", "/sso", "/aws"), CHOOSE, sso_url=SSO_URL)
BEGUN = BegunLogin(SSO_URL, None, "6b000000.x.1", "secret")
HOUR = timedelta(hours=1)


def request_with(*sent: str) -> Request:
    """A request with these cookies, as `name=value`."""
    headers = [("Cookie", "; ".join(sent))] if sent else []
    return Request(EnvironBuilder(headers=headers).get_environ())


def set_by(act: Callable[[Response], None]) -> list[str]:
    response = Response()
    act(response)
    return response.headers.getlist("Set-Cookie")


def flags_of(set_cookie: str) -> tuple[str, set[str]]:
    """Name and value, and everything else but the date of the end, which says the same as Max-Age."""
    first, *rest = set_cookie.split("; ")
    return first, {part for part in rest if not part.startswith("Expires=")}


# --- flags ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "first", "flags"),
    [
        (
            lambda response: cookies.set_login(response, POLICY, "id"),
            "__Host-awscons+sso=id",
            {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"},
        ),
        (
            lambda response: cookies.drop_login(response, POLICY),
            "__Host-awscons+sso=",
            {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=0"},
        ),
        (
            lambda response: cookies.set_pending(request_with(), response, POLICY, BEGUN, lifetime=HOUR),
            "__Host-awscons-pending+sso+6b000000.x.1=secret",
            {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Max-Age=3600"},
        ),
        (
            lambda response: cookies.drop_pending(response, POLICY, "h"),
            "__Host-awscons-pending+sso+h=",
            {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Max-Age=0"},
        ),
        (
            lambda response: cookies.forget_returns(
                request_with("__Host-awscons-returns+sso=1"), response, POLICY
            ),
            "__Host-awscons-returns+sso=",
            {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Max-Age=0"},
        ),
        (
            lambda response: cookies.drop_noted_link(
                request_with("__Host-awscons-link+sso=x"), response, POLICY
            ),
            "__Host-awscons-link+sso=",
            {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=0"},
        ),
        (
            lambda response: cookies.set_theme(response, POLICY, "dark"),
            "awscons-theme=dark",
            {"Secure", "HttpOnly", "Path=/sso", "SameSite=Lax", f"Max-Age={400 * 86_400}"},
        ),
        (
            lambda response: cookies.set_theme(response, POLICY, "neon"),
            "awscons-theme=",
            {"Secure", "HttpOnly", "Path=/sso", "SameSite=Lax", "Max-Age=0"},
        ),
        (
            lambda response: cookies.set_login(response, PLAIN, "id"),
            "awscons=id",
            {"HttpOnly", "Path=/sso", "SameSite=Lax"},
        ),
        (
            lambda response: cookies.set_pending(request_with(), response, PLAIN, BEGUN, lifetime=HOUR),
            "awscons-pending-6b000000.x.1=secret",
            {"HttpOnly", "Path=/sso", "Max-Age=3600"},
        ),
        (
            lambda response: cookies.drop_pending(response, PLAIN, "h"),
            "awscons-pending-h=",
            {"HttpOnly", "Path=/sso", "Max-Age=0"},
        ),
        (
            lambda response: cookies.forget_returns(request_with("awscons-returns=1"), response, PLAIN),
            "awscons-returns=",
            {"HttpOnly", "Path=/sso", "Max-Age=0"},
        ),
        (
            lambda response: cookies.drop_noted_link(request_with("awscons-link=x"), response, PLAIN),
            "awscons-link=",
            {"HttpOnly", "Path=/sso", "SameSite=Lax", "Max-Age=0"},
        ),
        (
            lambda response: cookies.drop_login(response, replace(POLICY, login_path="/sso")),
            "__Host-awscons+sso=",
            {"Secure", "HttpOnly", "Path=/sso", "SameSite=Lax", "Max-Age=0"},
        ),
    ],
)
def test_a_cookie_has_exactly_these_flags(
    act: Callable[[Response], None], first: str, flags: set[str]
) -> None:
    (cookie,) = set_by(act)
    assert flags_of(cookie) == (first, flags)


@pytest.mark.parametrize(
    ("policy", "name", "flags"),
    [
        (POLICY, "__Host-awscons-link+sso", {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"}),
        (PLAIN, "awscons-link", {"HttpOnly", "Path=/sso", "SameSite=Lax", "Max-Age=600"}),
    ],
)
def test_a_noted_link_is_kept_for_ten_minutes_and_goes_out_with_links_alone(
    policy: CookiePolicy, name: str, flags: set[str]
) -> None:
    (cookie,) = set_by(
        lambda response: cookies.note_link(
            response, policy, login_id="id", path="/aws/x", origin=None, approved=True
        )
    )
    first, found = flags_of(cookie)
    assert (first.partition("=")[0], found) == (name, flags)


# --- the choice of flags -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "sso_url", "flags"),
    [
        ("https://sso.example.com", SSO_URL, (True, True, "None")),
        ("https://sso.example.com", "https://sso.example.com/idp", (True, True, "None")),
        ("http://localhost:8080", SSO_URL, (False, True, "None")),
        ("http://127.0.0.1", SSO_URL, (False, True, "None")),
        ("http://[::1]:8080", SSO_URL, (False, True, "None")),
        ("http://localhost:8080", "http://localhost:9090/sso", (False, False, "Lax")),
        ("http://sso.example.com", "http://sso.example.com:9090/sso", (False, False, "Lax")),
        ("http://sso.example.com", SSO_URL, (False, False, None)),
        ("http://sso.example.com", "urn:no-host", (False, False, None)),
    ],
)
def test_the_flags_of_login_and_pending_cookies_follow_the_site_and_the_identity_provider(
    origin: str, sso_url: str, flags: tuple[bool, bool, str | None]
) -> None:
    policy = choose_cookie_policy(Site(origin, "", "/aws"), CHOOSE, sso_url=sso_url)
    assert (policy.secure, policy.pending_secure, policy.pending_same_site) == flags
    assert policy.login_name.startswith("__Host-") is origin.startswith("https:")


@pytest.mark.parametrize(
    ("site", "settings", "expected"),
    [
        (
            Site("https://a", "/sso", ""),
            CHOOSE,
            ("__Host-awscons+sso", "/", "__Host-awscons-returns+sso", "__Host-awscons-link+sso", "/", "/sso"),
        ),
        (
            Site("https://a", "", ""),
            CHOOSE,
            ("__Host-awscons", "/", "__Host-awscons-returns", "__Host-awscons-link", "/", "/"),
        ),
        (
            Site("http://a", "/sso", ""),
            CHOOSE,
            ("awscons", "/sso", "awscons-returns", "awscons-link", "/sso", "/sso"),
        ),
        (
            Site("http://a", "/sso", ""),
            CookieSettings(name=None, path="/", secure=True),
            ("awscons", "/", "awscons-returns", "awscons-link", "/sso", "/sso"),
        ),
        (
            Site("https://a", "/sso", ""),
            CookieSettings(name=None, path=None, secure=False),
            ("awscons", "/sso", "awscons-returns", "awscons-link", "/sso", "/sso"),
        ),
        (
            Site("https://a", "/sso", ""),
            CookieSettings(name="x", path="/y", secure=None),
            ("x", "/y", "__Host-awscons-returns+sso", "__Host-awscons-link+sso", "/", "/sso"),
        ),
    ],
)
def test_names_and_paths_follow_the_mount_path_and_the_configuration(
    site: Site, settings: CookieSettings, expected: tuple[str, ...]
) -> None:
    policy = choose_cookie_policy(site, settings, sso_url=SSO_URL)
    assert (
        policy.login_name,
        policy.login_path,
        policy.returns_name,
        policy.link_name,
        policy.path,
        policy.theme_path,
    ) == expected


@pytest.mark.parametrize(("configured", "secure"), [(None, True), (True, True), (False, False)])
def test_the_configuration_decides_whether_cookies_are_secure(
    *, configured: bool | None, secure: bool
) -> None:
    settings = CookieSettings(name=None, path=None, secure=configured)
    policy = choose_cookie_policy(Site("https://a", "", ""), settings, sso_url=SSO_URL)
    assert policy.secure is secure


# --- what is read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "login_id"),
    [
        ((), ""),
        (("__Host-awscons+sso=one",), "one"),
        (("__Host-awscons+sso=one", "__Host-awscons+sso=one"), "one"),
        (("__Host-awscons+sso=one", "__Host-awscons+sso=two"), ""),
        (("awscons=one", "__Host-awscons=one"), ""),
    ],
)
def test_a_login_cookie_counts_where_it_says_one_thing(sent: tuple[str, ...], login_id: str) -> None:
    assert cookies.login_id_in(request_with(*sent), POLICY) == login_id


def test_pending_cookies_are_read_by_their_handles() -> None:
    prefix = POLICY.pending_prefix
    sent = (
        f"{prefix}one=1",
        f"{prefix}two=2",
        f"{prefix}two=planted",
        f"{prefix}{'x' * 80}=3",
        f"{prefix}{'x' * 81}=4",
        "__Host-awscons-pending-root=5",
        f"other-{prefix}one=6",
    )
    found = cookies.pending_secrets_in(request_with(*sent), POLICY)
    assert found == {"one": "1", "two": "", "x" * 80: "3"}


@pytest.mark.parametrize(
    ("present", "dropped"), [(0, 0), (15, 0), (16, 1), (17, 2), (27, 12), (28, 12), (40, 12)]
)
def test_above_sixteen_pending_logins_the_oldest_are_dropped_a_dozen_at_a_time(
    present: int, dropped: int
) -> None:
    handles = [f"{number:08x}.x.1" for number in range(present)]
    request = request_with(*(f"{POLICY.pending_prefix}{handle}=s" for handle in reversed(handles)))
    _own, *others = set_by(
        lambda response: cookies.set_pending(request, response, POLICY, BEGUN, lifetime=HOUR)
    )
    assert [flags_of(other)[0] for other in others] == [
        f"{POLICY.pending_prefix}{handle}=" for handle in handles[:dropped]
    ]
    assert all("Max-Age=0" in other for other in others)


@pytest.mark.parametrize(
    ("value", "returns"), [("1", 1), ("2", 2), ("0", 0), ("3", 0), ("-1", 0), ("", 0), ("x", 0), ("11", 0)]
)
def test_a_count_of_returns_is_one_or_two_or_none(value: str, returns: int) -> None:
    assert cookies.returns_in(request_with(f"{POLICY.returns_name}={value}"), POLICY) == returns
    assert cookies.returns_in(request_with(), POLICY) == 0


def test_nothing_is_deleted_that_the_browser_did_not_send() -> None:
    request = request_with("awscons-returns=1", "awscons-link=x")
    assert set_by(lambda response: cookies.forget_returns(request, response, POLICY)) == []
    assert set_by(lambda response: cookies.drop_noted_link(request, response, POLICY)) == []


@pytest.mark.parametrize("sent", ["light", "dark", "neon", ""])
def test_a_theme_is_one_of_two(sent: str) -> None:
    assert cookies.theme_in(request_with(f"awscons-theme={sent}")) == (
        sent if sent in {"light", "dark"} else ""
    )
    assert cookies.theme_in(request_with()) == ""


# --- the note of a link --------------------------------------------------------------------


def noted(
    *,
    path: str = "/aws/x?destination=y",
    login_id: str = "id",
    origin: str | None = None,
    approved: bool = True,
) -> str:
    """The cookie that notes a link."""
    (cookie,) = set_by(
        lambda response: cookies.note_link(
            response, POLICY, login_id=login_id, path=path, origin=origin, approved=approved
        )
    )
    return cookie.partition(";")[0]


def read(*sent: str, path: str = "/aws/x?destination=y", policy: CookiePolicy = POLICY) -> object:
    return cookies.noted_link_in(request_with(*sent), policy, path=path)


OWN = f"{POLICY.login_name}=id"


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize("origin", [None, "https://wiki.example.com", "unknown"])
def test_a_note_gives_back_origin_and_approval(origin: str | None, *, approved: bool) -> None:
    assert read(noted(origin=origin, approved=approved), OWN) == (origin, approved)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: (note,),
        lambda note: (note, f"{POLICY.login_name}=another"),
        lambda note: (note, OWN, f"{POLICY.login_name}=another"),
        lambda _: (OWN,),
        lambda note: (note.replace(".0", ".1"), OWN),
        lambda note: (note.replace(".0", "."), OWN),
        lambda note: (note.partition(".")[0], OWN),
        lambda note: (note + "x", OWN),
        lambda note: (note, f"{POLICY.link_name}=planted.1", OWN),
        lambda _: (f"{POLICY.link_name}=é.1", OWN),
        lambda _: (f"{POLICY.link_name}=\ud800.1", OWN),
        lambda _: (f"{POLICY.link_name}=.", f"{POLICY.login_name}="),
    ],
    ids=[
        "no login",
        "another login",
        "two logins",
        "no note",
        "other approval",
        "no approval",
        "no text",
        "longer",
        "two notes",
        "not ASCII",
        "not Unicode",
        "empty",
    ],
)
def test_a_note_that_was_not_made_for_this_login_counts_for_nothing(
    change: Callable[[str], tuple[str, ...]],
) -> None:
    note = noted(origin="https://wiki.example.com", approved=False)
    sent = tuple(one.encode("utf-8", "surrogatepass").decode("latin-1") for one in change(note))
    assert read(*sent) is None


def test_nobody_can_make_a_note_for_browsers_without_a_login() -> None:
    assert read(noted(login_id="")) is None
    assert read(noted(login_id=""), f"{POLICY.login_name}=") is None


def test_a_path_that_is_not_unicode_is_noted_like_any_other() -> None:
    path = "/aws/x?destination=\ud800"
    assert read(noted(path=path), OWN, path=path) == (None, True)


def test_a_note_counts_for_its_path_alone() -> None:
    assert read(noted(), OWN, path="/aws/x") is None


def test_a_note_is_bound_to_its_login_and_path_together() -> None:
    proofs = {
        noted(login_id=login_id, path=path, origin=origin)
        for login_id in ("a", "b")
        for path in ("/aws/x", "/aws/y")
        for origin in (None, "https://x")
    }
    assert len(proofs) == 8
