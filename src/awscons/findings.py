"""One judgement about a configuration, a store, AWS or a SAML response: severity, subject, cause and cure.

`awscons check`, `awscons saml explain` and the start of the service all report in this form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from awscons.errors import AwsconsError, Mistake


class Severity(StrEnum):
    """How serious a finding is. An ERROR alone changes an exit status."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement, fit to print: it holds no secret.

    subject  what was judged: a key of the configuration, a kind of store, a path of a target, a check
    cause    what was found; a whole sentence in an ERROR or a WARNING
    cure     what to do about it; empty where there is nothing to do, or nothing is known
    """

    severity: Severity
    subject: str
    cause: str = ""
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.cause}: {self.cure}" if self.cure else self.cause

    def as_json(self) -> dict[str, str]:
        """The object that `--json` prints."""
        return {
            "severity": self.severity.value,
            "subject": self.subject,
            "cause": self.cause,
            "cure": self.cure,
        }


def warning(subject: str, cause: str, cure: str = "") -> Finding:
    """A finding that is legal, and perhaps not meant."""
    return Finding(Severity.WARNING, subject, cause, cure)


def mistake_finding(mistake: Mistake) -> Finding:
    """A mistake in the configuration as a finding."""
    found = f"in {mistake.repeated}: " if mistake.repeated else ""
    found += f"found {mistake.found}, wanted " if mistake.found else "wanted "
    return Finding(Severity.ERROR, mistake.path, found + mistake.wanted, mistake.hint)


def error_finding(subject: str, error: AwsconsError) -> Finding:
    """An error about `subject` as a finding."""
    return Finding(Severity.ERROR, subject, str(error), error.hint)


def has_error(findings: Iterable[Finding]) -> bool:
    """Whether any of them is an ERROR."""
    return any(finding.severity is Severity.ERROR for finding in findings)
