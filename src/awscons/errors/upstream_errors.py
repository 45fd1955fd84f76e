"""Errors of AWS and of the store, and of what a person brings to them."""

from __future__ import annotations

from awscons.errors.root import AwsconsError


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
    assertion_key   fingerprint of the certificate whose key signed the assertion that AWS refused; None: none did
    """

    public = "AWS did not open this console."
    assertion_key: str | None = None

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
    """AWS does not let this service assume this role, or not with these parameters.

    action          that AWS names; empty when it names none
    is_by_a_deny    a policy denies it, or bounds the broker: no further Allow statement would help
    """

    public = (
        "AWS does not allow this service to assume this role. Please tell the people who run this service."
    )
    action = ""
    is_by_a_deny = False


class RoleSessionTooLong(UpstreamRefused):
    """The requested role session is longer than the role's maximum or role chaining allows."""


class PolicyRefused(UpstreamRefused):
    """The session policies and tags of this target are malformed, or too large together."""

    public = "AWS refused the session policies or tags of this target. Please tell the people who run this service."


class RegionDisabled(UpstreamRefused):
    """STS is disabled in this region for the broker's account."""


class SigninRefused(UpstreamRefused):
    """The token call got HTTP 400, for the credentials or for SessionDuration; AWS does not say which."""


class SigningKeyRefused(UpstreamRefused):
    """KMS does not sign with the key that signs our assertions: a right, the key's state, or another key."""

    public = "This service cannot use AWS at the moment. Please tell the people who run it."


class SigningKeySilent(UpstreamError):
    """KMS did not sign in time, or has a problem of its own. Another region of STS would not help."""

    public = "This service cannot use AWS at the moment. Please try again in a moment."


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


class StoreUnavailable(AwsconsError):
    """The store cannot be read or written. The service answers 503, and lets nobody in."""

    public = "This service cannot save sign-ins at the moment. Please try again in a moment."


class AuditLogUnwritable(AwsconsError):
    """An audit event cannot be written. What it is about does not happen, unless the configuration allows it."""

    public = (
        "This service cannot write its audit log, so it opens nothing. Please tell the people who run it."
    )


class StoreCannotList(AwsconsError):
    """The configured store cannot list its records."""
