"""The options `--broker` and `--organization` of `awscons iam`: whose credentials open which target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from awscons.access.targets import Target
from awscons.aws.settings import AwsSettings
from awscons.cli.terminal import printable
from awscons.config.settings import Settings
from awscons.iam.federation import Federation
from awscons.iam.plan import is_broker
from awscons.iam.trust import principal_of

_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")


def checked_organization(text: str | None) -> str | None:
    """The id of an organization. Raises click.UsageError."""
    if text is not None and not _ORGANIZATION.fullmatch(text):
        raise click.UsageError(
            f"--organization {printable(text)}: the id of an organization is o- and 10 to 32 letters or digits"
        )
    return text


def federation_of(settings: Settings, *, any_target: bool) -> Federation | None:
    """How roles trust assertions of ours; None where there are none."""
    own = settings.aws.identity_provider
    return Federation(settings.aws, own.entity_id, any_target) if own is not None else None


def brokers_of(
    settings: AwsSettings, targets: Iterable[Target], given: Sequence[str], *, required: bool
) -> Callable[[Target], str]:
    """Which broker opens a target: its ARN, or where that is not known and not required, the name of its profile.

    given   values of --broker: ARN for the usual profile of the ARN's partition, PROFILE=ARN for another
    Raises click.UsageError.
    """
    by_profile, by_partition = _parsed(given)
    found: dict[tuple[str, str | None], str] = {}
    profiles = {(target.role.partition, settings.profile_for(target)) for target in targets}
    for partition, profile in sorted(profiles, key=str):
        usual = settings.partitions[partition].profile_name or settings.profile_name
        is_only = len([one for one, _ in profiles if one == partition]) == 1
        arn = by_profile.get(profile or "") or (
            by_partition.get(partition) if is_only or profile == usual else None
        )
        if arn is not None and arn.split(":")[1] != partition:
            raise click.UsageError(
                f"--broker {printable(arn)}: targets in {partition} use it, and credentials work in one partition only"
            )
        if arn is None and required:
            named = "" if is_only or profile == usual else f"{profile}="
            raise click.UsageError(
                f"targets in {partition} use the credentials of {_words(profile)}: give --broker {named}ARN, that of "
                "their IAM user or role (aws sts get-caller-identity tells it)"
            )
        found[partition, profile] = arn or profile or ""
    if unused := set(by_profile) - {profile for _, profile in profiles}:
        raise click.UsageError(f"--broker {printable(unused.pop())}=…: no target uses that profile")
    return lambda target: found[target.role.partition, settings.profile_for(target)]


def _parsed(given: Sequence[str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    by_profile: dict[str, str] = {}
    by_partition: dict[str, str] = {}
    for value in given:
        profile, separator, rest = ("", "", value) if value.startswith("arn:") else value.rpartition("=arn:")
        arn = f"arn:{rest}" if separator else rest
        if not is_broker(arn):
            likely = principal_of(arn)
            raise click.UsageError(
                f"--broker {printable(value)}: not the ARN of an IAM user or role"
                + (
                    f"; of this role session it is {likely}, with the path of the role"
                    if likely != arn
                    else ""
                )
            )
        known, key = (by_profile, profile) if profile else (by_partition, arn.split(":")[1])
        if key in known:
            raise click.UsageError(f"--broker: {known[key]} and {arn} are both for {key}; see PROFILE=ARN")
        known[key] = arn
    return by_profile, by_partition


def _words(profile: str | None) -> str:
    return f"the profile {profile}" if profile else "the environment"
