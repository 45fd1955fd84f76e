"""Credentials of a door's role: cached until ten minutes before their end, and fetched once for many processes.

Below ten minutes SDKs would call this program again at each use, so nothing older is handed out.
"""

from __future__ import annotations

import json
import os
import sys
import time

from awscons_cli.errors import LoginEnded, ServiceUnavailable, UsageMistake, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from awscons_cli.http_calls import Answer
    from awscons_cli.logins import Login

MARGIN = 600
"""Seconds before the end of credentials from which they are replaced."""

MAX_SKEW = 300
"""Seconds between two clocks above which AWS refuses signatures."""

_MAX_NAME = 64
_FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def check_door(name: str) -> str:
    """The name of a door, as it can be one. Raises UsageMistake."""
    rest = name.translate({ord(each): None for each in "._~-"})
    if not (rest.isascii() and rest.isalnum()) or len(name) > _MAX_NAME:
        raise UsageMistake(
            f"{printable(name, 80)!r} is no name of a door.", "awscons-cli list shows the doors."
        )
    return name


def fetch(login: Login, door: str, *, agent: bool = False, for_long: bool = False) -> dict[str, Any]:
    """Credentials in the form of `credential_process`, from the cache or from the service. Raises ClientError.

    for_long   nobody will renew them, so half their time is to be left, if the service can be reached
    """
    name = check_door(door) + ("@agent" if agent else "")  # no door has that sign
    key = f"{name}.credentials"
    cached = _cached(login, key, name, for_long=for_long)
    if cached is None:
        begun = time.time()
        with login.state.lock(f"door.{name}"):
            cached = _cached(login, key, name, for_long=for_long)
            if cached is None:
                try:
                    with login.state.sharing_failure(name, begun):
                        cached = _ask(login, door, key, name, agent=agent)
                except ServiceUnavailable:
                    cached = _cached(login, key, name)
                    if cached is None:
                        raise
    return cached


def _cached(login: Login, key: str, name: str, *, for_long: bool = False) -> dict[str, Any] | None:
    found = login.state.read(key)
    try:
        ours = login.id != "" and (found["login"], found["name"]) == (login.id, name)
        until = found["until"]
        if for_long:
            until = min(until, (found["since"] + until + MARGIN) / 2)
        # A clock that was set back makes credentials of the future, whose end nobody knows.
        if ours and found["since"] <= time.time() < until:
            credentials: dict[str, Any] = found["credentials"]
            return credentials
    except (KeyError, TypeError):
        pass  # not what we wrote
    return None


def _ask(login: Login, door: str, key: str, name: str, *, agent: bool) -> dict[str, Any]:
    answer = login.ask("credentials_endpoint", {"door": door, **({"agent": "true"} if agent else {})})
    now = time.time()
    credentials, seconds = _checked(answer, now)
    if abs(answer.skew) > MAX_SKEW:
        print(f"awscons-cli: {skew_in_words(answer.skew)}", file=sys.stderr)
    entry = {"login": login.id, "name": name, "since": now, "until": now + seconds - MARGIN}
    login.keep(key, {**entry, "credentials": credentials})
    return credentials


def skew_in_words(skew: float) -> str:
    """What a wrong clock does.

    skew   seconds that the clock of this computer is ahead
    """
    return (
        f"The clock of this computer is {abs(skew) / 60:.0f} minutes {'fast' if skew > 0 else 'slow'}; "
        "AWS refuses what is signed with such a clock."
    )


def _checked(answer: Answer, now: float) -> tuple[dict[str, Any], float]:
    """The fields that SDKs read, and how many seconds they are good for by the clock of the service."""
    from datetime import datetime

    found = answer.document
    if not all(isinstance(found.get(field), str) and found[field] for field in _FIELDS):
        raise ServiceUnavailable("The service answered without credentials.")
    try:
        end = datetime.fromisoformat(found["Expiration"].replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise ServiceUnavailable("The service answered credentials without a valid end.") from None
    return {"Version": 1, **{field: found[field] for field in _FIELDS}}, end - (now - answer.skew)


def credentials_command(options: argparse.Namespace) -> int:
    """`credentials`: print the JSON that `credential_process` asks for, and nothing else."""
    from awscons_cli.logins import Logins

    logins, begun = Logins(os.environ), time.time()
    # Whatever a browser or a library prints goes to standard error; programs read standard output.
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        login = logins.chosen(options.service)
        try:
            credentials = fetch(login, options.door, agent=wants_agent(options))
        except LoginEnded:
            from awscons_cli.browsers import terminal_attached

            if not options.interactive or not terminal_attached():
                raise
            from awscons_cli.signing_in import sign_in_once

            sign_in_once(login, begun)
            credentials = fetch(logins.at(login.url), options.door, agent=wants_agent(options))
    finally:
        os.dup2(output, 1)
        os.close(output)
    print(json.dumps(credentials))
    return 0


def wants_agent(options: argparse.Namespace) -> bool:
    """Whether the credentials are for a coding agent: `--agent`, or a variable of the environment."""
    from awscons_cli.agents import is_agent

    return bool(options.agent) or is_agent(os.environ)
