"""Reading `config.py`: a Python file, run on its own, whose dicts are all we take from it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

from awscons.config.settings import SECTION_NAMES, Settings, parse_settings, unknown_sections
from awscons.errors import ConfigurationError, Mistake


def load_settings(path: Path, *, environment: Mapping[str, str]) -> Settings:
    """The settings in the file at `path`.

    Raises ConfigurationError when the file is missing, unreadable, no Python, fails while it runs, or
    says something that cannot be used.
    """
    namespace = _run(path)
    strays = unknown_sections([name for name in namespace if not name.startswith("_")])
    try:
        settings = parse_settings(namespace, source=str(path), environment=environment)
    except ConfigurationError as error:
        raise ConfigurationError(str(path), [*strays, *error.mistakes]) from None
    if strays:
        raise ConfigurationError(str(path), strays)
    return settings


def _run(path: Path) -> dict[str, object]:
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            str(path),
            [
                Mistake(
                    path.name,
                    "no such file",
                    "your configuration",
                    "copy config.py.sample to config.py and edit it",
                )
            ],
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            str(path), [Mistake(path.name, reason, "a file that this user may read")]
        ) from None
    namespace: dict[str, object] = {"__name__": "config", "__file__": str(path)}
    try:
        # The operator's own file, as the origin had it: it may compute, read the environment, import.
        exec(compile(source, str(path), "exec"), namespace)  # noqa: S102  see above
    except SyntaxError as error:
        where = f"{path.name}, line {error.lineno}"
        raise ConfigurationError(str(path), [Mistake(where, error.msg, "valid Python")]) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is somebody else's code
        where = f"{path.name}, line {_line_of(error, str(path))}"
        what = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            str(path), [Mistake(where, what, "a file that runs without an error")]
        ) from None
    return {
        name: value for name, value in namespace.items() if name in SECTION_NAMES or not name.startswith("_")
    }


def _line_of(error: BaseException, filename: str) -> int | str:
    """The last line of the file that was running when `error` came up."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename
    ]
    return lines[-1] if lines and lines[-1] is not None else "?"
