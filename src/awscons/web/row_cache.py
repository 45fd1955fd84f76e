"""The portal's rows, each written once in each language, and then kept: they are the same for everybody.

What differs between people is which rows they get, and whether a row is a favourite.
"""

from __future__ import annotations

from jinja2 import Environment
from markupsafe import Markup

from awscons.web.language import current_language
from awscons.web.portal_model import Entry


class RowCache:
    """Call it in a request for a row. Nothing in a row is about the person who asks.

    A target has two rows at most of each kind: as long as it promises, and as long as AWS allows.
    """

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self._written: dict[tuple[str, str, str, bool], Markup] = {}

    def __call__(self, entry: Entry, favourite: bool) -> Markup:  # noqa: FBT001  a template calls it
        """The row of `entry`, in the language of this request's page."""
        key = (current_language(), entry.name, entry.lasts, favourite)
        row = self._written.get(key)
        if row is None:
            written: Markup = self._templates.get_template("row.html").module.row(entry, favourite)  # type: ignore[attr-defined]
            row = self._written[key] = written
        return row
