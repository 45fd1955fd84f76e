"""Cache of rendered portal rows, by language. A row contains nothing about the person who sees it.

People differ in which rows they see, and in which rows are favourites.
"""

from __future__ import annotations

from jinja2 import Environment
from markupsafe import Markup

from awscons.web.language import current_language
from awscons.web.portal_model import Entry


class RowCache:
    """Renders rows during a request, and caches them in memory.

    The cache holds few rows of each target: by language, favourite or not, and duration.
    """

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self._written: dict[tuple[str, str, str, bool], Markup] = {}

    def __call__(self, entry: Entry, favourite: bool) -> Markup:  # noqa: FBT001  a template calls it
        """Return the HTML of `entry` in the language of the page."""
        key = (current_language(), entry.name, entry.lasts, favourite)
        row = self._written.get(key)
        if row is None:
            written: Markup = self._templates.get_template("row.html").module.row(entry, favourite)  # type: ignore[attr-defined]
            row = self._written[key] = written
        return row
