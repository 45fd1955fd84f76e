"""Where tokens are: the system's keyring if Python can import one that works, else a file of mode 0600.

A login chooses, and later tokens go where its first ones are. `AWSCONS_CLI_KEYRING=0` at the login keeps to the file,
for systems whose keyring asks for a password at each use.
"""

from __future__ import annotations

import json

from awscons_cli.errors import LoginEnded, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from awscons_cli.state import State

_KEYRING_SERVICE = "awscons-cli"
_FILE = "tokens.json"


def usable_keyring(environment: Mapping[str, str]) -> Any:
    """The `keyring` module if it has a place to store things in, else None."""
    if environment.get("AWSCONS_CLI_KEYRING", "") in {"0", "no", "false"}:
        return None
    try:
        import keyring

        # Below 1: a backend that stores nothing, or that its own authors do not recommend.
        return keyring if keyring.get_keyring().priority >= 1 else None
    except Exception:  # noqa: BLE001 - backends fail in many ways; a file is always there
        return None


class TokenStore:
    """The tokens of one service."""

    def __init__(self, state: State, url: str, environment: Mapping[str, str]) -> None:
        self._state = state
        self._url = url
        self._environment = environment

    def load(self) -> dict[str, Any]:
        """The tokens, or an empty object. A keyring is only imported if tokens are in there.

        Raises LoginEnded if they are, and the keyring does not give them.
        """
        stored = self._state.read(_FILE)
        if not stored.get("keyring"):
            return stored
        try:
            import keyring

            found = json.loads(keyring.get_password(_KEYRING_SERVICE, self._url) or "{}")
        except Exception as error:  # noqa: BLE001 - each backend has errors of its own
            raise LoginEnded(
                f"The keyring does not give the tokens for {self._url} ({printable(error) or type(error).__name__}).",
                f"Unlock it, or keep them in a file: AWSCONS_CLI_KEYRING=0 awscons-cli login {self._url}",
            ) from None
        return found if isinstance(found, dict) else {}

    def refresh_token(self) -> str:
        """The refresh token; empty where there is none to be had."""
        try:
            return str(self.load().get("refresh_token", ""))
        except LoginEnded:
            return ""

    def save(self, tokens: Mapping[str, Any], *, first: bool) -> None:
        """Store the tokens; the `first` ones of a login choose the place. Raises ClientError."""
        stored = tokens
        if first:
            vault = usable_keyring(self._environment)
        else:
            vault = usable_keyring({}) if self._state.read(_FILE).get("keyring") else None
        if vault is not None:
            try:
                vault.set_password(_KEYRING_SERVICE, self._url, json.dumps(tokens))
                stored = {"keyring": True}
            except Exception:  # noqa: BLE001, S110 - some keyrings refuse long texts; then it is the file
                pass
        self._state.write(_FILE, stored)

    def delete(self) -> None:
        """Forget the tokens. Raises ClientError."""
        if self._state.read(_FILE).get("keyring"):
            try:
                import keyring

                keyring.delete_password(_KEYRING_SERVICE, self._url)
            except Exception:  # noqa: BLE001, S110 - what is not there need not be deleted
                pass
        self._state.remove(_FILE)
