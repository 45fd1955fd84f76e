"""The command-line client as one file that Python runs (a zipapp, PEP 441), made of its package.

A checkout has the package in `client/`, an installation has it as data beside this one.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

_NAME = "awscons_cli"
_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "client" / _NAME, _PACKAGE.parents[1] / "client" / _NAME)
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """import sys

if sys.version_info < (3, 9):
    sys.exit("awscons-cli needs Python 3.9 or later.")
from awscons_cli.program import main

sys.exit(main())
"""
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_FILE_OF_UNIX, _READABLE = 3, 0o644 << 16


def load_client_archive() -> bytes | None:
    """The file; None if the client is not installed. The same sources give the same bytes."""
    folder = next((folder for folder in _FOLDERS if (folder / "__init__.py").is_file()), None)
    if folder is None:
        return None
    files = {f"{_NAME}/{path.name}": path.read_bytes() for path in folder.glob("*.py")}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sorted({"__main__.py": _MAIN.encode(), **files}.items()):
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.create_system = _FILE_OF_UNIX
            entry.external_attr = _READABLE
            archive.writestr(entry, source)
    return _SHEBANG + content.getvalue()
