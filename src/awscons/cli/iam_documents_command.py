"""`awscons iam json|cloudformation|terraform|entitlements`: documents for AWS, written from the configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.assembly.signin_side import our_idp_metadata
from awscons.cli.iam_brokers import brokers_of, checked_organization, federation_of
from awscons.cli.terminal import print_json, printable, table
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError
from awscons.iam import aws_login
from awscons.iam.entitlements import entitlements
from awscons.iam.federation import plan_providers
from awscons.iam.forms import File, cloudformation_files, json_files
from awscons.iam.freezer import FREEZER_ROLE
from awscons.iam.plan import Plan, is_broker, plan_broker, plan_freezers, plan_roles
from awscons.iam.policy import readable
from awscons.iam.revocation import POLICY_NAME, revocation_slot
from awscons.iam.terraform import terraform_files

_BROKER, _TARGETS = "broker", "targets"
_FORMS = {"json": json_files, "cloudformation": cloudformation_files, "terraform": terraform_files}


class FolderUnwritable(AwsconsError):
    """The folder of `--out` cannot be written."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the three commands; `part` is the value of `--for`."""

    part: str | None
    brokers: tuple[str, ...]
    organization: str | None
    strict: bool
    with_roles: bool
    revocable: bool
    aws_login: bool
    freezers: tuple[str, ...]
    any_target: bool
    out: Path | None


def write_documents(config: Path, form: str, options: Options) -> None:
    """Print the documents, or write them into the folder. Raises click.UsageError, PolicyTooLarge, FolderUnwritable."""
    settings = load_settings(config, environment=os.environ)
    files = list(_FORMS[form](_plan(settings, form, options)))
    if options.out is not None:
        _write(options.out, files)
    elif form == "terraform":
        click.echo("\n".join(f"# --- {file.name}\n\n{file.text}" for file in files), nl=False)
    elif len(files) == 1:
        click.echo(files[0].text, nl=False)
    else:
        click.echo(readable({file.name: json.loads(file.text) for file in files}), nl=False)
    click.echo("\n".join(_summary(files)), err=options.out is None)


def _plan(settings: Settings, form: str, options: Options) -> Plan:
    everything = _selected(settings, options.part)
    targets = [target for target in everything if not target.keyless]
    organization = checked_organization(options.organization)
    has_roles = options.part != _BROKER
    is_written = options.with_roles or form == "cloudformation"
    inline = _inline_policies(everything, options, is_written=is_written)
    broker_of = brokers_of(settings.aws, targets, options.brokers, required=has_roles)
    plan = Plan()
    if has_roles:
        federation = federation_of(settings, any_target=options.any_target)
        plan = plan_roles(everything, broker_of, strict=options.strict, inline=inline, federation=federation)
        plan = replace(
            plan, providers=plan_providers(everything, (our_idp_metadata(settings) or b"").decode())
        )
        plan = plan if is_written else replace(plan, roles=())
        for freezers in _freezers(everything, options, settings.aws.freezer_role or FREEZER_ROLE):
            plan = replace(plan, trusts=plan.trusts + freezers.trusts, roles=plan.roles + freezers.roles)
    if options.part in {None, _BROKER}:
        broker = plan_broker(targets, broker_of, organization=organization, strict=options.strict)
        plan = replace(plan, broker=broker)
    return plan


def _inline_policies(
    targets: Sequence[Target], options: Options, *, is_written: bool
) -> dict[str, dict[str, object]]:
    """The inline policies that each role gets. Raises click.UsageError."""
    for option, wanted in (("--revocable", options.revocable), ("--aws-login", options.aws_login)):
        if wanted and not is_written:
            raise click.UsageError(f"{option} puts a policy on roles: it needs --with-roles")
    inline = {POLICY_NAME: revocation_slot()} if options.revocable else {}
    if options.aws_login:
        others = {target.role.partition for target in targets} - {aws_login.PARTITION}
        if others:
            raise click.UsageError(
                f"--aws-login: AWS documents it for the partition aws, and there are roles in {min(others)}"
            )
        inline[aws_login.POLICY_NAME] = aws_login.aws_login_policy()
    return inline


def _freezers(targets: Sequence[Target], options: Options, name: str) -> Iterator[Plan]:
    """The freezer roles of each partition that a value of --freezer is in. Raises click.UsageError."""
    by_partition: dict[str, list[str]] = {}
    for arn in options.freezers:
        if not is_broker(arn):
            raise click.UsageError(f"--freezer {printable(arn)}: not the ARN of an IAM user or role")
        by_partition.setdefault(arn.split(":")[1], []).append(arn)
    for partition, callers in by_partition.items():
        own = [target for target in targets if target.role.partition == partition]
        yield plan_freezers(own, callers, name)


def _selected(settings: Settings, part: str | None) -> Sequence[Target]:
    """The targets of an account, or all. Raises click.UsageError for an account without targets."""
    if part in {None, _BROKER, _TARGETS}:
        return settings.targets
    accounts = settings.branding.accounts
    numbers = {part, *(number for number, account in accounts.items() if account.name == part)}
    if found := [target for target in settings.targets if target.role.account_id in numbers]:
        return found
    raise click.UsageError(
        f"--for {printable(str(part))}: broker, targets, or the number or name of an account that has targets"
    )


def _write(folder: Path, files: Sequence[File]) -> None:
    index = readable({"files": [file.as_json() for file in files]})
    try:
        for name, text in [*((file.name, file.text) for file in files), ("index.json", index)]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FolderUnwritable(f"{error.filename}: {error.strerror}") from None


def _summary(files: Sequence[File]) -> list[str]:
    rows = [
        [file.name, f"{file.size:,}" if file.size else "", f"{len(file.roles):,}" if file.roles else "broker"]
        for file in files
    ]
    return table([["file", "characters", "roles"], *rows])


def write_entitlements(config: Path) -> None:
    """Print the entitlements and what differs there."""
    found, findings = entitlements(load_settings(config, environment=os.environ).targets)
    print_json(
        {
            "entitlements": [{"group": group, "role_arn": arn} for group, arn in found],
            "findings": [finding.as_json() for finding in findings],
        }
    )
