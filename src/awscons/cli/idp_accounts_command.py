"""`awscons idp accounts`: which accounts accept which of our keys, by trying one role of each."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import configure_logging
from awscons.assembly.aws_side import build_broker
from awscons.aws.probe import SESSION_NAME, Probe, probe_targets
from awscons.cli.idp_keys_command import own_identity_provider
from awscons.cli.terminal import print_json, progress, table
from awscons.config.load import load_settings
from awscons.config.settings import Settings

_ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an account said of one key: `error` is empty where it accepted it."""

    account: str
    target: str
    key: str
    error: str
    hint: str


def try_accounts(config: Path, *, as_json: bool) -> bool:
    """Print what each account says of each key; whether all accept all. Raises ConfigurationError, UsageError."""
    settings = load_settings(config, environment=os.environ)
    own = own_identity_provider(settings, config)
    configure_logging(stream=io.StringIO())  # a failover is no business of this command
    doors: dict[str, Target] = {}
    for target in settings.targets:
        if target.keyless:
            doors.setdefault(target.role.account_id, target)
    if not doors:
        raise click.UsageError("no target opens by AssumeRoleWithSAML or SAML-POST")
    keys = {"current": own.keys.signing, **({"next": own.keys.next} if own.keys.next else {})}
    found: list[_Answer] = []
    for name, key in keys.items():
        signing = replace(own, keys=replace(own.keys, signing=key))
        aws = replace(settings.aws, identity_provider=signing)
        found += _answers(replace(settings, aws=aws), doors, name)
    found.sort(key=lambda answer: (answer.account, answer.key))
    if as_json:
        print_json({"answers": [_document(answer) for answer in found]})
    else:
        rows = [("account", "key", "answer", "target"), *map(_row, found)]
        for line in table(rows):
            click.echo(line)
        for hint in dict.fromkeys(answer.hint for answer in found if answer.hint):
            click.echo(f"hint: {hint}")
    return not any(answer.error for answer in found)


def _answers(settings: Settings, doors: Mapping[str, Target], key: str) -> Iterator[_Answer]:
    running = probe_targets(
        build_broker(settings),
        list(doors.values()),
        name=SESSION_NAME,
        name_attribute=settings.aws.role_session_name_attribute,
        before_second_try=lambda: None,
    )
    with progress(running, f"trying the {key} key", length=len(doors)) as asked:
        for probe in asked:
            yield _answer(probe, key)


def _answer(probe: Probe, key: str) -> _Answer:
    target, error = probe.target, probe.error
    said, hint = (str(error), error.hint) if error else ("", "")
    return _Answer(target.role.account_id, target.name, key, said, hint)


def _row(answer: _Answer) -> tuple[str, ...]:
    return answer.account, answer.key, answer.error or _ACCEPTED, answer.target


def _document(answer: _Answer) -> dict[str, object]:
    return {
        "account_id": answer.account,
        "key": answer.key,
        "accepted": not answer.error,
        "error": answer.error or None,
        "target": answer.target,
    }
