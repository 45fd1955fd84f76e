"""Fixtures of the tests of `awscons-cli`: the zipapp, the service that it talks to, and a terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from build_zipapp import build_zipapp
from support.cli_service import CliService, cli_service
from support.client_house import Computer, computer_at_work
from support.client_terminal import Terminal


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zipapp") / "awscons.pyz"
    build_zipapp(path)
    return path


@pytest.fixture
def service() -> Iterator[CliService]:
    with cli_service() as service:
        yield service


@pytest.fixture
def terminal(tmp_path: Path, zipapp: Path) -> Terminal:
    return Terminal(tmp_path / "home", zipapp)


@pytest.fixture
def signed_in(terminal: Terminal, service: CliService) -> Terminal:
    terminal.sign_in(service.url)
    return terminal


@pytest.fixture
def computer(tmp_path: Path, zipapp: Path) -> Iterator[Computer]:
    with computer_at_work(tmp_path, zipapp) as found:
        yield found
