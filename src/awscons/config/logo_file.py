"""The logo: a file that the configuration names, read once at the start."""

from __future__ import annotations

from pathlib import Path

from awscons.errors import Mistake
from awscons.site import LOGO_TYPES, MAX_LOGO_BYTES, Logo

_LOGO_STARTS = {".svg": b"<", ".png": b"\x89PNG", ".webp": b"RIFF"}


def read_logo(path: str | None, mistakes: list[Mistake]) -> Logo | None:
    """The picture; a file that cannot be served is a mistake, which is added to `mistakes`."""
    if path is None:
        return None
    file = Path(path)
    wanted = f"a picture of up to {MAX_LOGO_BYTES // 1024} KiB that this user may read"
    try:
        content = file.read_bytes()
    except OSError as error:
        mistakes.append(Mistake("site_config.logo", f"{path}: {error.strerror}", wanted))
        return None
    suffix = file.suffix.lower()
    if not 0 < len(content) <= MAX_LOGO_BYTES:
        mistakes.append(Mistake("site_config.logo", f"{path}: {len(content):,} bytes", wanted))
    elif not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_LOGO_STARTS[suffix]):
        mistakes.append(
            Mistake("site_config.logo", f"{path}: other content", f"a file of type {LOGO_TYPES[suffix]}")
        )
    return Logo(suffix, content)
