"""Reads the accounts of an AWS organization, for `awscons accounts sync`. It is never on the way of a request.

Needed rights: organizations:ListRoots, ListOrganizationalUnitsForParent, ListAccountsForParent, ListTagsForResource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from awscons.errors import AwsconsError

_MAX_ATTEMPTS = 11
"""Attempts of one call in all; the setting of AWS SDKs for it, `AWS_MAX_ATTEMPTS` or `max_attempts`, counts instead."""
_HINT = "give --profile with credentials of the management account, or of a delegated administrator"


class OrganizationUnreadable(AwsconsError):
    """The organization cannot be read: no credentials, no right, no answer."""


@dataclass(frozen=True, slots=True)
class OrganizationAccount:
    """One account as the organization knows it. `ou`: path of its organizational unit, from the root."""

    id: str
    name: str
    status: str
    ou: str
    tags: Mapping[str, str]


def read_organization(
    profile: str | None, *, on_account: Callable[[], None] = lambda: None
) -> list[OrganizationAccount]:
    """Every account, in the order of their numbers. Raises OrganizationUnreadable.

    profile      of the credentials; None: those that AWS SDKs find
    on_account   called for each account that was read: reading the tags of 500 accounts takes a minute
    """
    with _translated():
        session = botocore.session.Session(profile=profile)
        # Organizations throttles after a few requests a second; the adaptive mode slows down instead of failing.
        attempts = session.get_config_variable("max_attempts") or _MAX_ATTEMPTS
        config = Config(
            retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=5, read_timeout=20
        )
        # The endpoint of the partition aws is in us-east-1, wherever the organization works.
        region = session.get_config_variable("region") or "us-east-1"
        client = session.create_client("organizations", region_name=region, config=config)
        found = []
        for root in _pages(client, "list_roots", "Roots"):
            for account in _accounts_below(client, root["Id"], root["Name"]):
                found.append(account)
                on_account()
    return sorted(found, key=lambda account: account.id)


def _accounts_below(client: Any, parent: str, path: str) -> Iterator[OrganizationAccount]:
    for account in _pages(client, "list_accounts_for_parent", "Accounts", ParentId=parent):
        tags = _pages(client, "list_tags_for_resource", "Tags", ResourceId=account["Id"])
        yield OrganizationAccount(
            account["Id"],
            account["Name"],
            # `State` is the newer field; AWS withdraws `Status` in 2026.
            account.get("State") or account["Status"],
            path,
            {tag["Key"]: tag["Value"] for tag in tags},
        )
    for unit in _pages(
        client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent
    ):
        yield from _accounts_below(client, unit["Id"], f"{path}/{unit['Name']}")


def _pages(client: Any, operation: str, key: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise OrganizationUnreadable(
            f"AWS Organizations answers {code} to {error.operation_name}", hint=_HINT
        ) from None
    except BotoCoreError as error:
        # The texts of botocore's own errors hold names and hosts, and no credentials.
        raise OrganizationUnreadable(f"AWS Organizations: {error}", hint=_HINT) from None
