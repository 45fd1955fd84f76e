"""Builds the client as one file that Python runs: `python client/build_zipapp.py awscons.pyz`.

The same sources give the same bytes on every machine: files in order, no dates, no compression.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).with_name("awscons_cli")

_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """import sys

if sys.version_info < (3, 9):
    sys.exit("awscons-cli needs Python 3.9 or later.")
from awscons_cli.program import main

sys.exit(main())
"""
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)


def zipapp_bytes() -> bytes:
    """The zipapp."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        files = {f"{PACKAGE.name}/{path.name}": path.read_bytes() for path in PACKAGE.glob("*.py")}
        for name, source in sorted({"__main__.py": _MAIN.encode(), **files}.items()):
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.create_system = 3  # Unix, whatever system this is
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source)
    return _SHEBANG + content.getvalue()


def build_zipapp(path: Path) -> None:
    """Write the zipapp to that file, and make it executable. Raises OSError."""
    path.write_bytes(zipapp_bytes())
    path.chmod(0o755)


if __name__ == "__main__":
    build_zipapp(Path(sys.argv[1]))
