"""`awscons metadata`: our SAML metadata, for the identity provider's administrators."""

from __future__ import annotations

import os
from pathlib import Path

import click

from awscons.assembly.signin_side import our_idp_metadata, our_metadata
from awscons.config.load import load_settings
from awscons.errors import ConfigurationError, Mistake


def print_metadata(config: Path) -> None:
    """Print our metadata as XML."""
    settings = load_settings(config, environment=os.environ)
    click.echo(our_metadata(settings), nl=False)


def print_idp_metadata(config: Path) -> None:
    """Print, for SAML providers in IAM, the metadata of this service as an identity provider, as XML."""
    settings = load_settings(config, environment=os.environ)
    metadata = our_idp_metadata(settings)
    if metadata is None:
        raise ConfigurationError(
            str(config), [Mistake("aws_config.identity_provider", "", "a dict with the folder `keys`")]
        )
    click.echo(metadata, nl=False)
