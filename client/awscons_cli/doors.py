"""list and open: the doors that the service opens to this person now, and the way into the browser."""

from __future__ import annotations

import json
import os
import sys

from awscons_cli.errors import Refused, ServiceUnavailable, printable
from awscons_cli.logins import Login, Logins

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from typing import Any

    Door = dict[str, Any]

DOORS = "doors.json"
"""The last list, for completion and for regions; what may be opened is the service's to say, each time."""


def fetch_doors(login: Login) -> tuple[list[Door], float]:
    """The doors, and the seconds that our clock is ahead. Raises ClientError."""
    answer = login.ask("doors_endpoint")
    doors = answer.document.get("doors")
    if not isinstance(doors, list) or not all(isinstance(door, dict) and door.get("name") for door in doors):
        raise ServiceUnavailable("The service answered without a list of doors.")
    login.state.write(DOORS, {"doors": doors})
    return doors, answer.skew


def known_doors(login: Login) -> list[Door]:
    """The doors of the last list, without a question to the service."""
    doors = login.state.read(DOORS).get("doors", [])
    return [door for door in doors if isinstance(door, dict)] if isinstance(doors, list) else []


def list_command(options: argparse.Namespace) -> int:
    """`list`: the doors by account."""
    login = Logins(os.environ).chosen(options.service)
    doors = [door for door in fetch_doors(login)[0] if found_by(options.search, door)]
    if options.json:
        print(json.dumps({"doors": doors}, indent=2))
        return 0
    for line in listing(doors):
        print(line)
    if not doors:
        print("No door matches." if options.search else "No door opens to you.", file=sys.stderr)
    return 0


def found_by(search: Sequence[str], door: Door) -> bool:
    """Whether every word is somewhere in the door."""
    names = ("name", "title", "account_id", "account_name", "account_slug", "role_name")
    text = " ".join(str(door.get(name) or "") for name in names).lower()
    return all(word.lower() in text for words in search for word in words.split())


def listing(doors: Sequence[Door]) -> Iterator[str]:
    """Lines: each account with its doors, names aligned."""
    width = max((len(str(door["name"])) for door in doors), default=0)
    accounts: dict[str, list[Door]] = {}
    for door in doors:
        number, name = str(door.get("account_id", "")), door.get("account_name")
        accounts.setdefault(printable(f"{name} ({number})" if name else number), []).append(door)
    for account in sorted(accounts, key=str.lower):
        yield account
        for door in sorted(accounts[account], key=lambda door: str(door["name"])):
            title = door.get("title")
            words = [str(door.get("role_name", ""))]
            words += [str(title)] if title and title not in {door["name"], *words} else []
            words += [] if door.get("cli") else ["browser only"]
            yield f"  {printable(door['name']).ljust(width)}  {printable(', '.join(words))}"


def open_command(options: argparse.Namespace) -> int:
    """`open`: open the console in the browser, which has a login of its own."""
    from urllib.parse import urlencode

    from awscons_cli.browsers import has_browser
    from awscons_cli.http_calls import is_below
    from awscons_cli.role_credentials import check_door

    login = Logins(os.environ).chosen(options.service)
    name = check_door(options.door)
    doors = [door for door in fetch_doors(login)[0] if door["name"] == name]
    if not doors:
        raise Refused(
            f"There is no door {name}, or it does not open to you.", "awscons-cli list shows the doors."
        )
    url = str(doors[0].get("console_url"))
    if not is_below(url, login.url):
        raise ServiceUnavailable(f"The address of {name} is none of {login.url}.")
    given = {"destination": options.destination, "region": options.region}
    query = urlencode({key: value for key, value in given.items() if value})
    address = f"{url}?{query}" if query else url
    if has_browser():
        import webbrowser

        webbrowser.open(address)
    print(address)
    return 0
