"""Every error this project raises on purpose, in one tree.

    AwsconsError
    ├── ConfigurationError         the configuration cannot be used: all its mistakes together
    ├── CannotListen               the configured address or port cannot be used
    ├── KeysRefused                the folder of our own keys cannot be used
    ├── MetadataRefused            the identity provider's metadata cannot be used
    ├── DestinationRefused         a link names a page or region that is not in the console
    ├── SignInError
    │   ├── ResponseRefused        a SAML response failed a check
    │   └── NoPendingLogin         a response to no pending login of this browser
    ├── RateLimited
    │   ├── TooManySignIns         more sign-ins than the configured limits allow
    │   └── TooManyConsoles        more consoles than one person may open in a minute
    ├── AttributesUnfit            the attributes of a person do not fit the target
    ├── LoginEndsTooSoon           the login ends before the shortest console would
    ├── BrokerBusy                 too many sign-ins are waiting for AWS
    ├── UpstreamError
    │   ├── UpstreamRefused        AWS refused
    │   │   ├── RoleRefused            this role, or a parameter of the request
    │   │   ├── RoleSessionTooLong     a role session of this length
    │   │   ├── PolicyRefused          the session policies or tags: too large, or malformed
    │   │   ├── RegionDisabled         requests in this region
    │   │   └── SigninRefused          the token call: the credentials, or SessionDuration
    │   ├── UpstreamUnusable       AWS had an internal error, or its answer cannot be read
    │   ├── UpstreamThrottled      AWS throttles our requests
    │   ├── UpstreamSilent         AWS did not answer in time, or at all
    │   └── BrokerCredentialsMissing   the broker has no AWS credentials that AWS accepts
    │       └── AccessKeyRefused   one region does not accept our keys; another may
    ├── StoreUnavailable           the store of logins cannot be read or written
    └── StoreCannotList            the configured store cannot list its records

`public` is one fixed sentence for each class, which people may see. `str(error)` and `hint` are for the
operator's log: the cause, the expected and the received value, and what to try. None of them holds a secret.
Errors of libraries are translated into these where the library is called, so callers see no other errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

MAX_QUOTED_LENGTH = 200
"""Characters of a received value that go to the log; the rest is cut, visibly."""


def quote_for_log(value: object) -> str:
    """`value` for the log: quoted, control characters escaped, cut after MAX_QUOTED_LENGTH characters."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_QUOTED_LENGTH:
        text = f"{text[:MAX_QUOTED_LENGTH]}… ({len(text)} characters)"
    return repr(text)


class AwsconsError(Exception):
    """The base class. `str()` and `hint` are for the operator, `public` is for the person."""

    public: ClassVar[str] = "An internal error occurred in this service."

    def __init__(self, cause: str, *, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


# --- configuration -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the configuration, worded for the person who edits the file.

    path    the key, such as `aws_config.targets[1].role`, or a file's name
    found   the value, safe to print; empty when there is no value
    wanted  a description of valid values
    hint    how to correct it, if that can be guessed ("did you mean …?")
    """

    path: str
    found: str
    wanted: str
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.path}"]
        if self.found:
            lines.append(f"      found   {self.found}")
        lines.append(f"      wanted  {self.wanted}")
        if self.hint:
            lines.append(f"      hint    {self.hint}")
        return "\n".join(lines)


class ConfigurationError(AwsconsError):
    """The configuration cannot be used. `mistakes` holds all mistakes that were found."""

    public = "This service is not set up correctly."

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        report = "\n\n".join(str(mistake) for mistake in mistakes)
        super().__init__(f"{source}: {count}\n\n{report}")
        self.source = source
        self.mistakes = tuple(mistakes)


class CannotListen(AwsconsError):
    """The server cannot listen on the configured address or port."""


class KeysRefused(AwsconsError):
    """The folder of our own keys cannot be read, written or used."""

    public = "This service is not set up correctly."


class MetadataRefused(AwsconsError):
    """The identity provider's metadata cannot be loaded or used. Good metadata from before stays in use."""

    public = "This service has no valid metadata of your identity provider at the moment."


# --- links -------------------------------------------------------------------------------


class DestinationRefused(AwsconsError):
    """A link to a target names a page or a region that is not in the console of its partition."""

    public = "This link names a page or a region that is not in the AWS console of this target."


# --- signing in --------------------------------------------------------------------------


class SignInError(AwsconsError):
    """A sign-in failed.

    return_to   the path of ours that this browser requested, for another try; None: not known
    """

    public = "The sign-in failed."

    def __init__(self, cause: str, *, hint: str = "", return_to: str | None = None) -> None:
        super().__init__(cause, hint=hint)
        self.return_to = return_to


class ResponseRefused(SignInError):
    """A SAML response failed a check. People see one message for all checks; the log names the rule.

    rule      the name of the check, stable, for searching logs
    section   where the rule comes from (`SAML core 2.5.1`, `XML signature 4.4.3`, `house rule`)
    expected, received   the required and the received value, cut when long
    """

    public = "The response of your identity provider was not accepted."

    def __init__(
        self,
        rule: str,
        *,
        section: str,
        expected: object = "",
        received: object = "",
        hint: str = "",
    ) -> None:
        self.rule = rule
        self.section = section
        self.expected = quote_for_log(expected) if expected != "" else ""
        self.received = quote_for_log(received) if received != "" else ""
        parts = [f"{rule} ({section})"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.received:
            parts.append(f"received {self.received}")
        super().__init__(", ".join(parts), hint=hint)


class NoPendingLogin(SignInError):
    """A response that belongs to no pending login of this browser: unsolicited, late, replayed or stolen.

    in_a_loop   the sign-in of this response was itself a retry after such a response
    """

    public = "This sign-in was already used, took too long, or began in another browser."

    def __init__(self, cause: str, *, return_to: str | None = None, in_a_loop: bool = False) -> None:
        super().__init__(
            cause,
            hint="the browser blocks cookies, a clock is wrong, or people use another host name than `acs_url`"
            if in_a_loop
            else "",
            return_to=return_to,
        )
        self.in_a_loop = in_a_loop


class RateLimited(AwsconsError):
    """More requests than a configured limit allows; `retry_after`: seconds until the limit resets."""

    advice: ClassVar[str] = "see the rate limits in `server_config`"

    def __init__(self, cause: str, *, retry_after: int) -> None:
        super().__init__(cause, hint=self.advice)
        self.retry_after = retry_after


class TooManySignIns(RateLimited):
    """More sign-ins than the configured limits allow."""

    public = "This service has received too many sign-ins. Please try again in a minute."
    advice = "see `server_config`: `trusted_proxies` if all seem to come from one address, or the limits"


class TooManyConsoles(RateLimited):
    """More consoles than one person may open in a minute."""

    public = "You have opened many consoles within a minute. Please try again in a minute."
    advice = "a script or another site may open them; the limit is `rate_limit_per_person` in `server_config`"


# --- AWS ---------------------------------------------------------------------------------


class AttributesUnfit(AwsconsError):
    """An attribute that names the person to AWS is missing, has several values, or one that AWS refuses."""

    public = "The attributes that your identity provider sent about you do not fit this target."


class LoginEndsTooSoon(AwsconsError):
    """The target ends with the login, and the login ends in less than the minimum duration of a console."""

    public = "Your sign-in ends in less than 15 minutes. AWS opens no console for so short a time."


class BrokerBusy(AwsconsError):
    """The limit of sign-ins that wait for AWS at the same time is reached."""

    public = "Too many people are opening consoles at the moment. Please try again in a moment."


class UpstreamError(AwsconsError):
    """A call to AWS failed. The error holds no credential, token or login URL.

    step         `sts` or `federation`; `tls` or `proxy` for failures of both
    code         the error code of AWS, or the kind of failure
    request_id   for AWS support; empty when there was no answer
    """

    public = "AWS did not open this console."

    def __init__(
        self, cause: str, *, step: str, code: str = "", request_id: str = "", hint: str = ""
    ) -> None:
        super().__init__(cause, hint=hint)
        self.step = step
        self.code = code
        self.request_id = request_id


class UpstreamRefused(UpstreamError):
    """AWS refused the request."""

    public = (
        "AWS did not open this console. If this happens again, please tell the people who run this service."
    )


class RoleRefused(UpstreamRefused):
    """AWS does not let this service assume this role, or not with these parameters."""

    public = (
        "AWS does not allow this service to assume this role. Please tell the people who run this service."
    )


class RoleSessionTooLong(UpstreamRefused):
    """The requested role session is longer than the role's maximum or role chaining allows."""


class PolicyRefused(UpstreamRefused):
    """The session policies and tags of this target are malformed, or too large together."""

    public = "AWS refused the session policies or tags of this target. Please tell the people who run this service."


class RegionDisabled(UpstreamRefused):
    """STS is disabled in this region for the broker's account."""


class SigninRefused(UpstreamRefused):
    """The token call got HTTP 400, for the credentials or for SessionDuration; AWS does not say which."""


class UpstreamUnusable(UpstreamError):
    """AWS answered with an internal error, or with an answer that cannot be read."""

    public = "AWS has a temporary problem. Please try again in a moment."


class UpstreamThrottled(UpstreamError):
    """AWS throttles our requests."""

    public = "AWS is limiting the number of requests at the moment. Please try again in a moment."


class UpstreamSilent(UpstreamError):
    """AWS did not answer in time, or could not be reached."""

    public = "AWS did not respond in time. Please try again in a moment."


class BrokerCredentialsMissing(UpstreamError):
    """This service has no AWS credentials of its own, or cannot read them."""

    public = "This service cannot use AWS at the moment. Please tell the people who run it."


class AccessKeyRefused(BrokerCredentialsMissing):
    """STS of one region does not accept the broker's keys.

    The keys are wrong if every region refuses them. One region alone also refuses valid keys if it is an
    opt-in region that is disabled, or if the request was signed for another region.
    """


# --- our own store -----------------------------------------------------------------------


class StoreUnavailable(AwsconsError):
    """The store cannot be read or written. The service answers 503, and lets nobody in."""

    public = "This service cannot save sign-ins at the moment. Please try again in a moment."


class StoreCannotList(AwsconsError):
    """The configured store cannot list its records."""
