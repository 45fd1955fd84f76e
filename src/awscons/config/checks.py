"""Rules that need more than one key to judge: each yields the mistakes that it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from awscons.access.attributes import name_key
from awscons.access.targets import OpenBy, RoleArn
from awscons.aws import destinations, durations, partitions, role_request
from awscons.config.build import build_partitions, build_role
from awscons.config.mistakes import did_you_mean, found_words
from awscons.config.schema import (
    AwsSection,
    Backing,
    MemcachedBacking,
    NetworkBacking,
    RedisBacking,
    RedisKind,
    RedisPlace,
    SamlSection,
    ServerSection,
    SessionSection,
    TargetSection,
)
from awscons.config.schema.redis_url import parse_redis_url
from awscons.errors import DestinationRefused, Mistake
from awscons.iam.freezer import is_reserved
from awscons.site import LOOPBACK_HOSTS


def section_mistakes(
    session: SessionSection | None,
    saml: SamlSection | None,
    aws: AwsSection | None,
    server: ServerSection | None,
) -> Iterator[Mistake]:
    """Every mistake between keys; a section that has mistakes of its own is None and is not judged."""
    if saml:
        yield from _keys_needed(saml)
    if aws:
        yield from _duplicate_services(aws.targets)
        yield from _two_profiles(aws)
        yield from _wrong_partitions(aws)
        known = build_partitions(aws)
        for index, target in enumerate(aws.targets):
            partition = known[build_role(target).partition].partition
            yield from _wrong_destination(index, target, partition)
            yield from _wrong_terms(index, target)
            yield from _wrong_way(index, target, aws)
            yield from _wrong_command_line(index, target, aws)
    if saml and aws:
        yield from _logins_too_short(saml, aws.targets, session)
        yield from _attributes_not_kept(saml, aws)
    if session:
        yield from _store_access(session.session_backing)
    if server and server.audit_key and server.audit_key_file:
        hint = "take it out: the file has the key"
        yield Mistake("server_config.audit_key", "set beside `audit_key_file`", "one of the two", hint)
    if session and saml:
        yield from _plain_http(session, saml)
        yield from _cookie_reach(session, saml)


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


def _wrong_partitions(aws: AwsSection) -> Iterator[Mistake]:
    """AWS publishes no console host for some partitions, and FIPS sign-in hosts for one alone."""
    for name, section in aws.partitions.items():
        if section.fips and not partitions.PARTITIONS[name].fips_signin_suffix:
            yield Mistake(
                f"aws_config.partitions.{name}.fips",
                found_words(section.fips),
                "False: AWS publishes FIPS sign-in hosts for aws-us-gov alone",
                "`signin_endpoint` can name a host of your own",
            )
    known = build_partitions(aws)
    for name in dict.fromkeys(build_role(section).partition for section in aws.targets):
        if not known[name].partition.console_suffix:
            yield Mistake(
                f"aws_config.partitions.{name}.console_host",
                "",
                f"the host of the console of partition {name}, which AWS does not publish",
            )


def _wrong_destination(
    index: int, section: TargetSection, partition: partitions.Partition
) -> Iterator[Mistake]:
    """Regions and the console page must be in the partition of the target's role."""
    path = f"aws_config.targets[{index}]"
    named = [("region", section.region)] if section.region is not None else []
    named += [(f"regions[{position}]", region) for position, region in enumerate(section.regions)]
    for key, region in named:
        if not partitions.is_region(region, partition):
            yield Mistake(
                f"{path}.{key}",
                found_words(region),
                f"a region of partition {partition.name}, such as {partition.default_region!r}",
            )
    page = section.destination
    if page is None:
        return
    try:
        destinations.check_page(
            page.replace(partitions.REGION_PLACEHOLDER, partition.default_region), partition
        )
    except DestinationRefused as error:
        yield Mistake(
            f"{path}.destination",
            found_words(page),
            f"a page of the console of partition {partition.name}, without user name, port or white space, "
            f"such as {partitions.console_home(partition, partition.default_region)!r}",
            error.cause,
        )


def _wrong_terms(index: int, section: TargetSection) -> Iterator[Mistake]:
    """Transitive tags need their tag, managed policies the role's account, all policies 2,048 characters."""
    path, role = f"aws_config.targets[{index}]", build_role(section)
    for position, key in enumerate(section.transitive_tags):
        if key not in section.session_tags:
            yield Mistake(
                f"{path}.transitive_tags[{position}]",
                found_words(key),
                "one of the keys of `session_tags`",
                did_you_mean(key, section.session_tags),
            )
    yield from _wrong_policies(path, role, section.session_policy, section.policy_arns)


def _wrong_policies(
    path: str, role: RoleArn, session_policy: str | None, policy_arns: Sequence[str]
) -> Iterator[Mistake]:
    for position, arn in enumerate(policy_arns):
        if not role_request.is_policy_arn_for(role, arn):
            yield Mistake(
                f"{path}.policy_arns[{position}]",
                found_words(arn),
                f"a managed policy of AWS (arn:{role.partition}:iam::aws:policy/…) or of the role's own "
                f"account (arn:{role.partition}:iam::{role.account_id}:policy/…)",
            )
    size = len(session_policy or "") + sum(map(len, policy_arns))
    if size > role_request.MAX_POLICY_CHARACTERS:
        yield Mistake(
            f"{path}.session_policy",
            f"{size:,} characters, with `policy_arns`",
            f"at most {role_request.MAX_POLICY_CHARACTERS:,} together",
        )


def _wrong_command_line(index: int, section: TargetSection, aws: AwsSection) -> Iterator[Mistake]:
    """Terminals need a way of opening that gives credentials, and bounds that STS accepts."""
    path, role, access = f"aws_config.targets[{index}].cli", build_role(section), section.cli
    if access is None:
        return
    if (section.open_by or aws.open_by) == OpenBy.SAML_POST.value:
        yield Mistake(
            path,
            "credentials in terminals",
            "no `cli`: with `open_by` 'SAML-POST' this service never gets credentials",
            "`open_by` 'AssumeRoleWithSAML' can",
        )
    yield from _wrong_policies(path, role, access.session_policy, access.policy_arns)
    if access.agent is None:
        return
    yield from _wrong_policies(f"{path}.agent", role, access.agent.session_policy, access.agent.policy_arns)
    taken = {key.casefold() for key in section.session_tags}
    for key in access.agent.tags:
        if key.casefold() in taken:
            yield Mistake(
                f"{path}.agent.tags", found_words(key), "keys that `session_tags` of the target does not have"
            )
    if len(section.session_tags) + len(access.agent.tags) > role_request.MAX_TAGS:
        wanted = f"at most {role_request.MAX_TAGS} tags, with `session_tags` of the target"
        yield Mistake(f"{path}.agent.tags", found_words(len(access.agent.tags)), wanted)


def _wrong_way(index: int, section: TargetSection, aws: AwsSection) -> Iterator[Mistake]:
    """What AssumeRoleWithSAML needs, and what it cannot carry (STS API, AssumeRoleWithSAML)."""
    path, role = f"aws_config.targets[{index}]", build_role(section)
    way = section.open_by or aws.open_by
    if way == OpenBy.ASSUME_ROLE.value:
        if section.saml_provider is not None:
            yield Mistake(
                f"{path}.saml_provider", "a SAML provider", "`open_by` 'AssumeRoleWithSAML' beside it"
            )
        return
    bounds = (("session_policy", section.session_policy), ("policy_arns", section.policy_arns))
    for key, value in bounds if way == OpenBy.SAML_POST.value else ():
        if value:
            wanted = "none: 'SAML-POST' cannot carry it"
            yield Mistake(f"{path}.{key}", "set", wanted, "`open_by` 'AssumeRoleWithSAML' can")
    if aws.identity_provider is None:
        yield Mistake(
            f"{path}.open_by",
            f"{way!r}",
            "`identity_provider` in aws_config, with the key that signs",
            "make a key with: awscons idp keys new FOLDER",
        )
    if section.external_id is not None:
        yield Mistake(f"{path}.external_id", "an external id", f"none: {way} has no such parameter")
    if is_reserved(role):
        yield Mistake(
            f"{path}.role",
            found_words(section.role),
            "another role: those of IAM Identity Center do not work with SAML providers",
        )
    own = f"arn:{role.partition}:iam::{role.account_id}:saml-provider/"
    if section.saml_provider is not None and not section.saml_provider.startswith(own):
        yield Mistake(
            f"{path}.saml_provider",
            found_words(section.saml_provider),
            f"one of the role's own account: {own}…",
        )


def _logins_too_short(
    saml: SamlSection, sections: Sequence[TargetSection], session: SessionSection | None
) -> list[Mistake]:
    """Consoles and credentials last at least 900 seconds: a shorter login could have none that end with it."""
    own_end = session is not None and session.cli_login_duration is not None
    ending = [
        (section.service, "ends_with_login" if section.ends_with_login else "cli")
        for section in sections
        if section.ends_with_login or (section.cli is not None and not own_end)
    ]
    if not ending or saml.auth_duration >= durations.MIN_DURATION:
        return []
    name, key = ending[0]
    return [
        Mistake(
            "saml_config.auth_duration",
            found_words(saml.auth_duration),
            f"at least {durations.MIN_DURATION}, the shortest console, since target {name!r} has `{key}`",
        )
    ]


def _attributes_not_kept(saml: SamlSection, aws: AwsSection) -> Iterator[Mistake]:
    """An attribute that logins do not store has no value for AWS."""
    kept = {name_key(name) for name in (*saml.assertions, role_request.USER_NAME)}
    used = [("aws_config.role_session_name_attr", aws.role_session_name_attr)]
    for index, section in enumerate(aws.targets):
        path = f"aws_config.targets[{index}]"
        if section.source_identity is not None:
            used.append((f"{path}.source_identity", section.source_identity))
        used += [(f"{path}.session_tags.{key}", name) for key, name in section.session_tags.items()]
    for path, attribute in used:
        if name_key(attribute) not in kept:
            yield Mistake(
                path,
                found_words(attribute),
                f"{role_request.USER_NAME!r}, or an attribute that saml_config['assertions'] keeps",
                did_you_mean(attribute, saml.assertions),
            )


def _keys_needed(saml: SamlSection) -> Iterator[Mistake]:
    for key in ("sign_requests", "single_logout"):
        if getattr(saml, key) and saml.sp_keys is None:
            yield Mistake(f"saml_config.{key}", "True", "`sp_keys` beside it: there is no key to sign with")


def _store_access(backing: Backing) -> Iterator[Mistake]:
    """TLS files without `ssl`, or a user without a password, would protect nothing."""
    path = "session_config.session_backing"
    if isinstance(backing, NetworkBacking):
        for key in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            if getattr(backing, key) is not None and not backing.has_tls:
                yield Mistake(f"{path}.ssl", f"False, beside `{key}`", "True: without it there is no TLS")
        if backing.ssl_keyfile is not None and backing.ssl_certfile is None:
            yield Mistake(f"{path}.ssl_keyfile", "a key alone", "`ssl_certfile` beside it")
    if isinstance(backing, MemcachedBacking) and (backing.username is None) != (backing.password is None):
        missing = "username" if backing.username is None else "password"
        yield Mistake(f"{path}.{missing}", "", "`username` and `password` together, or neither")
    if isinstance(backing, RedisBacking):
        yield from (Mistake(f"{path}.{key}", *words) for key, *words in _redis_mistakes(backing))


def _redis_mistakes(backing: RedisBacking) -> Iterator[tuple[str, str, str]]:
    """Key, what was found, what is wanted: keys that contradict each other, or have no effect."""
    place, given = backing.place, backing.model_fields_set
    if backing.url is not None:
        for key in sorted({"host", "port", "db"} & given):
            yield key, "a second place, beside `url`", "`url` alone, or `host`, `port` and `db`"
        in_url = parse_redis_url(backing.url)
        for key in ("username", "password"):
            if getattr(in_url, key) and getattr(backing, key):
                yield key, "a second one, beside that in `url`", "one of the two"
    if place.kind is not RedisKind.SENTINEL:
        for key in sorted({"sentinel_username", "sentinel_password"} & given):
            yield key, "no Sentinels in `url`", "`url` redis+sentinel://…, or no such key"
    if place.kind is RedisKind.SOCKET and place.tls:
        yield "ssl", "True, with a socket of this host", "False: there is no TLS on a socket"
    yield from _token_mistakes(backing, place)


def _token_mistakes(backing: RedisBacking, place: RedisPlace) -> Iterator[tuple[str, str, str]]:
    if backing.iam_cache_name is None:
        for key in sorted({"iam_region_name", "iam_serverless"} & backing.model_fields_set):
            yield key, "no `iam_cache_name`", "`iam_cache_name` beside it"
        return
    if not place.tls:
        yield "ssl", "False, beside `iam_cache_name`", "TLS: ElastiCache takes tokens over TLS alone"
    if place.username is None:
        yield "username", "", "the ElastiCache user, beside `iam_cache_name`"
    if place.password is not None:
        yield "password", "a password, beside `iam_cache_name`", "no password: a token takes its place"


def _plain_http(session: SessionSection, saml: SamlSection) -> list[Mistake]:
    """The network can read cookies over plain http. Loopback has no network in between."""
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
    """Without its cookie back, the service would send people to the identity provider in a loop."""
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
    only_at_root = name.startswith("__Host-") and (path or "/") != "/"
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
