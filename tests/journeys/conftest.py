"""What journeys share: one pretend AWS for the whole run, and the mark that says they are journeys."""

from collections.abc import Iterator

import pytest

from support.world import Aws, pretend_aws


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a journey."""
    for item in items:
        if "journeys" in item.path.parts:
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """STS and the federation endpoint."""
    with pretend_aws(tmp_path_factory.mktemp("aws")) as found:
        yield found
