"""The broker's own credentials and AWS configuration, as botocore finds them; what failed, and why.

botocore loads credentials in a thread of its own for each profile, since some sources hang: a
`credential_process`, a metadata service, the STS of a web identity. A sign-in waits for as long as it has
time; nobody else waits. No text of an error of botocore reaches further: it can quote a request.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialResolver, Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, InvalidConfigError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader
from botocore.session import Session

from awscons.adapters.aws.credential_files import credential_file_error
from awscons.adapters.aws.credential_helper import HelperFailed, supervise_helpers
from awscons.adapters.aws.credential_source import CredentialSource
from awscons.adapters.aws.http_pool import Authorities
from awscons.aws.settings import AwsSettings
from awscons.errors import BrokerCredentialsMissing

STEP = "sts"

_RENEW_BEFORE = (900, 300, 60)
"""Seconds before expiry at which newer credentials are loaded: the first of these that is still ahead."""
_TOO_LATE = 10
"""Seconds before expiry from which credentials are no longer used."""
_SET_UP = (
    "set `aws_profile_name` and `aws_credentials_file`, or give the host a role; "
    "the user that runs this service must be able to read the file"
)
_RUN_HELPER = (
    "run that `credential_process` as the user of this service; "
    "it stands in AWS's config file or in `aws_credentials_file`"
)
_HOP_LIMIT = (
    "; in a container on EC2 the metadata service (IMDSv2) answers only with a hop limit of 2 or more"
)


@dataclass(frozen=True, slots=True)
class LoadedCredentials:
    """Loaded credentials.

    method         botocore's name of where they came from
    renew_before   seconds before their end
    """

    keys: ReadOnlyCredentials = field(repr=False)
    method: str
    renew_before: int
    source: Credentials = field(repr=False)

    @property
    def must_be_renewed(self) -> bool:
        """Whether newer credentials should be loaded."""
        return self._end_within(self.renew_before)

    @property
    def usable(self) -> bool:
        """Whether AWS will still accept them."""
        return not self._end_within(_TOO_LATE)

    def _end_within(self, seconds: int) -> bool:
        return _end_within(self.source, seconds)


_LOADER = Loader()
"""Reads botocore's descriptions of services and endpoints: once for all sessions, also after a reload."""


class BrokerCredentials:
    """The broker's credentials by profile, and the AWS configuration of each. Safe for many threads."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._sources: dict[str | None, CredentialSource[LoadedCredentials]] = {}
        self._sessions: dict[str | None, Session] = {}
        self._regions: dict[str | None, str | None] = {}
        self._authorities: dict[str | None, Authorities] = {}

    def session(self, profile_name: str | None) -> Session:
        """A new botocore session with our settings. Raises BrokerCredentialsMissing."""
        session = botocore.session.Session(profile=profile_name)
        session.register_component("data_loader", _LOADER)
        if self._settings.credentials_file is not None:
            session.set_config_variable("credentials_file", self._settings.credentials_file)
        # Some sources call AWS themselves (web identity, source profiles); they get our timeouts.
        session.set_default_client_config(
            Config(connect_timeout=self._settings.connect_timeout, read_timeout=self._settings.read_timeout)
        )
        try:
            session.get_scoped_config()
            region = session.get_config_variable("region") or os.environ.get("AWS_REGION", "").strip()
        except Exception as error:  # noqa: BLE001  files make it raise what they make it raise
            wrong_file = credential_file_error(self._settings, profile_name)
            raise wrong_file or unusable_configuration(error, profile_name) from None
        if region:
            # botocore does not read AWS_REGION, which the other SDKs of AWS do.
            session.set_config_variable("region", region)
        return session

    def region(self, profile_name: str | None) -> str | None:
        """The region that the profile or the environment names, or None. Raises BrokerCredentialsMissing."""
        if profile_name not in self._regions:
            self._regions[profile_name] = self._described(profile_name).get_config_variable("region")
        return self._regions[profile_name]

    def authorities(self, profile_name: str | None) -> Authorities:
        """The certificates that count, by botocore's rules: AWS_CA_BUNDLE, the profile, REQUESTS_CA_BUNDLE."""
        if profile_name not in self._authorities:
            bundle = self._described(profile_name).get_config_variable("ca_bundle")
            bundle = bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(verify=True)
            self._authorities[profile_name] = Authorities(bundle)
        return self._authorities[profile_name]

    def _described(self, profile_name: str | None) -> Session:
        """A session to read the profile's settings from. Raises BrokerCredentialsMissing."""
        if profile_name not in self._sessions:
            self._sessions[profile_name] = self.session(profile_name)
        return self._sessions[profile_name]

    def current(self, profile_name: str | None, *, seconds: float) -> LoadedCredentials:
        """Return the credentials, waiting at most `seconds`. Raises BrokerCredentialsMissing."""
        return self._source(profile_name).current(seconds)

    def renew(
        self, profile_name: str | None, refused: LoadedCredentials, *, seconds: float
    ) -> LoadedCredentials:
        """Return other credentials than those that AWS refused; the same ones if there are no others.

        Many who ask for the same wait for one load. Raises BrokerCredentialsMissing.
        """
        return self._source(profile_name).renew(refused, seconds)

    def _source(self, profile_name: str | None) -> CredentialSource[LoadedCredentials]:
        with self._lock:
            source = self._sources.get(profile_name)
            if source is None:
                source = self._sources[profile_name] = CredentialSource(
                    lambda: self._load(profile_name),
                    name=_called(profile_name),
                    patience=self._settings.timeout - self._settings.slowest_call,
                )
            return source

    def _load(self, profile_name: str | None) -> LoadedCredentials:
        """Search all of botocore's sources with a new session, because files may have changed."""
        session = self.session(profile_name)
        try:
            resolver: CredentialResolver = session.get_component("credential_provider")
            supervise_helpers(resolver, session)
            credentials = resolver.load_credentials()
            if credentials is None:
                raise NoCredentialsError  # noqa: TRY301  handled as all else
            keys = credentials.get_frozen_credentials()
        except (HelperFailed, ClientError) as error:
            raise _missing(error, session, profile_name) from None
        except Exception as error:  # noqa: BLE001  providers raise what files, programs and URLs make them raise
            wrong_file = credential_file_error(self._settings, profile_name)
            raise wrong_file or _missing(error, session, profile_name) from None
        _check_white_space(keys)
        renew_before = next((some for some in _RENEW_BEFORE if not _end_within(credentials, some)), _TOO_LATE)
        return LoadedCredentials(keys, str(credentials.method), renew_before, credentials)


def _end_within(credentials: Credentials, seconds: int) -> bool:
    return isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed(refresh_in=seconds)


def _called(profile_name: str | None) -> str:
    """The profile that botocore uses."""
    environment = os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE")
    return profile_name or environment or "default"


# --- translation -------------------------------------------------------------------------


def unusable_configuration(
    error: Exception, profile_name: str | None, session: Session | None = None
) -> BrokerCredentialsMissing:
    """The error for a profile or an AWS configuration that botocore cannot use."""
    kind, hint = type(error).__name__, _SET_UP
    services = session.get_scoped_config().get("services") if session is not None else None
    if services is not None:
        hint = (
            f"profile {_called(profile_name)!r} says `services = {services}`: "
            f"AWS's config file needs a section [services {services}] that can be used"
        )
    return BrokerCredentialsMissing(
        f"the AWS configuration of profile {_called(profile_name)!r} cannot be used: {kind}",
        step=STEP,
        code=kind,
        hint=hint,
    )


def _missing(error: Exception, session: Session, profile_name: str | None) -> BrokerCredentialsMissing:
    """Name the source that failed. The output of a helper or of AWS is left out: it may quote secrets."""
    if isinstance(error, InvalidConfigError):
        return unusable_configuration(error, profile_name, session)
    kind, hint = type(error).__name__, _SET_UP
    said = kind
    if isinstance(error, HelperFailed):
        said, hint = str(error), _RUN_HELPER
    elif isinstance(error, ClientError):
        kind = str(error.response.get("Error", {}).get("Code", kind))
        said = f"{error.operation_name} was refused: {kind}"
    elif isinstance(error, OSError) and error.filename is not None:
        said = f"{error.filename} cannot be read: {error.strerror or kind}"
    elif isinstance(error, NoCredentialsError):
        hint += _HOP_LIMIT
    return BrokerCredentialsMissing(
        f"the broker has no usable AWS credentials: {said}", step=STEP, code=kind, hint=hint
    )


def _check_white_space(keys: ReadOnlyCredentials) -> None:
    """Refuse keys with white space, as some secret stores append it: AWS or HTTP would refuse them later."""
    named = {
        "access key": keys.access_key,
        "secret key": keys.secret_key,
        "session token": keys.token,
    }
    for name, value in named.items():
        if any(character.isspace() for character in value or ""):
            raise BrokerCredentialsMissing(
                f"there is white space in the {name} of the broker",
                step=STEP,
                code="white space",
                hint="a line break at the end of a secret in the environment or in a file, most often",
            )
