"""Sample data of the demo: its people, its targets, its site settings. Each person shows one case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account at the pretend identity provider; `about` says which case the person shows."""

    user_name: str
    full_name: str
    groups: tuple[str, ...]
    about: str


PEOPLE = (
    Person("ada@example.com", "Ada Admin", ("sysadmin", "cloudadmin", "dbs"), "an administrator"),
    Person("otto@example.com", "Otto Only", ("dbs",), "in exactly one group"),
    Person("nina@example.com", "Nina Nowhere", (), "in no group at all"),
    Person("zoë.müller@example.com", "Zoë Müller-Łukasz", ("cloudadmin",), "a name beyond ASCII"),
)

TARGETS = (
    {
        "service": "cloudadmin",
        "role": "arn:aws:iam::123456789012:role/MyAdminRole",
        "duration": 28800,
        "groups": ["sysadmin", "cloudadmin"],
        "title": "Cloud administrator",
        "description": "Everything in the web shop's account.",
        "regions": ["eu-west-1", "us-east-1"],
        "cli": {"agent": {"policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}},
    },
    {
        "service": "readonly",
        "role": "arn:aws:iam::123456789012:role/ReadOnlyRole",
        "duration": 3600,
        "title": "Look around",
        "description": "Read what is there; change nothing.",
        "cli": True,
    },
    {
        "service": "sandbox",
        "role": "arn:aws:iam::999999789012:role/DBAdmin",
        "duration": 28800,
        "groups": ["dbs"],
        "title": "Database administrator",
        "description": "For trying things out. Emptied every Sunday.",
    },
)

SITE = {
    "title": "awscons demo",
    "support_text": "Ask the cloud team",
    "support_url": "mailto:cloud-team@example.com",
}

ACCOUNTS = (
    {"id": "123456789012", "name": "Web shop", "environment": "production", "color": "#b42318"},
    {"id": "999999789012", "name": "Playground", "environment": "sandbox", "color": "#067647"},
)


def who_may_open(target: dict[str, object]) -> list[Person]:
    """The sample people who may open `target`, which has the form of a target in `config.py`."""
    groups = target.get("groups", [])
    if not groups or not isinstance(groups, list):
        return list(PEOPLE)
    return [person for person in PEOPLE if set(person.groups) & set(groups)]
