"""The service's addresses and messages: OAuth 2.0 for native apps (RFC 8252, 7636, 8414, 9207, 7009), and our own.

The answer to a failed request becomes one of `errors`; texts of the service are cleaned before they are shown.
"""

from __future__ import annotations

from awscons_cli.errors import ClientError, LoginEnded, Refused, ServiceUnavailable, printable
from awscons_cli.http_calls import Answer, NoJson, call, is_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CLIENT_ID = "awscons-cli"

_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "doors_endpoint",
    "credentials_endpoint",
    "paste_redirect_uri",
    "client_download",
)

_TEMPORARY = {"rate_limited", "aws_refused", "aws_unavailable", "unavailable", "temporarily_unavailable"}
_HINTS = {
    "unknown_door": "awscons-cli list shows the doors.",
    "no_cli": "awscons-cli open opens it in the browser.",
    "no_agent": "Coding agents get no credentials there.",
}


def sign_in_hint(url: str) -> str:
    """What to do when the login has ended."""
    return f"Run: awscons-cli login {url}"


class NotHere(Refused):
    """There is no door for the command line below this address."""

    def __init__(self, url: str) -> None:
        hint = "Its administrators decide that, door by door."
        super().__init__(f"{url} opens nothing for the command line.", hint)


def fetch_metadata(url: str) -> dict[str, str]:
    """`issuer`, the endpoints and `awscons_version` of the service (RFC 8414). Raises ClientError."""
    try:
        answer = call(f"{url}/cli/metadata")
    except NoJson as error:
        raise NotHere(url) if error.status == 404 else error from None
    if answer.status == 404:
        raise NotHere(url)
    found = answer.document
    if answer.status != 200 or found.get("issuer") != url:  # RFC 8414, section 3.3
        raise ServiceUnavailable(
            f"{url} does not describe itself as the service of that address.",
            f"It calls itself {printable(found['issuer'])}." if found.get("issuer") else "",
        )
    for name in _ENDPOINTS:
        if not is_below(found.get(name), url):
            raise ServiceUnavailable(f"The description of {url} has no {name} of that service.")
    return {name: str(found[name]) for name in ("issuer", *_ENDPOINTS, "awscons_version") if name in found}


def request_tokens(url: str, endpoint: str, form: Mapping[str, str]) -> Answer:
    """Exchange a code or a refresh token (RFC 6749). Raises LoginEnded if the service takes it no more."""
    answer = call(endpoint, form={**form, "client_id": CLIENT_ID})
    if answer.document.get("error") == "invalid_grant":
        raise LoginEnded(f"The login at {url} has ended.", sign_in_hint(url))
    _check(answer)
    found = answer.document
    texts, numbers = ("access_token", "refresh_token"), ("expires_in", "refresh_token_expires_in")
    if not (
        all(isinstance(found.get(name), str) and found[name] for name in texts)
        and all(isinstance(found.get(name), (int, float)) for name in numbers)
    ):
        raise ServiceUnavailable(f"{url} answered without tokens.")
    return answer


def revoke(endpoint: str, refresh_token: str) -> None:
    """Tell the service that this login is over (RFC 7009). Raises ServiceUnavailable."""
    try:
        call(endpoint, form={"token": refresh_token, "client_id": CLIENT_ID})
    except NoJson as error:
        if error.status != 200:  # its body means nothing
            raise


def ask(endpoint: str, access_token: str, form: Mapping[str, str] | None = None) -> Answer | None:
    """Ask for doors or credentials. None: the access token is not taken any more. Raises ClientError."""
    answer = call(endpoint, form=form, bearer=access_token)
    if answer.status == 401:
        return None
    door = form["door"] if form else "DOOR"
    _check(answer, f"{sign_in_hint(endpoint.rpartition('/cli/')[0])} --for {door}")
    return answer


def _check(answer: Answer, step_up_hint: str = "") -> None:
    if answer.status == 200:
        return
    raise refusal(answer.status, answer.document, answer.retry_after, step_up_hint)


def refusal(
    status: int, document: Mapping[str, Any], retry_after: str = "", step_up_hint: str = ""
) -> ClientError:
    """The error that a failed request stands for; `step_up_hint`: what to do for a newer or stronger sign-in."""
    code = printable(document.get("error", ""), 60)
    sentence = printable(document.get("error_description") or f"The service answered {status} {code}".strip())
    sentence = sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."
    hint = step_up_hint if code == "step_up_required" else _HINTS.get(code, "")
    if code == "rate_limited":
        hint = f"Try again in {int(retry_after)} seconds." if retry_after.isdecimal() else "Try again later."
    if document.get("incident"):
        hint = f"{hint} (Incident {printable(document['incident'], 60)})".strip()
    kind = ServiceUnavailable if status >= 500 or code in _TEMPORARY else Refused
    return kind(sentence, hint)
