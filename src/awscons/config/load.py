"""Parses the dicts of `config.py` into Settings, and reports all mistakes together.

`config.py` is a Python file that runs on its own; the service takes only the dicts from it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from awscons.config.assertion_keys import read_assertion_keys
from awscons.config.audit_key_file import check_key_file
from awscons.config.build import build_branding, build_settings
from awscons.config.checks import section_mistakes
from awscons.config.config_file import file_findings, run_config_file
from awscons.config.file_access import others_can_read
from awscons.config.fingerprint import fingerprint_of
from awscons.config.logo_file import read_logo
from awscons.config.many_accounts import ManyAccounts, read_patterns
from awscons.config.mistakes import mistakes_of
from awscons.config.outside_values import OutsideValues
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
from awscons.config.trust_and_keys import missing_trust, read_certificates, read_key_ring, read_trust, text_in
from awscons.errors import ConfigurationError, Mistake
from awscons.findings import Finding

_SECTION_SUFFIX = re.compile(r"_?(?:config(?:s|uration)?|conf|cfg|settings|section)$")
_OPTIONAL_SECTIONS = frozenset({"server_config", "site_config"})


def load_settings(path: Path | str, *, environment: Mapping[str, str]) -> Settings:
    """The settings in the file at `path`.

    Raises ConfigurationError when the file is missing, unreadable, no Python, fails while it runs, can be written
    by other users, or says something that cannot be used.
    """
    file = run_config_file(Path(path))
    strays = list(_misnamed_sections(file.names))
    try:
        settings = parse_settings(
            file.names, source=str(path), environment=environment, folder=Path(path).absolute().parent
        )
    except ConfigurationError as error:
        raise ConfigurationError(str(path), [*strays, *error.mistakes]) from None
    if strays:
        raise ConfigurationError(str(path), strays)
    found = [
        *settings.file_findings,
        *file_findings(file),
        *_credentials_for_all(settings.aws.credentials_file),
    ]
    files = (*settings.source_files, *file.files)
    return replace(settings, file_findings=tuple(found), source_files=files)


def parse_settings(
    sections: Mapping[str, object],
    *,
    source: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> Settings:
    """The settings that the dicts give; `server_config` and `site_config` may be missing.

    sections     the dicts by name; every other name is ignored
    source       the name of the configuration in an error: a file's name
    environment  of the process; `ACS_ENDPOINT` overrides `acs_url`, and `{"env": …}` reads from it
    folder       at which the relative paths of `{"file": …}` start; None: the working folder

    Raises ConfigurationError with every mistake in all of the dicts.
    """
    mistakes: list[Mistake] = []
    findings: list[Finding] = []
    outside = OutsideValues(folder or Path(), environment, mistakes, findings)
    sections = {name: outside.resolve(name, value) for name, value in sections.items() if name in SECTIONS}
    unread = {mistake.path for mistake in mistakes}
    many = read_patterns(sections.get("aws_config"), folder=folder or Path(), mistakes=mistakes)
    if many is not None:
        sections["aws_config"] = many.aws_config
    session = _parse_section(SessionSection, "session_config", sections, mistakes)
    saml = _parse_section(SamlSection, "saml_config", _with_acs_endpoint(sections, environment), mistakes)
    aws = _parse_section(AwsSection, "aws_config", sections, mistakes)
    server = _parse_section(ServerSection, "server_config", sections, mistakes)
    site = _parse_section(SiteSection, "site_config", sections, mistakes)

    # These read the dict as written: their mistakes are reported even if another key stops `saml`.
    written = sections.get("saml_config")
    mistakes += missing_trust(written)
    certificates = read_certificates("saml_config.certificate", text_in(written, "certificate"), mistakes)
    pinned = read_certificates(
        "saml_config.idp_metadata_certificate", text_in(written, "idp_metadata_certificate"), mistakes
    )
    keys = read_key_ring(text_in(written, "sp_keys"), "saml_config.sp_keys", mistakes)
    assertion_keys = read_assertion_keys(sections.get("aws_config"), keys, mistakes)
    check_key_file(text_in(sections.get("server_config"), "audit_key_file"), mistakes)
    trust = read_trust(saml, certificates, pinned, mistakes) if saml else None
    logo = read_logo(site.logo, mistakes) if site else None
    mistakes += section_mistakes(session, saml, aws, server)
    if session is None or saml is None or aws is None or server is None or site is None:
        raise ConfigurationError(source, _worded(mistakes, unread, many))
    if trust is None or mistakes:
        raise ConfigurationError(source, _worded(mistakes, unread, many))
    branding = build_branding(site, logo, many.accounts if many else ())
    settings = build_settings(session, saml, aws, server, trust, keys, branding, assertion_keys)
    return replace(
        settings,
        file_findings=(*findings, *(many.findings() if many else ())),
        source_files=many.files if many else (),
        fingerprint=fingerprint_of(many.facts(sections) if many else sections),
    )


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


def _worded(
    mistakes: Sequence[Mistake], unread: AbstractSet[str], many: ManyAccounts | None
) -> list[Mistake]:
    """The mistakes without those that merely follow from an outside text, those of patterns by their pattern."""
    own = [
        mistake for index, mistake in enumerate(mistakes) if index < len(unread) or mistake.path not in unread
    ]
    return many.name_origins(own) if many else own


def _credentials_for_all(file: str | None) -> Iterator[Finding]:
    """A warning if every user can read the file of AWS credentials; nothing if there is none to look at."""
    with suppress(OSError):
        found = others_can_read(Path(file), holds="AWS credentials") if file else None
        if found is not None:
            yield found


def _misnamed_sections(names: Mapping[str, object]) -> Iterator[Mistake]:
    """Dicts of a configuration file whose names resemble one of ours; every other name is the file's own."""
    stems = {name.removesuffix("_config"): name for name in SECTIONS}
    for name, value in names.items():
        stem = _SECTION_SUFFIX.sub("", name.casefold())
        near = difflib.get_close_matches(stem, stems, n=1, cutoff=0.66)
        if name not in SECTIONS and isinstance(value, Mapping) and stem != name.casefold() and near:
            yield Mistake(
                name,
                "a dict of a name that the service does not read",
                f"one of {', '.join(SECTIONS)}",
                f"did you mean {stems[near[0]]!r}?",
            )
