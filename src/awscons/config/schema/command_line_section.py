"""`cli` of a target: credentials in terminals, and what coding agents get there."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from awscons.aws import durations, role_request
from awscons.config.schema.base import NonEmpty, Section, Texts, not_as_wanted


def as_section(value: object) -> object:
    """`True` stands for a dict without keys, `False` for none."""
    if isinstance(value, bool):
        return {} if value else None
    if value is not None and not isinstance(value, dict | CommandLineSection):
        raise not_as_wanted("True, False or a dict")
    return value


def _session_policy(value: object) -> object:
    if not isinstance(value, str | dict):
        raise not_as_wanted("a policy, as a dict or as JSON text")
    policy = role_request.normal_session_policy(value)
    if policy is None:
        raise not_as_wanted(
            "a policy with a Statement: JSON, each key once, no characters beyond U+00FF",
            "",
        )
    return policy


def tags_with_keys(value: dict[str, str]) -> dict[str, str]:
    """`value`, if each of its keys can be the key of a session tag."""
    wrong = [key for key in value if not role_request.is_tag_key(key)]
    if wrong:
        raise not_as_wanted(
            f"keys of 1 to 128 letters, digits, spaces and _ . : / = + - @, not {wrong[0]!r}",
            "keys that begin with 'aws:' are AWS's own" if wrong[0].casefold().startswith("aws:") else "",
        )
    if len(value) > role_request.MAX_TAGS:
        raise not_as_wanted(f"at most {role_request.MAX_TAGS} tags")
    if len({key.casefold() for key in value}) < len(value):
        raise not_as_wanted("keys that differ in more than letter case")
    return value


def _tag_value(value: str) -> str:
    if not role_request.is_tag_value(value):
        raise not_as_wanted("up to 256 letters, digits, spaces and _ . : / = + - @")
    return value


SessionPolicy = Annotated[str, BeforeValidator(_session_policy)]
PolicyArns = Annotated[Texts, Field(max_length=role_request.MAX_POLICY_ARNS)]


class AgentSection(Section):
    """What a coding agent gets: at least one of these keys. The client says that it runs for an agent."""

    session_policy: SessionPolicy | None = Field(
        default=None,
        description="Session policy for coding agents, in place of every other policy: a dict, or JSON text.",
    )
    policy_arns: PolicyArns = Field(
        default=[],
        description="Managed policies for coding agents, in place of every other policy, at most 10.",
    )
    tags: Annotated[
        dict[NonEmpty, Annotated[str, AfterValidator(_tag_value)]], AfterValidator(tags_with_keys)
    ] = Field(
        default={},
        description=(
            'Session tags, each with its value: `{"agent": "yes"}`. The role\'s trust policy and the broker\'s '
            "policy must allow `sts:TagSession`."
        ),
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.session_policy is None and not self.policy_arns and not self.tags:
            raise not_as_wanted(
                "at least one of session_policy, policy_arns and tags",
                "without `agent`, coding agents get no credentials",
            )
        return self


class CommandLineSection(Section):
    """Credentials of a target in terminals. Every key is optional."""

    max_duration: int | None = Field(
        default=None,
        ge=durations.MIN_DURATION,
        le=durations.MAX_DURATION,
        description=(
            "Maximum seconds that credentials last (900 to 43,200); they end with the login in any case. "
            "Default: the target's `duration`, at most 3,600."
        ),
    )
    session_policy: SessionPolicy | None = Field(
        default=None,
        description=(
            "Session policy in terminals, a dict or JSON text. With this key or `policy_arns`, the target's own "
            "`session_policy` and `policy_arns` hold for its console only."
        ),
    )
    policy_arns: PolicyArns = Field(
        default=[],
        description="Managed policies that restrict terminals, at most 10; see `session_policy`.",
    )
    agent: AgentSection | None = Field(
        default=None,
        description="What coding agents get: a dict with the keys below. Default: nothing.",
    )
