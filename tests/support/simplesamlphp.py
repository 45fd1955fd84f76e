"""SimpleSAMLphp, a real identity provider: Debian's package on PHP's own server, in a folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization

from support.browser import Browser, Form, forms_in
from support.forge import certificate_of, key_named, pem_of
from support.serving import free_port, program

WWW = Path("/usr/share/simplesamlphp/www")
KEY = "simplesamlphp"

_NOBODY = b'<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>'

PEOPLE: dict[str, dict[str, list[str]]] = {
    "ada": {"groups": ["sysadmin", "staff"], "displayName": ["Ada Admin"]},
    "carl": {"groups": ["cloudadmin"], "displayName": ["Carl Cloud"]},
    "otto": {"groups": ["dbs"], "displayName": ["Otto Only"]},
    "nina": {"displayName": ["Nina Nowhere"]},
    "zoë": {"groups": ["cloudadmin"], "displayName": ["Zoë Müller-Łukasz"]},
}


@dataclass(frozen=True)
class SimpleSamlPhp:
    """A running identity provider; every password is `secret`."""

    url: str

    @property
    def entity_id(self) -> str:
        """Its entity ID."""
        return f"{self.url}/saml2/idp/metadata.php"

    @property
    def sso_url(self) -> str:
        """Where the AuthnRequest goes."""
        return f"{self.url}/saml2/idp/SSOService.php"

    @property
    def slo_url(self) -> str:
        """Where logout messages go."""
        return f"{self.url}/saml2/idp/SingleLogoutService.php"

    @property
    def certificate_pem(self) -> str:
        """Its signing certificate."""
        return pem_of(certificate_of(KEY))

    def sign_in(self, browser: Browser, sent: httpx.Response, name: str) -> httpx.Response:
        """Follow the redirect to it, fill in its login page, post its answer; gives what the ACS said."""
        form = self.answer(browser, browser.follow_all(sent), name)
        return browser.answer(form.action, form.fields)

    def answer(self, browser: Browser, page: httpx.Response, name: str) -> Form:
        """Fill in its login page, where it shows one; gives the form that it would have posted to the ACS."""
        if any("username" in form.fields for form in forms_in(page)):
            page = browser.follow_all(browser.submit(page, {"username": name, "password": "secret"}))
        (form,) = forms_in(page)
        assert "SAMLResponse" in form.fields, page.text
        return form


@contextmanager
def simplesamlphp(
    folder: Path,
    *,
    entity_id: str = "",
    acs_url: str = "",
    port: int | None = None,
    sp_metadata: bytes | None = None,
    hosted: Mapping[str, object] | None = None,
) -> Iterator[SimpleSamlPhp]:
    """Run one, for one service provider.

    port          where it has to be known beforehand
    sp_metadata   all that it is to know of the service provider, instead of the two texts
    hosted        more settings of its own, such as `saml20.sign.response`
    """
    port = port or free_port()
    idp = SimpleSamlPhp(f"http://127.0.0.1:{port}")
    _configure(folder, idp, hosted or {})
    if sp_metadata is None:
        _know_service_provider(folder, entity_id, acs_url)
    (folder / "sp.xml").write_bytes(sp_metadata or _NOBODY)
    environment = {**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(folder / "config")}
    # PHP's own server answers one request at a time unless told otherwise.
    environment["PHP_CLI_SERVER_WORKERS"] = "4"
    command = ["php", "-S", f"127.0.0.1:{port}", "-t", str(WWW), "-d", f"session.save_path={folder}"]
    with program(command, port=port, log=folder / "php.log", environment=environment):
        yield idp


def _configure(folder: Path, idp: SimpleSamlPhp, hosted: Mapping[str, object]) -> None:
    for name in ("config", "metadata", "cert", "log", "data", "tmp"):
        (folder / name).mkdir(parents=True)
    key = key_named(KEY).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert" / "idp.key").write_bytes(key)
    (folder / "cert" / "idp.crt").write_text(idp.certificate_pem)
    _php(
        folder / "config" / "config.php",
        "config",
        {
            "baseurlpath": f"{idp.url}/",
            "certdir": f"{folder}/cert/",
            "loggingdir": f"{folder}/log/",
            "datadir": f"{folder}/data/",
            "tempdir": f"{folder}/tmp",
            "metadatadir": f"{folder}/metadata/",
            "attributenamemapdir": "/etc/simplesamlphp/attributemap/",
            "secretsalt": "made-up-for-tests",
            "auth.adminpassword": "made-up-for-tests",
            "timezone": "UTC",
            "logging.handler": "file",
            "logging.level": 7,
            "enable.saml20-idp": True,
            "module.enable": {"exampleauth": True, "core": True, "saml": True},
            "session.cookie.secure": False,
            "session.cookie.samesite": "Lax",
            "session.phpsession.savepath": str(folder),
            "store.type": "phpsession",
            "metadata.sources": [{"type": "flatfile"}, {"type": "xml", "file": f"{folder}/sp.xml"}],
            "language.available": ["en"],
            "language.default": "en",
            "theme.use": "default",
        },
    )
    people: dict[str, object] = {
        f"{name}:secret": {"uid": [name], **attributes} for name, attributes in PEOPLE.items()
    }
    _php(
        folder / "config" / "authsources.php",
        "config",
        {"people": {"0": "exampleauth:UserPass", **people}, "admin": {"0": "core:AdminPassword"}},
    )
    _php(
        folder / "metadata" / "saml20-idp-hosted.php",
        "metadata",
        {
            idp.entity_id: {
                "host": "__DEFAULT__",
                "privatekey": "idp.key",
                "certificate": "idp.crt",
                "auth": "people",
                "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
                "NameIDFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
                "simplesaml.nameidattribute": "uid",
                **hosted,
            }
        },
    )


def _know_service_provider(folder: Path, entity_id: str, acs_url: str) -> None:
    _php(
        folder / "metadata" / "saml20-sp-remote.php",
        "metadata",
        {
            entity_id: {
                "AssertionConsumerService": acs_url,
                "NameIDFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
                "simplesaml.nameidattribute": "uid",
            }
        },
    )


def _php(path: Path, variable: str, values: Mapping[str, object]) -> None:
    """Values as a PHP file that sets `$variable`, by way of JSON."""
    text = json.dumps(values, ensure_ascii=False).replace("\\", "\\\\").replace("'", "\\'")
    path.write_text(f"<?php\n${variable} = json_decode('{text}', true);\n", encoding="utf-8")
