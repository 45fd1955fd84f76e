"""`awscons keys`: make and rotate our key pairs."""

from __future__ import annotations

from pathlib import Path

import click

from awscons.assembly.clock import utc_now
from awscons.config.key_files import make_first_pair, rotate_pairs
from awscons.config.sp_keys import CURRENT, KeyRing
from awscons.saml.certificates import fingerprint


def make_keys(folder: Path) -> None:
    """Make the first key pair in `folder`, and print what to do next. Raises KeysRefused."""
    make_pair(folder)
    click.echo(f'Now set "sp_keys": {str(folder.absolute())!r} in saml_config, restart the service,')
    click.echo("and give the identity provider our metadata: awscons metadata")


def make_pair(folder: Path) -> None:
    """Make the first key pair in `folder`, and print which it is. Raises KeysRefused."""
    certificate = make_first_pair(folder, now=utc_now())
    click.echo(f"made {folder / CURRENT}")
    click.echo(f"  SHA-256 fingerprint  {fingerprint(certificate)}")
    click.echo(f"  ends                 {certificate.not_valid_after_utc:%Y-%m-%d}")
    click.echo("")


def rotate_keys(folder: Path) -> None:
    """Take the next step of a rollover in `folder`, and print what to do next. Raises KeysRefused."""
    ring = rotate_pairs(folder, now=utc_now())
    for line in _pairs(ring):
        click.echo(line)
    click.echo("")
    if ring.next is not None:
        click.echo("Restart the service: its metadata now names the current and the next certificate.")
        click.echo("When the identity provider has read it again, run the same command once more.")
    else:
        click.echo(
            "Restart the service: it then signs with the new key, and its metadata names only that one."
        )
        click.echo("The previous key still decrypts assertions, until the next rollover replaces it.")


def _pairs(ring: KeyRing) -> list[str]:
    named = (("current", ring.current), ("next", ring.next), ("previous", ring.previous))
    return [
        f"{name:<10} {fingerprint(pair.certificate)}  ends {pair.certificate.not_valid_after_utc:%Y-%m-%d}"
        for name, pair in named
        if pair is not None
    ]
