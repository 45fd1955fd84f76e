"""Builds console URLs. Pure functions; no other module builds one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urljoin

from awscons.aws.role_credentials import ConsoleUrl, SigninToken

_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]", re.ASCII)

_ESCAPES = {chr(code): f"%{code:02X}" for code in range(128)}


def encode_form(fields: Mapping[str, str]) -> str:
    """The same text as `urlencode`, which is slower: it looks at every character of a long token."""
    return "&".join(f"{name}={_UNSAFE.sub(_escaped, value)}" for name, value in fields.items())


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or quote(match[0], safe="")


def build_console_url(
    endpoint: str, *, signin_token: SigninToken, relogin_url: str, console_destination: str
) -> ConsoleUrl:
    """The login URL that opens the console.

    endpoint             the federation endpoint that issued the token; the URL stays on its host
    relogin_url          `Issuer`: where AWS sends people whose console session ended
    console_destination  `Destination`: the page to land on; encoded whole, fragment included
    """
    query = encode_form(
        {
            "Action": "login",
            "Issuer": relogin_url,
            "Destination": console_destination,
            "SigninToken": signin_token.value,
        }
    )
    return ConsoleUrl(f"{endpoint}?{query}")


def build_logout_first_url(endpoint: str, console_url: ConsoleUrl) -> ConsoleUrl:
    """The URL that logs the browser out of AWS first, and then opens `console_url`.

    For browsers with another console session. AWS does not document this URL. In practice it works when both
    URLs have the same host, and that host has its region in front.
    """
    query = encode_form({"Action": "logout", "redirect_uri": console_url.value})
    return ConsoleUrl(f"{urljoin(endpoint, 'oauth')}?{query}")
