"""Writes the rows of the portal. The template is rendered once for each shape of row, and then filled in.

A row contains nothing about the person who sees it. Ten thousand rows take a template two seconds, and a filled form a
twentieth of it, for the first page of a worker as for the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from jinja2 import Environment
from markupsafe import Markup, escape

from awscons.access.targets import RoleArn, TargetDisplay
from awscons.web.language import current_language
from awscons.web.portal_model import Entry

# A private character on both sides, which escaping leaves alone.
_MARK = re.compile("\ue000([0-9]+)\ue000")


class RowWriter:
    """Renders rows during a request. It keeps one form for each shape: language, favourite, and what is there."""

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self._forms: dict[tuple[object, ...], str] = {}

    def __call__(self, entry: Entry, favourite: bool) -> Markup:  # noqa: FBT001  a template calls it
        """Return the HTML of `entry` in the language of the page."""
        values = tuple(_values(entry))
        shape = (current_language(), favourite, entry.stands_out, *map(bool, values))
        form = self._forms.get(shape)
        if form is None:
            form = self._forms[shape] = self._form_of(entry, favourite=favourite)
        return Markup(form.format(*map(escape, values)))  # noqa: S704  every value is escaped

    def _form_of(self, entry: Entry, *, favourite: bool) -> str:
        """The row with `{0}`, `{1}` … in place of the values."""
        row: str = self._templates.get_template("row.html").module.row(_marked(entry), favourite)  # type: ignore[attr-defined]
        return _MARK.sub(r"{\1}", row.replace("{", "{{").replace("}", "}}"))


def _values(entry: Entry) -> Iterator[str]:
    """Every value that a row shows, in the order of the marks."""
    target = entry.target
    yield from (target.name, entry.url, target.title, entry.label, entry.color[1:], entry.account)
    yield from (target.role.account_id, target.role.role_name, entry.lasts, entry.promised)
    yield from (target.region or "", target.display.description)
    for region, url in entry.regional:
        yield from (region, url)


def _marked(entry: Entry) -> Entry:
    """An entry of the same shape, with a mark in place of each value that is there."""
    marks = [f"\ue000{number}\ue000" if value else "" for number, value in enumerate(_values(entry))]
    name, url, title, label, color, account, account_id, role_name, lasts, promised, region, about = marks[
        :12
    ]
    further = marks[12:]
    return replace(
        entry,
        target=replace(
            entry.target,
            name=name,
            role=RoleArn(entry.target.role.partition, account_id, role_name),
            region=region or None,
            display=TargetDisplay(title=title, description=about),
        ),
        url=url,
        account=account,
        label=label,
        color=f"#{color}" if color else "",
        lasts=lasts,
        promised=promised,
        regional=tuple(zip(further[::2], further[1::2], strict=True)),
    )
