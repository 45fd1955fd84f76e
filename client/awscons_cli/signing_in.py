"""login, logout, status: OAuth 2.0 for native apps with PKCE on loopback, or with a code to paste."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from awscons_cli import __version__
from awscons_cli.errors import ClientError, LoginEnded, ServiceUnavailable, UsageMistake, printable
from awscons_cli.logins import Login, Logins
from awscons_cli.state import uninterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def login_command(options: argparse.Namespace) -> int:
    """`login`: sign in to a service, which becomes the default."""
    from awscons_cli.http_calls import service_url
    from awscons_cli.role_credentials import check_door

    logins = Logins(os.environ)
    named = options.url or options.service or os.environ.get("AWSCONS_SERVICE") or logins.default
    if not named:
        raise UsageMistake(
            "awscons-cli does not know the service yet.", "Run: awscons-cli login https://YOUR-PORTAL"
        )
    known = [login.url for login in logins if named.rstrip("/") == login.url.partition("://")[2]]
    found = find_service(known[0] if known else service_url(named))
    login = logins.at(found["issuer"])
    door = check_door(options.for_door) if options.for_door else ""
    sign_in(login, found, browser=not options.no_browser, door=door)
    logins.make_default(login.url)
    print(f"Signed in to {login.url}{f' as {login.person}' if login.person else ''}, {left(login.ends)}.")
    return 0


def find_service(url: str) -> dict[str, str]:
    """The description of the service at that address or above it: people copy the address of a page of the portal.

    Raises ClientError, about the address that was given.
    """
    from awscons_cli.protocol import NotHere, fetch_metadata

    try:
        return fetch_metadata(url)
    except NotHere:
        above = url.rpartition("/")[0]
        while not above.endswith("/"):
            with contextlib.suppress(NotHere):
                return fetch_metadata(above)
            above = above.rpartition("/")[0]
        raise


def sign_in_once(login: Login, begun: float) -> None:
    """Sign in, unless another process did so or was refused since this one has `begun`. Raises ClientError."""
    with login.state.lock("login"):
        if Logins(os.environ).at(login.url).is_over():
            with login.state.sharing_failure("@login", begun):
                sign_in(login, find_service(login.url), browser=True)


def sign_in(login: Login, found: dict[str, str], *, browser: bool, door: str = "") -> None:
    """Take a person through the sign-in, and store the tokens. Raises ClientError.

    found     the description of the service
    browser   whether the answer comes by a browser of this computer; else the person pastes a code
    door      the sign-in is to be as this door requires it; empty: as the service always does
    """
    from awscons_cli.protocol import CLIENT_ID, request_tokens

    note_version(login.url, found.get("awscons_version", ""), found["client_download"])
    verifier, challenge = new_proof()
    code, redirect_uri = (_by_browser if browser else _by_paste)(
        login.url,
        found,
        {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "machine": machine_name(),
            **({"door": door} if door else {}),
        },
    )
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    with login.state.lock("tokens"), uninterrupted():
        try:
            answer = request_tokens(login.url, found["token_endpoint"], form)
        except LoginEnded:
            raise ClientError(
                "The service does not take this code, or no longer.", "Run the command again."
            ) from None
        before = login.tokens.refresh_token()
        login.forget()
        login.begin(answer.document, found)
    if before:
        _tell(login, before)


def new_proof() -> tuple[str, str]:
    """A code verifier and its S256 challenge (RFC 7636, sections 4.1 and 4.2)."""
    import base64
    import hashlib
    import secrets

    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def machine_name() -> str:
    """What this computer calls itself, 1 to 64 characters, for the consent page and the list of terminals."""
    import socket

    return printable(socket.gethostname(), 64) or "a computer without a name"


def _address(endpoint: str, question: dict[str, str]) -> str:
    from urllib.parse import urlencode

    return f"{endpoint}?{urlencode(question)}"


def _by_browser(url: str, found: dict[str, str], question: dict[str, str]) -> tuple[str, str]:
    import secrets

    from awscons_cli.browsers import has_browser, open_page, say
    from awscons_cli.loopback import Callback

    state = secrets.token_urlsafe(32)
    callback = Callback(state, url)
    question = {**question, "redirect_uri": callback.redirect_uri, "state": state}
    address = _address(found["authorization_endpoint"], question)
    if has_browser():
        say(
            f"The sign-in goes on in the browser. If none opens, open this page on this computer:\n\n  {address}\n"
        )
        open_page(address)
    else:
        say(
            f"Open this page in a browser on this computer:\n\n  {address}\n\n"
            "In a browser on another computer? Stop this (Ctrl-C) and use: awscons-cli login --no-browser"
        )
    return callback.wait(), callback.redirect_uri


def _by_paste(_url: str, found: dict[str, str], question: dict[str, str]) -> tuple[str, str]:
    import secrets

    redirect_uri = found["paste_redirect_uri"]
    question = {**question, "redirect_uri": redirect_uri, "state": secrets.token_urlsafe(32)}
    address = _address(found["authorization_endpoint"], question)
    print(
        f"Open this page in any browser:\n\n  {address}\n\nPaste the code that it shows: ",
        end="",
        file=sys.stderr,
    )
    sys.stderr.flush()
    code = sys.stdin.readline().strip()
    if not code:
        raise ClientError("No code was pasted.", "Run the command again.")
    return code, redirect_uri


def note_version(url: str, service_version: str, download: str) -> None:
    """Say so if the service is of another version than this client."""
    if service_version and service_version != __version__:
        print(
            f"awscons-cli: {url} is awscons {printable(service_version, 40)}, this is awscons-cli {__version__}; "
            f"the right one is at {download}",
            file=sys.stderr,
        )


def logout_command(options: argparse.Namespace) -> int:
    """`logout`: end the login here and at the service."""
    login = Logins(os.environ).chosen(options.service)
    with login.state.lock("tokens"):
        token = login.tokens.refresh_token()
        login.forget()
    told = not token or _tell(login, token)
    print(f"Signed out of {login.url}. AWS credentials that programs hold already work until their own end.")
    return 0 if told else ServiceUnavailable.exit_status


def _tell(login: Login, refresh_token: str) -> bool:
    from awscons_cli.protocol import revoke

    try:
        revoke((login.endpoints or find_service(login.url))["revocation_endpoint"], refresh_token)
    except ClientError as error:
        print(
            f'awscons-cli: The service could not be told: {error} End it on its page "Signed-in terminals".',
            file=sys.stderr,
        )
        return False
    return True


def status_command(options: argparse.Namespace) -> int:
    """`status`: who is signed in where, and whether the service still says so."""
    logins = Logins(os.environ)
    chosen = options.service or os.environ.get("AWSCONS_SERVICE")
    shown = [logins.chosen(options.service)] if chosen else list(logins)
    if not shown:
        raise LoginEnded("Nobody has signed in yet.", "Run: awscons-cli login https://YOUR-PORTAL")
    worst = 0
    for login in shown:
        default = " (default)" if login.url == logins.default and len(shown) > 1 else ""
        try:
            words = _judged(login)
        except ClientError as error:
            words = str(error)
            if default or len(shown) == 1:
                worst = error.exit_status
        print(f"{login.url}{default}: {words}")
    return worst


def _judged(login: Login) -> str:
    from awscons_cli.doors import fetch_doors
    from awscons_cli.role_credentials import MAX_SKEW, skew_in_words

    doors, skew = fetch_doors(login)
    for_cli = sum(bool(door.get("cli")) for door in doors)
    clock = f" {skew_in_words(skew)}" if abs(skew) > MAX_SKEW else ""
    return f"signed in as {login.person}, {left(login.ends)}; doors: {len(doors)}, in the terminal: {for_cli}.{clock}"


def left(end: float) -> str:
    """When a login ends, in words."""
    minutes = max(0, int(end - time.time())) // 60
    words = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"for {words}, until {time.strftime('%Y-%m-%d %H:%M', time.localtime(end))}"
