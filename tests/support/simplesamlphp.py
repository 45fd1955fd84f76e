"""SimpleSAMLphp, a real identity provider: Debian's package on PHP's own server, in a folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization

from support.browser import Browser, Form, forms_in
from support.forge import certificate_of, key_named, pem_of
from support.serving import free_port, program

WWW = Path("/usr/share/simplesamlphp/www")
KEY = "simplesamlphp"

_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:"

PEOPLE: dict[str, dict[str, list[str]]] = {
    "ada": {"groups": ["sysadmin", "staff"], "displayName": ["Ada Admin"]},
    "carl": {"groups": ["cloudadmin"], "displayName": ["Carl Cloud"]},
    "otto": {"groups": ["dbs"], "displayName": ["Otto Only"]},
    "nina": {"displayName": ["Nina Nowhere"]},
    "vera": {"groups": [*(f"team-{number:04}-{'x' * 110}" for number in range(2_999)), "cloudadmin"]},
    "mona": {"groups": [*(f"team-{number:03}" for number in range(149)), "cloudadmin"]},
    "zoë": {"groups": ["cloudadmin"], "displayName": ["Zoë Müller-Łukasz"]},
}


@dataclass(frozen=True)
class SimpleSamlPhp:
    """A running identity provider, configured by files in `folder`; every password is `secret`."""

    url: str
    folder: Path

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

    # --- its administrator ---

    def know(self, sp_metadata: bytes, settings: Mapping[str, object] | None = None) -> None:
        """Know one service provider, from nothing but its metadata, as its own parser reads that.

        settings   what its administrator writes beside it, such as `saml20.sign.response`
        """
        (self.folder / "sp.xml").write_bytes(sp_metadata)
        (self.folder / "metadata" / "saml20-sp-remote.php").write_text(
            f"""<?php
            foreach (\\SimpleSAML\\Metadata\\SAMLParser::parseDescriptorsFile('{self.folder}/sp.xml') as $id => $sp) {{
                $metadata[$id] = array_merge($sp->getMetadata20SP(), {_php_array(settings or {})});
            }}
            """,
            encoding="utf-8",
        )

    def serve_for(self, idp_metadata: bytes, *, entity_id: str) -> None:
        """Be a service provider as well, which trusts one identity provider by its metadata."""
        (self.folder / "idp.xml").write_bytes(idp_metadata)
        (self.folder / "metadata" / "saml20-idp-remote.php").write_text(
            f"""<?php
            foreach (\\SimpleSAML\\Metadata\\SAMLParser::parseDescriptorsFile('{self.folder}/idp.xml') as $id => $idp) {{
                $metadata[$id] = $idp->getMetadata20IdP();
            }}
            """,
            encoding="utf-8",
        )
        own = {"0": "saml:SP", "entityID": entity_id, "WantAssertionsSigned": True}
        _php(
            self.folder / "config" / "authsources.php",
            "config",
            {"default-sp": own, "admin": {"0": "core:AdminPassword"}},
        )

    @property
    def acs_url(self) -> str:
        """Where it takes responses as a service provider."""
        return f"{self.url}/module.php/saml/sp/saml2-acs.php/default-sp"

    def set_up(self, hosted: Mapping[str, object] | None = None) -> None:
        """Take other settings of its own, such as `key_pair` gives."""
        usual = {
            "host": "__DEFAULT__",
            "auth": "people",
            "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "NameIDFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
            "simplesaml.nameidattribute": "uid",
            "SingleSignOnServiceBinding": [f"{_BINDING}HTTP-Redirect", f"{_BINDING}HTTP-POST"],
            **self.key_pair(KEY),
        }
        path = self.folder / "metadata" / "saml20-idp-hosted.php"
        _php(path, "metadata", {self.entity_id: {**usual, **(hosted or {})}})

    def key_pair(self, name: str, *, prefix: str = "") -> dict[str, str]:
        """The settings that name a key pair of ours as its own; `new_` prefixes the next one."""
        key = key_named(name).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "cert" / f"{name}.key").write_bytes(key)
        (self.folder / "cert" / f"{name}.crt").write_text(pem_of(certificate_of(name)))
        return {f"{prefix}privatekey": f"{name}.key", f"{prefix}certificate": f"{name}.crt"}

    def set_clock(self, now: datetime | None) -> None:
        """Stop its clock at a moment; None: let it go right again."""
        (self.folder / "now").write_text("" if now is None else str(int(now.timestamp())))

    # --- people ---

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
    sp_metadata: bytes | None = None,
    hosted: Mapping[str, object] | None = None,
) -> Iterator[SimpleSamlPhp]:
    """Run one, for one service provider, who may also be made known later.

    sp_metadata   all that it is to know of the service provider, instead of the two texts
    hosted        more settings of its own, such as `saml20.sign.response`
    """
    port = free_port()
    idp = SimpleSamlPhp(f"http://127.0.0.1:{port}", folder)
    _configure(idp)
    idp.set_up(hosted)
    idp.set_clock(None)
    if sp_metadata is not None:
        idp.know(sp_metadata)
    elif entity_id:
        _know_service_provider(folder, entity_id, acs_url)
    environment = {**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(folder / "config")}
    # PHP's own server answers one request at a time unless told otherwise.
    environment["PHP_CLI_SERVER_WORKERS"] = "4"
    command = ["php", "-S", f"127.0.0.1:{port}", "-t", str(WWW), "-d", f"session.save_path={folder}"]
    # What is switched off may be written anew: this is how its clock can be set.
    # Its settings are PHP files, and the cache of compiled files looks at each of them only every two seconds.
    command += ["-d", "opcache.enable=0"]
    command += ["-d", "disable_functions=time", "-d", f"auto_prepend_file={folder}/clock.php"]
    with program(command, port=port, log=folder / "php.log", environment=environment):
        yield idp


def _configure(idp: SimpleSamlPhp) -> None:
    folder = idp.folder
    for name in ("config", "metadata", "cert", "log", "data", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "clock.php").write_text(
        f"""<?php
        function time(): int {{
            return (int) (file_get_contents('{folder}/now') ?: (new DateTime())->getTimestamp());
        }}
        """
    )
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
            "metadata.sources": [{"type": "flatfile"}],
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
    """Values as a PHP file that sets `$variable`."""
    path.write_text(f"<?php\n${variable} = {_php_array(values)};\n", encoding="utf-8")


def _php_array(values: Mapping[str, object]) -> str:
    """Values as a PHP expression, by way of JSON."""
    text = json.dumps(values, ensure_ascii=False).replace("\\", "\\\\").replace("'", "\\'")
    return f"json_decode('{text}', true)"
