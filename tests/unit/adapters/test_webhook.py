"""The webhook: what it tells, signed as Standard Webhooks verifies it, and never in the way."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from awscons.adapters.audit_log import configure_logging
from awscons.adapters.aws.http_pool import Answer, HttpPool
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.adapters.webhook import Webhook
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.audit.notifications import Notice, WebhookSettings, body_of, notices_of, parse_secret
from support.clock import MovableClock
from support.endpoint import Endpoint
from support.serving import serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OPENED = AuditEvent(
    action=Action.OPEN_CONSOLE,
    outcome=Outcome.DONE,
    user_name="ada@example.com",
    target="root",
    role_arn="arn:x",
)


@pytest.fixture
def endpoint() -> Iterator[tuple[Endpoint, str]]:
    receiver = Endpoint()
    with serving(lambda _port: receiver) as port:
        yield receiver, f"http://127.0.0.1:{port}/hook?key=secret-part"


def hook(url: str, *notices: Notice, **parts: Any) -> Webhook:
    """A webhook that does not pause. `parts`: arguments of `Webhook` in place of the usual ones."""
    settings = WebhookSettings(url, parse_secret(SECRET), frozenset(notices), frozenset({"root"}))
    usual = {
        "http": HttpPool(),
        "store": MemoryStore(),
        "clock": lambda: datetime.now(UTC),
        "pause": lambda _: None,
    }
    return Webhook(settings, **{**usual, **parts})


def test_a_receiver_verifies_what_it_gets_and_no_changed_body(endpoint: tuple[Endpoint, str]) -> None:
    receiver, url = endpoint
    webhook = hook(url, Notice.CONSOLE)
    webhook.tell(OPENED)
    webhook.finish(20)
    ((body, headers),) = receiver.received
    event = Receiver(SECRET).verify(body, headers)
    assert (event["type"], event["data"]["user_name"]) == ("awscons.console", "ada@example.com")
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(body.replace(b"ada", b"eve"), headers)


def test_a_first_console_is_told_once_for_each_person(endpoint: tuple[Endpoint, str]) -> None:
    receiver, url = endpoint
    webhook = hook(url, Notice.FIRST_CONSOLE)
    for _ in range(3):
        webhook.tell(OPENED)
    webhook.finish(20)
    assert len(receiver.received) == 1


def test_a_message_is_repeated_with_its_id_until_it_is_taken(endpoint: tuple[Endpoint, str]) -> None:
    receiver, url = endpoint
    receiver.statuses = [500, 503]
    webhook = hook(url, Notice.CONSOLE)
    webhook.tell(OPENED)
    webhook.finish(20)
    assert len(receiver.received) == 3
    assert len({headers["webhook-id"] for _, headers in receiver.received}) == 1


@pytest.mark.parametrize(
    ("statuses", "tries"),
    [([500] * 9, 5), ([408, 429] * 4, 5), *(([status], 1) for status in (301, 400, 401, 404, 410))],
)
def test_what_nobody_takes_is_given_up_and_logged_without_the_url(
    endpoint: tuple[Endpoint, str], capsys: pytest.CaptureFixture[str], statuses: list[int], tries: int
) -> None:
    configure_logging()
    receiver, url = endpoint
    receiver.statuses = statuses
    webhook = hook(url, Notice.CONSOLE)
    webhook.tell(OPENED)
    webhook.finish(20)
    assert len(receiver.received) == tries
    log = capsys.readouterr().err
    assert "webhook.not_delivered" in log
    assert "secret-part" not in log


class BrokenOnce(HttpPool):
    """Raises once what nobody foresees."""

    is_broken = True

    def ask(self, *arguments: Any, **more: Any) -> Answer:
        if self.is_broken:
            self.is_broken = False
            raise ValueError("hooks?key=secret-part")
        return super().ask(*arguments, **more)


def test_an_unexpected_error_costs_one_message_and_not_the_later_ones(
    endpoint: tuple[Endpoint, str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    receiver, url = endpoint
    webhook = hook(url, Notice.CONSOLE, http=BrokenOnce())
    for _ in range(2):
        webhook.tell(OPENED)
    webhook.finish(20)
    assert len(receiver.received) == 1
    log = capsys.readouterr().err
    assert ("unexpected ValueError" in log, "secret-part" in log) == (True, False)


@pytest.mark.parametrize(("waited", "tries"), [(0, 5 + 9), (155, 2 + 9), (600, 2)])
def test_what_waits_behind_a_message_that_nobody_takes_is_tried_once_or_is_too_old(
    endpoint: tuple[Endpoint, str], waited: int, tries: int
) -> None:
    receiver, url = endpoint
    receiver.statuses = [500] * 99
    clock, all_wait = MovableClock(), threading.Event()

    def pause(seconds: float) -> None:
        assert all_wait.wait(20)
        clock.forward(seconds=seconds + waited)

    webhook = hook(url, Notice.CONSOLE, clock=clock, pause=pause)
    for _ in range(10):
        webhook.tell(OPENED)
    all_wait.set()
    webhook.finish(20)
    assert len(receiver.received) == tries


class AskedStore(MemoryStore):
    """Notes in which threads it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def add(self, *arguments: Any, **more: Any) -> bool:
        self.threads.append(threading.get_ident())
        return super().add(*arguments, **more)


def test_no_request_waits_for_the_store_that_knows_who_opened_a_console_before(
    endpoint: tuple[Endpoint, str],
) -> None:
    store = AskedStore()
    webhook = hook(endpoint[1], Notice.FIRST_CONSOLE, store=store)
    for _ in range(2):
        webhook.tell(OPENED)
        webhook.finish(20)
    assert len(store.threads) == 1
    assert threading.get_ident() not in store.threads


def test_a_template_is_filled_and_quotes_nothing_that_is_missing() -> None:
    template = {
        "text": "{user_name} opened {target}",
        "blocks": [{"n": 1, "t": "{source_identity}|{unknown}"}],
    }
    settings = WebhookSettings("u", b"s", frozenset({Notice.CONSOLE}), template=template)
    body = json.loads(body_of(Notice.CONSOLE, OPENED, settings, timestamp="now"))
    assert body == {"text": "ada@example.com opened root", "blocks": [{"n": 1, "t": "|"}]}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (OPENED, [Notice.FIRST_CONSOLE, Notice.CONSOLE]),
        (
            AuditEvent(action=Action.OPEN_CONSOLE, outcome=Outcome.DONE, target="other"),
            [Notice.FIRST_CONSOLE],
        ),
        (AuditEvent(action=Action.OPEN_CONSOLE, outcome=Outcome.REFUSED), []),
        (AuditEvent(action=Action.GET_CREDENTIALS, outcome=Outcome.FAILED), [Notice.CONSOLE_FAILED]),
        (AuditEvent(action=Action.IDP_KEYS_CHANGED, outcome=Outcome.DONE), [Notice.KEYS_CHANGED]),
        (AuditEvent(action=Action.BLOCK, outcome=Outcome.DONE), [Notice.REVOKED]),
        (AuditEvent(action=Action.READ_ACCESS_REPORT, outcome=Outcome.DONE), [Notice.REPORT_READ]),
        (AuditEvent(action=Action.SIGN_IN, outcome=Outcome.DONE), []),
    ],
)
def test_each_event_is_told_as_what_it_is(event: AuditEvent, expected: list[Notice]) -> None:
    settings = WebhookSettings("u", b"s", frozenset(Notice), frozenset({"root"}))
    assert notices_of(event, settings) == expected
    assert notices_of(event, WebhookSettings("u", b"s", frozenset())) == []


def test_neither_url_nor_secret_is_in_a_repr() -> None:
    settings = WebhookSettings("https://hooks.example.com/T0/B0/xyz", b"bytes", frozenset())
    assert "xyz" not in repr(settings)
    assert "bytes" not in repr(settings)


@pytest.mark.parametrize("text", ["", "x", "whsec_", "whsec_AAAA", "whsec_!!!!", "whsec_" + "A" * 120])
def test_a_text_that_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_secret(text)


def test_the_snippet_of_the_documentation_verifies_a_message(endpoint: tuple[Endpoint, str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "webhook.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(from standardwebhooks.*?)```", page, re.DOTALL)
    receiver, url = endpoint
    webhook = hook(url, Notice.CONSOLE)
    webhook.tell(OPENED)
    webhook.finish(20)
    ((body, headers),) = receiver.received
    names: dict[str, Any] = {"secret": SECRET, "body": body, "headers": headers}
    exec(snippet, names)
    assert names["event"]["type"] == "awscons.console"
