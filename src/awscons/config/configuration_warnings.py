"""What is legal in a configuration, and perhaps not meant: findings for `awscons check` and the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.x509 import Certificate

from awscons.access.attributes import name_key
from awscons.access.groups import normalize_group
from awscons.aws.assertions import AssertionKeys, KmsKey
from awscons.config.schema import Backing, MemcachedBacking, NetworkBacking, RedisBacking
from awscons.config.settings import Settings
from awscons.findings import Finding, warning
from awscons.saml.certificates import end_of, is_issuer_of, subject_of
from awscons.saml.parties import IdentityProvider
from awscons.site import LOOPBACK_HOSTS

_ENDS_SOON = timedelta(days=30)
_NO_TERMINALS = warning(
    "session_config.cli_login_duration",
    "no target gives credentials to terminals, so that this key has no effect",
    "set `cli` in a target",
)


def configuration_warnings(
    settings: Settings, identity_provider: IdentityProvider, *, now: datetime
) -> list[Finding]:
    """Findings of severity WARNING.

    identity_provider   as it is trusted now
    now                 UTC; certificates that have expired or expire within 30 days are named
    """
    without_effect = settings.login.terminal_duration is not None and not settings.login.terminals
    published = settings.service_provider.published_certificates
    issuer = settings.aws.identity_provider
    return [
        *settings.file_findings,
        *_target_warnings(settings),
        *([_NO_TERMINALS] if without_effect else []),
        *_group_format_warnings(settings),
        *_partition_warnings(settings),
        *_backing_warnings(settings.backing),
        *_identity_provider_warnings(settings, identity_provider),
        *identity_provider.findings,
        *_authority_warnings(identity_provider.signing_certificates),
        *certificate_warnings(identity_provider.signing_certificates, now=now),
        *_own_certificate_warnings("saml_config.sp_keys", published, now, "awscons keys rotate"),
        *(_assertion_key_warnings(issuer.keys, now) if issuer else ()),
    ]


def _target_warnings(settings: Settings) -> Iterator[Finding]:
    stored = {name_key(name) for name in settings.login.attribute_map}
    not_stored, cure = "saml_config['assertions'] does not keep", "add it to saml_config['assertions']"
    for target in settings.targets:
        subject = f"target {target.name!r}"
        if target.open_to_everyone:
            yield warning(
                subject,
                f"{subject} is open to every person who can sign in: it names no groups and no attrs",
                "set `groups` or `attrs`, if that is not meant",
            )
        if target.groups and "groups" not in stored:
            yield warning(
                subject, f"{subject} asks for groups, but {not_stored} 'groups', so nobody can open it", cure
            )
        for attribute in (*target.attributes, *(name for name, _ in target.attribute_globs)):
            if name_key(attribute) not in stored:
                yield warning(
                    subject, f"{subject} asks for the attribute {attribute!r}, but {not_stored} it", cure
                )


def _group_format_warnings(settings: Settings) -> Iterator[Finding]:
    """Several formats make one group of several; and a name that is reduced matches in its plain form alone."""
    formats = settings.login.group_formats
    named = {group: target.name for target in settings.targets for group in target.groups}
    if len(formats) > 1 and named:
        example = min(named)
        forms = [example, *(str(form).replace("NAME", example, 1) for form in formats)]
        yield warning(
            "saml_config.group_formats",
            f"groups of one name in different formats count as one group: {', '.join(map(repr, forms))}",
            "leave a format out if other administrators create groups there",
        )
    for group, target in named.items():
        plain = normalize_group(group, formats)
        if plain != group:
            yield warning(
                f"target {target!r}",
                f"target {target!r} names the group {group!r}, which counts as {plain!r} when it arrives",
                f"write {plain!r}, or change `group_formats`",
            )


def _partition_warnings(settings: Settings) -> Iterator[Finding]:
    """Credentials belong to one partition; STS of another partition does not accept them."""
    partitions: dict[str | None, set[str]] = {}
    for target in settings.targets:
        if target.keyless:
            continue
        partitions.setdefault(settings.aws.profile_for(target), set()).add(target.role.partition)
    for profile, names in partitions.items():
        if len(names) > 1:
            credentials = f"profile {profile!r}" if profile else "the same credentials"
            yield warning(
                "aws_config.partitions",
                f"targets of partitions {' and '.join(sorted(names))} are opened with {credentials}, but "
                "credentials work in one partition",
                "set `aws_profile_name` for each partition in aws_config['partitions']",
            )


def _backing_warnings(backing: Backing) -> Iterator[Finding]:
    """A client that can write to the store can create a login for any person."""
    password = backing.password if isinstance(backing, NetworkBacking) else None
    match backing:
        case RedisBacking():
            # Nobody else reaches a socket of this host; a token takes the place of a password.
            hosts = [host for host, _ in backing.place.nodes]
            password = backing.place.password or backing.iam_cache_name
        case MemcachedBacking():
            hosts = [server.rpartition(":")[0] for server in backing.servers]
        case _:
            return
    kind, subject = backing.cache_type, "session_config.session_backing"
    if backing.password is not None and backing.password != backing.password.strip():
        yield warning(
            f"{subject}.password",
            "`password` begins or ends with white space, such as the line end of a file",
            'let the service read the file: {"file": "…"} drops white space at the ends',
        )
    if LOOPBACK_HOSTS.issuperset(host.strip("[]") for host in hosts):
        return
    if password is None and backing.ssl_certfile is None:
        yield warning(
            subject,
            f"{kind} is used without a password: every client that reaches it can read and create logins",
            "set `password`, or `ssl_certfile`",
        )
    if not backing.has_tls:
        yield warning(
            subject,
            f"{kind} is reached without TLS: everybody on the network path can read and create logins",
            "set `ssl`",
        )


def _identity_provider_warnings(settings: Settings, identity_provider: IdentityProvider) -> Iterator[Finding]:
    if not settings.site.is_https:
        yield warning(
            "saml_config.acs_url",
            f"{settings.site.origin} is plain http, which is fine only for a trial on this host",
            "use https",
        )
    if urlsplit(identity_provider.sso_url).scheme != "https":
        yield warning(
            "saml_config.saml_endpoint",
            f"the identity provider is reached over plain http: {identity_provider.sso_url}",
        )
    if settings.login.single_logout and not identity_provider.slo_url:
        yield warning(
            "saml_config.single_logout",
            "`single_logout` is set, but the identity provider offers no single logout",
            "set `slo_endpoint`, or leave `single_logout` out",
        )
    if identity_provider.wants_signed_requests and not settings.login.sign_requests:
        yield warning(
            "saml_config.sign_requests",
            "the identity provider wants signed requests, and `sign_requests` is not set",
            "set `sign_requests` and `sp_keys`",
        )


def _authority_warnings(certificates: Sequence[Certificate]) -> Iterator[Finding]:
    """A key that issues certificates should not sign people in as well."""
    for authority in certificates:
        issued = [other for other in certificates if other != authority and is_issuer_of(authority, other)]
        if issued and issued[0].public_key() != authority.public_key():
            yield warning(
                "certificate of the identity provider",
                f"the certificate {subject_of(authority)} issued another one, {subject_of(issued[0])}, and "
                "responses that its key signs are accepted as well",
                "leave it out, unless the identity provider signs with both",
            )


def certificate_warnings(certificates: Sequence[Certificate], *, now: datetime) -> Iterator[Finding]:
    """Certificates of the identity provider that have expired or expire within 30 days; `now` is UTC."""
    subject, cure = "certificate of the identity provider", "ask its administrators for the next certificate"
    for certificate in certificates:
        end, name = end_of(certificate), subject_of(certificate)
        if end <= now:
            yield warning(
                subject,
                f"the identity provider's certificate {name} ended on {end:%Y-%m-%d}; its key still counts",
                cure,
            )
        elif end <= now + _ENDS_SOON:
            yield warning(subject, f"the identity provider's certificate {name} ends on {end:%Y-%m-%d}", cure)


def _assertion_key_warnings(keys: AssertionKeys, now: datetime) -> Iterator[Finding]:
    section, is_in_kms = "aws_config.identity_provider", isinstance(keys.signing, KmsKey)
    return _own_certificate_warnings(
        f"{section}.certificate" if is_in_kms else f"{section}.keys",
        keys.published,
        now,
        "awscons idp keys new --kms-key" if is_in_kms else "awscons idp keys rotate",
    )


def _own_certificate_warnings(
    subject: str, certificates: Sequence[Certificate], now: datetime, command: str
) -> Iterator[Finding]:
    for certificate in certificates:
        end = end_of(certificate)
        if end <= now + _ENDS_SOON:
            yield warning(
                subject,
                f"our own certificate {subject_of(certificate)} {'ended' if end <= now else 'ends'} "
                f"on {end:%Y-%m-%d}",
                f"roll it over with `{command}`",
            )
