"""`awscons metadata`: our SAML metadata, for the identity provider's administrators."""

from __future__ import annotations

import os
from pathlib import Path

import click

from awscons.assembly.signin_side import our_metadata
from awscons.config.load import load_settings


def print_metadata(config: Path) -> None:
    """Print our metadata as XML."""
    settings = load_settings(config, environment=os.environ)
    click.echo(our_metadata(settings), nl=False)
