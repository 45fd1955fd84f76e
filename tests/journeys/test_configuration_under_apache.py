"""A `config.py` with files beside it, and one that fails, under Apache with mod_wsgi."""

from pathlib import Path

from support.deployed import Deployed, apache
from support.stage import Aws


def changed(deployed: Deployed, etc: Path, line: str) -> int:
    """The status of a page after `line` was put before the configuration and the service was loaded again."""
    config = etc / "config.py"
    text = config.read_text()
    config.write_text(f"{line}\n{text}")
    (etc / "wsgi.py").write_text((etc / "wsgi.py").read_text() + "\n")
    try:
        return deployed.browser().get("/aws/").status_code
    finally:
        config.write_text(text)


def test_a_configuration_may_import_files_beside_it_and_fails_in_one_line_of_the_log(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    etc = open_folder / "etc"
    with apache(checkout, open_folder, aws, mount_path="") as deployed:
        assert changed(deployed, etc, "from team_groups import GROUPS") == 503
        assert "ModuleNotFoundError: no module 'team_groups'" in deployed.log.read_text()
        (etc / "team_groups.py").write_text("GROUPS = []\n")
        assert changed(deployed, etc, "from team_groups import GROUPS") == 302
        assert changed(deployed, etc, "import os; os.environ['X']") == 503
        log = deployed.log.read_text()
        assert "the environment variable X is not set" in log
        assert "exec(" not in log
        assert "Traceback" not in log
