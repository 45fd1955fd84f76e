"""docs/how-to/upgrade.md: its backup, taken with its own command while the store is in use."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from awscons.adapters.stores.sqlite_store import SqliteStore

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "upgrade.md"
HOUR = timedelta(hours=1)


def test_the_backup_of_a_running_store_is_a_store_with_everything_in_it(tmp_path: Path) -> None:
    ((file, command, copy),) = re.findall(
        r"^sqlite3 (\S+) \"(VACUUM INTO '(\S+)')\"$", PAGE.read_text(), re.MULTILINE
    )
    running, restored = tmp_path / Path(file).name, tmp_path / "backup" / Path(copy).name
    store = SqliteStore(running)
    store.prepare()
    store.set("blocks", {"person": "mallory"}, lifetime=HOUR)
    restored.parent.mkdir()
    with closing(sqlite3.connect(running)) as connection:
        connection.execute(command.replace(copy, str(restored)))
    store.set("later", {}, lifetime=HOUR)
    backup = SqliteStore(restored)
    backup.prepare()
    assert backup.get("blocks") == {"person": "mallory"}
    assert backup.get("later") is None
