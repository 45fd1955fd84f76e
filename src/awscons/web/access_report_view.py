"""Who can open what, for auditors: a page with a search, and the whole report as CSV. Read-only.

It says the same as `awscons access`. Each look is an audit event, also one that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, make_response, render_template, request

from awscons.access.identity import Login
from awscons.access.report import Grant, csv_text, grants, in_addition
from awscons.audit import events
from awscons.aws.durations import duration_text
from awscons.site import Account
from awscons.web.dependencies import WebDependencies
from awscons.web.language import gettext as _
from awscons.web.problems import NextStep, Problem, caller, problem_response

MAX_SHOWN = 500
"""Rows of the page. A search narrows them down, and the CSV file has all of them."""
_MAX_SEARCH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One way to open a target, as people read it."""

    who: str
    is_everyone: bool
    target: str
    account: str
    role: str
    lasts: str
    in_addition: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in the CSV file."""
        return (self.who, self.target, self.account, self.role, self.lasts, self.in_addition)


def auditor_group(deps: WebDependencies, login: Login) -> str | None:
    """The group by which this person is an auditor; None if they are none."""
    return min(deps.branding.auditors & login.identity.groups, default=None)


def access_report(deps: WebDependencies, login: Login) -> Response:
    """Return the report as a page, or with `format=csv` as a file."""
    group = auditor_group(deps, login)
    deps.audit.record(events.access_report_read(login, caller(), group=group))
    if group is None:
        home = NextStep(_("See what you can open"), deps.site.url(deps.site.home_path))
        sentence = _("Only auditors may see who can open what.")
        return problem_response(Problem(HTTPStatus.FORBIDDEN, sentence, next_step=home))
    search = request.args.get("q", "")[:_MAX_SEARCH_LENGTH].strip()
    words = search.casefold().split()
    rows = [row for row in _rows(deps) if _has_all(row, words)]
    if request.args.get("format") == "csv":
        return _file(rows)
    page = render_template(
        "access.html", rows=rows[:MAX_SHOWN], left_out=max(len(rows) - MAX_SHOWN, 0), search=search
    )
    return make_response(page)


def _rows(deps: WebDependencies) -> Iterator[ReportRow]:
    for grant in grants(deps.targets.values()):
        account = deps.branding.accounts.get(grant.target.role.account_id, Account())
        yield _row(grant, account)


def _row(grant: Grant, account: Account) -> ReportRow:
    role = grant.target.role
    return ReportRow(
        who=grant.who,
        is_everyone=grant.is_for_everyone,
        target=grant.target.name,
        account=f"{account.name} {role.account_id}".strip(),
        role=role.role_name,
        lasts=duration_text(grant.target.duration),
        in_addition=in_addition(grant),
    )


def _has_all(row: ReportRow, words: list[str]) -> bool:
    text = "\n".join(row.cells).casefold()
    return all(word in text for word in words)


def _file(rows: list[ReportRow]) -> Response:
    header = ("who", "target", "account", "role", "lasts", "in addition")
    response = Response(
        csv_text([header, *(row.cells for row in rows)]), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="access.csv"'
    return response
