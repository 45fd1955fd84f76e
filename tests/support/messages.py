"""What the message catalogues have to hold, gathered from where people are spoken to: `make messages`.

The sources are marked in templates and views; the sentences of errors are asked of the errors themselves. New
texts come into each catalogue empty, for somebody who speaks the language; a test says which are missing.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from awscons.errors import AwsconsError

WEB = Path(__file__).parents[2] / "src" / "awscons" / "web"
MESSAGES = WEB / "messages"
DOMAIN = "awscons"
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
# The same sources are the same file, whenever it is written.
_ALWAYS = datetime(2026, 11, 22, tzinfo=UTC)


def template() -> Catalog:
    """Every text that a person may read, without translations."""
    found = Catalog(
        project="awscons", creation_date=_ALWAYS, revision_date=_ALWAYS, header_comment="", charset="utf-8"
    )
    options = {"templates/**.html": {"silent": "false", "trimmed": "true"}}
    for name, _line, message, _comments, _context in extract_from_dir(
        WEB, _METHODS, options, keywords=_KEYWORDS
    ):
        found.add(message, locations=[(name, 0)])
    for kind in errors():
        found.add(kind.public, locations=[("errors/", 0)])
    return found


def errors(kind: type[AwsconsError] = AwsconsError) -> list[type[AwsconsError]]:
    """The tree of errors, root first."""
    return [kind, *(below for child in kind.__subclasses__() for below in errors(child))]


def catalogue(language: str) -> Catalog:
    """What there is for a language."""
    with (MESSAGES / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def languages() -> list[str]:
    """The languages that have a catalogue."""
    return sorted(path.parents[1].name for path in MESSAGES.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def up_to_date(language: str) -> Catalog:
    """The catalogue with exactly the texts that there are now; what it said of them is kept."""
    found = catalogue(language)
    found.update(template(), no_fuzzy_matching=True)
    found.obsolete.clear()
    found.creation_date = found.revision_date = _ALWAYS
    found.last_translator = found.language_team = "The awscons maintainers"
    found.msgid_bugs_address = ""
    return found


def compiled(found: Catalog) -> bytes:
    """A catalogue as programs read it."""
    written = io.BytesIO()
    write_mo(written, found)
    return written.getvalue()


def main() -> None:
    """Bring every catalogue up to date, and compile it."""
    for language in languages():
        found = up_to_date(language)
        folder = MESSAGES / language / "LC_MESSAGES"
        with (folder / f"{DOMAIN}.po").open("wb") as file:
            write_po(file, found, width=100, sort_output=True, include_lineno=False)
        (folder / f"{DOMAIN}.mo").write_bytes(compiled(found))
        missing = [message.id for message in found if message.id and not message.string]
        sys.stdout.write(f"{language}: {len(found)} texts, {len(missing)} without a translation\n")
        sys.stdout.writelines(f"  {text}\n" for text in missing)


if __name__ == "__main__":
    main()
