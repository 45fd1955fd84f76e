"""Sentences about a person's groups: for the person on a page, and for the operator in the log."""

from __future__ import annotations

from awscons.access.groups import GROUPS_OMITTED_HINT
from awscons.access.identity import Identity
from awscons.web.language import gettext as _

NO_GROUPS_HINT = (
    "the identity provider sent no groups: check that it sends an attribute `groups` "
    "and that `assertions` lists it"
)

GROUPS_NOT_KEPT_HINT = (
    "saml_config['assertions'] does not list `groups`, so this service reads no groups: add it to the list"
)


def groups_received(identity: Identity) -> str:
    """A sentence with the groups that the identity provider sent, or with the reason why there are none."""
    if identity.groups:
        groups = ", ".join(sorted(identity.groups))
        if identity.groups_not_stored:
            return _(
                "Your identity provider sent %(count)d groups for you, these among them: %(groups)s.",
                count=len(identity.groups) + identity.groups_not_stored,
                groups=groups,
            )
        return _("Your identity provider sent these groups for you: %(groups)s.", groups=groups)
    if not identity.has_group_attribute:
        return _(
            "This service does not keep the groups that your identity provider sends. "
            "Please tell the people who run it."
        )
    if identity.groups_omitted:
        return _(
            "You are in more groups than your identity provider can send in one response, so it sent none. "
            "Please tell the people who run it: they can limit the groups that it sends."
        )
    return _("Your identity provider sent no groups for you. Please tell the people who run it.")


def groups_hint(identity: Identity) -> str:
    """What the operator should check when the person has no groups; "" when the person has some."""
    if identity.groups:
        return ""
    if not identity.has_group_attribute:
        return GROUPS_NOT_KEPT_HINT
    return GROUPS_OMITTED_HINT if identity.groups_omitted else NO_GROUPS_HINT
