"""Runs `config.py`, parses its dicts into Settings, and reports all mistakes together.

`config.py` is a Python file that runs on its own; the service takes only the dicts from it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from awscons.config.build import build_branding, build_settings
from awscons.config.checks import section_mistakes
from awscons.config.logo_file import read_logo
from awscons.config.mistakes import did_you_mean, mistakes_of
from awscons.config.schema import (
    SECTIONS,
    AwsSection,
    SamlSection,
    Section,
    ServerSection,
    SessionSection,
    SiteSection,
)
from awscons.config.settings import Settings
from awscons.config.trust_and_keys import missing_trust, read_certificates, read_key_ring, read_trust
from awscons.errors import ConfigurationError, Mistake

_OPTIONAL_SECTIONS = frozenset({"server_config", "site_config"})


def load_settings(path: Path, *, environment: Mapping[str, str]) -> Settings:
    """The settings in the file at `path`.

    Raises ConfigurationError when the file is missing, unreadable, no Python, fails while it runs, or
    says something that cannot be used.
    """
    namespace = _run(path)
    strays = _unknown_sections([name for name in namespace if not name.startswith("_")])
    try:
        settings = parse_settings(namespace, source=str(path), environment=environment)
    except ConfigurationError as error:
        raise ConfigurationError(str(path), [*strays, *error.mistakes]) from None
    if strays:
        raise ConfigurationError(str(path), strays)
    return settings


def parse_settings(
    sections: Mapping[str, object], *, source: str, environment: Mapping[str, str]
) -> Settings:
    """The settings that the dicts give; `server_config` and `site_config` may be missing.

    sections     the dicts by name; every other name is ignored
    source       the name of the configuration in an error: a file's name
    environment  of the process; `ACS_ENDPOINT` overrides `acs_url`

    Raises ConfigurationError with every mistake in all of the dicts.
    """
    mistakes: list[Mistake] = []
    session = _parse_section(SessionSection, "session_config", sections, mistakes)
    saml = _parse_section(SamlSection, "saml_config", _with_acs_endpoint(sections, environment), mistakes)
    aws = _parse_section(AwsSection, "aws_config", sections, mistakes)
    server = _parse_section(ServerSection, "server_config", sections, mistakes)
    site = _parse_section(SiteSection, "site_config", sections, mistakes)

    # These read the dict as written: their mistakes are reported even if another key stops `saml`.
    written = sections.get("saml_config")
    mistakes += missing_trust(written)
    certificates = read_certificates("certificate", _text_in(written, "certificate"), mistakes)
    pinned = read_certificates(
        "idp_metadata_certificate", _text_in(written, "idp_metadata_certificate"), mistakes
    )
    keys = read_key_ring(_text_in(written, "sp_keys"), mistakes)
    trust = read_trust(saml, certificates, pinned, mistakes) if saml else None
    logo = read_logo(site.logo, mistakes) if site else None
    mistakes += section_mistakes(session, saml, aws, site)
    if session is None or saml is None or aws is None or server is None or site is None:
        raise ConfigurationError(source, mistakes)
    if trust is None or mistakes:
        raise ConfigurationError(source, mistakes)
    return build_settings(session, saml, aws, server, trust, keys, build_branding(site, logo))


# --- the dicts ---------------------------------------------------------------------------

_AnySection = TypeVar("_AnySection", bound=Section)


def _with_acs_endpoint(
    sections: Mapping[str, object], environment: Mapping[str, str]
) -> Mapping[str, object]:
    override, saml = environment.get("ACS_ENDPOINT"), sections.get("saml_config")
    if not override or not isinstance(saml, dict):
        return sections
    return {**sections, "saml_config": {**saml, "acs_url": override}}


def _parse_section(
    model: type[_AnySection], name: str, sections: Mapping[str, object], mistakes: list[Mistake]
) -> _AnySection | None:
    """One dict, parsed; None when it has mistakes, which are added to the others."""
    if name not in sections and name in _OPTIONAL_SECTIONS:
        return model()
    if name not in sections:
        mistakes.append(Mistake(name, "", "a dict: this section is required"))
        return None
    try:
        return model.model_validate(sections[name])
    except ValidationError as error:
        mistakes.extend(mistakes_of(name, model, error))
        return None


def _text_in(section: object, key: str) -> str | None:
    """The text under a key of a dict that may have mistakes; None where there is none to look at."""
    value = section.get(key) if isinstance(section, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None


def _unknown_sections(names: Sequence[str]) -> list[Mistake]:
    """Names in a configuration file that look like one of the dicts and are not."""
    return [
        Mistake(
            name,
            "a name that does not exist",
            f"one of {', '.join(SECTIONS)}",
            did_you_mean(name, SECTIONS),
        )
        for name in names
        if name.endswith("_config") and name not in SECTIONS
    ]


# --- the file ----------------------------------------------------------------------------


def _run(path: Path) -> dict[str, object]:
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            str(path),
            [
                Mistake(
                    path.name,
                    "no such file",
                    "your configuration",
                    "copy config.py.sample to config.py and edit it",
                )
            ],
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            str(path), [Mistake(path.name, reason, "a file that this user may read")]
        ) from None
    namespace: dict[str, object] = {"__name__": "config", "__file__": str(path)}
    try:
        # The operator's own file, as with AWScons 1: it may compute, read the environment, import.
        exec(compile(source, str(path), "exec"), namespace)  # noqa: S102  see above
    except SyntaxError as error:
        where = f"{path.name}, line {error.lineno}"
        raise ConfigurationError(str(path), [Mistake(where, error.msg, "valid Python")]) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is somebody else's code
        where = f"{path.name}, line {_line_of(error, str(path))}"
        what = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            str(path), [Mistake(where, what, "a file that runs without an error")]
        ) from None
    return {name: value for name, value in namespace.items() if name in SECTIONS or not name.startswith("_")}


def _line_of(error: BaseException, filename: str) -> int | str:
    """The last line of the file that was running when `error` came up."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename
    ]
    return lines[-1] if lines and lines[-1] is not None else "?"
