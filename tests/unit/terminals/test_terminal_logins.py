"""Codes and refresh tokens when two come at the same moment, and what a store may hold."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from awscons.access.identity import Login
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.errors import StoreUnavailable
from awscons.signin.register import LoginRegister
from awscons.signin.settings import LoginSettings
from awscons.store import Record, hashed
from awscons.terminals.alarms import MAX_ALARMS, Alarms
from awscons.terminals.authorization_request import AuthorizationRequest
from awscons.terminals.terminal_logins import GrantRefused, Terminals, Tokens
from support.clock import MovableClock
from support.sample_people import ADA

HOUR = timedelta(hours=1)
SETTINGS = LoginSettings(
    user_attr="name_id",
    attribute_map={"groups": "groups"},
    auth_duration=8 * HOUR,
    idle_timeout=HOUR,
    pending_lifetime=timedelta(minutes=10),
    force_authn=False,
    terminals=True,
)
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
URI = "http://127.0.0.1:1234/callback"
ASKED = AuthorizationRequest(URI, CHALLENGE, "state", "laptop")


class Interrupted(MemoryStore):
    """Does something else once, right after a key with that beginning was read or before it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: tuple[str, Callable[[], object]] | None = None

    def _interrupt(self, key: str) -> None:
        if self.meanwhile and key.startswith(self.meanwhile[0]):
            (_, happen), self.meanwhile = self.meanwhile, None
            happen()

    def get(self, key: str) -> Record | None:
        found = super().get(key)
        self._interrupt(key)
        return found

    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        self._interrupt(f"set {key}")
        super().set(key, record, lifetime=lifetime)


class Scene:
    def __init__(self) -> None:
        self.clock, self.store = MovableClock(), Interrupted()
        self.register = LoginRegister(store=self.store, settings=SETTINGS, clock=self.clock)
        self.alarms = Alarms(self.store, clock=self.clock)
        self.terminals = Terminals(
            register=self.register,
            store=self.store,
            settings=SETTINGS,
            alarms=self.alarms,
            clock=self.clock,
        )
        self.login = Login(ADA, self.clock(), self.clock() + 8 * HOUR, public_id=hashed("cookie"))
        self.register.save("cookie", self.login)

    def code(self) -> str:
        return self.terminals.issue_code(self.login, ASKED)

    def redeem(self, code: str) -> Tokens | GrantRefused:
        return self.terminals.redeem(code, redirect_uri=URI, verifier=VERIFIER)

    def tokens(self) -> Tokens:
        got = self.redeem(self.code())
        assert isinstance(got, Tokens)
        return got


@pytest.fixture
def scene() -> Scene:
    return Scene()


def is_reuse(result: Tokens | GrantRefused) -> bool:
    return isinstance(result, GrantRefused) and result.is_reuse


def test_the_terminals_of_a_person_are_in_the_order_of_the_moments_at_which_they_were_allowed(
    scene: Scene,
) -> None:
    for name in ("third", "second", "first"):  # by a clock that was set back, against the order of the store
        scene.clock.forward(seconds=-1)
        scene.redeem(scene.terminals.issue_code(scene.login, replace(ASKED, machine=name)))
    found = [stored.login.terminal for stored in scene.terminals.of(ADA.user_name)]
    assert [terminal.machine for terminal in found if terminal] == ["first", "second", "third"]


def test_of_two_who_refresh_at_the_same_moment_neither_stays_signed_in(scene: Scene) -> None:
    tokens = scene.tokens()
    others: list[Tokens | GrantRefused] = []
    scene.store.meanwhile = (
        "terminal-refresh:",
        lambda: others.append(scene.terminals.refresh(tokens.refresh_token)),
    )
    assert is_reuse(scene.terminals.refresh(tokens.refresh_token))
    (other,) = others
    assert isinstance(other, Tokens)
    assert scene.terminals.find(other.access_token) is None
    assert isinstance(scene.terminals.refresh(other.refresh_token), GrantRefused)
    assert [alarm.machine for alarm in scene.alarms.of(ADA.user_name)] == ["laptop"]


def test_of_two_who_bring_a_code_at_the_same_moment_neither_is_signed_in(scene: Scene) -> None:
    code = scene.code()
    others: list[Tokens | GrantRefused] = []
    scene.store.meanwhile = ("terminal-code:", lambda: others.append(scene.redeem(code)))
    assert is_reuse(scene.redeem(code))
    (other,) = others
    assert isinstance(other, Tokens)
    assert scene.terminals.find(other.access_token) is None


def test_a_code_that_comes_again_before_there_is_a_login_still_ends_it(scene: Scene) -> None:
    code = scene.code()
    others: list[Tokens | GrantRefused] = []
    scene.store.meanwhile = ("set terminal-refresh:", lambda: others.append(scene.redeem(code)))
    assert is_reuse(scene.redeem(code))
    assert others == [GrantRefused("used code")]
    assert scene.terminals.of(ADA.user_name) == ()


def test_a_sign_out_while_a_code_is_redeemed_leaves_no_terminal(scene: Scene) -> None:
    code = scene.code()
    scene.store.meanwhile = ("set terminal-refresh:", lambda: scene.register.revoke(scene.login.public_id))
    assert isinstance(scene.redeem(code), GrantRefused)
    assert scene.terminals.of(ADA.user_name) == ()


def test_many_threads_with_one_refresh_token_leave_no_token_that_works(scene: Scene) -> None:
    token, results = scene.tokens().refresh_token, []
    start = Barrier(8)

    def refresh() -> None:
        start.wait()
        results.append(scene.terminals.refresh(token))

    threads = [Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [result for result in results if isinstance(result, Tokens)]
    assert len(winners) == 1
    assert scene.terminals.find(winners[0].access_token) is None
    assert scene.terminals.of(ADA.user_name) == ()


def fails() -> None:
    raise StoreUnavailable("gone")


def test_a_store_that_fails_during_a_refresh_leaves_the_token_good(scene: Scene) -> None:
    token = scene.tokens().refresh_token
    scene.store.meanwhile = ("set terminal-access:", fails)
    with pytest.raises(StoreUnavailable):
        scene.terminals.refresh(token)
    assert isinstance(scene.terminals.refresh(token), Tokens)


def test_a_reuse_is_reported_even_if_the_person_cannot_be_told(scene: Scene) -> None:
    token = scene.tokens().refresh_token
    scene.terminals.refresh(token)
    scene.store.meanwhile = ("terminal-alarms:", fails)
    assert is_reuse(scene.terminals.refresh(token))
    assert scene.terminals.of(ADA.user_name) == ()


def test_an_operator_who_ends_a_terminal_during_a_sign_in_of_its_person_is_not_undone(scene: Scene) -> None:
    scene.tokens()
    (stored,) = scene.terminals.of(ADA.user_name)
    renewed = replace(scene.login, identity=replace(ADA, groups=frozenset({"other"})))

    class Ending(LoginRegister):
        def of(self, name: str) -> tuple[object, ...]:  # type: ignore[override]
            found = super().of(name)
            self.revoke(stored.public_id)
            return found

    Ending(store=scene.store, settings=SETTINGS, clock=scene.clock).renew_terminals(renewed)
    assert scene.terminals.of(ADA.user_name) == ()


def test_another_person_of_the_same_user_name_gives_a_terminal_no_groups(scene: Scene) -> None:
    tokens = scene.tokens()
    other = replace(ADA, name_id="another", groups=frozenset({"other"}))
    scene.register.renew_terminals(replace(scene.login, identity=other))
    found = scene.terminals.find(tokens.access_token)
    assert found is not None
    assert found.identity == ADA


@pytest.mark.parametrize("prefix", ["terminal-refresh:", "terminal-access:", "login:"])
def test_records_of_another_form_sign_nobody_in(scene: Scene, prefix: str) -> None:
    tokens = scene.tokens()
    for key in list(scene.store._records):
        if key.startswith(prefix):
            scene.store.set(key, {"x": 1}, lifetime=HOUR)
    if prefix != "terminal-refresh:":
        assert scene.terminals.find(tokens.access_token) is None
    if prefix != "terminal-access:":
        assert isinstance(scene.terminals.refresh(tokens.refresh_token), GrantRefused)


def test_a_person_sees_the_newest_alarms(scene: Scene) -> None:
    for number in range(MAX_ALARMS + 2):
        scene.alarms.add("ada", f"machine {number}")
    machines = [alarm.machine for alarm in scene.alarms.of("ada")]
    assert machines == [f"machine {number}" for number in range(2, MAX_ALARMS + 2)]
    assert scene.alarms.of("otto") == ()
