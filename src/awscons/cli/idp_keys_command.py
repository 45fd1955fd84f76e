"""`awscons idp keys`: the keys that sign assertions for AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from awscons.adapters.aws.kms_certificate import certify_kms_key
from awscons.assembly.clock import utc_now
from awscons.aws.assertions import KmsKey, OwnIdentityProvider, is_kms_key
from awscons.cli.keys_command import make_pair
from awscons.cli.terminal import print_json, printable, table
from awscons.config.assertion_keys import kms_common_name
from awscons.config.key_files import VALID_FOR, rotate_pairs
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, KeysRefused, Mistake
from awscons.saml.certificates import end_of, fingerprint


def make_idp_keys(folder: Path) -> None:
    """Make the first key pair in `folder`, and print what to do next. Raises KeysRefused."""
    make_pair(folder)
    click.echo(
        f'Now set "identity_provider": {{"keys": {str(folder.absolute())!r}}} in aws_config, restart the'
    )
    click.echo("service, and give every account our metadata: awscons idp metadata")


def rotate_idp_keys(folder: Path) -> None:
    """Take the next step of a rollover in `folder`, and print what to do next. Raises KeysRefused."""
    ring = rotate_pairs(folder, now=utc_now())
    click.echo(f"current    {fingerprint(ring.current.certificate)}")
    if ring.next is not None:
        click.echo(f"next       {fingerprint(ring.next.certificate)}")
        click.echo("")
        click.echo("Restart the service, and give every account the new metadata: awscons idp metadata")
        click.echo(
            "When `awscons idp accounts` finds that all accept the next key, run the same command once more."
        )
    else:
        click.echo("")
        click.echo(
            "Restart the service: it then signs with the new key, and its metadata names only that one. Give it to"
        )
        click.echo("every account once more: until then each of them still accepts the old key.")


def certify_key(arn: str, file: Path, *, profile: str | None) -> None:
    """Make the certificate of a KMS key, and add it to `file`. Raises click.UsageError, KeysRefused."""
    if not is_kms_key(arn):
        raise click.UsageError(
            f"--kms-key {printable(arn)}: the ARN of a key has the form arn:aws:kms:REGION:ACCOUNT:key/ID"
        )
    certificate = certify_kms_key(
        arn, profile=profile, common_name=kms_common_name(arn), now=utc_now(), valid_for=VALID_FOR
    )
    try:
        with file.open("ab") as opened:
            opened.write(certificate.public_bytes(Encoding.PEM))
    except OSError as error:
        raise KeysRefused(f"{file} cannot be written: {error.strerror or type(error).__name__}") from None
    click.echo(f"added the certificate to {file}")
    click.echo(f"  SHA-256 fingerprint  {fingerprint(certificate)}")
    click.echo("")
    click.echo("Now set in aws_config, and give every account our metadata (awscons idp metadata):")
    click.echo(
        f'"identity_provider": {{"kms_key": {arn!r}, "certificate": {{"file": {str(file.absolute())!r}}}}}'
    )


def show_idp_keys(config: Path, *, as_json: bool) -> None:
    """Print the keys, and no secret. Raises ConfigurationError."""
    keys = list(_keys(own_identity_provider(load_settings(config, environment=os.environ), config)))
    if as_json:
        print_json({"keys": keys})
    else:
        for line in table(
            [("key", "is in", "SHA-256 fingerprint", "ends"), *map(tuple, (k.values() for k in keys))]
        ):
            click.echo(line)


def own_identity_provider(settings: Settings, config: Path) -> OwnIdentityProvider:
    """This service as the identity provider of roles; `config` is the file of the settings, for errors.

    Raises ConfigurationError where it is none.
    """
    own = settings.aws.identity_provider
    if own is None:
        raise ConfigurationError(
            str(config), [Mistake("aws_config.identity_provider", "", "a dict with `keys` or `kms_key`")]
        )
    return own


def _keys(own: OwnIdentityProvider) -> Iterator[dict[str, str]]:
    for name, key in (("current", own.keys.signing), ("next", own.keys.next)):
        if key is not None:
            yield {
                "key": name,
                "is_in": key.arn if isinstance(key, KmsKey) else "the folder `keys`",
                "fingerprint": fingerprint(key.certificate),
                "ends": f"{end_of(key.certificate):%Y-%m-%d}",
            }
