"""The entry point for AWS Lambda: `awscons.lambda_handler.handler`, behind an ALB, an HTTP API or a function URL.

apig-wsgi turns events into WSGI requests. What it does not know is decided here: the address of the client, which is
never what the client itself says, and the path below which a stage of an HTTP API serves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import structlog
from apig_wsgi import make_lambda_handler

from awscons.adapters.audit_log import configure_logging, log_unhandled_errors
from awscons.assembly.observability import is_debug_mode
from awscons.assembly.reloading import announce
from awscons.assembly.service import build_service
from awscons.config.load import load_settings
from awscons.config.schema import FileSystemBacking, SimpleBacking, SqliteBacking
from awscons.config.settings import Settings
from awscons.errors import AwsconsError, ConfigurationError, Mistake

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Handler = Callable[[Any, object], dict[str, Any]]

_STATE = "/tmp/awscons"  # noqa: S108  the one folder that a function may write; only its own user is there
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
_log = structlog.get_logger(__name__)


def load_handler(config: str) -> Handler:
    """A handler that serves with the configuration at that path. Raises SystemExit, with the reason in the log."""
    os.environ.setdefault("STATE_DIRECTORY", _STATE)
    configure_logging(debug=is_debug_mode(os.environ))
    log_unhandled_errors()
    try:
        settings = load_settings(config, environment=os.environ)
        _check_store(settings, config)
        service = build_service(settings, environment=os.environ, threads=1, prepared=True)
    except AwsconsError as error:
        _log.error("server.start_failed", cause=str(error), hint=error.hint or None)
        raise SystemExit(1) from None
    announce(settings)
    serve = make_lambda_handler(_ForFunctions(service, settings), binary_support=True)

    def handle(event: Any, context: object) -> dict[str, Any]:
        if not _is_request(event):
            _log.error(
                "lambda.unknown_event", hint="an ALB, an HTTP API (payload 2.0) or a function URL calls it"
            )
            return {
                "statusCode": 400,
                "headers": {"content-type": "text/plain"},
                "body": "no request of HTTP",
            }
        return serve(event, context)

    return handle


def _check_store(settings: Settings, config: str) -> None:
    """Each instance of a function has a disk and a memory of its own. Raises ConfigurationError."""
    if isinstance(settings.backing, SqliteBacking | SimpleBacking | FileSystemBacking):
        mistake = Mistake(
            "session_config.session_backing",
            f"{settings.backing.cache_type!r}, which each instance of the function would have to itself",
            "a store that all share: 'DynamoDB', or 'Redis' in the function's network",
        )
        raise ConfigurationError(config, [mistake])


def _is_request(event: object) -> bool:
    """Whether an event is an HTTP request of one of the three, with everything that apig-wsgi reads."""
    match event:
        case {"requestContext": {"elb": _}, "httpMethod": str(), "path": str()}:
            return True
        case {
            "version": "2.0",
            "requestContext": {"http": {"method": str(), "protocol": str(), "sourceIp": str()}},
            "rawPath": str(),
            "rawQueryString": str(),
            "headers": {},
        }:
            return True
    return False


class _ForFunctions:
    """The service, with what only the event tells put into the request."""

    def __init__(self, service: WSGIApplication, settings: Settings) -> None:
        self._service = service
        self._mount = settings.site.mount_path
        self._knows_proxies = settings.site.trusted_proxies > 0
        self._has_warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        context = environ["apig_wsgi.request_context"]
        before, _, last = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")
        if "elb" in context:
            # The ALB appends the address that it sees; what stands before it is the client's word.
            environ["REMOTE_ADDR"] = last.strip()
            self._warn_of_single_values(environ)
        else:
            environ["REMOTE_ADDR"] = context["http"]["sourceIp"]
        if last.strip() == environ["REMOTE_ADDR"]:
            # `trusted_proxies` counts those before the ALB or the API, as it does those before a server's connection.
            environ["HTTP_X_FORWARDED_FOR"] = before
        if not self._knows_proxies:
            for name in _FORWARDED:
                environ.pop(name, None)
        path = environ["PATH_INFO"]
        if self._mount and (path == self._mount or path.startswith(f"{self._mount}/")):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._mount, path[len(self._mount) :]
        return self._service(environ, start_response)

    def _warn_of_single_values(self, environ: WSGIEnvironment) -> None:
        """Say once that of several cookies in an answer only the last one would arrive."""
        is_probe = environ.get("HTTP_USER_AGENT", "").startswith("ELB-HealthChecker")
        if environ["apig_wsgi.multi_value_headers"] or is_probe or self._has_warned:
            return
        self._has_warned = True
        hint = "nobody can sign in: switch on lambda.multi_value_headers.enabled of the ALB's target group"
        _log.error("lambda.single_value_headers", hint=hint)


def __getattr__(name: str) -> Handler:
    # The runtime reads `handler` once, while an instance starts. Importing the module builds nothing.
    if name != "handler":
        raise AttributeError(name)
    return load_handler(os.environ.get("AWSCONS_CONFIG", "config.py"))
