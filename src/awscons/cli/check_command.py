"""`awscons check`: what the configuration opens to whom, and what the store and AWS say of it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.adapters.stores.choice import store_warnings
from awscons.assembly.service import build_broker, build_idp_trust, utc_now
from awscons.cli.terminal import table
from awscons.config.configuration_warnings import configuration_warnings
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError, UpstreamError
from awscons.saml.certificates import end_of
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings
from awscons.site import Site


def check_configuration(config: Path, *, ask_aws: bool) -> None:
    """Print what the configuration opens.

    Raises AwsconsError when the store takes no records, or AWS does not answer for a target.
    """
    settings = load_settings(config, environment=os.environ)
    configure_logging()
    trust = build_idp_trust(settings, environment=os.environ, audit=StructlogAuditLog())
    click.echo("\n".join(_summary(config, settings, trust.current())))
    _show_store(settings)
    if ask_aws:
        _show_aws(settings)


def _summary(config: Path, settings: Settings, identity_provider: IdentityProvider) -> list[str]:
    said = configuration_warnings(settings, identity_provider, now=utc_now())
    lines = [
        f"{config}: no mistakes",
        "",
        f"  reached at          {settings.site.url('/')}",
        f"  answers posted to   {settings.service_provider.acs_url}",
        f"  our entity ID       {settings.service_provider.entity_id}",
        f"  identity provider   {identity_provider.entity_id}",
        f"  trusted by          {_trusted_by(settings, identity_provider)}",
        f"  logins kept in      {settings.backing.cache_type}",
        "",
    ]
    header = ["URL path", "account", "role", "lasts", "who may enter"]
    lines += table([header, *(_row(settings.site, target) for target in settings.targets)])
    if said:
        lines += ["", "  Worth a look:", *(f"  - {warning}" for warning in said)]
    return lines


def _trusted_by(settings: Settings, identity_provider: IdentityProvider) -> str:
    count = len(identity_provider.signing_certificates)
    certificates = "1 certificate" if count == 1 else f"{count} certificates"
    first_end = min(map(end_of, identity_provider.signing_certificates))
    source = f" in {settings.trust.location}" if isinstance(settings.trust, MetadataSettings) else ""
    return (
        f"{certificates}{source}, the first of which ends on {first_end:%Y-%m-%d}"
        if count > 1
        else (f"{certificates}{source}, which ends on {first_end:%Y-%m-%d}")
    )


def _row(site: Site, target: Target) -> list[str]:
    return [
        f"{site.mount_path}{site.target_path(target.name)}",
        target.role.account_id,
        target.role.role_name,
        _hours(target.duration),
        _who(target),
    ]


def _show_store(settings: Settings) -> None:
    """What a server that keeps logins says of itself. Raises StoreUnavailable when it takes none."""
    warnings = store_warnings(settings.backing)
    if warnings:
        click.echo(
            "\n".join(["", "  About the store of logins:", *(f"  - {warning}" for warning in warnings)])
        )


def _show_aws(settings: Settings) -> None:
    """What AWS says of each target's credentials. Raises AwsconsError when it does not for some."""
    broker = build_broker(settings)
    rows, silent = [["URL path", "asked as", "in", "lasts", "why"]], 0
    for target in settings.targets:
        path = f"{settings.site.mount_path}{settings.site.target_path(target.name)}"
        try:
            preflight = broker.preflight(target)
        except UpstreamError as error:
            silent += 1
            rows.append([path, "", "", "?", f"{error.cause}; {error.hint}" if error.hint else error.cause])
            continue
        durations, wanted = preflight.durations, _hours(target.duration)
        short = "" if durations.console_lasts == target.duration else f", not {wanted}"
        lasts = f"{_hours(durations.console_lasts)}{short}"
        rows.append([path, preflight.principal_arn, preflight.region, lasts, durations.reason])
    click.echo("\n".join(["", *table(rows)]))
    if silent:
        raise AwsconsError(f"AWS has no answer for {silent} of {len(settings.targets)} targets")


def _who(target: Target) -> str:
    conditions = []
    if target.groups:
        conditions.append(f"members of {' or '.join(target.groups)}")
    if target.attributes:
        conditions.append(f"people with a value for {' or '.join(target.attributes)}")
    return " who are also ".join(conditions) if conditions else "EVERYONE who can sign in"


def _hours(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, odd = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (odd, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
