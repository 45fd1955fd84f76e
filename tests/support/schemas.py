"""The schemas of OASIS and W3C, as Debian packages them: whether a document of ours is of the standard's form.

`opensaml-schemas` and `xmltooling-schemas` carry them under /usr/share/xml, so nothing is fetched and
nothing is copied into this repository. They name each other by addresses on the web, which are bent to
those folders.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from lxml import etree

_SAML = Path("/usr/share/xml/opensaml")
_XML = Path("/usr/share/xml/xmltooling")
_ON_THE_WEB = {
    "http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd": "xmldsig-core-schema.xsd",
    "http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd": "xenc-schema.xsd",
    "http://www.w3.org/2001/xml.xsd": "xml.xsd",
}


def schema_errors(document: str | bytes) -> list[str]:
    """What the schemas have against a document, one line each; nothing when it is valid."""
    root = etree.fromstring(document.encode() if isinstance(document, str) else document)
    schema = _schema()
    schema.validate(root)
    return [f"{error.path}: {error.message}" for error in schema.error_log]


@cache
def _schema() -> etree.XMLSchema:
    """One schema over messages and metadata, with every file it needs beside it."""
    with tempfile.TemporaryDirectory(prefix="awscons-schemas-") as name:
        folder = Path(name)
        for file in (*_SAML.glob("saml-schema-*-2.0.xsd"), *_XML.glob("*.xsd")):
            text = file.read_text()
            for address, local in _ON_THE_WEB.items():
                text = text.replace(address, local)
            (folder / file.name).write_text(text)
        all_of_it = folder / "all.xsd"
        all_of_it.write_text(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
            '<xs:import namespace="urn:oasis:names:tc:SAML:2.0:protocol" '
            'schemaLocation="saml-schema-protocol-2.0.xsd"/>'
            '<xs:import namespace="urn:oasis:names:tc:SAML:2.0:metadata" '
            'schemaLocation="saml-schema-metadata-2.0.xsd"/>'
            '<xs:import namespace="http://www.w3.org/2009/xmlenc11#" schemaLocation="xenc11-schema.xsd"/>'
            "</xs:schema>"
        )
        return etree.XMLSchema(etree.parse(all_of_it))
