"""What holds for the whole run: a skipped test is a failure, the number of tests is said, no home is touched."""

import os
import signal
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Let Ctrl-C count again in a run in the background, where shells ignore it, and programs of tests would as well."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test starts keeps its logins in a folder of the run, not in the home of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_xdist_auto_num_workers() -> int:
    """Three for two processors: a third of the time, a test waits for programs that do."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that did not run proves nothing: make the run fail."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran."""
    stats = terminalreporter.stats
    ran = sum(len(stats.get(outcome, [])) for outcome in ("passed", "failed", "error", "xfailed", "xpassed"))
    terminalreporter.write_line(f"{ran} tests ran, {len(stats.get('skipped', []))} skipped")
