"""The commands about the IAM side of AWS: `awscons iam`. See `program`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click

from awscons.cli.terminal import config_option, env_file_option, json_option

_FORMS = {
    "json": "Write policies as JSON, for the AWS CLI and for review.",
    "cloudformation": "Write CloudFormation templates: one for each role, fit for StackSets.",
    "terraform": "Write Terraform, which OpenTofu reads as well: plain resources.",
}

_broker = click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="[PROFILE=]ARN",
    help="ARN of the IAM user or role whose credentials awscons has; one for each partition and profile.",
)
_organization = click.option(
    "--organization", metavar="o-…", help="AWS organization of the accounts: patterns reach no further."
)
_strict = click.option(
    "--strict", is_flag=True, help="Trust the broker itself, and name roles without patterns."
)


_any_target = click.option(
    "--any-target",
    is_flag=True,
    help="Let a role that trusts our assertions open for any target: many accounts then share one document.",
)


@click.group()
def iam() -> None:
    """Write the IAM documents that the configuration needs, and compare them with AWS's. Calls no AWS."""


def _add_form(form: str, help_text: str) -> None:
    @iam.command(form, help=help_text)
    @config_option
    @env_file_option
    @click.option(
        "--for", "part", metavar="broker|targets|ACCOUNT", help="Only the broker's policy, or only the roles."
    )
    @_broker
    @_organization
    @_strict
    @_any_target
    @click.option("--with-roles", is_flag=True, help="Write roles as well; CloudFormation always has them.")
    @click.option(
        "--revocable",
        is_flag=True,
        help="Give each role an inline policy for revocations, which ends nothing yet.",
    )
    @click.option("--aws-login", is_flag=True, help="Let people run `aws login` on a console of each role.")
    @click.option(
        "--freezer",
        "freezers",
        multiple=True,
        metavar="ARN",
        help="Write freezer roles, which this IAM user or role may assume; one for each partition.",
    )
    @click.option(
        "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files into this folder."
    )
    def documents(config: Path, **options: Any) -> None:
        from awscons.cli.iam_documents_command import Options, write_documents

        write_documents(config, form, Options(**options))


for _form, _help in _FORMS.items():
    _add_form(_form, _help)


def _comparison(command: Callable[..., None]) -> Callable[..., None]:
    return _any_target(_strict(_organization(_broker(command))))


@iam.command("diff")
@config_option
@env_file_option
@json_option
@_comparison
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
def iam_diff(config: Path, file: TextIO, *, as_json: bool, **options: Any) -> None:
    """Compare trust policies and the broker's policies at AWS with the configuration.

    FILE, or - for standard input, is what `aws iam get-account-authorization-details` or `aws iam get-role`
    printed, of any number of accounts, one after the other. The exit status is 1 when something is missing.
    """
    from awscons.cli.iam_diff_command import show_drift

    sys.exit(1 if show_drift(config, file, as_json=as_json, **options) else 0)


@iam.command("entitlements")
@config_option
@env_file_option
def iam_entitlements(config: Path) -> None:
    """Print the targets as entitlements of AWS's Account access manager: group and role, as JSON."""
    from awscons.cli.iam_documents_command import write_entitlements

    write_entitlements(config)
