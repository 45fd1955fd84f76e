"""`awscons metadata`: our SAML metadata, for the identity provider's administrators."""

from __future__ import annotations

import os
from pathlib import Path

import click

from awscons.assembly.signin_side import our_idp_metadata, our_metadata
from awscons.cli.idp_keys_command import own_identity_provider
from awscons.config.load import load_settings


def print_metadata(config: Path) -> None:
    """Print our metadata as XML."""
    settings = load_settings(config, environment=os.environ)
    click.echo(our_metadata(settings), nl=False)


def print_idp_metadata(config: Path) -> None:
    """Print, for SAML providers in IAM, the metadata of this service as an identity provider, as XML.

    Raises ConfigurationError where it is none.
    """
    settings = load_settings(config, environment=os.environ)
    own_identity_provider(settings, config)
    click.echo(our_idp_metadata(settings) or b"", nl=False)
