"""Stores that several processes share: starting, writing and dying at the same moment."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from awscons.adapters.stores.choice import open_store
from awscons.config.schema import Backing
from awscons.preferences import Preferences

HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[2]

ON_ONE_HOST = pytest.mark.parametrize(
    "backing",
    [
        {"cache_type": "SQLite", "path": "{}/logins.sqlite3"},
        {"cache_type": "FileSystem", "cache_dir": "{}/cache"},
    ],
    ids=lambda backing: backing["cache_type"],
)


def run_sql(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_many_processes_may_start_with_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "logins.sqlite3"
    code = (
        "import sys; from datetime import timedelta; from awscons.config.schema import SqliteBacking\n"
        "from awscons.adapters.stores.choice import open_store\n"
        "store = open_store(SqliteBacking(path=sys.argv[1]), environment={})\n"
        "store.set(sys.argv[2], {}, lifetime=timedelta(seconds=60))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, path, str(number)], env={"PYTHONPATH": "src"}, cwd=ROOT)
        for number in range(6)
    ]
    assert [process.wait() for process in started] == [0] * 6
    assert len(run_sql(path, "SELECT * FROM records")) == 6


@ON_ONE_HOST
def test_kill_9_amid_writing_loses_nothing_that_was_kept_and_holds_up_nobody(
    tmp_path: Path, backing: dict[str, str]
) -> None:
    backing = {key: value.format(tmp_path) for key, value in backing.items()}
    code = (
        "import sys; from datetime import timedelta; from pydantic import TypeAdapter\n"
        "from awscons.adapters.stores.choice import open_store\n"
        "from awscons.config.schema import Backing\n"
        "backing = TypeAdapter(Backing).validate_json(sys.argv[1])\n"
        "store = open_store(backing, environment={})\n"
        "number = 0\n"
        "while True:\n"
        "    key = f'login:{sys.argv[2]}x{number}'\n"
        "    assert store.add(key, {'n': number}, lifetime=timedelta(hours=1))\n"
        "    print(key, flush=True)\n"
        "    number += 1\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(backing), str(number)],
            env={"PYTHONPATH": "src"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    kept = []
    for writer in writers:
        assert writer.stdout is not None
        kept += [writer.stdout.readline() for _ in range(100)]
        writer.kill()
        kept += [line for line in writer.stdout if line.endswith("\n")]
        assert writer.wait() == -signal.SIGKILL
    store = open_store(TypeAdapter(Backing).validate_python(backing), environment={})
    assert len(kept) >= 200
    assert None not in store.get_many([key.strip() for key in kept])
    assert store.add("login:new", {}, lifetime=HOUR) is True


@ON_ONE_HOST
def test_favourites_that_programs_add_at_the_same_moment_all_survive(
    tmp_path: Path, backing: dict[str, str]
) -> None:
    backing = {key: value.format(tmp_path) for key, value in backing.items()}
    code = (
        "import sys; from pydantic import TypeAdapter\n"
        "from awscons.adapters.stores.choice import open_store\n"
        "from awscons.config.schema import Backing\n"
        "from awscons.preferences import Preferences\n"
        "backing = TypeAdapter(Backing).validate_json(sys.argv[1])\n"
        "preferences = Preferences(open_store(backing, environment={}))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(20):\n"
        "    preferences.add_favourite('ada', f'{sys.argv[2]} {number}')\n"
    )
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(backing), name],
            env={"PYTHONPATH": "src"},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "other")
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write(b"\n")
        program.stdin.flush()
    assert [program.wait() for program in programs] == [0, 0]
    store = open_store(TypeAdapter(Backing).validate_python(backing), environment={})
    expected = {f"{name} {number}" for name in ("one", "other") for number in range(20)}
    assert set(Preferences(store).of("ada").favourites) == expected
