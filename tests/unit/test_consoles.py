"""The main job without a web page: what a client gets, and what the audit log says of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from awscons.access.decision import RefusalReason
from awscons.access.identity import Identity, Login
from awscons.access.targets import CommandLineAccess, OpenBy, Target
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.assembly.aws_side import build_broker
from awscons.audit.event import AuditEvent, Caller, Outcome
from awscons.audit.metrics_recorder import NoMetrics
from awscons.aws.opened import OpenedConsole
from awscons.config.load import parse_settings
from awscons.consoles import Consoles, Failed, Issued, NotAllowed, Opened, StepUpNeeded
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from awscons.errors import Blocked, DestinationRefused, LoginEndsTooSoon, RoleRefused, StoreUnavailable
from awscons.preferences import Preferences
from awscons.signin.blocks import Block, BlockKind, BlockList
from awscons.signin.rate_limits import ConsoleRateLimit, MinuteCounters
from awscons.store import Record
from support.clock import MovableClock
from support.house import BROKER, ROLES, config_for, write_credentials
from support.serving import serving

CALLER = Caller("192.0.2.1", "7f3k-9qxd")
LINK = "https://sso.example.com/aws/cloudadmin"


@dataclass
class Log:
    events: list[AuditEvent] = field(default_factory=list)

    def record(self, event: AuditEvent) -> None:
        self.events.append(event)


@dataclass
class Scene:
    consoles: Consoles
    targets: dict[str, Target]
    clock: MovableClock
    log: Log
    preferences: Preferences
    blocks: BlockList
    store: MemoryStore

    def login(self, *groups: str, lasts: timedelta = timedelta(hours=8)) -> Login:
        identity = Identity("ada@example.com", "ada", {"groups": groups}, frozenset(groups))
        now = self.clock()
        return Login(identity, now, now + lasts, authenticated_at=now, public_id="0123abc")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock, log = MovableClock(), Log()
    sts = PretendSts(roles=ROLES, clock=clock)
    signin = PretendSignin(book=sts, clock=clock)
    credentials = write_credentials(tmp_path / "credentials", *sts.add_user(BROKER))
    with (
        serving(lambda _port: sts.application("us-east-1")) as sts_port,
        serving(lambda _port: signin.application("us-east-1")) as signin_port,
    ):
        config = config_for(
            "https://sso.example.com/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials,
            store={"cache_type": "SimpleCache"},
        )
        settings = parse_settings(config, source="test", environment={})
        store = MemoryStore()
        preferences = Preferences(store)
        counters = MinuteCounters(store, recorder=NoMetrics(), clock=clock)
        limit = ConsoleRateLimit(per_person=5, counters=counters)
        broker = build_broker(settings, clock=clock)
        consoles = Consoles(
            openers={OpenBy.ASSUME_ROLE: broker},
            preferences=preferences,
            blocks=BlockList(store),
            limit=limit,
            audit=log,
            clock=clock,
        )
        targets = {
            target.name: replace(target, command_line=CommandLineAccess(target.duration))
            for target in settings.targets
        }
        yield Scene(consoles, targets, clock, log, preferences, BlockList(store), store)


def test_a_console_is_opened_recorded_and_remembered(scene: Scene) -> None:
    result = scene.consoles.open(
        scene.targets["cloudadmin"], scene.login("sysadmin"), link=LINK, parameters={}, caller=CALLER
    )
    assert isinstance(result, Opened)
    assert isinstance(result.console, OpenedConsole)
    (event,) = scene.log.events
    assert (event.action.value, event.outcome, event.login_id) == ("open-console", Outcome.DONE, "0123abc")
    assert event.assumed_role_arn == result.console.issued.credentials.assumed_role_arn
    assert scene.preferences.of("ada@example.com").recent == ("cloudadmin",)


def test_credentials_come_by_the_same_decision_and_need_no_signin_token(scene: Scene) -> None:
    result = scene.consoles.issue_credentials(
        scene.targets["cloudadmin"], scene.login("sysadmin"), caller=CALLER
    )
    assert isinstance(result, Issued)
    assert result.issued.durations.role_session_duration == scene.targets["cloudadmin"].duration
    (event,) = scene.log.events
    assert (event.action.value, event.decided_by) == ("get-credentials", "group 'sysadmin'")
    assert event.signin_endpoint is None


def test_credentials_last_an_hour_where_the_role_allows_no_more(scene: Scene) -> None:
    access = CommandLineAccess(43_200)
    target = replace(scene.targets["sandbox"], command_line=access, groups=("sysadmin",))
    result = scene.consoles.issue_credentials(target, scene.login("sysadmin"), caller=CALLER)
    assert isinstance(result, Issued)
    assert result.issued.durations.role_session_duration == scene.log.events[0].granted_duration == 3_600


@pytest.mark.parametrize("groups", [(), ("dbs",)])
def test_people_of_other_groups_get_neither(scene: Scene, groups: tuple[str, ...]) -> None:
    target, login = scene.targets["cloudadmin"], scene.login(*groups)
    opened = scene.consoles.open(target, login, link=LINK, parameters={}, caller=CALLER)
    issued = scene.consoles.issue_credentials(target, login, caller=CALLER)
    reason = RefusalReason.IN_NONE_OF_THE_GROUPS if groups else RefusalReason.NO_GROUPS_RECEIVED
    assert isinstance(opened, NotAllowed)
    assert isinstance(issued, NotAllowed)
    assert opened.refused.reason is issued.refused.reason is reason
    assert {event.incident_id for event in scene.log.events} == {CALLER.incident_id}


def test_an_old_authentication_needs_a_step_up_and_is_no_event(scene: Scene) -> None:
    target, login = replace(scene.targets["cloudadmin"], max_login_age=600), scene.login("sysadmin")
    scene.clock.forward(minutes=11)
    result = scene.consoles.issue_credentials(target, login, caller=CALLER)
    assert isinstance(result, StepUpNeeded)
    assert result.requirement.force_authn
    assert scene.log.events == []


def test_a_login_that_was_long_enough_once_is_renewed(scene: Scene) -> None:
    target = replace(scene.targets["cloudadmin"], ends_with_login=True)
    login = scene.login("sysadmin", lasts=timedelta(minutes=20))
    scene.clock.forward(minutes=10)
    result = scene.consoles.open(target, login, link=LINK, parameters={}, caller=CALLER)
    assert isinstance(result, StepUpNeeded)
    assert not result.requirement.force_authn
    assert scene.log.events[0].reason == "LoginEndsTooSoon"


def test_a_login_that_was_never_long_enough_fails(scene: Scene) -> None:
    target = replace(scene.targets["cloudadmin"], ends_with_login=True)
    login = scene.login("sysadmin", lasts=timedelta(minutes=10))
    result = scene.consoles.open(target, login, link=LINK, parameters={}, caller=CALLER)
    assert isinstance(result, Failed)
    assert isinstance(result.error, LoginEndsTooSoon)


def test_a_link_that_says_two_things_is_refused(scene: Scene) -> None:
    parameters = {"region": ["eu-west-1", "us-east-1"]}
    result = scene.consoles.open(
        scene.targets["cloudadmin"], scene.login("sysadmin"), link=LINK, parameters=parameters, caller=CALLER
    )
    assert isinstance(result, Failed)
    assert isinstance(result.error, DestinationRefused)
    assert scene.log.events[0].outcome is Outcome.REFUSED


def test_what_aws_refuses_fails_with_its_cause_in_the_log(scene: Scene) -> None:
    target = scene.targets["cloudadmin"]
    target = replace(target, role=replace(target.role, role_name="NoSuchRole"))
    result = scene.consoles.issue_credentials(target, scene.login("sysadmin"), caller=CALLER)
    assert isinstance(result, Failed)
    assert isinstance(result.error, RoleRefused)
    (event,) = scene.log.events
    assert (event.outcome, event.reason) == (Outcome.FAILED, "RoleRefused")
    assert event.client_address == "192.0.2.1"


@pytest.mark.parametrize(
    ("kind", "name"),
    [(BlockKind.PERSON, "ada"), (BlockKind.PERSON, "Ada@Example.com"), (BlockKind.TARGET, "cloudadmin")],
)
def test_a_block_refuses_consoles_and_credentials_until_it_is_lifted(
    scene: Scene, kind: BlockKind, name: str
) -> None:
    target, login = scene.targets["cloudadmin"], scene.login("sysadmin")
    scene.blocks.put(Block(kind, name, scene.clock()))
    opened = scene.consoles.open(target, login, link=LINK, parameters={}, caller=CALLER)
    issued = scene.consoles.issue_credentials(target, login, caller=CALLER)
    assert isinstance(opened, Failed)
    assert isinstance(issued, Failed)
    assert isinstance(opened.error, Blocked)
    assert isinstance(issued.error, Blocked)
    assert [(event.outcome, event.reason) for event in scene.log.events] == [(Outcome.REFUSED, "Blocked")] * 2
    assert scene.blocks.lift(kind, name)
    assert isinstance(scene.consoles.issue_credentials(target, login, caller=CALLER), Issued)


def test_a_blocked_person_is_not_sent_through_a_new_sign_in_first(scene: Scene) -> None:
    target, login = replace(scene.targets["cloudadmin"], max_login_age=600), scene.login("sysadmin")
    scene.clock.forward(minutes=11)
    scene.blocks.put(Block(BlockKind.PERSON, "ada", scene.clock()))
    assert isinstance(scene.consoles.issue_credentials(target, login, caller=CALLER), Failed)


@pytest.mark.parametrize(
    ("kind", "name"), [(BlockKind.PERSON, "otto"), (BlockKind.TARGET, "sandbox"), (BlockKind.TARGET, "ada")]
)
def test_a_block_of_somebody_or_something_else_refuses_nothing(
    scene: Scene, kind: BlockKind, name: str
) -> None:
    scene.blocks.put(Block(kind, name, scene.clock()))
    target, login = scene.targets["cloudadmin"], scene.login("sysadmin")
    assert isinstance(scene.consoles.issue_credentials(target, login, caller=CALLER), Issued)


@pytest.mark.parametrize("record", [{}, {"blocks": 1}, {"blocks": [{"kind": "planet"}]}])
def test_a_block_list_that_cannot_be_read_refuses_everybody(scene: Scene, record: Record) -> None:
    scene.store.set("blocks", record, lifetime=timedelta(hours=1))
    target, login = scene.targets["cloudadmin"], scene.login("sysadmin")
    result = scene.consoles.open(target, login, link=LINK, parameters={}, caller=CALLER)
    assert isinstance(result, Failed)
    assert isinstance(result.error, StoreUnavailable)
