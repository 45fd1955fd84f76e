"""Every error this project raises on purpose, in one tree.

    AwsconsError
    ├── ConfigurationError         the configuration cannot be used: all its mistakes together
    ├── CannotListen               the configured address or port cannot be used
    ├── KeysRefused                the folder of our own keys cannot be used
    ├── SelfTestFailed             the SAML library of this installation does not work
    ├── MetadataRefused            the identity provider's metadata cannot be used
    ├── DestinationRefused         a link names a page or region that is not in the console
    │   ├── DestinationTooLong         its page has too many characters
    │   ├── DestinationMalformed       its page is no plain https URL
    │   └── DestinationElsewhere       its page is on another host
    ├── SignInError
    │   ├── ResponseRefused        a SAML response failed a check
    │   │   ├── ResponseTooLarge       the check of its size
    │   │   └── IdpDeclined            the identity provider reports that it signed nobody in
    │   ├── NoPendingLogin         a response to no pending login of this browser
    │   ├── RelayStateLost         a response to a pending login came without the RelayState that was sent
    │   └── SignInLoop             the browser came back twice and is still not signed in
    ├── RateLimited
    │   ├── TooManySignIns             more sign-ins than the configured limits allow
    │   └── TooManyConsoles            more consoles than one person may open in a minute
    ├── Blocked                    an operator has blocked this person or this target
    ├── NoCommandLineAccess        the target gives no credentials to terminals
    ├── NoAgentAccess              the target gives no credentials to coding agents
    ├── AttributesUnfit            the attributes of a person do not fit the target
    ├── LoginEndsTooSoon           the login ends before the shortest console would
    ├── BrokerBusy                 too many sign-ins are waiting for AWS
    ├── UpstreamError
    │   ├── UpstreamRefused        AWS refused
    │   │   ├── RoleRefused            this role, or a parameter of the request
    │   │   ├── RoleSessionTooLong     a role session of this length
    │   │   ├── PolicyRefused          the session policies or tags: too large, or malformed
    │   │   ├── RegionDisabled         requests in this region
    │   │   ├── SigninRefused          the token call: the credentials, or SessionDuration
    │   │   └── SigningKeyRefused      KMS: the key that signs our assertions
    │   ├── SigningKeySilent       KMS did not sign in time
    │   ├── UpstreamUnusable       AWS had an internal error, or its answer cannot be read
    │   ├── UpstreamThrottled      AWS throttles our requests
    │   ├── UpstreamSilent         AWS did not answer in time, or at all
    │   └── BrokerCredentialsMissing   the broker has no AWS credentials that AWS accepts
    │       └── AccessKeyRefused   one region does not accept our keys; another may
    ├── AuditLogUnwritable         an audit event cannot be written
    ├── StoreUnavailable           the store of logins cannot be read or written
    └── StoreCannotList            the configured store cannot list its records

`public` is one fixed sentence for each class, which people may see. `str(error)` and `hint` are for the
operator's log: the cause, the expected and the received value, and what to try. None of them holds a secret.
Errors of libraries are translated into these where the library is called, so callers see no other errors.

root                   the base class, and how a received value is quoted
configuration_errors   what an operator configures
signin_errors          a sign-in, or a link
upstream_errors        AWS, and the store
"""

from awscons.errors.configuration_errors import (
    CannotListen,
    ConfigurationError,
    KeysRefused,
    MetadataRefused,
    Mistake,
    SelfTestFailed,
    grouped_mistakes,
)
from awscons.errors.root import MAX_QUOTED_LENGTH, AwsconsError, quote_for_log
from awscons.errors.signin_errors import (
    Blocked,
    DestinationElsewhere,
    DestinationMalformed,
    DestinationRefused,
    DestinationTooLong,
    IdpDeclined,
    NoAgentAccess,
    NoCommandLineAccess,
    NoPendingLogin,
    RateLimited,
    RelayStateLost,
    ResponseRefused,
    ResponseTooLarge,
    SignInError,
    SignInLoop,
    TooManyConsoles,
    TooManySignIns,
)
from awscons.errors.upstream_errors import (
    AccessKeyRefused,
    AttributesUnfit,
    AuditLogUnwritable,
    BrokerBusy,
    BrokerCredentialsMissing,
    LoginEndsTooSoon,
    PolicyRefused,
    RegionDisabled,
    RoleRefused,
    RoleSessionTooLong,
    SigningKeyRefused,
    SigningKeySilent,
    SigninRefused,
    StoreCannotList,
    StoreUnavailable,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)

__all__ = [
    "MAX_QUOTED_LENGTH",
    "AccessKeyRefused",
    "AttributesUnfit",
    "AuditLogUnwritable",
    "AwsconsError",
    "Blocked",
    "BrokerBusy",
    "BrokerCredentialsMissing",
    "CannotListen",
    "ConfigurationError",
    "DestinationElsewhere",
    "DestinationMalformed",
    "DestinationRefused",
    "DestinationTooLong",
    "IdpDeclined",
    "KeysRefused",
    "LoginEndsTooSoon",
    "MetadataRefused",
    "Mistake",
    "NoAgentAccess",
    "NoCommandLineAccess",
    "NoPendingLogin",
    "PolicyRefused",
    "RateLimited",
    "RegionDisabled",
    "RelayStateLost",
    "ResponseRefused",
    "ResponseTooLarge",
    "RoleRefused",
    "RoleSessionTooLong",
    "SelfTestFailed",
    "SignInError",
    "SignInLoop",
    "SigninRefused",
    "SigningKeyRefused",
    "SigningKeySilent",
    "StoreCannotList",
    "StoreUnavailable",
    "TooManyConsoles",
    "TooManySignIns",
    "UpstreamError",
    "UpstreamRefused",
    "UpstreamSilent",
    "UpstreamThrottled",
    "UpstreamUnusable",
    "grouped_mistakes",
    "quote_for_log",
]
