"""The authorization request of a terminal: which client, back to where, bound to which secret. Pure rules.

Source: RFC 6749 section 4.1.1, RFC 7636 (PKCE, S256 only), RFC 8252 section 7.3 (loopback, any port).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

CLIENT_ID = "awscons-cli"
"""The one client. It is public: it has no secret, and its name proves nothing."""
MAX_MACHINE_LENGTH = 64
"""Characters of the name that a computer gives itself."""

Parameters = Mapping[str, Sequence[str]]

_LOOPBACK = re.compile(
    r"(?P<origin>http://(?:127\.0\.0\.1|\[::1\]):(?P<port>[1-9][0-9]{0,4}))/callback", re.ASCII
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in Base64 for URLs, without padding (RFC 7636, section 4.2)."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_STATE = re.compile(r"[\x21-\x7e]{1,512}")
_DOOR = re.compile(r"[A-Za-z0-9._~-]{0,64}")
_NO_TEXT = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode's categories of characters that could change how the rest of a line reads."""
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that may be shown to the person.

    redirect_uri   where the browser takes the code
    challenge      of PKCE: the hash of a secret that only the terminal has
    state          given back unchanged
    machine        what the computer calls itself; the person decides whether it is theirs
    door           the target that it wants to open next, which may require a newer sign-in; empty: none
    """

    redirect_uri: str
    challenge: str
    state: str = field(repr=False)
    machine: str
    door: str = ""

    @property
    def loopback_origin(self) -> str | None:
        """The origin on the person's own computer; None: the person copies the code."""
        found = _LOOPBACK.fullmatch(self.redirect_uri)
        return found["origin"] if found else None

    @property
    def parameters(self) -> dict[str, str]:
        """The request again, as the parameters that it came with."""
        return {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self.redirect_uri,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "state": self.state,
            "machine": self.machine,
            **({"door": self.door} if self.door else {}),
        }


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request that is not shown. `error`: its code (RFC 6749, section 4.1.2.1).

    redirect_uri   where the browser takes the error; None: a page says so, since the address itself is not trusted
    """

    error: str
    reason: str
    redirect_uri: str | None = None
    state: str = ""


def parse_authorization_request(
    parameters: Parameters, *, paste_uri: str
) -> AuthorizationRequest | RequestRefused:
    """The request in these parameters; `paste_uri`: our own page that shows a code to copy."""
    if _only(parameters, "client_id") != CLIENT_ID:
        return RequestRefused("invalid_client", "unknown client_id")
    redirect_uri = _only(parameters, "redirect_uri") or ""
    if redirect_uri != paste_uri and not _is_loopback(redirect_uri):
        return RequestRefused("invalid_request", "redirect_uri is not on the person's own computer")
    state, challenge = _only(parameters, "state") or "", _only(parameters, "code_challenge") or ""
    machine, door = (_only(parameters, "machine") or "").strip(), _only(parameters, "door") or ""
    is_s256 = _only(parameters, "code_challenge_method") == "S256"
    reason = ""
    if not _STATE.fullmatch(state):
        state, reason = "", "state"
    elif not (is_s256 and _CHALLENGE.fullmatch(challenge)):
        reason = "code_challenge, by S256"
    elif not _is_name(machine):
        reason = "machine"
    elif not _DOOR.fullmatch(door):
        reason = "door"
    if reason:
        return RequestRefused("invalid_request", reason, redirect_uri, state)
    if _only(parameters, "response_type") != "code":
        return RequestRefused("unsupported_response_type", "response_type", redirect_uri, state)
    return AuthorizationRequest(redirect_uri, challenge, state, machine, door)


def is_verified(challenge: str, verifier: str) -> bool:
    """Whether `verifier` is the secret of that challenge (RFC 7636, section 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(expected, challenge.encode("ascii"))


def _is_loopback(uri: str) -> bool:
    found = _LOOPBACK.fullmatch(uri)
    return found is not None and int(found["port"]) <= _MAX_PORT


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_MACHINE_LENGTH and not any(
        unicodedata.category(character) in _NO_TEXT for character in text
    )


def _only(parameters: Parameters, name: str) -> str | None:
    """The value of a parameter; None when it is missing, or there twice (RFC 6749, section 3.1)."""
    values = parameters.get(name, ())
    return values[0] if len(values) == 1 else None
