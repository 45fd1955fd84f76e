"""Where the audit log cannot be written nothing opens, unless the configuration says otherwise."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from awscons.adapters.audit_log import _WatchedStream, configure_logging
from awscons.assembly import service
from awscons.audit.event import Action
from awscons.config.load import parse_settings
from awscons.errors import AuditLogUnwritable, MetadataRefused
from support.browser import sent_to_idp
from support.house import FULL_TARGETS, House, config_for, console_url, open_house
from support.terminal import Terminal, error_of

TOKEN = "made-up-for-tests-0123456789"
LOST = 'awscons_requests_rejected_total{reason="audit log not written"}'


def test_no_console_opens_whose_event_cannot_be_written(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"audit_log": str(tmp_path / "log")}) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        (tmp_path / "log").unlink()
        (tmp_path / "log").mkdir()
        page = browser.get("/aws/cloudadmin")
    assert page.status_code == 503
    assert "cannot write its audit log" in page.text
    assert "Location" not in page.headers


def test_nobody_signs_in_whose_event_cannot_be_written(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"audit_log": str(tmp_path / "none" / "log")}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert browser.answer("/saml/acs", house.answer(sent, "ada@example.com")).status_code == 503
        assert "sso" in browser.get("/aws/cloudadmin").headers["Location"]


@pytest.mark.parametrize("path", ["none/log"])
def test_a_configuration_may_prefer_consoles_to_their_record(tmp_path: Path, path: str) -> None:
    server = {"audit_log": str(tmp_path / path), "audit_required": False}
    with open_house(tmp_path, server=server) as house:
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
        assert "audit.not_written" in house.log.getvalue()


def lost(house: House) -> float:
    """How many events were lost, by the metrics page."""
    page = house.browser().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    return float(next(line for line in page.text.splitlines() if line.startswith(LOST)).rpartition(" ")[2])


def test_every_lost_event_is_counted_whether_or_not_a_request_is_refused_for_it(tmp_path: Path) -> None:
    server = {"audit_log": "/dev/full", "audit_required": False, "metrics_token": TOKEN}
    with open_house(tmp_path, server=server) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        assert browser.get("/aws/sandbox").status_code == 403
        assert lost(house) == 3
        assert house.browser().get("/readyz").status_code == 200


def test_a_lost_checkpoint_is_counted_and_logged() -> None:
    log, counted = io.StringIO(), list[int]()
    configure_logging(stream=log)
    stream = _WatchedStream(lambda: datetime.now(UTC))
    stream.not_written = lambda: counted.append(1)
    stream.use(io.StringIO(), json.dumps)
    stream.write({"event": "audit"})
    stream.keep(Path("/dev/full"), heads=None, key=None, serves=False)
    with pytest.raises(AuditLogUnwritable):
        stream.checkpoint()
    line = json.loads(log.getvalue())
    assert (line["event"], line["action"], counted) == ("audit.not_written", Action.CHECKPOINT, [1])


def test_a_terminal_gets_no_tokens_and_no_credentials_whose_event_cannot_be_written(tmp_path: Path) -> None:
    log = tmp_path / "log"
    targets = [{**FULL_TARGETS[0], "cli": True}]
    with open_house(tmp_path, aws={"targets": targets}, server={"audit_log": str(log)}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/")
        terminal, other = Terminal(house), Terminal(house)
        terminal.redeem(terminal.allowed_by(browser))
        code = other.allowed_by(browser)
        log.unlink()
        log.symlink_to("/dev/full")
        assert error_of(other.redeem(code)) == (503, "unavailable")
        assert error_of(terminal.credentials("cloudadmin")) == (503, "unavailable")


def no_folder(log: Path) -> None:
    log.rename(log.parent / "elsewhere")
    log.parent.rename(log.parent.parent / "moved")


def a_folder(log: Path) -> None:
    log.unlink()
    log.mkdir()


@pytest.mark.parametrize("damage", [no_folder, a_folder])
def test_a_service_is_not_ready_while_its_audit_log_cannot_be_opened(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    log = tmp_path / "logs" / "log"
    log.parent.mkdir()
    with open_house(tmp_path, server={"audit_log": str(log)}) as house:
        assert house.browser().get("/readyz").status_code == 200
        damage(log)
        house.clock.forward(seconds=2)
        answer = house.browser().get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (503, ["audit_log"])


def test_a_full_disk_makes_a_service_unready_until_an_event_is_written_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.symlink_to("/dev/full")
    with open_house(tmp_path, server={"audit_log": str(log)}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        assert browser.answer("/saml/acs", house.answer(sent)).status_code == 503
        for _ in range(2):
            assert browser.get("/readyz").json()["problems"] == ["audit_log"]
            house.clock.forward(seconds=2)
        log.unlink()
        assert browser.get("/readyz").status_code == 200
        (event,) = map(json.loads, log.read_text().splitlines())
        assert event["action"] == "configuration-in-force"


def test_a_new_configuration_that_cannot_serve_takes_no_events_from_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with open_house(tmp_path, server={"audit_log": str(old)}) as house:

        def refuse(*_: object, **__: object) -> NoReturn:
            raise MetadataRefused("the identity provider's metadata is gone")

        monkeypatch.setattr(service, "build_idp_trust", refuse)
        config = config_for(
            house.acs_url,
            sts_url=house.sts_url,
            signin_url=house.sts_url,
            credentials_file=tmp_path / "credentials",
            store={"cache_type": "SQLite", "path": str(tmp_path / "logins.sqlite3")},
            server={"audit_log": str(new)},
        )
        with pytest.raises(MetadataRefused):
            service.build_service(parse_settings(config, source="test", environment={}), environment={})
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
    assert not new.exists()
    assert '"open-console"' in old.read_text()
