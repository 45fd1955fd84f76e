"""The command-line client as one file that Python runs (a zipapp, PEP 441), made by the client's own builder.

A checkout has the client in `client/`, an installation has it as data beside this package.
"""

from __future__ import annotations

import runpy
from pathlib import Path

_BUILDER = "build_zipapp.py"
_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "client", _PACKAGE.parents[1] / "client")


def load_client_archive() -> bytes | None:
    """The file; None if the client is not installed. The same sources give the same bytes."""
    folder = next((folder for folder in _FOLDERS if (folder / "awscons_cli" / "__init__.py").is_file()), None)
    if folder is None:
        return None
    archive: bytes = runpy.run_path(str(folder / _BUILDER))["zipapp_bytes"]()
    return archive
