"""In what two texts differ that are nearly the same, for hints. It decides nothing: a match is exact."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

_MAX_LENGTH = 2_048
"""Characters; of a longer text nothing is said."""


def near_match_hint(expected: str, received: Iterable[str], hint: str) -> str:
    """`hint`, after what differs between the expected text and the first received one that nearly matches."""
    differing = next(filter(None, (difference(expected, text) for text in received)), "")
    return f"the two differ only in {differing}; {hint}" if differing else hint


def difference(expected: str, received: str) -> str:
    """What differs between two texts, mostly URLs: "" when they are equal, or differ in more than a detail.

    Details are white space around the text, letter case, a slash at the end, and scheme, host or port of a URL
    whose path is the same.
    """
    if max(len(expected), len(received)) > _MAX_LENGTH:
        return ""
    if expected.casefold() == received.casefold():
        return "upper and lower case" if expected != received else ""
    ours, theirs = _parts(expected.casefold()), _parts(received.casefold())
    if ours.pop("rest") != theirs.pop("rest") or (not _has_path(expected) and ours["host"] != theirs["host"]):
        return ""
    return " and ".join(f"the {name}" for name, part in ours.items() if part != theirs[name])


def _parts(text: str) -> dict[str, str]:
    """The details of a text by name, and the rest of it."""
    stripped = text.strip()
    white_space = text.replace(stripped, "") if stripped else ""
    try:
        url = urlsplit(stripped)
        port = str(url.port or "")
    except ValueError:
        return {"white space around it": white_space, "host": "", "rest": stripped}
    return {
        "white space around it": white_space,
        "scheme": url.scheme,
        "host": url.hostname or "",
        "port": port,
        "slash at the end": "/" if url.path.endswith("/") else "",
        "rest": f"{url.path.removesuffix('/')}?{url.query}#{url.fragment}",
    }


def _has_path(text: str) -> bool:
    return bool(_parts(text)["rest"].strip("?#"))
