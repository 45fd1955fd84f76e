"""The command line: `awscons check`, `serve` and `demo`; more commands are in `*_commands`.

Rules for talking to a terminal: what was asked for goes to standard output, everything else to
standard error; an error is a sentence and a hint, never a traceback; exit status 2 means that the
command line or the configuration is wrong, 1 that something else is. Only this module exits.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from awscons import __version__
from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.adapters.caches import build_cache
from awscons.adapters.reloader import serve_and_reload
from awscons.adapters.server import LONGEST_REQUEST, load_tls, open_listener, serve
from awscons.assembly import build_broker, build_service, build_trust, utc_now
from awscons.config.load import load_settings
from awscons.config.schema import LOOPBACK_HOSTS, SimpleBacking
from awscons.config.settings import MetadataSettings, Settings, Site, notices
from awscons.errors import AwsconsError, ConfigurationError, UpstreamError
from awscons.login_commands import logins
from awscons.saml.certificates import end_of
from awscons.saml.parties import IdentityProvider
from awscons.saml_commands import keys_group, metadata_command, saml_group
from awscons.targets import Target
from awscons.terminal import config_option, table

_DEFAULT_PORT = 8000
_HIGHEST_PORT = 65_535

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="awscons")
def cli() -> None:
    """Your own single sign-on in front of the AWS console."""


cli.add_command(logins)
cli.add_command(metadata_command)
cli.add_command(keys_group)
cli.add_command(saml_group)


@cli.command()
@config_option
@click.option("--aws", "ask_aws", is_flag=True, help="Ask AWS too: who we are, how long consoles last.")
def check(config: Path, *, ask_aws: bool) -> None:
    """Check the configuration and show what it opens to whom.

    Nothing is started, and nothing is asked of AWS without --aws; the identity provider's metadata is
    read. The exit status is 2 when there are mistakes, 1 when AWS does not answer for every target.
    """
    settings = load_settings(config, environment=os.environ)
    configure_logging()
    trust = build_trust(settings, environment=os.environ, audit=StructlogAuditLog())
    click.echo("\n".join(_summary(config, settings, trust.current())))
    if ask_aws:
        _show_aws(settings)


@cli.command("serve")
@config_option
@click.option(
    "--bind", help="Address to listen on, with or without a port: 127.0.0.1:8000.  [default: this host only]"
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes.  [default: 2; 1 with SimpleCache]")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Threads of each process: requests that wait for AWS at a time.",
)
@click.option(
    "--request-timeout",
    type=click.FloatRange(1, 600),
    default=LONGEST_REQUEST,
    show_default=True,
    help="Seconds that a client may take to send its request.",
)
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file: talk https, for a trial.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file with the certificate's key.")
@click.option("--plain-http", is_flag=True, help="Listen beyond this host without TLS all the same.")
@click.option(
    "--pin-workers/--no-pin-workers",
    default=True,
    show_default=True,
    help="Keep each worker to one CPU: quicker by half and more.",
)
@click.option("--reload", is_flag=True, help="Start again when a file changes: for development.")
def serve_command(  # noqa: PLR0913  one for each option
    config: Path,
    bind: str | None,
    port: int | None,
    workers: int | None,
    threads: int,
    request_timeout: float,
    certificate: Path | None,
    key: Path | None,
    *,
    plain_http: bool,
    pin_workers: bool,
    reload: bool,
) -> None:
    """Serve. TLS is for a proxy in front: Apache, nginx, a load balancer.

    When asked to stop (SIGTERM), requests in flight have thirty seconds to finish. With DEBUG in the
    environment there are debug lines in the log.
    """
    if reload:
        _serve_and_reload(click.get_current_context(), config)
    settings = load_settings(config, environment=os.environ)
    host, port = _address(settings.site, bind, port)
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together")
    tls = load_tls(certificate, key) if certificate and key else None
    _refuse_open_http(settings, host, tls=tls is not None, told=plain_http)
    configure_logging(debug="DEBUG" in os.environ)
    # Here as well as in each worker, so that a store that cannot be set up is a sentence.
    build_cache(settings.backing, environment=os.environ)
    listener = open_listener(host, port)

    def ready() -> None:
        click.echo(f"awscons serves {settings.site.url('/')} on {host} port {port}", err=True)

    serve(
        lambda: build_service(settings, environment=os.environ, threads=threads, prepared=True),
        listener,
        on_ready=ready,
        workers=_worker_count(settings, workers),
        threads=threads,
        tls=tls,
        longest_request=request_timeout,
        pinned=pin_workers,
    )


@cli.command()
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True)
def demo(bind: str, port: int) -> None:
    """Try it: a pretend identity provider, a pretend AWS, and the real service between them.

    Needs no AWS account and no identity provider.
    """
    # Late, so that no other command ever loads the demo.
    from awscons.demo.assembly import build_demo, demo_address  # noqa: PLC0415  see above

    listener = open_listener(bind, port)
    configure_logging()
    address = demo_address(bind, port)
    with _own_folder() as folder:

        def build() -> WSGIApplication:
            return build_demo(address, folder=folder, environment=os.environ)

        serve(build, listener, on_ready=lambda: click.echo(_demo_banner(address.origin)))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program. Never returns: exits with 0, 1 or 2."""
    try:
        cli.main(arguments, prog_name="awscons", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigurationError as error:
        click.echo(f"{error}\n", err=True)
        sys.exit(2)
    except AwsconsError as error:
        click.echo(f"error: {error}", err=True)
        if error.hint:
            click.echo(f"hint:  {error.hint}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


# --- serve -------------------------------------------------------------------------------


def _natural_bind(site: Site) -> str:
    """Where to listen when nothing is said: where the configuration says that people reach us.

    https means that a proxy stands in front, on this host as a rule. Plain http under another name than
    this host's own had to be allowed in so many words; then people come directly.
    """
    reached_directly = not site.is_https and site.host not in LOOPBACK_HOSTS
    return "0.0.0.0" if reached_directly else "127.0.0.1"  # noqa: S104  see above


def _address(site: Site, bind: str | None, port: int | None) -> tuple[str, int]:
    """Host and port to listen on; `bind` may hold both."""
    host, colon, its_port = (bind or "").rpartition(":")
    # More than one colon is an IPv6 address, unless brackets say where it ends.
    if not colon or (":" in host and not host.endswith("]")):
        return (bind or "").strip("[]") or _natural_bind(site), port or _DEFAULT_PORT
    number = int(its_port) if its_port.isdecimal() else 0
    if not 0 < number <= _HIGHEST_PORT or port not in {None, number}:
        raise click.UsageError(f"--bind {bind}: a host, or host:port with the one port to listen on")
    return host.strip("[]"), number


def _refuse_open_http(settings: Settings, host: str, *, tls: bool, told: bool) -> None:
    """Logins to AWS do not cross a network in the clear because somebody forgot the proxy."""
    if tls and not settings.site.is_https:
        raise click.UsageError("with --certificate, acs_url has to begin with https://")
    allowed = told or settings.server.proxies > 0 or settings.cookies.secure is False
    if tls or allowed or _is_loopback(host):
        return
    raise click.UsageError(
        f"this would be plain http, open to whoever reaches {host}. Listen on 127.0.0.1, behind a proxy that "
        "does TLS; or name a proxy on another host with `proxies` in server_config; or give --certificate "
        "and --key, for a trial; or say --plain-http"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_HOSTS


def _serve_and_reload(context: click.Context, config: Path) -> NoReturn:
    """The same command without --reload, as often as it takes."""
    arguments = ["serve"]
    for option in context.command.params:
        value = context.params[option.name or ""]
        if option.name == "reload" or value is None:
            continue
        if isinstance(value, bool):
            # A flag without a way to say no is left out.
            arguments += (option.opts if value else option.secondary_opts)[:1]
        else:
            arguments += [option.opts[0], str(value)]
    sys.exit(serve_and_reload(arguments, files=[config], folders=[Path(__file__).parent]))


def _worker_count(settings: Settings, wanted: int | None) -> int:
    if not isinstance(settings.backing, SimpleBacking):
        return wanted or 2
    if wanted is not None and wanted > 1:
        raise click.UsageError(
            "SimpleCache keeps logins in the memory of one process: "
            "use --workers 1, or another cache_type in session_backing"
        )
    return 1


# --- demo --------------------------------------------------------------------------------


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A temporary folder, removed by the process that made it; worker processes come by here as well."""
    owner, folder = os.getpid(), Path(tempfile.mkdtemp(prefix="awscons-demo-"))
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def _demo_banner(origin: str) -> str:
    from awscons.demo.assembly import URL_PREFIX  # noqa: PLC0415  as in `demo`
    from awscons.demo.cast import PEOPLE, TARGETS, who_may_open  # noqa: PLC0415

    lines = [
        "",
        f"  awscons demo: open {origin}/",
        "",
        "  No AWS account and no identity provider are involved. Every page but those marked",
        "  as pretend is the real service.",
        "",
        f"  Make a region of the pretend AWS fail: {origin}/demo/aws/",
        "",
    ]
    rows = [
        [
            f"{origin}{URL_PREFIX}/{target['service']}",
            ", ".join(person.full_name for person in who_may_open(target)),
        ]
        for target in TARGETS
    ]
    lines += table([["URL", "who may open it"], *rows])
    lines.append("")
    lines += table(
        [["person", "groups"]] + [[person.full_name, ", ".join(person.groups) or "none"] for person in PEOPLE]
    )
    return "\n".join([*lines, "", "  Stop with Ctrl-C.", ""])


# --- check -------------------------------------------------------------------------------


def _summary(config: Path, settings: Settings, identity_provider: IdentityProvider) -> list[str]:
    said = notices(settings, identity_provider, now=utc_now())
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
        lines += ["", "  Worth a look:", *(f"  - {notice}" for notice in said)]
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


def _show_aws(settings: Settings) -> None:
    """What AWS says of each target's credentials. Raises AwsconsError when it does not for some."""
    broker = build_broker(settings, environment=os.environ)
    rows, silent = [["URL path", "asked as", "in", "lasts", "why"]], 0
    for target in settings.targets:
        path = f"{settings.site.mount_path}{settings.site.target_path(target.name)}"
        try:
            outlook = broker.look_ahead(target)
        except UpstreamError as error:
            silent += 1
            rows.append([path, "", "", "?", f"{error.cause}; {error.hint}" if error.hint else error.cause])
            continue
        durations, wanted = outlook.durations, _hours(target.duration)
        short = "" if durations.console_lasts == target.duration else f", not {wanted}"
        lasts = f"{_hours(durations.console_lasts)}{short}"
        rows.append([path, outlook.principal_arn, outlook.region, lasts, durations.reason])
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
