"""The commands of the SAML side: `awscons metadata`, `awscons keys`. The rules of `cli` hold here too."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from awscons.assembly import our_metadata, utc_now
from awscons.config.keys import CURRENT, KeyRing, make_first_pair, rotate_pairs
from awscons.config.load import load_settings
from awscons.saml.certificates import fingerprint


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config`, the same for every command."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=lambda: os.environ.get("AWSCONS_CONFIG", "config.py"),
        show_default="config.py",
        help="The configuration file.",
    )(command)


@click.command("metadata")
@config_option
def metadata_command(config: Path) -> None:
    """Print our SAML metadata, for the identity provider's administrators.

    The running service shows the same at /saml/metadata.
    """
    settings = load_settings(config, environment=os.environ)
    click.echo(our_metadata(settings), nl=False)


@click.group("keys")
def keys_group() -> None:
    """Our own key pairs: for encrypted assertions and signed messages.

    FOLDER is what `sp_keys` in saml_config names.
    """


_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@keys_group.command("new")
@_folder
def keys_new(folder: Path) -> None:
    """Make the first key pair in FOLDER."""
    certificate = make_first_pair(folder, now=utc_now())
    click.echo(f"made {folder / CURRENT}")
    click.echo(f"  SHA-256 fingerprint  {fingerprint(certificate)}")
    click.echo(f"  ends                 {certificate.not_valid_after_utc:%Y-%m-%d}")
    click.echo("")
    click.echo(f'Now set "sp_keys": {str(folder.absolute())!r} in saml_config, restart the service,')
    click.echo("and give the identity provider our metadata: awscons metadata")


@keys_group.command("rotate")
@_folder
def keys_rotate(folder: Path) -> None:
    """Roll the key pair over, in two steps: run it once, and again when the identity provider knows.

    The first run publishes a next pair beside the current one. The second makes it the current one; the
    old pair stays, to decrypt what is still encrypted to it.
    """
    ring = rotate_pairs(folder, now=utc_now())
    for line in _pairs(ring):
        click.echo(line)
    click.echo("")
    if ring.next is not None:
        click.echo("Restart the service: its metadata now names the current and the next certificate.")
        click.echo("When the identity provider has read it again, run the same command once more.")
    else:
        click.echo("Restart the service: it signs with the new key now, and its metadata names that alone.")
        click.echo("What is still encrypted to the previous key can be read until the next rollover.")


def _pairs(ring: KeyRing) -> list[str]:
    named = (("current", ring.current), ("next", ring.next), ("previous", ring.previous))
    return [
        f"{name:<10} {fingerprint(pair.certificate)}  ends {pair.certificate.not_valid_after_utc:%Y-%m-%d}"
        for name, pair in named
        if pair is not None
    ]
