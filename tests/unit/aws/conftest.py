"""AWS at the broker's ports, and what is logged."""

import io
import json
from collections.abc import Callable

import pytest

from awscons.adapters.audit_log import configure_logging
from support.fake_aws import FakeAws


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def log() -> Callable[[], list[dict[str, object]]]:
    """The lines that were logged so far."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
