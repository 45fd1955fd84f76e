"""Every error this project raises on purpose, in one tree.

    AwsconsError
    ├── ConfigurationError         the configuration cannot be used: all its mistakes together
    ├── CannotListen               the address or port to serve on cannot be had
    ├── KeysRefused                the folder of our own keys cannot be used
    ├── MetadataRefused            the identity provider's metadata cannot be used
    ├── LandingRefused             a link asks for a page or region that is not in the console
    ├── SignInError
    │   ├── ResponseRefused        a SAML response failed a check
    │   └── NoPendingLogin         an answer to no pending login of this browser
    ├── TooManySignIns             more sign-ins than the configured limits allow
    ├── AttributesUnfit            what the identity provider says of a person does not fit the target
    ├── LoginEndsTooSoon           less is left of the login than the shortest console takes
    ├── BrokerBusy                 too many sign-ins wait for AWS already
    ├── UpstreamError
    │   ├── UpstreamRefused        AWS answered, and said no
    │   │   ├── RoleRefused            to this role, or to what was asked along with it
    │   │   ├── RoleSessionTooLong     to a role session of this length
    │   │   ├── PolicyRefused          to the session policies or tags: too large, or malformed
    │   │   ├── RegionDisabled         to this region
    │   │   └── SigninRefused          to the token call: the credentials, or SessionDuration with them
    │   ├── UpstreamUnusable       AWS answered with an error of its own, or with nothing we can use
    │   ├── UpstreamThrottled      AWS answered: too many requests
    │   ├── UpstreamSilent         AWS did not answer in time, or at all
    │   └── BrokerCredentialsMissing   we have no AWS credentials that it takes
    │       └── AccessKeyRefused   one region does not take our keys; another may
    ├── StoreUnavailable           logins cannot be read or written
    └── StoreCannotList            the configured store keeps no list of what is in it

Two audiences. `public` is one fixed sentence per class, fit for anyone's eyes. `str(error)`
and `hint` are for the operator's log: the cause, what was expected, what was received, what
to try. Neither ever holds a secret. Errors of lower libraries are translated where they
enter, so nothing else crosses a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

MAX_QUOTED_LENGTH = 200
"""Characters of a received value that go to the log; the rest is cut, visibly."""


def quote_for_log(value: object) -> str:
    """`value` as the log shows it: quoted, control characters escaped, cut when long."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_QUOTED_LENGTH:
        text = f"{text[:MAX_QUOTED_LENGTH]}… ({len(text)} characters)"
    return repr(text)


class AwsconsError(Exception):
    """The root. `str()` is for the operator; `public` is for the person; `hint` says what to try."""

    public: ClassVar[str] = "An internal error occurred in this service."

    def __init__(self, cause: str, *, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


# --- configuration -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the configuration, worded for the person who edits the file.

    path    where: `aws_config.targets[1].role`, or a file's name
    found   what stands there, already fit to print; empty where nothing does
    wanted  what would be right
    hint    a cure, where one can be guessed ("did you mean …?")
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
    """The configuration cannot be used. Carries every mistake found, never just the first."""

    public = "This service is not set up correctly."

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        report = "\n\n".join(str(mistake) for mistake in mistakes)
        super().__init__(f"{source}: {count}\n\n{report}")
        self.source = source
        self.mistakes = tuple(mistakes)


class CannotListen(AwsconsError):
    """The address or port to serve on cannot be had."""


class KeysRefused(AwsconsError):
    """The folder of our own keys cannot be read, written or used."""

    public = "This service is not set up correctly."


class MetadataRefused(AwsconsError):
    """The identity provider's metadata cannot be had or used. Whatever was good before stays in use."""

    public = "This service has no valid metadata of your identity provider at the moment."


# --- links -------------------------------------------------------------------------------


class DestinationRefused(AwsconsError):
    """A link to a target asks for a page or a region that is not in the console of its partition."""

    public = "This link names a page or a region that is not in the AWS console of this target."


# --- signing in --------------------------------------------------------------------------


class SignInError(AwsconsError):
    """A sign-in did not work out.

    return_to   the path of ours that this browser had asked for, where that is known: the way on
    """

    public = "The sign-in failed."

    def __init__(self, cause: str, *, hint: str = "", return_to: str | None = None) -> None:
        super().__init__(cause, hint=hint)
        self.return_to = return_to


class ResponseRefused(SignInError):
    """A SAML response failed a check. From outside all of these look alike; the log tells them apart.

    rule      the name of the check, stable, for searching logs
    section   where the rule comes from (`SAML core 2.5.1`, `XML signature 4.4.3`, `house rule`)
    expected, received   what was demanded and what came, cut when long
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
    """An answer that belongs to no pending login of this browser: unsolicited, late, replayed or stolen.

    in_a_loop   the sign-in that it answers was itself a fresh start after such an answer
    """

    public = "This sign-in was already used, took too long, or began in another browser."

    def __init__(self, cause: str, *, return_to: str | None = None, in_a_loop: bool = False) -> None:
        super().__init__(
            cause,
            hint="blocked cookies, a wrong clock, or an ACS URL under another host name than people use"
            if in_a_loop
            else "",
            return_to=return_to,
        )
        self.in_a_loop = in_a_loop


class TooManySignIns(AwsconsError):
    """More sign-ins than the configured limits allow; `retry_after`: seconds until there may be more."""

    public = "This service has received too many sign-ins. Please try again in a minute."

    def __init__(self, cause: str, *, retry_after: int) -> None:
        super().__init__(
            cause,
            hint="see `server_config`: `trusted_proxies` if all seem to come from one address, or the limits",
        )
        self.retry_after = retry_after


# --- AWS ---------------------------------------------------------------------------------


class AttributesUnfit(AwsconsError):
    """An attribute that names the person to AWS is missing, has several values, or one that AWS refuses."""

    public = "The attributes that your identity provider sent about you do not fit this target."


class LoginEndsTooSoon(AwsconsError):
    """Less is left of the login than the shortest console takes, and the target ends with the login."""

    public = "Your sign-in ends in less than 15 minutes. AWS opens no console for so short a time."


class BrokerBusy(AwsconsError):
    """Too many sign-ins wait for AWS already."""

    public = "Too many people are opening consoles at the moment. Please try again in a moment."


class UpstreamError(AwsconsError):
    """AWS did not give us what we asked for. Never holds a credential, a token or a login URL.

    step         `sts` or `federation`; `tls` or `proxy` for what stops both
    code         the error code of AWS, or the kind of failure
    request_id   what AWS support asks for; empty when there was no answer
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
    """AWS answered, and said no."""

    public = (
        "AWS did not open this console. If this happens again, please tell the people who run this service."
    )


class RoleRefused(UpstreamRefused):
    """AWS does not let this service assume this role, or not with what it asks along with it."""

    public = (
        "AWS does not allow this service to assume this role. Please tell the people who run this service."
    )


class RoleSessionTooLong(UpstreamRefused):
    """A longer role session than the role's maximum, or than role chaining, allows."""


class PolicyRefused(UpstreamRefused):
    """The session policies and tags of this target are malformed, or too large together."""

    public = "AWS refused the session policies or tags of this target. Please tell the people who run this service."


class RegionDisabled(UpstreamRefused):
    """STS is switched off in this region for the broker's account."""


class SigninRefused(UpstreamRefused):
    """The token call was answered with 400: the credentials, or SessionDuration; it never says which."""


class UpstreamUnusable(UpstreamError):
    """AWS answered with an error of its own, or with nothing that we can use."""

    public = "AWS has a temporary problem. Please try again in a moment."


class UpstreamThrottled(UpstreamError):
    """AWS answered that it has had too many requests."""

    public = "AWS is limiting the number of requests at the moment. Please try again in a moment."


class UpstreamSilent(UpstreamError):
    """AWS did not answer in time, or could not be reached."""

    public = "AWS did not respond in time. Please try again in a moment."


class BrokerCredentialsMissing(UpstreamError):
    """This service has no AWS credentials of its own, or cannot read them."""

    public = "This service cannot use AWS at the moment. Please tell the people who run it."


class AccessKeyRefused(BrokerCredentialsMissing):
    """STS of one region does not take the broker's keys.

    They are wrong if every region says so. One region alone says it, too, when it is an opt-in region that is
    off, or when its STS is of another region than the request was signed for.
    """


# --- our own store -----------------------------------------------------------------------


class StoreUnavailable(AwsconsError):
    """Logins cannot be read or written. Nobody is let in on the strength of a guess."""

    public = "This service cannot save sign-ins at the moment. Please try again in a moment."


class StoreCannotList(AwsconsError):
    """The configured store keeps no list of what is in it."""
