"""`awscons demo`: the service with a pretend identity provider and a pretend AWS."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from awscons.adapters.audit_log import configure_logging
from awscons.adapters.server.gunicorn_app import serve
from awscons.adapters.server.listeners import open_listeners
from awscons.cli.terminal import table
from awscons.demo.demo_world import URL_PREFIX, build_demo, build_parties, demo_address
from awscons.demo.sample_people import PEOPLE, TARGETS, who_may_open

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def serve_demo(bind: str, port: int) -> None:
    """Serve the demo until interrupted."""
    listeners = open_listeners(bind, port)
    configure_logging()
    address = demo_address(bind, port)
    with _own_folder() as folder:

        def build() -> WSGIApplication:
            return build_demo(address, folder=folder, environment=os.environ)

        serve(build, listeners, on_ready=lambda: click.echo(_demo_banner(address.origin)))


def serve_parties(bind: str, port: int, *, origin: str, folder: Path) -> None:
    """Serve only the pretend identity provider and AWS until interrupted, for services at `origin`."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise click.UsageError(f"this user cannot write into a folder {folder}: create it, or name another")
    listeners = open_listeners(bind, port)
    configure_logging()
    serve(
        lambda: build_parties(origin, folder=folder),
        listeners,
        on_ready=lambda: click.echo(f"awscons demo: the pretend identity provider and AWS for {origin}/"),
    )


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A temporary folder. Forked workers also leave this block; only the process that made the folder removes it."""
    try:
        owner, folder = os.getpid(), Path(tempfile.mkdtemp(prefix="awscons-demo-"))
    except OSError as error:
        cause = f"no temporary folder can be written ({(error.strerror or 'unknown').partition(' in [')[0].lower()})"
        raise click.ClickException(f"{cause}: set TMPDIR, or mount a tmpfs at /tmp in a container") from None
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def _demo_banner(origin: str) -> str:
    lines = [
        "",
        f"  awscons demo: open {origin}/",
        "",
        "  The identity provider and AWS are pretend; their pages say so. All other pages are",
        "  those of the real service.",
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
