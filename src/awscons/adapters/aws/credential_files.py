"""Files that the broker's credentials come from: which one cannot be used, and why. It reads files and asks nobody.

botocore skips a file that it may not read, and then says that a profile or any credentials are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError
from botocore.session import Session

from awscons.aws.settings import AwsSettings
from awscons.errors import BrokerCredentialsMissing

_READABLE = "the user that runs this service must be able to read it"


def credential_file_error(settings: AwsSettings, profile_name: str | None) -> BrokerCredentialsMissing | None:
    """The first thing that is wrong with the files from which these credentials would come; None: nothing.

    profile_name   None: the default profile, or the one that AWS_PROFILE names
    """
    for cause, hint in _problems(settings.credentials_file, profile_name):
        return BrokerCredentialsMissing(cause, step="sts", code="file", hint=hint)
    return None


def _problems(credentials_file: str | None, profile_name: str | None) -> Iterator[tuple[str, str]]:
    """Pairs of cause and hint."""
    session = Session(profile=profile_name)
    if credentials_file is not None:
        session.set_config_variable("credentials_file", credentials_file)
        yield from _unreadable(credentials_file, f"`aws_credentials_file` names it; {_READABLE}")
    files = [str(session.get_config_variable(name)) for name in ("credentials_file", "config_file")]
    for file in files:
        if _exists(file):
            yield from _unreadable(file, _READABLE)
    try:
        profiles = session.full_config["profiles"]
    except BotoCoreError as error:
        yield (
            f"{getattr(error, 'kwargs', {}).get('path', files)} cannot be parsed",
            "`aws_credentials_file` and AWS's config file are INI files",
        )
        return
    profile = session.get_config_variable("profile")
    if profile is not None and profile not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        yield (
            f"profile {profile!r} is in neither {files[0]} nor {files[1]}",
            f"see `aws_profile_name` and `aws_credentials_file`; the profiles there: {known}",
        )
    own = profiles.get(profile or "default", {}).get("web_identity_token_file")
    if own is not None:
        yield from _unreadable(own, f"`web_identity_token_file` of the profile names it; {_READABLE}")
    if profile_name is None and not os.environ.get("AWS_ACCESS_KEY_ID"):
        yield from _token_problems()


def _token_problems() -> Iterator[tuple[str, str]]:
    """Files that Kubernetes and ECS name in the environment."""
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        file = os.environ.get(name)
        if not file:
            continue
        problem = list(_unreadable(file, f"{name} names it; {_READABLE}"))
        yield from problem
        if name.startswith("AWS_CONTAINER") and not problem and b"\n" in Path(file).read_bytes():
            cause = f"{file} holds a line break, which cannot be sent in an HTTP header"
            yield cause, f"{name} names it; it has to hold the token alone"


def _unreadable(file: str, hint: str) -> Iterator[tuple[str, str]]:
    """Nothing for a file that can be read."""
    path = Path(file).expanduser()
    try:
        with path.open("rb"):
            return
    except OSError as error:
        yield f"{path} cannot be read: {(error.strerror or type(error).__name__).lower()}", hint


def _exists(file: str) -> bool:
    """Whether the file is there; in a folder that this user may not enter, nobody can say."""
    try:
        return Path(file).expanduser().exists()
    except (OSError, RuntimeError):
        return False
