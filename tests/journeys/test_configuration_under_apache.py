"""A `config.py` with files beside it, and one that fails, under Apache with mod_wsgi."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.deployed import Deployed, apache
from support.serving import wait_until
from support.stage import Aws


@contextmanager
def changed(deployed: Deployed, etc: Path, line: str, status: int) -> Iterator[None]:
    """While `line` stands before the configuration: return when a page has that status, after the service was loaded."""
    config, script = etc / "config.py", etc / "wsgi.py"
    text = config.read_text()

    def loaded_again() -> bool:
        # Once is not always enough: a process that was being loaded meanwhile takes the script for the new one.
        script.write_text(script.read_text() + "\n")
        return deployed.browser().get("/aws/").status_code == status

    config.write_text(f"{line}\n{text}")
    wait_until(loaded_again)
    yield
    config.write_text(text)


def test_a_configuration_may_import_files_beside_it_and_fails_in_one_line_of_the_log(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    etc = open_folder / "etc"
    with apache(checkout, open_folder, aws, mount_path="") as deployed:
        with changed(deployed, etc, "from team_groups import GROUPS", 503):
            assert "ModuleNotFoundError: no module 'team_groups'" in deployed.log.read_text()
        (etc / "team_groups.py").write_text("GROUPS = []\n")
        with changed(deployed, etc, "from team_groups import GROUPS", 302):
            pass
        with changed(deployed, etc, "import os; os.environ['X']", 503):
            log = deployed.log.read_text()
            assert "the environment variable X is not set" in log
            assert "exec(" not in log
            assert "Traceback" not in log
