"""When a target wants more than a login: a fresh authentication, or one of a certain kind. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from awscons.access.identity import Login
from awscons.access.targets import Target


@dataclass(frozen=True, slots=True)
class AuthnRequirement:
    """What a sign-in has to bring beyond the usual.

    force_authn     a full login at the identity provider, even of somebody it already knows
    authn_context   URIs of AuthnContextClassRef, one of which has to be named in the answer
    """

    force_authn: bool = False
    authn_context: tuple[str, ...] = ()


def step_up(target: Target, login: Login, *, now: datetime) -> AuthnRequirement | None:
    """What a person has to do before `target` opens, or None when their login will do.

    now   UTC
    A login of which it is not known when or how it came about will not do.
    """
    too_old = target.max_login_age is not None and (
        login.authenticated_at is None
        or now - login.authenticated_at > timedelta(seconds=target.max_login_age)
    )
    other_kind = bool(target.authn_context) and not set(target.authn_context) & set(login.authn_context)
    if not (too_old or other_kind):
        return None
    return AuthnRequirement(force_authn=True, authn_context=target.authn_context)
