"""Step-up: when a target requires a fresh authentication, or one of a certain kind. Pure rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from awscons.access.identity import Login
from awscons.access.targets import Target


@dataclass(frozen=True, slots=True)
class AuthnRequirement:
    """What a sign-in requires in addition to the configuration.

    force_authn     a fresh authentication, also of a person with a session at the identity provider
    authn_context   URIs of AuthnContextClassRef, one of which is required; empty: any
    """

    force_authn: bool = False
    authn_context: tuple[str, ...] = ()


def step_up(target: Target, login: Login, *, now: datetime) -> AuthnRequirement | None:
    """The authentication that `target` requires of this person first; None when their login is enough.

    now   UTC
    A login whose time or context of authentication is unknown does not fulfil a requirement of it.
    """
    too_old = target.max_login_age is not None and (
        login.authenticated_at is None
        or now - login.authenticated_at > timedelta(seconds=target.max_login_age)
    )
    other_kind = bool(target.authn_context) and not set(target.authn_context) & set(login.authn_context)
    if not (too_old or other_kind):
        return None
    return AuthnRequirement(force_authn=True, authn_context=target.authn_context)
