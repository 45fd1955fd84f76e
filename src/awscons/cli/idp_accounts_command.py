"""`awscons idp accounts`: which accounts accept which of our keys, by trying a role of each, or by what a log has."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import click

from awscons.access.targets import Target
from awscons.adapters.audit_log import configure_logging
from awscons.adapters.aws.sts_refusals import ASSERTION_REFUSED
from awscons.assembly.aws_side import build_broker
from awscons.aws.probe import SESSION_NAME, Probe, probe_targets
from awscons.cli.idp_keys_command import own_identity_provider
from awscons.cli.terminal import print_json, progress, table
from awscons.cli.usage_log import events_of
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.saml.certificates import fingerprint

_ACCEPTED = "accepted"
_CURRENT = "current"
_Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an account said of one key: `error` is empty where it accepted it. `at`: ISO 8601; empty for a trial."""

    account: str
    target: str
    key: str
    error: str
    hint: str
    at: str = ""


def try_accounts(config: Path, *, as_json: bool) -> bool:
    """Print what each account says of each key; whether all accept all. Raises ConfigurationError, UsageError."""
    settings = load_settings(config, environment=os.environ)
    own = own_identity_provider(settings, config)
    configure_logging(stream=io.StringIO())  # a failover is no business of this command
    doors = _doors(settings)
    keys = {_CURRENT: own.keys.signing, **({"next": own.keys.next} if own.keys.next else {})}
    found: list[_Answer] = []
    for name, key in keys.items():
        signing = replace(own, keys=replace(own.keys, signing=key))
        aws = replace(settings.aws, identity_provider=signing)
        found += _answers(replace(settings, aws=aws), doors, name)
    return _print(found, as_json=as_json)


def read_accounts(config: Path, logs: Iterable[TextIO], *, as_json: bool) -> bool:
    """Print what each account said of the current key at last, by audit logs; whether all have accepted it.

    Raises ConfigurationError, UsageError, LogUnreadable.
    """
    settings = load_settings(config, environment=os.environ)
    key = fingerprint(own_identity_provider(settings, config).keys.signing.certificate)
    doors = _doors(settings)
    said: dict[_Place, _Answer] = {}
    places = {target.name: _place(target) for target in settings.targets if target.keyless}
    for event in events_of(logs):
        place = places.get(str(event.get("target")))
        answer = _answer_in(event, place[0], key) if place is not None else None
        if place is not None and answer is not None and (place not in said or said[place].at <= answer.at):
            said[place] = answer
    silent = (
        _Answer(place[0], target.name, _CURRENT, "the log has no answer", "")
        for place, target in doors.items()
        if place not in said
    )
    return _print([*said.values(), *silent], as_json=as_json)


def _answer_in(event: Mapping[str, object], account: str, key: str) -> _Answer | None:
    """What an account said of our key, if the event has it. That a browser got a form says nothing of AWS."""
    if event.get("assertion_key") != key:
        return None
    target, at = str(event["target"]), str(event["timestamp"])  # in one form, which sorts
    if "assumed_role_arn" in event:
        return _Answer(account, target, _CURRENT, "", "", at)
    cause = str(event.get("cause"))
    if event.get("outcome") == "failed" and ASSERTION_REFUSED in cause:
        return _Answer(account, target, _CURRENT, cause, str(event.get("hint", "")), at)
    return None


def _place(target: Target) -> _Place:
    """Where our keys are kept for a target: each SAML provider of an account has metadata of its own."""
    return target.role.account_id, target.saml_provider


def _doors(settings: Settings) -> dict[_Place, Target]:
    """One target of each account and SAML provider that trusts our keys. Raises UsageError if there is none."""
    doors: dict[_Place, Target] = {}
    for target in settings.targets:
        if target.keyless:
            doors.setdefault(_place(target), target)
    if not doors:
        raise click.UsageError("no target opens by AssumeRoleWithSAML or SAML-POST")
    return doors


def _print(found: list[_Answer], *, as_json: bool) -> bool:
    """Print the answers by account; whether every key was accepted."""
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


def _answers(settings: Settings, doors: Mapping[_Place, Target], key: str) -> Iterator[_Answer]:
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
    said = answer.error or _ACCEPTED
    return answer.account, answer.key, f"{said} ({answer.at})" if answer.at else said, answer.target


def _document(answer: _Answer) -> dict[str, object]:
    return {
        "account_id": answer.account,
        "key": answer.key,
        "accepted": not answer.error,
        "error": answer.error or None,
        "target": answer.target,
        "at": answer.at or None,
    }
