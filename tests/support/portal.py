"""What there is to open in tests of the portal: accounts with names, targets with faces, and odd ones."""

from __future__ import annotations

import re
from typing import Any

import httpx

from awscons.demo.pretend_sts import PretendRole
from support.browser import forms_in

SHOP, LAKE, NAMELESS = "111111111111", "222222222222", "333333333333"

ROLES = {
    f"arn:aws:iam::{account}:role/{role}": PretendRole(43200)
    for account, role in [
        (SHOP, "Administrator"),
        (SHOP, "ReadOnly"),
        (LAKE, "ReadOnly"),
        (NAMELESS, "team/Plain"),
    ]
}

SITE: dict[str, Any] = {
    "title": "Example consoles",
    "support_text": "Ask the cloud team, extension 4711.",
    "support_url": "https://help.example.com/aws",
}
ACCOUNTS: list[dict[str, object]] = [
    {"id": SHOP, "name": "Web shop", "environment": "production", "color": "#b42318"},
    {"id": LAKE, "name": "Data lake", "environment": "staging"},
]


def target(service: str, account: str, role: str, **more: object) -> dict[str, object]:
    """A target's dict."""
    return {"service": service, "role": f"arn:aws:iam::{account}:role/{role}", **more}


TARGETS: list[dict[str, object]] = [
    target(
        "shop-admin",
        SHOP,
        "Administrator",
        title="Administrator",
        description="For emergencies.",
        duration=28800,
        groups=["sysadmin"],
        regions=["eu-west-1", "us-east-1"],
    ),
    target("shop-look", SHOP, "ReadOnly", title="Look around", duration=5400, groups=["sysadmin", "dbs"]),
    target("lake-look", LAKE, "ReadOnly", title="Look around", label="on call", color="#7a2ea0"),
    target("nameless", NAMELESS, "team/Plain", groups=["sysadmin"]),
    target("pay", SHOP, "Payments", title="Payments", groups=["payments"]),
]

ODD_TITLES = {
    "markup": "<img src=x onerror=alert(1)>&lt;b&gt;\"'",
    "endless": "x" * 500,
    "wordy": "very " * 100 + "long",
    "hebrew": "מנהל הענן",
    "arabic": "مسؤول السحابة",
    "emoji": "👩‍💻 🚀 deploy",
    "override": "abc \u202egpj.exe",
    "percent": "100 %(target)s %s {{ 7*7 }}",
}
ODD_TARGETS = [
    target(name, NAMELESS, "Plain", title=title, description=title, label=title)
    for name, title in ODD_TITLES.items()
]


def very_many(count: int) -> dict[str, object]:
    """An `aws_config` of so many targets, forty to an account, and the accounts' names."""
    targets = [
        target(
            f"target-{number:05}",
            f"{100_000_000_000 + number // 40}",
            f"Role{number % 40}",
            title=f"Role {number % 40} of team {number // 40}",
            description="What this one is for, in a sentence of the usual length.",
            groups=["sysadmin"],
        )
        for number in range(count)
    ]
    environments = [("production", "#b42318"), ("staging", "#b54708"), ("sandbox", "#067647")]
    accounts = [
        {
            "id": f"{100_000_000_000 + number}",
            "name": f"Team {number}",
            "environment": environments[number % 3][0],
            "color": environments[number % 3][1],
        }
        for number in range(-(-count // 40))
    ]
    return {"targets": targets, "accounts": accounts}


def titles_in(page: httpx.Response) -> list[str]:
    """The targets that a page lists, by name, in order."""
    return re.findall(r'<li id="t-([^"]+)"', page.text)


def group_headings(page: httpx.Response) -> list[str]:
    """The headings over the lists of a page."""
    found = re.findall(r'<section class="group".*?<h2[^>]*>(.*?)</h2>', page.text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", heading).split()) for heading in found]


def form_number(page: httpx.Response, action: str) -> int:
    """Which of a page's forms goes to that address."""
    return [form.action for form in forms_in(page)].index(action)
