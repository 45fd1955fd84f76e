"""`awscons iam json|cloudformation|terraform|entitlements`: documents for AWS, written from the configuration."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.cli.iam_brokers import brokers_of, checked_organization
from awscons.cli.terminal import printable, table
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError
from awscons.iam.entitlements import entitlements, terraform_text, trust_statement_for_application
from awscons.iam.forms import File, cloudformation_files, json_files
from awscons.iam.plan import Plan, plan_broker, plan_roles
from awscons.iam.policy import readable
from awscons.iam.terraform import terraform_files

_BROKER, _TARGETS = "broker", "targets"
_FORMS = {"json": json_files, "cloudformation": cloudformation_files, "terraform": terraform_files}
_APPLICATION = re.compile(r"arn:[a-z0-9-]+:account-access:[a-z0-9-]+:[0-9]{12}:application/[a-zA-Z0-9-]+")


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
    targets = _selected(settings, options.part)
    organization = checked_organization(options.organization)
    needs_trust = options.part != _BROKER
    broker_of = brokers_of(settings.aws, targets, options.brokers, required=needs_trust)
    plan = Plan()
    if needs_trust:
        plan = plan_roles(targets, broker_of, strict=options.strict)
        if not (options.with_roles or form == "cloudformation"):
            plan = replace(plan, roles=())
    if options.part in {None, _BROKER}:
        broker = plan_broker(targets, broker_of, organization=organization, strict=options.strict)
        plan = replace(plan, broker=broker)
    return plan


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


def write_entitlements(config: Path, application: str | None, *, form: str) -> None:
    """Print the entitlements; warnings go to standard error. Raises click.UsageError."""
    if application is not None and not _APPLICATION.fullmatch(application):
        raise click.UsageError(
            f"--application {printable(application)}: not the ARN of an application of Account access manager"
        )
    found, findings = entitlements(load_settings(config, environment=os.environ).targets)
    statement = {"trust_statement": trust_statement_for_application(application)} if application else {}
    if form == "json":
        document = {
            "entitlements": [one.as_json() for one in found],
            "findings": [finding.as_json() for finding in findings],
        }
        click.echo(readable(document | statement), nl=False)
    else:
        click.echo(terraform_text(found, application), nl=False)
        for finding in findings:
            click.echo(printable(f"{finding}"), err=True)
