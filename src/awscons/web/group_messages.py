"""What we tell people of themselves, and operators of what their identity provider did not send."""

from __future__ import annotations

from awscons.access.groups import GROUPS_OMITTED_HINT
from awscons.access.identity import Identity
from awscons.web.language import gettext as _

NO_GROUPS_HINT = (
    "no groups came: does the identity provider send an attribute `groups`, and does `assertions` keep it?"
)


def groups_received(identity: Identity) -> str:
    """The groups that came for somebody, or why there are none, in words for that person."""
    if identity.groups:
        return _("The groups we were told you are in: %(groups)s.", groups=", ".join(sorted(identity.groups)))
    if identity.groups_omitted:
        return _(
            "You are in more groups than your identity provider can name in one answer, so it named "
            "none: the people who run it can make it send just those that matter here."
        )
    return _(
        "Your identity provider told us of no groups of yours at all: "
        "that is worth telling the people who run it."
    )


def groups_hint(identity: Identity) -> str:
    """What the operator should try when somebody came without groups; "" when they came with some."""
    if identity.groups:
        return ""
    return GROUPS_OMITTED_HINT if identity.groups_omitted else NO_GROUPS_HINT
