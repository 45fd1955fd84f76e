"""A sign-in that ends: the login that a response gives, replays, lost RelayStates, and the way back after a refusal."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from awscons.access.step_up import AuthnRequirement
from awscons.errors import NoPendingLogin, RelayStateLost, ResponseRefused, SignInError
from awscons.saml.response import CLOCK_SKEW
from awscons.store import hashed
from support.forge import IDP, SP, Forger, posted
from support.sign_ins import PROVIDER, FixedTrust, SignIns

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
MFA, PASSWORD = "https://refeds.org/profile/mfa", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
FOREVER = "9999-12-31T23:59:59Z"


def other_keys(name: str) -> Forger:
    return Forger(key_name=name)


# --- the login -----------------------------------------------------------------------------


def test_a_response_gives_the_login_that_it_describes() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin("/aws/x?y=1", link_origin="https://wiki.example.com")
    pending = sign_ins.pending_of(begun)
    sign_ins.clock.forward(seconds=5)
    format_of_name = '<saml:NameID Format="urn:persistent">ada@example.com</saml:NameID>'
    finished = sign_ins.finish(begun, name_id=format_of_name, authn_instant=sign_ins.clock() - MINUTE)
    login = finished.login
    assert (login.identity.user_name, login.identity.name_id) == ("ada@example.com", "ada@example.com")
    assert login.identity.groups == {"sysadmin", "cloudadmin"}
    assert (login.signed_in_at, login.ends_at) == (sign_ins.clock(), sign_ins.clock() + timedelta(hours=1))
    assert (login.session_index, login.authenticated_at) == ("_index", sign_ins.clock() - MINUTE)
    assert (login.authn_context, login.name_id_qualifiers) == ((PASSWORD,), {"Format": "urn:persistent"})
    assert (login.public_id, login.received) == (hashed(finished.login_id), {})
    assert (finished.return_to, finished.request_id) == ("/aws/x?y=1", pending.request_id)
    assert (finished.assertion.assertion_id, finished.replaced) == (f"_a{pending.request_id}", None)
    assert finished.link_origin == "https://wiki.example.com"
    assert sign_ins.logins.find(finished.login_id) == login


def test_a_login_id_is_random_and_names_one_login() -> None:
    sign_ins = SignIns()
    one, other = sign_ins.finish(sign_ins.begin()), sign_ins.finish(sign_ins.begin())
    assert one.login_id != other.login_id
    assert len(one.login_id) == 43  # 256 bits
    sign_ins.logins.end(one.login_id)
    assert sign_ins.logins.find(one.login_id) is None
    assert sign_ins.logins.find(other.login_id) == other.login


@pytest.mark.parametrize("store_received", [False, True])
def test_every_attribute_is_stored_only_where_that_is_asked_for(*, store_received: bool) -> None:
    sign_ins = SignIns(store_received=store_received)
    attributes = (("groups", ("dbs",)), ("mail", ("ada@corp.example",)))
    login = sign_ins.finish(sign_ins.begin(), attributes=attributes).login
    assert login.received == (dict(attributes) if store_received else {})
    assert set(login.identity.attributes) == {"groups"}


@pytest.mark.parametrize(
    ("session_end", "lasts"),
    [
        (None, timedelta(hours=1)),
        (timedelta(hours=2), timedelta(hours=1)),
        (timedelta(minutes=30), timedelta(minutes=30)),
        (61 * SECOND, 61 * SECOND),
        (59 * SECOND, CLOCK_SKEW),
        (-59 * SECOND, CLOCK_SKEW),
    ],
)
def test_a_login_ends_with_the_session_there_but_lasts_as_long_as_the_skew_and_no_longer_than_configured(
    session_end: timedelta | None, lasts: timedelta
) -> None:
    sign_ins = SignIns()
    end = None if session_end is None else sign_ins.clock() + session_end
    login = sign_ins.finish(sign_ins.begin(), session_end=end).login
    assert login.ends_at - login.signed_in_at == lasts


@pytest.mark.parametrize(
    ("forced", "instant", "counted"),
    [
        (False, -30 * SECOND, -30 * SECOND),
        (True, -30 * SECOND, timedelta()),
        (True, 5 * SECOND, 5 * SECOND),
    ],
)
def test_a_fresh_authentication_was_not_before_its_request(
    instant: timedelta, counted: timedelta, *, forced: bool
) -> None:
    sign_ins = SignIns()
    begun_at = sign_ins.clock()
    begun = sign_ins.begin(requirement=AuthnRequirement(force_authn=forced))
    sign_ins.clock.forward(seconds=10)
    login = sign_ins.finish(begun, authn_instant=begun_at + instant).login
    assert login.authenticated_at == begun_at + counted


@pytest.mark.parametrize("forced", [False, True])
def test_an_authentication_of_before_the_request_counts_only_where_none_afresh_was_required(
    *, forced: bool
) -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin(requirement=AuthnRequirement(force_authn=forced))
    long_ago = sign_ins.clock() - CLOCK_SKEW - SECOND
    if not forced:
        assert sign_ins.finish(begun, authn_instant=long_ago).login.authenticated_at == long_ago
        return
    with pytest.raises(ResponseRefused, match="not fresh"):
        sign_ins.finish(begun, authn_instant=long_ago)


def test_an_authentication_of_another_kind_than_required_is_refused() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin(requirement=AuthnRequirement(authn_context=(MFA,)))
    with pytest.raises(ResponseRefused, match="authentication context"):
        sign_ins.finish(begun)


# --- the login that it replaces ------------------------------------------------------------


def test_a_sign_in_ends_the_login_that_the_browser_had_and_no_other() -> None:
    sign_ins = SignIns()
    former, elsewhere = sign_ins.finish(sign_ins.begin()), sign_ins.finish(sign_ins.begin())
    finished = sign_ins.finish(sign_ins.begin(replaced_login_id=former.login_id))
    assert finished.replaced == former.login
    assert sign_ins.logins.find(former.login_id) is None
    assert sign_ins.logins.find(elsewhere.login_id) == elsewhere.login


def test_a_login_that_has_ended_by_then_is_not_reported_as_replaced() -> None:
    sign_ins = SignIns()
    former = sign_ins.finish(sign_ins.begin())
    sign_ins.logins.end(former.login_id)
    assert sign_ins.finish(sign_ins.begin(replaced_login_id=former.login_id)).replaced is None


# --- replays -------------------------------------------------------------------------------


def replayed_after(age: timedelta, *, end: str | datetime, sign_ins: SignIns) -> str | None:
    """Why an assertion is refused that was used this long ago, under a new pending login; None: it signs in."""
    sign_ins.finish(sign_ins.begin(), assertion_id="_same", conditions_end=end)
    sign_ins.clock.now += age
    begun = sign_ins.begin()
    try:
        sign_ins.finish(begun, assertion_id="_same", conditions_end=end)
    except ResponseRefused as error:
        return error.rule
    return None


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (timedelta(), "assertion was used before"),
        (5 * MINUTE, "assertion was used before"),
        (6 * MINUTE - SECOND, "assertion was used before"),
        (6 * MINUTE, "expired"),
    ],
)
def test_an_assertion_is_remembered_for_as_long_as_it_would_be_accepted(age: timedelta, rule: str) -> None:
    sign_ins = SignIns()
    assert replayed_after(age, end=sign_ins.clock() + 5 * MINUTE, sign_ins=sign_ins) == rule


@pytest.mark.parametrize(
    ("age", "rule"), [(366 * DAY - SECOND, "assertion was used before"), (366 * DAY, None)]
)
def test_an_assertion_that_never_expires_is_remembered_for_a_year(age: timedelta, rule: str | None) -> None:
    assert replayed_after(age, end=FOREVER, sign_ins=SignIns()) == rule


def test_the_same_assertion_id_of_another_identity_provider_is_no_replay() -> None:
    sign_ins = SignIns()
    sign_ins.finish(sign_ins.begin(), assertion_id="_same")
    other = "https://other.example.com/metadata"
    sign_ins.trust.provider = replace(PROVIDER, entity_id=other)
    finished = sign_ins.finish(
        sign_ins.begin(), assertion_id="_same", response_issuer=other, assertion_issuer=other
    )
    assert finished.assertion.idp_entity_id == other


def test_a_refused_response_does_not_use_its_assertion_up() -> None:
    sign_ins = SignIns()
    strict = sign_ins.begin(requirement=AuthnRequirement(authn_context=(MFA,)))
    with pytest.raises(ResponseRefused, match="authentication context"):
        sign_ins.finish(strict, assertion_id="_same")
    assert sign_ins.finish(sign_ins.begin(), assertion_id="_same").login_id


# --- newer keys ----------------------------------------------------------------------------


def test_an_unknown_key_counts_where_newer_metadata_brings_it() -> None:
    newer = replace(PROVIDER, signing_certificates=(other_keys("new").certificate,))
    sign_ins = SignIns(trust=FixedTrust(newer=newer))
    assert sign_ins.finish(sign_ins.begin(), forger=other_keys("new")).login_id
    assert sign_ins.trust.reloads == 1


def test_an_unknown_key_that_newer_metadata_does_not_bring_is_refused_as_unknown() -> None:
    for newer in (None, replace(PROVIDER, signing_certificates=(other_keys("new").certificate,))):
        sign_ins = SignIns(trust=FixedTrust(newer=newer))
        with pytest.raises(ResponseRefused, match="no trusted key"):
            sign_ins.finish(sign_ins.begin(), forger=other_keys("attacker"))
        assert sign_ins.trust.reloads == 1


def test_another_defect_does_not_load_newer_metadata() -> None:
    sign_ins = SignIns(trust=FixedTrust(newer=PROVIDER))
    with pytest.raises(ResponseRefused, match="audience"):
        sign_ins.finish(sign_ins.begin(), audiences=((f"{SP}x",),))
    assert sign_ins.trust.reloads == 0


# --- refusals ------------------------------------------------------------------------------


def test_a_response_to_no_pending_login_of_this_browser_is_refused_as_it_was_claimed() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    stolen = replace(begun, browser_secret="guessed")
    with pytest.raises(NoPendingLogin, match="belongs to another browser") as caught:
        sign_ins.post(sign_ins.story(begun), stolen)
    assert caught.value.return_to is None


def test_a_response_that_cannot_be_read_is_refused_for_that_whichever_browser_posts_it() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    for browser in (begun, replace(begun, browser_secret="guessed")):
        with pytest.raises(ResponseRefused):
            sign_ins.post("%%%", browser)


@pytest.mark.parametrize(
    "story", [{"audiences": (("x",),)}, {"status": "<samlp:Status/>"}, {"assertion_issuer": f"{IDP}/"}]
)
def test_a_refused_response_leads_its_own_browser_back(story: dict[str, Any]) -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin("/aws/x")
    with pytest.raises(SignInError) as caught:
        sign_ins.finish(begun, **story)
    assert caught.value.return_to == "/aws/x"


def test_a_response_that_cannot_be_read_leads_its_own_browser_back_also_when_it_comes_twice() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin("/aws/x")
    for _ in range(2):
        with pytest.raises(ResponseRefused) as caught:
            sign_ins.post(posted("<html/>"), begun)
        assert caught.value.return_to == "/aws/x"


# --- a RelayState that was lost ------------------------------------------------------------


@pytest.mark.parametrize(
    ("relay_state", "cause"),
    [
        ("", "the identity provider returned no RelayState"),
        ("https://sso/", "the identity provider returned another RelayState than was sent"),
    ],
)
def test_a_response_to_a_request_of_this_browser_without_its_handle_is_called_that(
    relay_state: str, cause: str
) -> None:
    sign_ins = SignIns()
    before, begun, after = sign_ins.begin("/aws/1"), sign_ins.begin("/aws/2"), sign_ins.begin("/aws/3")
    with pytest.raises(RelayStateLost) as caught:
        sign_ins.post(sign_ins.story(begun), before, begun, after, relay_state=relay_state)
    assert (caught.value.cause, caught.value.return_to) == (cause, "/aws/2")


def test_a_handle_of_this_browser_is_not_lost_though_its_pending_login_was_used() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    story = sign_ins.story(begun)
    sign_ins.post(story, begun)
    with pytest.raises(NoPendingLogin, match="posted a second time"):
        sign_ins.post(story, begun)


def test_only_the_newest_sixteen_pending_logins_are_looked_at_for_a_lost_relay_state() -> None:
    sign_ins = SignIns()
    begun = []
    for _ in range(17):
        begun.append(sign_ins.begin())
        sign_ins.clock.forward(seconds=1)
    with pytest.raises(RelayStateLost):
        sign_ins.post(sign_ins.story(begun[1]), *begun, relay_state="lost")
    with pytest.raises(NoPendingLogin):
        sign_ins.post(sign_ins.story(begun[0]), *begun, relay_state="lost")


def test_a_response_to_nobodys_request_is_no_lost_relay_state() -> None:
    sign_ins = SignIns()
    begun = sign_ins.begin()
    unsolicited = sign_ins.story(begun, response_in_response_to=None)
    forgotten = replace(begun, handle="00000000.forgotten.1")
    with pytest.raises(NoPendingLogin):
        sign_ins.post(unsolicited, begun, forgotten, relay_state="")
