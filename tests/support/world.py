"""The world of a journey: a real identity provider, a real STS protocol, the service as a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.browser import Browser
from support.serving import free_port, program, serve_command
from support.stage import Aws, Stage, environment_of, identity_provider, write_config, write_tls


@dataclass
class World(Stage):
    """Where everything is."""

    aws: Aws
    log: Path


@contextmanager
def world(
    folder: Path,
    aws: Aws,
    *,
    aws_config: Mapping[str, object],
    session_config: Mapping[str, object] | None = None,
    instances: int = 1,
    scheme: str = "https",
) -> Iterator[list[World]]:
    """The service as programs, with SimpleSAMLphp as its identity provider.

    instances   how many programs share the one configuration; each has a port, the first is the public one
    """
    ports = [free_port() for _ in range(instances)]
    certificate, key = write_tls(folder)
    with ExitStack() as stack:
        url = f"{scheme}://localhost:{ports[0]}"
        idp, config = stack.enter_context(identity_provider(folder, aws, url, store={}))
        config["session_config"] = dict(session_config or {})
        config["aws_config"] = {
            **{name: config["aws_config"][name] for name in ("sts_endpoint", "signin_endpoint")},
            "aws_profile_name": "cons",
            "aws_credentials_file": str(folder / "credentials"),
            **aws_config,
        }
        path = write_config(folder / "config.py", config)
        environment = environment_of(STATE_DIRECTORY=str(folder / "state"))
        found: list[World] = []
        browsers: list[Browser] = []
        for port in ports:
            log = folder / f"service-{port}.log"
            # Plain gunicorn gives each idle connection of Chromium a thread, until none is left for a page.
            how = ("--certificate", certificate, "--key", key) if scheme == "https" else ("--plain-http",)
            command = serve_command("--config", path, "--port", str(port), *how)
            stack.enter_context(program(command, port=port, log=log, environment=environment))
            found.append(World(f"{scheme}://localhost:{port}", idp, aws, log, browsers=browsers))
        stack.callback(found[0].close)
        yield found
