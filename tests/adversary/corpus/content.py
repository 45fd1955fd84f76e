"""Well-signed responses that say the wrong thing: not to us, not now, not by whom we trust, not of anybody."""

from __future__ import annotations

from datetime import datetime, timedelta

from adversary.cases import NOW, OTTO, Attack, Surroundings, of_class
from adversary.craft import IDP_SIGNS, genuine, swap
from support.forge import ACS, IDP, SP, instant

_LATE, _EARLY = NOW - timedelta(minutes=2), NOW + timedelta(minutes=2)
_EVIL_IDP = "https://evil.example.com/metadata"
_CM = "urn:oasis:names:tc:SAML:2.0:cm:"


def _said(name: str, rule: str, sign: str = "assertion", **changes: object) -> Attack:
    """Otto's response, really signed, with something else in it."""
    return Attack(name, rule, lambda: IDP_SIGNS.xml(OTTO.at(**changes), sign=sign))


def _without(name: str, rule: str, part: str) -> Attack:
    return _said(name, rule, without=frozenset({part}))


def _status(code: str) -> str:
    return f'<samlp:Status><samlp:StatusCode Value="{code}"/></samlp:Status>'


def _confirmations(*methods: str) -> str:
    data = f'Recipient="{ACS}" InResponseTo="_request" NotOnOrAfter="{instant(_EARLY)}"'
    return "".join(
        f'<saml:SubjectConfirmation Method="{_CM}{method}"><saml:SubjectConfirmationData {data}/>'
        "</saml:SubjectConfirmation>"
        for method in methods
    )


PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
SECOND_FACTOR = "https://refeds.org/profile/mfa"


def statement(moment: datetime, class_ref: str) -> str:
    """Somebody authenticated then, in that way."""
    return (
        f'<saml:AuthnStatement AuthnInstant="{instant(moment)}"><saml:AuthnContext><saml:AuthnContextClassRef>'
        f"{class_ref}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )


ENVELOPE = of_class(
    "envelope",
    [
        _said("response-of-saml-1.1", "version", response_version="1.1"),
        _said("response-of-saml-3", "version", response_version="3.0"),
        _said("response-without-a-version", "version", response_version=""),
        _said("no-status", "exactly one Status", status=None),
        _said("status-without-a-code", "exactly one StatusCode", status="<samlp:Status/>"),
        _said("two-statuses", "exactly one Status", status=OTTO.status * 2 if OTTO.status else ""),
        _said(
            "two-status-codes",
            "exactly one StatusCode",
            status=_status("urn:oasis:names:tc:SAML:2.0:status:Success").replace(
                "</samlp:Status>", '<samlp:StatusCode Value="x"/></samlp:Status>'
            ),
        ),
        *(
            _said(f"status-{code}", "status is not Success", status=_status(value))
            for code, value in {
                "responder": "urn:oasis:names:tc:SAML:2.0:status:Responder",
                "of-saml-1": "samlp:Success",
                "success-in-other-letters": "urn:oasis:names:tc:saml:2.0:status:success",
                "success-with-a-space": "urn:oasis:names:tc:SAML:2.0:status:Success ",
                "empty": "",
            }.items()
        ),
        _said(
            "success-only-in-the-nested-code",
            "status is not Success",
            status='<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">'
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
            "</samlp:StatusCode></samlp:Status>",
        ),
        *(
            _said(f"sent-to-{name}", "response destination", destination=value)
            for name, value in {
                "another-host": "https://evil.example.com/saml/acs",
                "a-longer-address": ACS + "/",
                "an-address-with-a-query": ACS + "?x",
                "a-shorter-address": ACS[:-1],
                "our-entity-id": SP,
                "our-address-in-capitals": ACS.upper(),
                "our-address-over-http": ACS.replace("https", "http"),
                "nobody": "",
            }.items()
        ),
        _said("signed-response-sent-to-nobody-at-all", "response destination", "response", destination=None),
        _said("both-signed-response-sent-to-nobody-at-all", "response destination", "both", destination=None),
        _said("answer-to-another-request", "in response to", response_in_response_to="_other"),
        _said("answer-to-no-request", "in response to", response_in_response_to=None),
        _said("answer-to-an-empty-request", "in response to", response_in_response_to=""),
        Attack(
            "success-without-an-assertion",
            "children of the Response",
            lambda: OTTO.response("").replace("{{response-signature}}", ""),
        ),
        Attack(
            "status-after-the-assertion",
            "children of the Response",
            lambda: swap(
                swap(genuine(), OTTO.status or "", ""), "</samlp:Response>", f"{OTTO.status}</samlp:Response>"
            ),
        ),
        Attack(
            "issuer-after-the-status",
            "children of the Response",
            lambda: swap(
                swap(genuine(), f"<saml:Issuer>{IDP}</saml:Issuer>", ""),
                "</samlp:Status>",
                f"</samlp:Status><saml:Issuer>{IDP}</saml:Issuer>",
            ),
        ),
        Attack(
            "text-between-the-parts",
            "text between elements",
            lambda: swap(genuine(), "<samlp:Status>", "x<samlp:Status>"),
        ),
        Attack(
            "artifact-response",
            "root is not a Response",
            lambda: genuine().replace("samlp:Response", "samlp:ArtifactResponse"),
        ),
        Attack(
            "authn-request",
            "root is not a Response",
            lambda: genuine().replace("samlp:Response", "samlp:AuthnRequest"),
        ),
    ],
)

WRONG_PARTY = of_class(
    "wrong party",
    [
        _said("response-of-another-identity-provider", "issuer", response_issuer=_EVIL_IDP),
        _said("assertion-of-another-identity-provider", "issuer", assertion_issuer=_EVIL_IDP),
        _said(
            "both-of-another-identity-provider",
            "issuer",
            response_issuer=_EVIL_IDP,
            assertion_issuer=_EVIL_IDP,
        ),
        _said("issuer-in-capitals", "issuer", assertion_issuer=IDP.upper()),
        _said("issuer-with-a-slash-more", "issuer", assertion_issuer=IDP + "/"),
        _said("issuer-with-a-space-more", "issuer", assertion_issuer=IDP + " "),
        _said("issuer-of-the-response-with-a-space-more", "issuer", response_issuer=IDP + " "),
        _said("issuer-cut-short", "issuer", assertion_issuer=IDP[:-1]),
        _said("issuer-of-similar-letters", "issuer", assertion_issuer=IDP.replace("i", "\u0456", 1)),
        _said("assertion-without-an-issuer", "assertion begins with its Issuer", assertion_issuer=None),
        _said("no-audience-restriction", "no audience restriction", audiences=()),
        _said("restriction-without-an-audience", "audience", audiences=((),)),
        _said("for-another-audience", "audience", audiences=(("urn:other",),)),
        _said("for-a-longer-audience", "audience", audiences=((SP + "x",),)),
        _said("for-a-shorter-audience", "audience", audiences=((SP[:-1],),)),
        _said("for-our-address-as-audience", "audience", audiences=((ACS,),)),
        _said("for-us-in-capitals", "audience", audiences=((SP.upper(),),)),
        _said("for-two-audiences-in-one-text", "audience", audiences=((f"{SP} urn:other",),)),
        _said("for-us-and-for-another-alone", "audience", audiences=((SP,), ("urn:other",))),
        _said("for-another-alone-and-for-us", "audience", audiences=(("urn:other",), (SP,))),
        _said(
            "restriction-with-something-else-in-it",
            "audience restriction",
            audiences=((f"{SP}</saml:Audience><saml:x/><saml:Audience>{SP}",),),
        ),
    ],
)

SUBJECT = of_class(
    "subject",
    [
        _without("no-subject", "exactly one Subject", "subject"),
        _said("no-confirmation", "no subject confirmation", confirmation=""),
        *(
            _said(f"confirmed-by-{method}", "confirmation method", confirmation_method=_CM + method)
            for method in ("sender-vouches", "holder-of-key", "Bearer", "")
        ),
        _said(
            "no-bearer-among-several",
            "confirmation method",
            confirmation=_confirmations("holder-of-key", "sender-vouches"),
        ),
        _said(
            "bearer-without-data",
            "exactly one SubjectConfirmationData",
            confirmation=f'<saml:SubjectConfirmation Method="{_CM}bearer"/>',
        ),
        _said("no-recipient", "SubjectConfirmationData without Recipient", recipient=None),
        _said("empty-recipient", "SubjectConfirmationData without Recipient", recipient=""),
        *(
            _said(f"for-{name}", "recipient", recipient=value)
            for name, value in {
                "another-recipient": "https://evil.example.com/saml/acs",
                "our-entity-id-as-recipient": SP,
                "a-longer-recipient": ACS + "/x",
                "a-shorter-recipient": ACS[:-1],
                "a-recipient-with-a-space": ACS + " ",
            }.items()
        ),
        _said("confirmation-answers-no-request", "in response to", confirmation_in_response_to=None),
        _said("confirmation-answers-another-request", "in response to", confirmation_in_response_to="_other"),
        Attack(
            "answer-to-somebody-elses-request",
            "in response to",
            genuine,
            Surroundings(request_id="_of-this-browser"),
        ),
        _without(
            "confirmation-without-an-end", "SubjectConfirmationData without NotOnOrAfter", "confirmation_end"
        ),
        _said("confirmation-expired", "expired", confirmation_end=_LATE),
        _said("confirmation-not-yet-valid", "not yet valid", confirmation_not_before=_EARLY),
        _said("no-name-id", "exactly one NameID", name_id=None),
        _said("empty-name-id", "NameID is empty", name_id="<saml:NameID/>"),
        _said("blank-name-id", "NameID is empty", name_id="<saml:NameID> \n </saml:NameID>"),
        _said(
            "name-id-of-a-zero-width-space", "NameID is empty", name_id="<saml:NameID>\u200b</saml:NameID>"
        ),
        _said("long-name-id", "NameID too long", name_id=f"<saml:NameID>{'a' * 1_025}</saml:NameID>"),
        _said(
            "long-qualifier",
            "NameQualifier too long",
            name_id=f'<saml:NameID NameQualifier="{"a" * 1_025}">a</saml:NameID>',
        ),
        _said("long-assertion-id", "ID of the Assertion too long", assertion_id="_" + "a" * 1_024),
        Attack(
            "long-session-index",
            "SessionIndex too long",
            lambda: IDP_SIGNS.sign(
                swap(
                    OTTO.response(OTTO.assertion()).replace("{{response-signature}}", ""),
                    'SessionIndex="_index"',
                    f'SessionIndex="{"a" * 1_025}"',
                ),
                "assertion",
                "_assertion",
            ),
        ),
        _said(
            "two-name-ids",
            "exactly one NameID",
            name_id="<saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID>",
        ),
        _said("encrypted-name-id", "exactly one NameID", name_id="<saml:EncryptedID/>"),
        _said("base-id", "exactly one NameID", name_id="<saml:BaseID/>"),
        _said(
            "two-subjects",
            "exactly one Subject",
            extra_in_assertion="<saml:Subject><saml:NameID>ada@example.com</saml:NameID></saml:Subject>",
        ),
    ],
)


def _instant_of(name: str, text: str) -> Attack:
    return _said(name, "instant", conditions_end=text)


CONDITIONS = of_class(
    "conditions and time",
    [
        _said("no-conditions", "exactly one Conditions", conditions=""),
        _said("two-conditions", "exactly one Conditions", extra_in_assertion="<saml:Conditions/>"),
        _without("conditions-without-an-end", "Conditions without NotOnOrAfter", "conditions_end"),
        _said("conditions-expired", "expired", conditions_end=_LATE),
        _said(
            "conditions-expired-a-second-beyond-the-skew",
            "expired",
            conditions_end=NOW - timedelta(seconds=60),
        ),
        _said(
            "conditions-begin-a-second-beyond-the-skew",
            "not yet valid",
            conditions_begin=NOW + timedelta(seconds=61),
        ),
        _said("conditions-not-yet-valid", "not yet valid", conditions_begin=_EARLY),
        _said("unknown-condition", "unknown condition", extra_condition="<saml:Condition/>"),
        _said(
            "condition-of-somebody-elses", "unknown condition", extra_condition='<x:Fine xmlns:x="urn:x"/>'
        ),
        _said("response-of-an-hour-ago", "expired", now=NOW - timedelta(hours=1), session_end=None),
        _said("response-of-tomorrow", "not yet valid", now=NOW + timedelta(days=1)),
        _instant_of("end-without-a-zone", "2026-11-22T13:00:00"),
        _instant_of("end-in-another-zone", "2026-11-22T13:00:00+01:00"),
        _instant_of("end-in-words", "tomorrow"),
        _instant_of("end-in-month-13", "2026-13-22T13:00:00Z"),
        _instant_of("end-in-other-digits", "\u0662\u0660\u0662\u0666-11-22T13:00:00Z"),
        _instant_of("end-in-the-year-0", "0000-01-01T00:00:00Z"),
        _instant_of("end-in-the-year-10000", "10000-01-01T00:00:00Z"),
        _instant_of("end-before-christ", "-2026-11-22T13:00:00Z"),
        _instant_of("end-with-a-line-end-behind", "2026-11-22T13:00:00Z&#10;"),
        _instant_of("end-with-ten-fraction-digits", "2026-11-22T13:00:00.1234567890Z"),
        _instant_of("end-at-second-60", "2026-11-22T13:00:60Z"),
        _instant_of("end-at-second-61", "2026-11-22T13:00:61Z"),
        _instant_of("end-at-hour-24", "2026-11-22T24:00:00Z"),
    ],
)

AUTHENTICATION = of_class(
    "authentication statement",
    [
        _said("no-statement", "no authentication statement", statement=""),
        _said(
            "statement-without-a-context",
            "exactly one AuthnContext",
            statement=f'<saml:AuthnStatement AuthnInstant="{instant(NOW)}"/>',
        ),
        _said("statement-without-an-instant", "AuthnStatement without AuthnInstant", authn_instant=""),
        _said("authenticated-in-the-future", "authentication instant", authn_instant=_EARLY),
        _said("authenticated-in-1970", "authentication instant", authn_instant="1970-01-01T00:00:00Z"),
        _said("sign-in-at-the-identity-provider-is-over", "expired", session_end=_LATE),
        Attack(
            "authenticated-before-the-demand",
            "authentication is not fresh",
            lambda: genuine(story=OTTO.at(authn_instant=NOW - timedelta(hours=1))),
            Surroundings(authenticated_after=NOW),
        ),
        Attack(
            "authenticated-in-another-way-than-demanded",
            "authentication context",
            genuine,
            Surroundings(expected_context=(SECOND_FACTOR,)),
        ),
        Attack(
            "old-second-factor-beside-a-fresh-password",
            "authentication context",
            lambda: genuine(
                story=OTTO.at(
                    statement=statement(NOW - timedelta(hours=8), SECOND_FACTOR) + statement(NOW, PASSWORD)
                )
            ),
            Surroundings(authenticated_after=NOW, expected_context=(SECOND_FACTOR,)),
        ),
        _said("assertion-of-saml-1.1", "version", assertion_version="1.1"),
        _said("assertion-without-a-version", "version", assertion_version=""),
        _said(
            "authorization-decision",
            "children of the Assertion",
            extra_in_assertion='<saml:AuthzDecisionStatement Resource="x" Decision="Permit"/>',
        ),
        _said(
            "statement-of-no-known-kind", "children of the Assertion", extra_in_assertion="<saml:Statement/>"
        ),
        _said("advice", "children of the Assertion", extra_in_assertion="<saml:Advice/>"),
        _said(
            "encrypted-attribute",
            "attribute statement",
            attribute_statement="<saml:AttributeStatement><saml:EncryptedAttribute/></saml:AttributeStatement>",
        ),
        _said(
            "attribute-without-a-name",
            "Attribute without Name",
            attribute_statement="<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement>",
        ),
        _said(
            "text-in-the-attribute-statement",
            "text between elements",
            attribute_statement="<saml:AttributeStatement>sysadmin</saml:AttributeStatement>",
        ),
    ],
)

ATTACKS = [*ENVELOPE, *WRONG_PARTY, *SUBJECT, *CONDITIONS, *AUTHENTICATION]
