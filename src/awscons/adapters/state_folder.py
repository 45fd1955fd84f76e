"""The one folder on this host that the service may write to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where we keep what has to outlive the process: systemd's `STATE_DIRECTORY`, or the user's own place."""
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state) if state else platformdirs.user_state_path("awscons")
