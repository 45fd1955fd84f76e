"""`awscons serve`: check that the configuration and the options fit together, then start gunicorn."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import click

from awscons.adapters.audit_log import ChainedAuditLog, configure_logging, log_unhandled_errors
from awscons.adapters.server.graceful_stop import StopFlag
from awscons.adapters.server.gunicorn_app import serve
from awscons.adapters.server.listeners import load_tls, open_listeners, open_unix_listener
from awscons.adapters.server.reload_signals import FileWatch, ReloadSignals, hold_pid_file
from awscons.adapters.server.reloader import serve_and_reload
from awscons.adapters.server.worker_memory import freeze_gc, limit_malloc_arenas
from awscons.adapters.stores.choice import open_store, pid_file
from awscons.assembly.observability import Life, is_debug_mode
from awscons.assembly.reloading import ReloadableService
from awscons.assembly.signin_side import build_idp_trust
from awscons.cli.service_messages import log_mistakes, say
from awscons.cli.terminal import printable
from awscons.config.load import load_settings
from awscons.config.schema import SimpleBacking
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError
from awscons.saml.self_test import run_self_test
from awscons.site import LOOPBACK_HOSTS, Site

_DEFAULT_PORT = 8000
_MAX_PORT = 65_535
_UNIX = "unix:"
# The owner and the group may connect: the web server's user joins the group of the service.
_DEFAULT_SOCKET_MODE = "660"
_OCTAL = re.compile(r"0?[0-7]{3}")
# An IPv6 address with a port stands in brackets, as in URLs.
_BIND = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.%]+)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of the command; None where an option was not given.

    socket_mode       permissions of a Unix socket, in octal
    threads           of each worker
    request_timeout   seconds that a client may take to send its request
    """

    bind: str | None
    port: int | None
    socket_mode: str | None
    workers: int | None
    threads: int
    request_timeout: float
    certificate: Path | None
    key: Path | None
    plain_http: bool
    pin_workers: bool


def serve_configured(config: Path, options: ServeOptions) -> None:
    """Serve until interrupted. Raises click.UsageError for options that contradict each other, AwsconsError."""
    configure_logging(debug=is_debug_mode(os.environ))
    log_unhandled_errors()
    run_self_test()
    settings = load_settings(config, environment=os.environ)
    address = _address(settings.site, options)
    if (options.certificate is None) != (options.key is None):
        raise click.UsageError("--certificate and --key belong together")
    tls = load_tls(options.certificate, options.key) if options.certificate and options.key else None
    _refuse_open_http(settings, address, tls=tls is not None, plain_http=options.plain_http)
    # Each worker builds these again. Building them here first reports a broken store or missing metadata as one
    # error with a hint, instead of workers that fail to start.
    open_store(settings.backing, environment=os.environ)
    build_idp_trust(settings, environment=os.environ, audit=ChainedAuditLog())
    count = _worker_count(settings, options.workers)
    listeners = _listeners(address, count)
    stop_flag, latest = StopFlag(settings.shutdown_delay), _LatestSettings(config, settings)
    pid_lock = _hold_pid_file(settings)
    limit_malloc_arenas(os.environ)
    freeze_gc()

    def ready() -> None:
        url = settings.site.url("/")
        say("server.ready", f"awscons serves {url} on {address}", url=url, address=str(address))

    serve(
        lambda: ReloadableService(
            latest.settings,
            load=latest.load,
            generation=latest.generation,
            environment=os.environ,
            threads=options.threads,
            life=Life(stop_flag.is_set, latest.has_failed),
        ),
        listeners,
        on_ready=ready,
        workers=count,
        threads=options.threads,
        tls=tls,
        max_request_seconds=options.request_timeout,
        pinned=options.pin_workers,
        stop_flag=stop_flag,
        on_hup=latest.read_again,
        watched=FileWatch(latest.watched_files),
    )
    if pid_lock is not None:
        os.close(pid_lock)


def _hold_pid_file(settings: Settings) -> int | None:
    """See `hold_pid_file`. A store elsewhere needs no folder here, so the service runs without one."""
    try:
        return hold_pid_file(pid_file(settings.backing, os.environ))
    except ConfigurationError as error:
        say("server.no_pid_file", f"`awscons reload` will not find this service: {error}", cause=str(error))
        return None


def _listeners(address: _TcpAddress | _UnixAddress, count: int) -> list[socket.socket]:
    if isinstance(address, _UnixAddress):
        return [open_unix_listener(address.path, address.mode)]
    return open_listeners(address.host, address.port, number=count)


class _LatestSettings:
    """The last sound configuration, in the parent process: a worker that replaces another one starts with it."""

    def __init__(self, config: Path, settings: Settings) -> None:
        self.settings = settings
        self._config = config
        self._signals = ReloadSignals()

    def load(self) -> Settings:
        """Read the file. Raises ConfigurationError."""
        return load_settings(self._config, environment=os.environ)

    def read_again(self) -> None:
        """Read the file, and let the workers read it if it is sound."""
        try:
            self.settings = self.load()
        except ConfigurationError as error:
            log_mistakes(error, "configuration.not_reloaded")
            self._signals.fail()
        else:
            self._signals.succeed()

    def watched_files(self) -> tuple[Path, ...]:
        """The files whose change makes the service read the configuration again."""
        return self.settings.source_files if self.settings.reload_on_change else ()

    def generation(self) -> int:
        """How often a sound configuration was read."""
        return self._signals.generation

    def has_failed(self) -> bool:
        """Whether the last one that was read is not sound."""
        return self._signals.has_failed


def serve_and_restart(context: click.Context, config: Path) -> int:
    """Run the same command without --reload, again after each change of a file. Returns the exit status."""
    arguments = ["serve"]
    for option in context.command.params:
        value = context.params[option.name or ""]
        if option.name == "reload" or value is None:
            continue
        if isinstance(value, bool):
            # A flag such as --plain-http has no negative form: False means leaving it out.
            arguments += (option.opts if value else option.secondary_opts)[:1]
        else:
            arguments += [option.opts[0], str(value)]
    return serve_and_reload(arguments, files=[config], folders=[Path(__file__).parents[1]], say=say)


def _natural_bind(site: Site) -> str:
    """The address to listen on without --bind, from the URL in the configuration.

    With https, a proxy terminates TLS, usually on this host: 127.0.0.1. With plain http under a public name, which
    the configuration has to allow explicitly, browsers connect directly: all addresses.
    """
    reached_directly = not site.is_https and site.host not in LOOPBACK_HOSTS
    return "0.0.0.0" if reached_directly else "127.0.0.1"  # noqa: S104  see above


@dataclass(frozen=True, slots=True)
class _TcpAddress:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True)
class _UnixAddress:
    path: Path
    mode: int

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


def _address(site: Site, options: ServeOptions) -> _TcpAddress | _UnixAddress:
    """Where to listen. Raises click.UsageError."""
    bind = options.bind or ""
    if bind.startswith(_UNIX):
        return _unix_address(bind.removeprefix(_UNIX), options)
    if options.socket_mode is not None:
        raise click.UsageError("--socket-mode belongs to --bind unix:PATH")
    return _tcp_address(site, options.bind, options.port)


def _unix_address(path: str, options: ServeOptions) -> _UnixAddress:
    mode = options.socket_mode or _DEFAULT_SOCKET_MODE
    if not path.startswith("/") or not path.isprintable() or options.port is not None:
        raise click.UsageError(
            f"--bind {_UNIX}{printable(path)}: the full path of a socket file, without --port, "
            "such as unix:/run/awscons/awscons.sock"
        )
    if not _OCTAL.fullmatch(mode):
        raise click.UsageError(f"--socket-mode {printable(mode)}: three octal digits, such as 660")
    return _UnixAddress(Path(path), int(mode, 8))


def _tcp_address(site: Site, bind: str | None, port: int | None) -> _TcpAddress:
    """Host and port to listen on; `bind` may contain both. Raises click.UsageError."""
    if bind is None:
        return _TcpAddress(_natural_bind(site), port or _DEFAULT_PORT)
    if _is_ipv6(bind):
        return _TcpAddress(bind, port or _DEFAULT_PORT)
    found = _BIND.fullmatch(bind)
    if found is None or bind.isdecimal():
        raise click.UsageError(
            f"--bind {printable(bind)}: an address of this host, with or without a port, "
            "such as 127.0.0.1:8000, [::1]:8000 or unix:/run/awscons/awscons.sock"
        )
    number = port or _DEFAULT_PORT if found["port"] is None else int(found["port"])
    if not 0 < number <= _MAX_PORT or port not in {None, number}:
        raise click.UsageError(f"--bind {bind}: a host, or host:port with the one port to listen on")
    return _TcpAddress(found["ipv6"] or found["host"], number)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _refuse_open_http(
    settings: Settings, address: _TcpAddress | _UnixAddress, *, tls: bool, plain_http: bool
) -> None:
    """Raise click.UsageError where other hosts could reach the service over plain http and nothing permits it."""
    if tls and not settings.site.is_https:
        raise click.UsageError("with --certificate, acs_url has to begin with https://")
    allowed = plain_http or settings.site.trusted_proxies > 0 or settings.cookies.secure is False
    if tls or allowed or isinstance(address, _UnixAddress) or _is_loopback(address.host):
        return
    raise click.UsageError(
        f"the service would listen on {address.host} with plain http, and other hosts can reach it. Listen on "
        "127.0.0.1, behind a proxy that terminates TLS; or set `trusted_proxies` in server_config for a proxy on "
        "another host; or give --certificate and --key, for a trial; or give --plain-http"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_HOSTS


def _worker_count(settings: Settings, wanted: int | None) -> int:
    if not isinstance(settings.backing, SimpleBacking):
        return wanted or 2
    if wanted is not None and wanted > 1:
        raise click.UsageError(
            "SimpleCache keeps logins in the memory of one process: "
            "use --workers 1, or another cache_type in session_backing"
        )
    return 1
