"""The identity provider's metadata in detail: the last value that is accepted, and what a refusal names."""

from datetime import UTC, datetime, timedelta

import pytest

from awscons.errors import MetadataRefused
from awscons.saml.metadata import MAX_METADATA_BYTES, IdpMetadata, parse_duration, parse_idp_metadata
from support.describe import MD, POST, REDIRECT, SLO_URL, Description, federation
from support.forge import IDP, SSO_URL, Forger, certificate_of

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = Description()
OTHER = GOOD.at(entity_id="https://other.example.com/")


def read(document: bytes | str, entity_id: str | None = None, *, pinned: bool = False) -> IdpMetadata:
    data = document.encode() if isinstance(document, str) else document
    signed_by = (certificate_of("federation"),) if pinned else ()
    return parse_idp_metadata(data, entity_id=entity_id, signed_by=signed_by, now=NOW)


def refusal(document: bytes | str, entity_id: str | None = None, *, pinned: bool = False) -> MetadataRefused:
    with pytest.raises(MetadataRefused) as caught:
        read(document, entity_id, pinned=pinned)
    return caught.value


# --- the document ------------------------------------------------------------------------


def test_a_document_may_be_exactly_as_long_as_its_limit() -> None:
    longest = GOOD.document().ljust(MAX_METADATA_BYTES)
    assert read(longest).entity_id == IDP
    assert "the document is 8,000,001 bytes long, more than 8,000,000" in str(refusal(longest + b" "))


def test_signed_metadata_may_hold_comments_as_unsigned_may() -> None:
    signed = GOOD.at(extra="<!-- by hand -->").signed(Forger(key_name="federation"))
    assert read(signed, pinned=True).entity_id == IDP


def test_signed_metadata_is_checked_before_its_signature() -> None:
    signed = GOOD.at(extra='<x ID="_metadata"/>').signed(Forger(key_name="federation"))
    assert "ID not unique" in str(refusal(signed, pinned=True))


def test_text_behind_an_entity_of_a_federation_does_not_matter() -> None:
    document = federation([GOOD, OTHER]).replace(b"</md:EntityDescriptor>", b"</md:EntityDescriptor>text")
    assert read(document, IDP).entity_id == IDP


def test_a_signature_without_any_valid_form_is_refused_with_what_to_compare() -> None:
    signature = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    refused = refusal(GOOD.at(extra=signature).document(), pinned=True)
    assert "the document's signature is not valid" in str(refused)
    assert "`idp_metadata_certificate`" in refused.hint


# --- which entity ------------------------------------------------------------------------


def test_an_entity_is_found_in_a_federation_of_federations() -> None:
    inner = federation([OTHER, GOOD], 'validUntil="2026-11-30T00:00:00Z"').decode()
    metadata = read(f'<md:EntitiesDescriptor xmlns:md="{MD}">{inner}</md:EntitiesDescriptor>', IDP)
    assert metadata.valid_until == datetime(2026, 11, 30, tzinfo=UTC)


def test_a_descriptor_that_stands_in_no_entity_does_not_count() -> None:
    text = GOOD.document().decode()
    descriptor = text[text.index("<md:IDPSSODescriptor") : text.index("</md:EntityDescriptor>")]
    stray = federation([]).decode().replace("></md:", f">{descriptor}</md:")
    assert "IDPSSODescriptor" in stray
    assert "no SAML 2.0 identity provider" in str(refusal(stray))


def test_a_descriptor_that_states_no_protocol_does_not_count() -> None:
    silent = GOOD.document().replace(b"protocolSupportEnumeration", b"protocols")
    assert "no SAML 2.0 identity provider" in str(refusal(silent))


def test_other_entities_of_a_document_are_listed_up_to_five() -> None:
    others = [OTHER.at(entity_id=f"urn:{number}") for number in range(7)]
    five = "'urn:0', 'urn:1', 'urn:2', 'urn:3', 'urn:4'"
    assert str(refusal(federation(others[:5]), IDP)).endswith(f"there is: {five}")
    assert str(refusal(federation(others[:6]), IDP)).endswith(f"there is: {five} and 1 more")
    assert str(refusal(federation(others))).endswith(f"identity providers: {five} and 2 more")


def test_entities_without_a_name_are_listed_as_such_and_cannot_be_used() -> None:
    nameless = GOOD.document().replace(b"entityID", b"name")
    assert str(refusal(nameless, IDP)).endswith("there is: ''")
    assert "EntityDescriptor without entityID (SAML metadata 2.3)" in str(refusal(nameless))


@pytest.mark.parametrize("entity_id", [None, IDP])
def test_one_entity_id_twice_is_refused_with_its_own_hint(entity_id: str | None) -> None:
    refused = refusal(federation([GOOD, GOOD]), entity_id)
    assert ("one EntityDescriptor" in refused.hint) is (entity_id is not None)
    assert ("`issuer`" in refused.hint) is (entity_id is None)


def test_an_entity_for_all_tenants_in_common_disturbs_no_other() -> None:
    common = OTHER.at(entity_id="https://sts.windows.net/{TenantID}/")
    assert read(federation([common, GOOD]), IDP).entity_id == IDP
    assert "all tenants in common" in str(refusal(federation([common, GOOD])))


# --- what is in it -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["attributes", "descriptor_attributes"], ids=["of-the-entity", "of-the-descriptor"]
)
def test_metadata_may_be_used_until_the_second_at_which_it_expires(where: str) -> None:
    assert read(GOOD.at(**{where: 'validUntil="2026-11-22T12:00:01Z"'}).document()).valid_until == (
        NOW + timedelta(seconds=1)
    )
    refused = refusal(GOOD.at(**{where: 'validUntil="2026-11-22T12:00:00Z"'}).document())
    assert "was valid until 2026-11-22T12:00:00+00:00" in str(refused)


def test_a_malformed_end_is_refused_with_its_section() -> None:
    refused = refusal(GOOD.at(attributes='validUntil="tomorrow"').document())
    assert "instant (SAML metadata 2.3)" in str(refused)


def test_metadata_without_times_does_not_expire() -> None:
    metadata = read(GOOD.document())
    assert (metadata.valid_until, metadata.cache_duration) == (None, None)


def test_the_shortest_duration_to_cache_for_counts_and_a_malformed_one_does_not() -> None:
    described = GOOD.at(attributes='cacheDuration="PT2H"', descriptor_attributes='cacheDuration="1 hour"')
    assert read(federation([described], 'cacheDuration="P1D"')).cache_duration == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "wanted"), [("true", True), ("1", True), ("false", False), ("0", False), ("TRUE", False)]
)
def test_signed_requests_are_wanted_where_the_metadata_says_so(
    text: str,
    wanted: bool,  # noqa: FBT001  a column of the table
) -> None:
    described = GOOD.at(descriptor_attributes=f'WantAuthnRequestsSigned="{text}"')
    assert read(described.document()).wants_signed_requests is wanted
    assert read(GOOD.document()).wants_signed_requests is False


def test_the_first_web_address_of_each_binding_counts() -> None:
    addresses = (
        (POST, "urn:none"),
        (POST, "http://idp.example.com/1"),
        (POST, "https://idp.example.com/2"),
        ("urn:other", "https://idp.example.com/3"),
    )
    expected = {POST: "http://idp.example.com/1", "urn:other": "https://idp.example.com/3"}
    metadata = read(GOOD.at(sso=addresses, slo=addresses[1:]).document())
    assert metadata.sso_urls == metadata.slo_urls == expected
    assert metadata.slo_response_urls == {}


def test_a_service_without_a_binding_or_an_address_is_read_for_what_it_is() -> None:
    document = GOOD.document().replace(f'Binding="{REDIRECT}"'.encode(), b"", 1)
    assert read(document).slo_urls == {"": SLO_URL}
    assert read(document.replace(b"Location", b"Place", 1)).slo_urls == {}


def test_the_address_for_logout_responses_is_read_where_it_differs() -> None:
    old, new = f'Location="{SLO_URL}"', f'Location="{SLO_URL}" ResponseLocation="{SLO_URL}/answers"'
    metadata = read(GOOD.document().replace(old.encode(), new.encode()))
    assert metadata.slo_urls == {REDIRECT: SLO_URL}
    assert metadata.slo_response_urls == {REDIRECT: f"{SLO_URL}/answers"}
    assert metadata.sso_urls == {REDIRECT: SSO_URL, POST: f"{SSO_URL}/post"}


def test_a_certificate_that_does_not_count_leaves_a_finding() -> None:
    weak = certificate_of("weak", bits=1_024)
    metadata = read(GOOD.at(certificates=(weak, certificate_of("idp"))).document())
    assert len(metadata.findings) == 1
    assert "1024 bits" in metadata.findings[0].cause
    assert read(GOOD.document()).findings == ()


@pytest.mark.parametrize(("count", "named"), [(2, 2), (3, 3), (4, 3)])
def test_where_no_certificate_counts_up_to_three_reasons_are_named(count: int, named: int) -> None:
    weak = tuple(certificate_of(f"weak{number}", bits=1_024) for number in range(count))
    refused = refusal(GOOD.at(certificates=weak).document())
    assert str(refused).count("an RSA key of 1024 bits") == named
    assert refused.hint


def test_without_any_certificate_the_hint_says_where_one_belongs() -> None:
    assert "X509Certificate" in refusal(GOOD.at(certificates=()).document()).hint


# --- durations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1Y", timedelta(days=365)),
        ("P1Y2M3DT4H5M6S", timedelta(days=428, hours=4, minutes=5, seconds=6)),
        ("PT1M", timedelta(minutes=1)),
        ("PT0S", timedelta(0)),
        ("PT1.999S", timedelta(seconds=1)),
        ("P9999Y", timedelta(days=3_649_635)),
    ],
)
def test_each_unit_of_a_duration_counts(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["P1YT", "P10000Y", "PT1", "P1M1Y", "P٣D", "PT1S\n", "T1S"])
def test_what_is_nearly_a_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None
