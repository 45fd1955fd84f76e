"""Runs `config.py` and returns its names. What goes wrong in it becomes one mistake with file and line.

The file is the operator's own program, as with AWScons 1: it may compute, read the environment, and import modules
that lie beside it. It runs with the rights of the service, so nobody else may be able to write it.

A mistake never quotes the text of an exception, because it may hold a secret.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from awscons.config.file_access import (
    group_can_write,
    others_can_read,
    read_only_by_others,
    reason_of,
    refuse_if_open,
)
from awscons.config.mistakes import is_secret
from awscons.errors import ConfigurationError, Mistake
from awscons.findings import Finding

_WANTED = "a file that runs without an error"
_ENVIRONMENT_FILES = frozenset({os.__file__, "<frozen os>"})
"""Where Python looks up `os.environ[…]`."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file that has run: its public names, and every file that was run for them."""

    names: dict[str, object]
    files: tuple[Path, ...]


def run_config_file(path: Path) -> ConfigFile:
    """Run the file at `path`. Raises ConfigurationError with one mistake."""
    refuse_if_open(path.name, path.absolute().parent)
    source = _read(path)
    names: dict[str, object] = {"__name__": "config", "__file__": str(path)}
    with _modules_beside(path.absolute().parent) as beside:
        try:
            exec(compile(source, str(path), "exec"), names)  # noqa: S102  see the module's docstring
        except ConfigurationError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  it is somebody else's code
            mistake = _mistake_of(error, path, [str(path), *map(str, beside.files)])
            raise ConfigurationError(str(path), [mistake]) from None
    public = {name: value for name, value in names.items() if not name.startswith("_")}
    return ConfigFile(public, (path, *beside.files))


def _read(path: Path) -> bytes:
    try:
        return read_only_by_others(path.name, path)
    except FileNotFoundError:
        hint = f"copy {_sample_for(path)} to {path.name} and edit it"
        mistake = Mistake(path.name, "no such file", "your configuration", hint)
    except OSError as error:
        mistake = Mistake(path.name, reason_of(error), "a file that this user may read")
    raise ConfigurationError(str(path), [mistake])


def _sample_for(path: Path) -> str:
    """Where the sample is: beside the configuration in a checkout, else where the wheel has installed it."""
    name = "config.py.sample"
    installed = Path(sysconfig.get_path("data"), "share", "awscons", name)
    return str(installed) if installed.is_file() and not path.with_name(name).exists() else name


def file_findings(file: ConfigFile) -> Iterator[Finding]:
    """Warnings: a group can write what was run, or every user can read a file with a secret in it. Raises OSError."""
    folder = file.files[0].absolute().parent
    yield from filter(None, map(group_can_write, [folder, *file.files]))
    secrets = [secret.encode() for secret in _secrets_in(file.names)]
    for path in file.files:
        source = path.read_bytes()
        readable = others_can_read(path, holds="a password or token")
        if readable is not None and any(secret in source for secret in secrets):
            yield readable


def _secrets_in(value: object) -> Iterator[str]:
    """The values of keys that hold secrets, at any depth."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _secrets_in(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, str) and item and is_secret(key, item):
                yield item
            yield from _secrets_in(item)


# --- modules beside the file -------------------------------------------------------------


class _ModulesBeside(MetaPathFinder):
    """Finds modules in the folder of the configuration before all others, as Python does for a script.

    It serves the thread that reads the configuration; `sys.path` stays as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = threading.get_ident()
        self.files: list[Path] = []
        self.names: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of that name, if it lies beside the configuration. Raises ConfigurationError."""
        if threading.get_ident() != self._thread:
            return None
        if path is not None and fullname.partition(".")[0] not in self.names:
            return None
        for folder in path or [str(self._folder)]:
            spec = FileFinder(folder, (_SourceLoader, SOURCE_SUFFIXES)).find_spec(fullname, target)
            if spec is not None and spec.origin is not None:
                self.names.add(fullname)
                self.files.append(Path(spec.origin))
                return spec
        return None


class _SourceLoader(SourceFileLoader):
    """Compiles the source each time: a kept compilation may be stale, and `awscons check` must leave none behind."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of that module."""
        path = Path(self.get_filename(fullname))
        return self.source_to_code(read_only_by_others(path.name, path), str(path))


@contextmanager
def _modules_beside(folder: Path) -> Iterator[_ModulesBeside]:
    """Modules beside the configuration can be imported, and are forgotten afterwards: the next reading is fresh."""
    finder = _ModulesBeside(folder)
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        for name in finder.names:
            sys.modules.pop(name, None)


# --- what went wrong ---------------------------------------------------------------------


def _mistake_of(error: BaseException, path: Path, files: Sequence[str]) -> Mistake:
    """The mistake for an exception of the file, or of a module beside it."""
    if isinstance(error, SyntaxError) and error.filename in {None, *files}:
        where = f"{Path(error.filename or path).name}, line {error.lineno}"
        return Mistake(where, error.msg, "valid Python")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename in files]
    where = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else path.name
    from_environment = bool(frames) and frames[-1].filename in _ENVIRONMENT_FILES
    found, hint = _words_for(error, from_environment=from_environment)
    return Mistake(where, found, _WANTED, hint)


def _words_for(error: BaseException, *, from_environment: bool) -> tuple[str, str]:
    """What happened, and a hint. Only names are quoted: of variables, modules and files."""
    kind, words, hint = type(error).__name__, "", ""
    match error:
        case KeyError(args=[str() as name]) if from_environment:
            kind, words = "", f"the environment variable {name} is not set"
            hint = "--env-file FILE lets `awscons check` read a file of variables, as systemd does"
        case NameError(name=str() as name) if name:
            words = f"the name {name!r} is not defined"
            hint = f"import {name}" if name in sys.stdlib_module_names else ""
        case ModuleNotFoundError(name=str() as name):
            words, hint = f"no module {name!r}", "put the module beside the file, or install it"
        case ImportError(name=str() as name, path=place):
            words = f"the module {name!r} ({place}) lacks a name that is imported from it"
        case OSError(filename=str() as file):
            words = f"{file}: {reason_of(error)}"
        case AttributeError(name=str() as name):
            words = f"there is no attribute {name!r}"
        case _:
            hint = "the text of the exception is not shown, because it may hold a secret"
    return ": ".join(filter(None, (kind, words))), hint
