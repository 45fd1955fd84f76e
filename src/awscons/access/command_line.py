"""What a terminal gets of a target: the target itself, with the bounds that hold for terminals. Pure rules."""

from __future__ import annotations

from dataclasses import replace

from awscons.access.targets import RoleTerms, Target
from awscons.errors import NoAgentAccess, NoCommandLineAccess


def bounded_for_terminal(target: Target, *, duration: int | None = None, is_agent: bool = False) -> Target:
    """`target` as a terminal opens it: with the duration, session policies and tags that hold there.

    duration   requested seconds; None: as long as the target allows
    is_agent   a coding agent asks
    The credentials always end with the login. Session policies replace each other and are never joined: STS allows
    what one of them allows, so one more policy would allow more. Raises NoCommandLineAccess, NoAgentAccess.
    """
    access = target.command_line
    if access is None:
        raise NoCommandLineAccess(
            f"the target {target.name} has no `cli`",
            hint="`cli` in the target gives credentials to terminals",
        )
    terms = _bounded(target.terms, access.session_policy, access.policy_arns)
    if is_agent:
        if access.agent is None:
            raise NoAgentAccess(
                f"the target {target.name} has no `agent` in its `cli`",
                hint="`agent` says what a coding agent may do",
            )
        terms = _bounded(terms, access.agent.session_policy, access.agent.policy_arns)
        terms = replace(terms, fixed_tags=access.agent.tags)
    seconds = min(duration or access.max_duration, access.max_duration)
    return replace(target, duration=seconds, ends_with_login=True, terms=terms)


def _bounded(terms: RoleTerms, session_policy: str | None, policy_arns: tuple[str, ...]) -> RoleTerms:
    if session_policy is None and not policy_arns:
        return terms
    return replace(terms, session_policy=session_policy, policy_arns=policy_arns)
