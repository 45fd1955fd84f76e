"""The frozen values that the assembly builds from, and the checks that need more than one key.

`parse_settings` is the one way from the dicts to Settings. It either gives all of them, sound, or
raises one ConfigurationError with every mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from cryptography.x509 import Certificate
from pydantic import ValidationError

from awscons import __version__
from awscons.access import targets
from awscons.access.groups import GroupFormat
from awscons.aws import destinations, durations, partitions
from awscons.aws import role_request as role_session
from awscons.aws.settings import AwsSettings, PartitionSettings
from awscons.config.mistakes import did_you_mean, found_words, mistakes_of
from awscons.config.schema import (
    LOGO_TYPES,
    LOOPBACK_HOSTS,
    AwsSection,
    Backing,
    MemcachedBacking,
    NetworkBacking,
    OrganizationSection,
    PartitionSection,
    RedisBacking,
    SamlSection,
    Section,
    ServerSection,
    SessionSection,
    SiteSection,
    TargetSection,
)
from awscons.config.sp_keys import KeyRing, load_key_ring
from awscons.errors import ConfigurationError, KeysRefused, Mistake
from awscons.saml.certificates import end_of, load_pem_certificates, subject_of, unfit
from awscons.saml.metadata import Organization
from awscons.saml.names import HTTP_POST, HTTP_REDIRECT
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.signin.settings import LoginHint, LoginSettings, MetadataSettings
from awscons.site import MAX_LOGO_BYTES, Account, Branding, CookieSettings, Logo, Site

_ENDS_SOON = timedelta(days=30)
_LOGO_STARTS = {".svg": b"<", ".png": b"\x89PNG", ".webp": b"RIFF"}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the service is reached, and what it bears; numbers are per minute, 0 is no limit."""

    trusted_proxies: int
    rate_limit_per_address: int
    rate_limit_overall: int
    max_pending_logins: int
    metrics_token: str | None = field(repr=False)
    metrics_file: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the configuration decides, sound and frozen."""

    site: Site
    cookies: CookieSettings
    backing: Backing
    service_provider: ServiceProvider
    trust: IdentityProvider | MetadataSettings
    organization: Organization | None
    technical_contact: str | None
    login: LoginSettings
    aws: AwsSettings
    targets: tuple[targets.Target, ...]
    server: ServerSettings
    branding: Branding


SECTION_NAMES = ("session_config", "saml_config", "aws_config", "server_config", "site_config")
_OPTIONAL_SECTIONS = frozenset({"server_config", "site_config"})


def parse_settings(
    sections: Mapping[str, object], *, source: str, environment: Mapping[str, str]
) -> Settings:
    """The settings that the dicts give; `server_config` and `site_config` may be missing.

    sections     the dicts by name; anything else in it is not looked at
    source       what to call the configuration in an error: a file's name
    environment  the process's environment; `ACS_ENDPOINT` overrides `acs_url`

    Raises ConfigurationError with every mistake in all of it.
    """
    mistakes: list[Mistake] = []
    session = _parse_section(SessionSection, "session_config", sections, mistakes)
    saml = _parse_section(SamlSection, "saml_config", _with_acs_endpoint(sections, environment), mistakes)
    aws = _parse_section(AwsSection, "aws_config", sections, mistakes)
    server = _parse_section(ServerSection, "server_config", sections, mistakes)
    site = _parse_section(SiteSection, "site_config", sections, mistakes)

    # Asked of the dict as it was written, so that all of it is said together with other mistakes.
    written = sections.get("saml_config")
    mistakes += _missing_trust(written)
    certificates = _certificates("certificate", _text_in(written, "certificate"), mistakes)
    pinned = _certificates(
        "idp_metadata_certificate", _text_in(written, "idp_metadata_certificate"), mistakes
    )
    keys = _key_ring(_text_in(written, "sp_keys"), mistakes)
    trust = _trust(saml, certificates, pinned, mistakes) if saml else None
    if saml:
        mistakes += _keys_needed(saml)
    logo = _logo(site.logo, mistakes) if site else None
    if aws:
        mistakes += _duplicate_services(aws.targets)
        mistakes += _two_profiles(aws)
        mistakes += _wrong_partitions(aws)
        for index, target in enumerate(aws.targets):
            mistakes += _wrong_destination(
                index, target, _partitions(aws)[_target(target).role.partition].partition
            )
            mistakes += _wrong_terms(index, target)
    if saml and aws:
        mistakes += _logins_too_short(saml, aws.targets)
        mistakes += _attributes_not_kept(saml, aws)
    if session:
        mistakes += _store_access(session.session_backing)
    if session and saml:
        mistakes += _plain_http(session, saml)
        mistakes += _cookie_reach(session, saml)
    if aws and site:
        mistakes += _unknown_accounts(site, aws)
    if session is None or saml is None or aws is None or server is None or site is None:
        raise ConfigurationError(source, mistakes)
    if trust is None or mistakes:
        raise ConfigurationError(source, mistakes)
    return _settings(session, saml, aws, server, trust, keys, _branding(site, logo))


def _with_acs_endpoint(
    sections: Mapping[str, object], environment: Mapping[str, str]
) -> Mapping[str, object]:
    override, saml = environment.get("ACS_ENDPOINT"), sections.get("saml_config")
    if not override or not isinstance(saml, dict):
        return sections
    return {**sections, "saml_config": {**saml, "acs_url": override}}


_AnySection = TypeVar("_AnySection", bound=Section)


def _parse_section(
    model: type[_AnySection], name: str, sections: Mapping[str, object], mistakes: list[Mistake]
) -> _AnySection | None:
    """One dict, parsed; None when it has mistakes, which are added to the others."""
    if name not in sections and name in _OPTIONAL_SECTIONS:
        return model()
    if name not in sections:
        mistakes.append(Mistake(name, "", "a dict: this section is required"))
        return None
    try:
        return model.model_validate(sections[name])
    except ValidationError as error:
        mistakes.extend(mistakes_of(name, model, error))
        return None


def _settings(
    session: SessionSection,
    saml: SamlSection,
    aws: AwsSection,
    server: ServerSection,
    trust: IdentityProvider | MetadataSettings,
    keys: KeyRing | None,
    branding: Branding,
) -> Settings:
    acs = urlsplit(saml.acs_url)
    site = Site(
        origin=_origin(acs),
        mount_path=acs.path.removesuffix("/saml/acs"),
        url_prefix=aws.url_prefix,
    )
    return Settings(
        site=site,
        cookies=CookieSettings(session.session_cookie, session.session_path, session.session_secure),
        backing=session.session_backing,
        service_provider=ServiceProvider(
            saml.spid,
            saml.acs_url,
            decryption_keys=keys.decryption_keys if keys else (),
            slo_url=site.url("/saml/slo"),
            signing=keys.current if keys else None,
            published_certificates=keys.published if keys else (),
        ),
        trust=trust,
        organization=_organization(saml.organization),
        technical_contact=saml.technical_contact,
        login=LoginSettings(
            user_attr=saml.user_attr,
            attribute_map=dict(saml.assertions),
            group_formats=tuple(GroupFormat(form) for form in saml.group_formats),
            authn_request_binding=_binding(saml),
            authn_context=tuple(saml.authn_context),
            name_id_format=saml.name_id_format,
            login_hint=LoginHint(saml.login_hint),
            sign_requests=saml.sign_requests,
            single_logout=saml.single_logout,
            auth_duration=timedelta(seconds=saml.auth_duration),
            idle_timeout=timedelta(seconds=session.session_expire),
            pending_lifetime=timedelta(seconds=saml.reqid_life),
            force_authn=saml.force_reauth,
        ),
        aws=AwsSettings(
            profile_name=aws.aws_profile_name or aws.aws_profile,
            credentials_file=aws.aws_credentials_file,
            user_agent=f"awscons/{__version__} (+{aws.contact_url or site.url('/')})",
            role_session_name_attribute=aws.role_session_name_attr,
            timeout=aws.timeout,
            max_concurrent_sign_ins=aws.max_concurrent_sign_ins,
            regions=tuple(aws.regions),
            logout_first=aws.logout_first,
            sts_endpoint=aws.sts_endpoint,
            signin_endpoint=aws.signin_endpoint,
            partitions=_partitions(aws),
        ),
        targets=tuple(_target(section) for section in aws.targets),
        server=ServerSettings(
            trusted_proxies=server.trusted_proxies,
            rate_limit_per_address=server.rate_limit_per_address,
            rate_limit_overall=server.rate_limit_overall,
            max_pending_logins=server.max_pending_logins,
            metrics_token=server.metrics_token,
            metrics_file=server.metrics_file,
        ),
        branding=branding,
    )


def _partitions(aws: AwsSection) -> dict[str, PartitionSettings]:
    """Every partition, with what the configuration says of it."""
    found = {}
    for name, partition in partitions.PARTITIONS.items():
        section = aws.partitions.get(name, PartitionSection())
        found[name] = PartitionSettings(
            partition=replace(partition, console_suffix=section.console_host or partition.console_suffix),
            profile_name=section.aws_profile_name,
            fips=section.fips,
            sts_endpoint=section.sts_endpoint,
            signin_endpoint=section.signin_endpoint,
            signin_method=section.signin_method,
        )
    return found


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port as browsers write them (RFC 6454): lower case, no usual port."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in {None, usual} else f":{parts.port}")


def _target(section: TargetSection) -> targets.Target:
    role = targets.parse_role_arn(section.role)
    if role is None:  # pragma: no cover  the schema has refused it already
        raise ValueError(section.role)
    return targets.Target(
        name=section.service,
        role=role,
        duration=section.duration,
        groups=tuple(section.groups),
        attributes=tuple(section.attrs),
        max_login_age=section.max_login_age,
        authn_context=tuple(section.authn_context),
        region=section.region,
        console_destination=section.destination,
        profile_name=section.aws_profile_name,
        ends_with_login=section.ends_with_login,
        terms=targets.RoleTerms(
            source_identity=section.source_identity,
            session_tags=tuple(section.session_tags.items()),
            transitive_tags=tuple(section.transitive_tags),
            external_id=section.external_id,
            session_policy=section.session_policy,
            policy_arns=tuple(section.policy_arns),
        ),
        display=targets.TargetDisplay(
            title=section.title or "",
            description=section.description or "",
            label=section.label or "",
            color=section.color or "",
            regions=tuple(section.regions),
        ),
    )


def _branding(site: SiteSection, logo: Logo | None) -> Branding:
    return Branding(
        title=site.title,
        logo=logo,
        accent_color=site.accent_color,
        support_text=site.support_text or "",
        support_url=site.support_url or "",
        show_required_groups=site.show_required_groups,
        accounts={
            number: Account(account.name or "", account.environment or "", account.color or "")
            for number, account in site.accounts.items()
        },
    )


# --- checks over several keys ------------------------------------------------------------


def _duplicate_services(sections: Sequence[TargetSection]) -> list[Mistake]:
    first: dict[str, int] = {}
    mistakes = []
    for index, section in enumerate(sections):
        if section.service in first:
            mistakes.append(
                Mistake(
                    f"aws_config.targets[{index}].service",
                    found_words(section.service),
                    "a name that no other target has",
                    f"targets[{first[section.service]}] has it already",
                )
            )
        first.setdefault(section.service, index)
    return mistakes


def _logins_too_short(saml: SamlSection, sections: Sequence[TargetSection]) -> list[Mistake]:
    """A console lasts 900 seconds at least; within a shorter login none could ever be opened."""
    ending = [section.service for section in sections if section.ends_with_login]
    if not ending or saml.auth_duration >= durations.MIN_DURATION:
        return []
    return [
        Mistake(
            "saml_config.auth_duration",
            found_words(saml.auth_duration),
            f"at least {durations.MIN_DURATION}, the shortest console, since target {ending[0]!r} "
            "has `ends_with_login`",
        )
    ]


def _attributes_not_kept(saml: SamlSection, aws: AwsSection) -> Iterator[Mistake]:
    """What is not kept of an assertion can name nobody."""
    kept = {name.casefold() for name in (*saml.assertions, role_session.USER_NAME)}
    used = [("aws_config.role_session_name_attr", aws.role_session_name_attr)]
    for index, section in enumerate(aws.targets):
        path = f"aws_config.targets[{index}]"
        if section.source_identity is not None:
            used.append((f"{path}.source_identity", section.source_identity))
        used += [(f"{path}.session_tags.{key}", name) for key, name in section.session_tags.items()]
    for path, attribute in used:
        if attribute.casefold() not in kept:
            yield Mistake(
                path,
                found_words(attribute),
                f"{role_session.USER_NAME!r}, or an attribute that saml_config['assertions'] keeps",
                did_you_mean(attribute, saml.assertions),
            )


def _wrong_terms(index: int, section: TargetSection) -> Iterator[Mistake]:
    """What belongs together, or to the role's account."""
    path, role = f"aws_config.targets[{index}]", _target(section).role
    for position, key in enumerate(section.transitive_tags):
        if key not in section.session_tags:
            yield Mistake(
                f"{path}.transitive_tags[{position}]",
                found_words(key),
                "one of the keys of `session_tags`",
                did_you_mean(key, section.session_tags),
            )
    for position, arn in enumerate(section.policy_arns):
        if not role_session.is_policy_arn_for(role, arn):
            yield Mistake(
                f"{path}.policy_arns[{position}]",
                found_words(arn),
                f"a managed policy of AWS (arn:{role.partition}:iam::aws:policy/…) or of the role's own "
                f"account (arn:{role.partition}:iam::{role.account_id}:policy/…)",
            )
    size = len(section.session_policy or "") + sum(map(len, section.policy_arns))
    if size > role_session.MAX_POLICY_CHARACTERS:
        yield Mistake(
            f"{path}.session_policy",
            f"{size:,} characters, with `policy_arns`",
            f"at most {role_session.MAX_POLICY_CHARACTERS:,} together",
        )


def _wrong_partitions(aws: AwsSection) -> Iterator[Mistake]:
    """A partition without a published console needs one to be named; FIPS hosts are few."""
    for name, section in aws.partitions.items():
        if section.fips and not partitions.PARTITIONS[name].fips_signin_suffix:
            yield Mistake(
                f"aws_config.partitions.{name}.fips",
                found_words(section.fips),
                "False: AWS publishes FIPS sign-in hosts for aws-us-gov alone",
                "`signin_endpoint` can name a host of your own",
            )
    known = _partitions(aws)
    for name in dict.fromkeys(_target(section).role.partition for section in aws.targets):
        if not known[name].partition.console_suffix:
            yield Mistake(
                f"aws_config.partitions.{name}.console_host",
                "",
                f"the host of the console of partition {name}, which AWS does not publish",
            )


def _wrong_destination(
    index: int, section: TargetSection, partition: partitions.Partition
) -> Iterator[Mistake]:
    """A region and a page belong to the partition of the target's role."""
    path = f"aws_config.targets[{index}]"
    named = [("region", section.region)] if section.region is not None else []
    named += [(f"regions[{place}]", region) for place, region in enumerate(section.regions)]
    for key, region in named:
        if not partitions.is_region(region, partition):
            yield Mistake(
                f"{path}.{key}",
                found_words(region),
                f"a region of partition {partition.name}, such as {partition.default_region!r}",
            )
    page = section.destination
    if page is not None and not destinations.is_console_destination(
        page.replace(partitions.REGION_PLACEHOLDER, partition.default_region), partition
    ):
        yield Mistake(
            f"{path}.destination",
            found_words(page),
            f"a page of the console of partition {partition.name}, without user name, port or white space, "
            f"such as {partitions.console_home(partition, partition.default_region)!r}",
        )


def _unknown_accounts(site: SiteSection, aws: AwsSection) -> list[Mistake]:
    """A name for an account that no target opens is a mistyped number more often than not."""
    roles = [targets.parse_role_arn(section.role) for section in aws.targets]
    known = sorted({role.account_id for role in roles if role})
    return [
        Mistake(
            f"site_config.accounts[{number!r}]",
            "an account that no target opens",
            "the number of an account that some target's role lies in",
            did_you_mean(number, known),
        )
        for number in site.accounts
        if number not in known
    ]


def _logo(path: str | None, mistakes: list[Mistake]) -> Logo | None:
    """The picture itself: a file that cannot be served is a mistake like any other."""
    if path is None:
        return None
    file = Path(path)
    wanted = f"a picture of up to {MAX_LOGO_BYTES // 1024} KiB that this user may read"
    try:
        content = file.read_bytes()
    except OSError as error:
        mistakes.append(Mistake("site_config.logo", f"{path}: {error.strerror}", wanted))
        return None
    suffix = file.suffix.lower()
    if not 0 < len(content) <= MAX_LOGO_BYTES:
        mistakes.append(Mistake("site_config.logo", f"{path}: {len(content):,} bytes", wanted))
    elif not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_LOGO_STARTS[suffix]):
        mistakes.append(
            Mistake("site_config.logo", f"{path}: other content", f"a file of type {LOGO_TYPES[suffix]}")
        )
    return Logo(suffix, content)


def _two_profiles(aws: AwsSection) -> list[Mistake]:
    if aws.aws_profile is None or aws.aws_profile_name in {None, aws.aws_profile}:
        return []
    return [
        Mistake(
            "aws_config.aws_profile",
            found_words(aws.aws_profile),
            "one of `aws_profile_name` and `aws_profile`, not both with different names",
        )
    ]


def _store_access(backing: Backing) -> Iterator[Mistake]:
    """Half of an option protects nothing, and looks as if it did."""
    path = "session_config.session_backing"
    if isinstance(backing, NetworkBacking):
        for key in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            if getattr(backing, key) is not None and not backing.ssl:
                yield Mistake(f"{path}.ssl", f"False, beside `{key}`", "True: without it there is no TLS")
        if backing.ssl_keyfile is not None and backing.ssl_certfile is None:
            yield Mistake(f"{path}.ssl_keyfile", "a key alone", "`ssl_certfile` beside it")
    if isinstance(backing, MemcachedBacking) and (backing.username is None) != (backing.password is None):
        missing = "username" if backing.username is None else "password"
        yield Mistake(f"{path}.{missing}", "", "`username` and `password` together, or neither")


def _plain_http(session: SessionSection, saml: SamlSection) -> list[Mistake]:
    """Cookies over plain http can be read by the network; on this very host there is none between."""
    parts = urlsplit(saml.acs_url)
    if parts.scheme == "https" or parts.hostname in LOOPBACK_HOSTS or session.session_secure is False:
        return []
    return [
        Mistake(
            "saml_config.acs_url",
            found_words(saml.acs_url),
            "an https URL, since logins to AWS would cross the network in the clear",
            "for a trial use http://localhost:8000/saml/acs; to allow plain http all the same, "
            "set session_config['session_secure'] to False",
        )
    ]


def _cookie_reach(session: SessionSection, saml: SamlSection) -> list[Mistake]:
    """A cookie that never comes back would send everybody to the identity provider for ever."""
    parts, mistakes = urlsplit(saml.acs_url), []
    mount_path = parts.path.removesuffix("/saml/acs")
    path = session.session_path
    if path is not None and not f"{mount_path}/".startswith(f"{path.rstrip('/')}/"):
        mistakes.append(
            Mistake(
                "session_config.session_path",
                found_words(path),
                f"a path that the whole service lies below: {mount_path or '/'!r} or shorter",
            )
        )
    name = session.session_cookie or ""
    secure = parts.scheme == "https" and session.session_secure is not False
    only_at_root = name.startswith("__Host-") and (path or mount_path or "/") != "/"
    if only_at_root or (name.startswith(("__Host-", "__Secure-")) and not secure):
        mistakes.append(
            Mistake(
                "session_config.session_cookie",
                found_words(name),
                "a name that browsers take here: __Host- needs https and the path /, __Secure- needs https",
                "leave it out, and the strictest name that works is chosen",
            )
        )
    return mistakes


# --- whom we trust, and our own keys -----------------------------------------------------


def _trust(
    saml: SamlSection,
    certificates: tuple[Certificate, ...],
    pinned: tuple[Certificate, ...],
    mistakes: list[Mistake],
) -> IdentityProvider | MetadataSettings | None:
    """By metadata or by hand, and never by both: it would be unclear which keys count."""
    if saml.idp_metadata is not None:
        if saml.certificate is not None:
            mistakes.append(
                Mistake(
                    "saml_config.certificate",
                    "set beside `idp_metadata`",
                    "one of the two: the metadata has the certificates",
                )
            )
        return MetadataSettings(
            location=saml.idp_metadata,
            entity_id=saml.issuer,
            signed_by=pinned,
            sso_url=saml.saml_endpoint,
            slo_url=saml.slo_endpoint,
            binding=_binding(saml),
            gcm_only=saml.gcm_only,
        )
    if saml.idp_metadata_certificate is not None:
        mistakes.append(
            Mistake("saml_config.idp_metadata_certificate", "a certificate", "`idp_metadata` beside it")
        )
    if saml.single_logout and saml.slo_endpoint is None:
        mistakes.append(
            Mistake("saml_config.slo_endpoint", "", "the SLO URL that `single_logout` sends people to")
        )
    if saml.issuer is None or saml.saml_endpoint is None or not certificates:
        return None
    return IdentityProvider(
        saml.issuer, saml.saml_endpoint, certificates, saml.gcm_only, slo_url=saml.slo_endpoint or ""
    )


def _missing_trust(section: object) -> list[Mistake]:
    """What is needed to trust anybody, as far as it is not there at all."""
    if not isinstance(section, Mapping) or section.get("idp_metadata") is not None:
        return []
    return [
        Mistake(f"saml_config.{key}", "", "a value: this key is required", "unless `idp_metadata` is set")
        for key in ("saml_endpoint", "issuer", "certificate")
        if section.get(key) is None
    ]


def _binding(saml: SamlSection) -> str:
    return {"HTTP-Redirect": HTTP_REDIRECT, "HTTP-POST": HTTP_POST}[saml.authn_request_binding]


def _organization(section: OrganizationSection | None) -> Organization | None:
    if section is None:
        return None
    return Organization(section.name, section.display_name or section.name, section.url)


def _text_in(section: object, key: str) -> str | None:
    """The text under a key of a dict that may have mistakes; None where there is none to look at."""
    value = section.get(key) if isinstance(section, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None


def _keys_needed(saml: SamlSection) -> Iterator[Mistake]:
    for key in ("sign_requests", "single_logout"):
        if getattr(saml, key) and saml.sp_keys is None:
            yield Mistake(f"saml_config.{key}", "True", "`sp_keys` beside it: there is no key to sign with")


def _key_ring(folder: str | None, mistakes: list[Mistake]) -> KeyRing | None:
    if folder is None:
        return None
    try:
        return load_key_ring(Path(folder))
    except KeysRefused as error:
        mistakes.append(
            Mistake("saml_config.sp_keys", error.cause, "a folder of sound key pairs", error.hint)
        )
        return None


def _certificates(key: str, pem: str | None, mistakes: list[Mistake]) -> tuple[Certificate, ...]:
    """The certificates in a PEM text, every one of them fit; none when the key is not set."""
    if pem is None:
        return ()
    path = f"saml_config.{key}"
    wanted = "one or more PEM certificates with an RSA key of 2,048 bits or more, or an EC key"
    try:
        certificates = load_pem_certificates(pem)
    except ValueError:
        first_line = pem.strip().splitlines()[0]
        hint = "it begins with -----BEGIN CERTIFICATE----- and ends with -----END CERTIFICATE-----"
        mistakes.append(Mistake(path, found_words(first_line), wanted, hint))
        return ()
    for number, certificate in enumerate(certificates, start=1):
        reason = unfit(certificate)
        if reason:
            mistakes.append(Mistake(path, f"certificate {number}: {reason}", wanted))
    return certificates


# --- what is sound, but worth saying -----------------------------------------------------


def configuration_warnings(
    settings: Settings, identity_provider: IdentityProvider, *, now: datetime
) -> list[str]:
    """What `awscons check` and the start of the service point out: legal, and perhaps not meant.

    identity_provider   as it is trusted now
    now                 UTC; certificates that ended or end within 30 days are named
    """
    kept = {name.casefold() for name in settings.login.attribute_map}
    said = [warning for target in settings.targets for warning in _target_warnings(target, kept)]
    said += _partition_warnings(settings)
    said += _store_warnings(settings.backing)
    if not settings.site.is_https:
        said.append(f"{settings.site.origin} is plain http: fine for a trial on this host, for nothing else")
    if urlsplit(identity_provider.sso_url).scheme != "https":
        said.append(f"the identity provider is reached over plain http: {identity_provider.sso_url}")
    if settings.login.single_logout and not identity_provider.slo_url:
        said.append("`single_logout` is set, but the identity provider offers no single logout")
    if identity_provider.wants_signed_requests and not settings.login.sign_requests:
        said.append("the identity provider wants signed requests, and `sign_requests` is not set")
    said += certificate_warnings(identity_provider.signing_certificates, now=now)
    said += _own_certificate_warnings(settings.service_provider.published_certificates, now)
    return said


def _partition_warnings(settings: Settings) -> Iterator[str]:
    """Credentials belong to one partition; STS of another does not know them."""
    partitions: dict[str | None, set[str]] = {}
    for target in settings.targets:
        partitions.setdefault(settings.aws.profile_for(target), set()).add(target.role.partition)
    for profile, names in partitions.items():
        if len(names) > 1:
            credentials = f"profile {profile!r}" if profile else "the same credentials"
            yield (
                f"targets of partitions {' and '.join(sorted(names))} are opened with {credentials}, but "
                "credentials work in one partition: see aws_config['partitions']"
            )


def _store_warnings(backing: Backing) -> Iterator[str]:
    """Whoever can write to the store can make a login of anybody's."""
    match backing:
        case RedisBacking():
            hosts = [backing.host]
        case MemcachedBacking():
            hosts = [server.rpartition(":")[0] for server in backing.servers]
        case _:
            return
    kind = backing.cache_type
    if LOOPBACK_HOSTS.issuperset(host.strip("[]") for host in hosts):
        return
    if backing.password is None and backing.ssl_certfile is None:
        yield f"{kind} is used without a password: whoever reaches it can read logins, and make some"
    if not backing.ssl:
        yield f"{kind} is reached without TLS (`ssl`): whoever is on the way can read logins, and make some"


def _target_warnings(target: targets.Target, kept: set[str]) -> Iterator[str]:
    """`kept`: names of the attributes that logins keep, in lower case."""
    name, not_kept = f"target {target.name!r}", "saml_config['assertions'] does not keep"
    if target.open_to_everyone:
        yield f"{name} is open to every person who can sign in: it names no groups and no attrs"
    if target.groups and "groups" not in kept:
        yield f"{name} asks for groups, but {not_kept} 'groups': nobody can open it"
    for attribute in target.attributes:
        if attribute.casefold() not in kept:
            yield f"{name} asks for the attribute {attribute!r}, but {not_kept} it"


def certificate_warnings(certificates: Sequence[Certificate], *, now: datetime) -> Iterator[str]:
    """What is worth saying of the identity provider's certificates: those over, and those over soon.

    now   UTC
    """
    for certificate in certificates:
        end, name = end_of(certificate), subject_of(certificate)
        if end <= now:
            yield f"the identity provider's certificate {name} ended on {end:%Y-%m-%d}; its key still counts"
        elif end <= now + _ENDS_SOON:
            yield f"the identity provider's certificate {name} ends on {end:%Y-%m-%d}"


def _own_certificate_warnings(certificates: Sequence[Certificate], now: datetime) -> Iterator[str]:
    for certificate in certificates:
        end = end_of(certificate)
        if end <= now + _ENDS_SOON:
            yield (
                f"our own certificate {subject_of(certificate)} {'ended' if end <= now else 'ends'} "
                f"on {end:%Y-%m-%d}; roll it with `awscons keys rotate`"
            )


def unknown_sections(names: Sequence[str]) -> list[Mistake]:
    """Names in a configuration file that look like one of the dicts and are not."""
    return [
        Mistake(
            name,
            "a name that does not exist",
            f"one of {', '.join(SECTION_NAMES)}",
            did_you_mean(name, SECTION_NAMES),
        )
        for name in names
        if name.endswith("_config") and name not in SECTION_NAMES
    ]
