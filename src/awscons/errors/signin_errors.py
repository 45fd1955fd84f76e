"""Errors of a sign-in, and of a link: a SAML response, a pending login, a limit."""

from __future__ import annotations

from typing import ClassVar

from awscons.errors.root import AwsconsError, quote_for_log


class DestinationRefused(AwsconsError):
    """A link to a target names a page or a region that is not in the console of its partition."""

    public = "This link names a page or a region that is not in the AWS console of this target."


class DestinationTooLong(DestinationRefused):
    """The URL of the page is longer than the login URL can carry."""

    public = "The address of the page in this link is too long. It may have at most 2,048 characters."


class DestinationMalformed(DestinationRefused):
    """The page is not an https URL, or has a user name, a port or characters that must be encoded."""

    public = (
        "The address of the page in this link cannot be used. It must begin with https:// and have no user name, "
        "password, port, space or other character that has to be encoded."
    )


class DestinationElsewhere(DestinationRefused):
    """The page is on a host that does not belong to the console of the target's partition."""

    public = "The page in this link is not in the AWS console of this target."


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


class IdpDeclined(ResponseRefused):
    """The identity provider answered with a status other than Success.

    status    the name of the status code that says most (SAML core 3.2.2.2), such as `AuthnFailed`
    expired   the person took too long there; asking once more helps
    """

    public = "Your identity provider did not sign you in."

    def __init__(self, status: str, *, received: str, hint: str, expired: bool = False) -> None:
        super().__init__(
            "status is not Success",
            section="SAML core 3.2.2.2",
            expected="Success",
            received=received,
            hint=hint,
        )
        self.status = status
        self.expired = expired


class RelayStateLost(SignInError):
    """The response belongs to a pending login of this browser, but its RelayState is missing or another."""

    public = (
        "Your identity provider did not return the RelayState, which this service needs to finish the "
        "sign-in. Please tell the people who run this service."
    )

    def __init__(self, cause: str, *, return_to: str) -> None:
        super().__init__(
            cause,
            hint="set the identity provider to return the RelayState of each AuthnRequest unchanged "
            "(SAML bindings 3.4.3 and 3.5.3)",
            return_to=return_to,
        )


class SignInLoop(SignInError):
    """The browser came back from the identity provider twice within a minute and is still not signed in."""

    public = (
        "You came back from your identity provider twice within a minute, and you are still not signed in."
    )

    def __init__(self, *, return_to: str) -> None:
        super().__init__(
            "the browser came back from the identity provider twice and had to be sent there a third time",
            hint="the browser does not keep the login cookie (see `session_cookie`, `session_path`, "
            "`session_secure`), the store loses logins, or the target asks for a fresher sign-in than the "
            "identity provider gives (`max_login_age`)",
            return_to=return_to,
        )


class ResponseTooLarge(ResponseRefused):
    """A SAML response is larger than `max_answer_kb` allows, or has more parts than a response of that size."""

    public = (
        "The response of your identity provider is larger than this service accepts. The usual reason is that "
        "you are in very many groups. Please tell the people who run this service."
    )


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


class NoCommandLineAccess(AwsconsError):
    """The target gives no credentials to terminals."""

    public = "This target opens in the browser only."


class NoAgentAccess(AwsconsError):
    """The target gives no credentials to coding agents."""

    public = "This target gives no credentials to coding agents."


class Blocked(AwsconsError):
    """An operator has blocked this person or this target."""

    public = "The people who run this service have blocked this access. Please ask them."
