"""The commands of `awscons idp`: this service as the identity provider of roles. See `program`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

import click

from awscons.cli.terminal import config_option, env_file_option, json_option, log_option


@click.group("idp")
def identity_provider() -> None:
    """This service as the identity provider that roles trust, without any AWS key."""


@identity_provider.command("metadata")
@config_option
@env_file_option
def idp_metadata(config: Path) -> None:
    """Print the metadata for SAML providers in IAM, as XML: during a rollover, with both keys."""
    from awscons.cli.metadata_command import print_idp_metadata

    print_idp_metadata(config)


@identity_provider.command("accounts")
@config_option
@env_file_option
@json_option
@log_option("--log", "try nothing, and say what each account answered in it at last.")
def idp_accounts(config: Path, logs: tuple[TextIO, ...], *, as_json: bool) -> None:
    """Find out which accounts accept the current key, and which the next one, by trying a role of each.

    Each trial assumes a role for 15 minutes, with credentials that may do nothing, and leaves a record in CloudTrail.
    With --log, it is what happened to people since the current key signs. The exit status is 1 when an account refuses
    a key, or has not accepted it in the log.
    """
    from awscons.cli.idp_accounts_command import read_accounts, try_accounts

    accepted = read_accounts(config, logs, as_json=as_json) if logs else try_accounts(config, as_json=as_json)
    sys.exit(0 if accepted else 1)


@identity_provider.group("keys")
def idp_keys() -> None:
    """Make, rotate and show the keys that sign assertions for AWS.

    They are in the folder that `keys` in `identity_provider` names, or one key is in AWS KMS.
    """


@idp_keys.command("new")
@click.option(
    "--kms-key", metavar="ARN", help="Make the certificate of this KMS key instead, and add it to PATH."
)
@click.option("--profile", help="The AWS profile that asks KMS.  [default: as AWS SDKs find credentials]")
@click.argument("path", type=click.Path(path_type=Path))
def idp_keys_new(path: Path, kms_key: str | None, profile: str | None) -> None:
    """Make the first key pair in the folder PATH, or with --kms-key a certificate in the file PATH.

    A KMS key has to be an RSA key for SIGN_VERIFY.
    """
    from awscons.cli.idp_keys_command import certify_key, make_idp_keys

    if kms_key is None:
        make_idp_keys(path)
    else:
        certify_key(kms_key, path, profile=profile)


@idp_keys.command("rotate")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def idp_keys_rotate(folder: Path) -> None:
    """Rotate the key pair, in two runs.

    The first run publishes a next pair beside the current one. The second run makes it the current one; wait
    with it until every account has the new metadata, which `awscons idp accounts` tells.
    """
    from awscons.cli.idp_keys_command import rotate_idp_keys

    rotate_idp_keys(folder)


@idp_keys.command("show")
@config_option
@env_file_option
@json_option
def idp_keys_show(config: Path, *, as_json: bool) -> None:
    """Show where the current and the next key are, their fingerprints, and when their certificates end."""
    from awscons.cli.idp_keys_command import show_idp_keys

    show_idp_keys(config, as_json=as_json)
