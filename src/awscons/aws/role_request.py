"""The parameters of AssumeRole, with the name that CloudTrail shows for the person. Pure rules.

Source of every limit: STS API, AssumeRole.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from awscons.access.attributes import values_named
from awscons.access.identity import Identity
from awscons.access.targets import RoleArn, Target
from awscons.errors import AttributesUnfit, quote_for_log

ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION = "sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"
ASSUME_ROLE_WITH_SAML = "sts:AssumeRoleWithSAML"
INHERITED = {
    TAG_SESSION: (
        "the broker's own session passes its tags on; those of EKS Pod Identity go away with --disable-session-tags in "
        "its association"
    ),
    SET_SOURCE_IDENTITY: "the broker's own session has a source identity, which AWS passes on",
}
"""Why AWS asks for an action that the request itself does not need (IAM guide, "Chaining roles with session tags")."""
USER_NAME = "user_name"
"""In place of an attribute's name: the person's user name, which `user_attr` chose."""
MAX_TAGS = 50
MAX_POLICY_ARNS = 10
MAX_POLICY_CHARACTERS = 2048
"""Characters of the session policy and the ARNs of managed policies together."""
_MAX_TAG_KEY_LENGTH, _MAX_TAG_VALUE_LENGTH = 128, 256

# STS API, AssumeRole, RoleSessionName: 2 to 64 of [\w+=,.@-]. STS means ASCII; Python's \w does not.
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_ILLEGAL_RUN = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_MAX_NAME_LENGTH = 64
_HASH_DIGITS = 10
_MADE_HERE = re.compile(r"-[0-9a-f]{10}\Z")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_POLICY_TEXT = re.compile(r"[\t\n\r\x20-\xff]+")
_POLICY_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z]+)*):iam::(?P<account>[0-9]{12}|aws):policy/(?:[\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,128}"
)


@dataclass(frozen=True, slots=True)
class SamlGrant:
    """What an assertion of ours says beside the role session: see `aws.assertions`.

    provider      ARN of the SAML provider that the role trusts
    target        name of the target, for which trust policies can have a condition
    subject       NameID: one for each person and account, and no name
    session_ends  UTC: AWS ends the role session then at the latest; None: the duration alone decides
    key           SHA-256 fingerprint of the certificate whose key signs
    """

    provider: str
    target: str
    subject: str = field(repr=False)
    session_ends: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRequest:
    """The parameters of one AssumeRole call, except for its duration.

    saml   the call is AssumeRoleWithSAML, with an assertion of ours in place of AWS credentials
    """

    role: RoleArn
    role_session_name: str
    source_identity: str | None = None
    session_tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    external_id: str | None = None
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    saml: SamlGrant | None = None

    @property
    def needed_actions(self) -> tuple[str, ...]:
        """The actions that the role's trust policy and the broker's own policy must both allow."""
        return needed_actions(
            source_identity=self.source_identity is not None,
            tags=bool(self.session_tags),
            saml=bool(self.saml),
        )


def needed_actions(*, source_identity: bool, tags: bool, saml: bool = False) -> tuple[str, ...]:
    """The actions of a request with a source identity, with session tags (IAM guide, id_session-tags).

    saml   AssumeRoleWithSAML in place of AssumeRole
    """
    optional = ((SET_SOURCE_IDENTITY, source_identity), (TAG_SESSION, tags))
    first = ASSUME_ROLE_WITH_SAML if saml else ASSUME_ROLE
    return (first, *(action for action, is_needed in optional if is_needed))


def build_role_request(target: Target, identity: Identity, *, name_attribute: str) -> RoleRequest:
    """The parameters of AssumeRole for this person and this target.

    name_attribute   the attribute that becomes RoleSessionName, or USER_NAME
    Raises AttributesUnfit.
    """
    terms = target.terms
    source = terms.source_identity and legal_role_session_name(_required(identity, terms.source_identity))
    tags = tuple(
        (key, value)
        for key, attribute in terms.session_tags
        if (value := _tag_value(identity, key, attribute)) is not None
    )
    tags += terms.fixed_tags
    given = {key for key, _ in tags}
    return RoleRequest(
        role=target.role,
        role_session_name=legal_role_session_name(_required(identity, name_attribute)),
        source_identity=source,
        session_tags=tags,
        transitive_tags=tuple(key for key in terms.transitive_tags if key in given),
        external_id=terms.external_id,
        session_policy=terms.session_policy,
        policy_arns=terms.policy_arns,
        saml=_saml_grant(target, identity),
    )


def _saml_grant(target: Target, identity: Identity) -> SamlGrant | None:
    if target.saml_provider is None:
        return None
    # Not of the NameID: some identity providers send another one at each sign-in.
    person = f"{target.role.account_id}\n{identity.user_name}".encode("utf-8", "surrogatepass")
    return SamlGrant(target.saml_provider, target.name, hashlib.sha256(person).hexdigest())


def _required(identity: Identity, attribute: str) -> str:
    value = _only_value(identity, attribute)
    if value is None:
        raise AttributesUnfit(
            f"the attribute {attribute} has no value", hint="the identity provider must send it"
        )
    return value


def _tag_value(identity: Identity, key: str, attribute: str) -> str | None:
    """The value of a session tag, unchanged. A value that AWS refuses raises AttributesUnfit.

    It is not made legal by changing it: policies compare tags, and a changed value could match another
    person's.
    """
    value = _only_value(identity, attribute)
    if value is not None and not is_tag_value(value):
        raise AttributesUnfit(
            f"session tag {key}: AWS does not accept {quote_for_log(value)} as a value",
            hint="up to 256 letters, digits, spaces and _ . : / = + - @ of any language",
        )
    return value


def _only_value(identity: Identity, attribute: str) -> str | None:
    """The one value of an attribute; None when there is none. Raises AttributesUnfit for several."""
    if attribute == USER_NAME:
        return identity.user_name
    values = set(values_named(attribute, identity.attributes))
    if len(values) > 1:
        raise AttributesUnfit(
            f"the attribute {attribute} has {len(values)} values",
            hint="name an attribute of which the identity provider sends one value",
        )
    return next(iter(values), None)


# --- what AssumeRole accepts -------------------------------------------------------------


def is_tag_text(text: str, *, max_length: int) -> bool:
    r"""Whether `text` can be the key or value of a session tag: [\p{L}\p{Z}\p{N}_.:/=+\-@]."""
    return len(text) <= max_length and all(
        character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN" for character in text
    )


def is_tag_key(text: str) -> bool:
    """Whether `text` can be the key of a session tag; AWS reserves those that begin with `aws:`."""
    return (
        bool(text)
        and is_tag_text(text, max_length=_MAX_TAG_KEY_LENGTH)
        and not text.casefold().startswith("aws:")
    )


def is_tag_value(text: str) -> bool:
    """Whether `text` can be the value of a session tag."""
    return is_tag_text(text, max_length=_MAX_TAG_VALUE_LENGTH)


def is_external_id(text: str) -> bool:
    """Whether `text` can be an ExternalId."""
    return _EXTERNAL_ID.fullmatch(text) is not None


def is_policy_arn_for(role: RoleArn, text: str) -> bool:
    """Whether `text` is the ARN of a managed policy of AWS or of the role's own account."""
    matched = _POLICY_ARN.fullmatch(text)
    return (
        matched is not None
        and matched["partition"] == role.partition
        and matched["account"] in {"aws", role.account_id}
    )


def normal_session_policy(policy: str | Mapping[str, object]) -> str | None:
    """A session policy as compact JSON; None when it is not valid.

    A valid one is a JSON object with a Statement and without repeated keys; its characters are those that STS
    accepts (U+0020 to U+00FF).
    """
    try:
        value = json.loads(policy, object_pairs_hook=_each_key_once) if isinstance(policy, str) else policy
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(value, Mapping) or not value.get("Statement") or not _POLICY_TEXT.fullmatch(text):
        return None
    return text


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


# --- names -------------------------------------------------------------------------------


def legal_role_session_name(user_name: str) -> str:
    """A legal RoleSessionName for `user_name`.

    A legal name is used unchanged, unless it looks like the result of this function. Any other name becomes
    ASCII, as readable as possible, and ends in `-` and ten hexadecimal digits of its SHA-256. So two people
    whose names would become equal (`ana/b` and `ana b`, or two long names after cutting) still have
    different names in CloudTrail.
    """
    if _LEGAL_NAME.fullmatch(user_name) and not _MADE_HERE.search(user_name):
        return user_name
    digest = hashlib.sha256(user_name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    without_accents = unicodedata.normalize("NFKD", user_name).encode("ascii", "ignore").decode("ascii")
    readable = _ILLEGAL_RUN.sub("-", without_accents).strip("-")
    if not readable:
        return f"user-{digest}"
    return f"{readable[: _MAX_NAME_LENGTH - _HASH_DIGITS - 1]}-{digest}"
