"""Whether a coding agent runs this program: by variables that such programs set for their commands.

A hint and no barrier: an agent that wants to can remove the variable. What keeps an agent from a door is the service.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = (
    "AI_AGENT",
    "ANTIGRAVITY_AGENT",
    "AUGMENT_AGENT",
    "CLAUDECODE",
    "CLINE_ACTIVE",
    "CODEX_SANDBOX",
    "CODEX_THREAD_ID",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "OPENCODE_CLIENT",
)
"""As aws-cdk and @vercel/detect-agent know them; `AI_AGENT` is for everybody else."""


def is_agent(environment: Mapping[str, str]) -> bool:
    """Whether one of the variables is set, to anything but nothing, `0` or `false`."""
    return any(environment.get(name, "").lower() not in {"", "0", "false"} for name in VARIABLES)
