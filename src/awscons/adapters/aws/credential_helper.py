"""Running a profile's `credential_process` so that it cannot hang for ever, and fails with its exit status.

botocore's ProcessProvider takes the function that starts the program. The one here gives it no terminal and
no input to ask for a password on, and ends it, with all that it started, after MAX_RUN seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from botocore.credentials import (
    AssumeRoleProvider,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    ProcessProvider,
    ProfileProviderBuilder,
)
from botocore.session import Session

MAX_RUN = 60.0
"""Seconds."""


class HelperFailed(Exception):
    """The helper gave no credentials. The text names the profile and the failure, never the output."""


def supervise_helpers(resolver: CredentialResolver, session: Session) -> None:
    """Supervise the helper of the profile, and that of a profile that is the source of its role."""
    resolver.providers[:] = _supervised(resolver.providers, session, session.profile or "default")
    assume_role = resolver.get_provider(AssumeRoleProvider.METHOD)
    # The only private name of botocore that we use; a test notices if it is gone.
    builder: ProfileProviderBuilder = assume_role._profile_provider_builder  # type: ignore[attr-defined] # noqa: SLF001
    assume_role._profile_provider_builder = _SupervisedBuilder(builder, session)  # type: ignore[attr-defined] # noqa: SLF001


class _SupervisedBuilder:
    """botocore's chain for a source profile, with its helper supervised."""

    def __init__(self, builder: ProfileProviderBuilder, session: Session) -> None:
        self._builder = builder
        self._session = session

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[CredentialProvider]:  # noqa: FBT001, FBT002  as in botocore
        """See ProfileProviderBuilder."""
        chain = self._builder.providers(profile_name, disable_env_vars)
        return _supervised(chain, self._session, profile_name)


def _supervised(
    chain: list[CredentialProvider], session: Session, profile_name: str
) -> list[CredentialProvider]:
    return [
        _SupervisedProvider(profile_name, session) if isinstance(provider, ProcessProvider) else provider
        for provider in chain
    ]


class _SupervisedProvider(ProcessProvider):
    """botocore's provider, whose errors name the profile."""

    def __init__(self, profile_name: str, session: Session) -> None:
        self._helper = f"credential_process of profile {profile_name!r}"
        super().__init__(
            profile_name=profile_name,
            load_config=lambda: session.full_config,
            popen=lambda command, **pipes: _Helper(self._helper, command, **pipes),
        )

    def load(self) -> Credentials | None:
        """The credentials that the helper prints; None where there is no helper. Raises HelperFailed."""
        try:
            return super().load()
        except HelperFailed:
            raise
        except Exception as error:  # noqa: BLE001  what a program prints makes it raise many kinds
            raise HelperFailed(f"{self._helper} gave no credentials: {type(error).__name__}") from None


class _Helper:
    """The part of a running program that botocore uses: `communicate` and `returncode`."""

    def __init__(self, name: str, command: list[str], **pipes: Any) -> None:
        self._name = name
        try:
            # In a process session of its own the helper has no terminal, and can be killed with its children.
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  the operator's own command
                command, stdin=subprocess.DEVNULL, start_new_session=True, **pipes
            )
        except OSError as error:
            raise HelperFailed(f"{name} cannot be started: {error.strerror}") from None

    @property
    def returncode(self) -> int:
        """Always 0: `communicate` raises on any failure."""
        return self._process.returncode

    def communicate(self) -> tuple[bytes, bytes]:
        """Return the output of the program. Raises HelperFailed."""
        try:
            printed = self._process.communicate(timeout=MAX_RUN)
        except subprocess.TimeoutExpired:
            self._end()
            raise HelperFailed(f"{self._name} did not end within {MAX_RUN:g} seconds") from None
        status = self._process.returncode
        if status > 0:
            raise HelperFailed(f"{self._name} ended with exit status {status}")
        if status < 0:
            raise HelperFailed(f"{self._name} was ended by {signal.Signals(-status).name}")
        return printed

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
