"""Our metadata, word for word: identity providers read it with programs of many kinds."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from awscons.saml.metadata import Organization, build_sp_metadata
from awscons.saml.parties import ServiceProvider
from support.forge import ACS, SP, certificate_of

SLO = "https://sso.example.com/saml/slo"
SHORT = f"""<?xml version='1.0' encoding='UTF-8'?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" \
entityID="{SP}">
  <md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true" \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{SLO}"/>
    <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{SLO}"/>
    <md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ACS}" \
index="0" isDefault="true"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"""
CERTIFICATE = base64.b64encode(certificate_of("sp").public_bytes(Encoding.DER)).decode()
KEY_INFO = f"""
      <ds:KeyInfo>
        <ds:X509Data>
          <ds:X509Certificate>{CERTIFICATE}</ds:X509Certificate>
        </ds:X509Data>
      </ds:KeyInfo>"""
KEYS = f"""
    <md:KeyDescriptor use="signing">{KEY_INFO}
    </md:KeyDescriptor>
    <md:KeyDescriptor use="encryption">{KEY_INFO}
      <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>
      <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes128-gcm"/>
      <md:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>
    </md:KeyDescriptor>
    <md:SingleLogoutService"""
ATTRIBUTES = """
    <md:AttributeConsumingService index="0" isDefault="true">
      <md:ServiceName xml:lang="en">AWS console</md:ServiceName>
      <md:RequestedAttribute Name="groups" isRequired="false"/>
      <md:RequestedAttribute Name="mail" isRequired="false"/>
    </md:AttributeConsumingService>
  </md:SPSSODescriptor>"""
ORGANIZATION = """
  <md:Organization>
    <md:OrganizationName xml:lang="en">Example</md:OrganizationName>
    <md:OrganizationDisplayName xml:lang="en">Example &amp; Co</md:OrganizationDisplayName>
    <md:OrganizationURL xml:lang="en">https://example.com/</md:OrganizationURL>
  </md:Organization>
</md:EntityDescriptor>"""
CONTACT = """
  <md:ContactPerson contactType="technical">
    <md:EmailAddress>mailto:it@example.com</md:EmailAddress>
  </md:ContactPerson>
</md:EntityDescriptor>"""
US = ServiceProvider(SP, ACS, slo_url=SLO)


def test_the_shortest_metadata_is_this() -> None:
    assert build_sp_metadata(US).decode() == SHORT


def test_a_key_is_for_signing_and_for_encryption() -> None:
    us = ServiceProvider(SP, ACS, slo_url=SLO, published_certificates=(certificate_of("sp"),))
    expected = SHORT.replace("\n    <md:SingleLogoutService", KEYS, 1)
    assert build_sp_metadata(us).decode() == expected


def test_signed_requests_are_announced() -> None:
    expected = SHORT.replace('AuthnRequestsSigned="false"', 'AuthnRequestsSigned="true"')
    assert build_sp_metadata(US, signs_requests=True).decode() == expected


def test_the_requested_attributes_are_listed() -> None:
    expected = SHORT.replace("\n  </md:SPSSODescriptor>", ATTRIBUTES)
    assert build_sp_metadata(US, requested_attributes=("groups", "mail")).decode() == expected


@pytest.mark.parametrize("name_id_format", ["urn:f", ""])
def test_the_format_of_the_name_id_stands_before_the_acs(name_id_format: str) -> None:
    text = f">{name_id_format}</md:NameIDFormat>" if name_id_format else "></md:NameIDFormat>"
    expected = SHORT.replace("\n    <md:AssertionC", f"\n    <md:NameIDFormat{text}\n    <md:AssertionC")
    assert build_sp_metadata(US, name_id_format=name_id_format).decode() == expected


def test_the_organization_and_the_contact_stand_at_the_end() -> None:
    organization = Organization("Example", "Example & Co", "https://example.com/")
    with_organization = SHORT.replace("\n</md:EntityDescriptor>", ORGANIZATION)
    assert build_sp_metadata(US, organization=organization).decode() == with_organization
    with_both = with_organization.replace("\n</md:EntityDescriptor>", CONTACT)
    both = build_sp_metadata(US, organization=organization, technical_contact="it@example.com")
    assert both.decode() == with_both
