"""What CloudTrail shows of a person, and what bounds their console; each switched on for a target by itself."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from awscons import __version__
from awscons.demo.pretend_sts import PretendRole
from support.browser import sent_to_idp, text_of
from support.house import FULL_TARGETS, House, console_url, open_house

ROLE = FULL_TARGETS[0]["role"]
ASSUME, TAG, SOURCE = "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"
KEPT = ["groups", "mail", "department"]
PERSON = (("groups", ("sysadmin",)), ("mail", ("ada@corp.example",)), ("department", ("R&amp;D Größe",)))


def opened(
    tmp_path: Path,
    target: Mapping[str, object],
    *allows: str,
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = PERSON,
    external_id: str | None = None,
    aws: Mapping[str, object] | None = None,
) -> tuple[House, httpx.Response]:
    """The house after one visit to a target with more to ask for, and the answer.

    allows, external_id   what the role's trust policy allows and demands
    """
    role = PretendRole(3600, frozenset({ASSUME, *allows}), external_id)
    with open_house(
        tmp_path,
        roles={str(ROLE): role},
        aws={"targets": [{**FULL_TARGETS[0], **target}], **(aws or {})},
        saml={"assertions": KEPT},
    ) as house:
        return house, house.sign_in(house.browser(), "/aws/cloudadmin", attributes=attributes)


def test_nothing_is_asked_for_that_is_not_switched_on(tmp_path: Path) -> None:
    house, answer = opened(tmp_path, {})
    console_url(answer)
    (given,) = house.pretend_sts.role_sessions
    assert (given.source_identity, given.tags, given.session_policy, given.policy_arns) == (
        None,
        {},
        None,
        (),
    )


def test_every_call_to_aws_says_who_we_are_in_the_same_words(tmp_path: Path) -> None:
    house, _ = opened(tmp_path, {})
    assert house.sts.user_agents == house.signin.user_agents == {f"awscons/{__version__} (+{house.url}/)"}


def test_the_role_session_is_named_after_the_attribute_of_choice(tmp_path: Path) -> None:
    house, _ = opened(tmp_path, {}, aws={"role_session_name_attr": "MAIL"})
    assert house.pretend_sts.role_sessions[0].role_session_name == "ada@corp.example"
    assert house.audit()[-1]["role_session_name"] == "ada@corp.example"
    assert house.audit()[-1]["user_name"] == "ada@example.com"


def test_source_identity_and_tags_reach_sts_and_the_audit_log(tmp_path: Path) -> None:
    house, answer = opened(
        tmp_path,
        {
            "source_identity": "mail",
            "session_tags": {"who": "user_name", "email": "mail"},
            "transitive_tags": ["email"],
        },
        TAG,
        SOURCE,
    )
    console_url(answer)
    (given,) = house.pretend_sts.role_sessions
    assert given.source_identity == "ada@corp.example"
    assert given.tags == {"who": "ada@example.com", "email": "ada@corp.example"}
    assert given.transitive_tags == {"email"}
    event = house.audit()[-1]
    assert (event["source_identity"], event["session_tags"]) == ("ada@corp.example", "who, email")


def test_an_external_id_and_policies_reach_sts(tmp_path: Path) -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    house, answer = opened(
        tmp_path,
        {"external_id": "abc:1", "session_policy": policy, "policy_arns": [arn]},
        external_id="abc:1",
    )
    console_url(answer)
    (given,) = house.pretend_sts.role_sessions
    assert given.policy_arns == (arn,)
    assert given.session_policy == (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    )


@pytest.mark.parametrize(
    ("target", "action"),
    [
        ({"source_identity": "user_name"}, SOURCE),
        ({"session_tags": {"email": "mail"}}, TAG),
    ],
)
def test_a_switch_that_the_trust_policy_does_not_allow_names_the_action(
    tmp_path: Path, target: dict[str, object], action: str
) -> None:
    house, answer = opened(tmp_path, target)
    assert answer.status_code == 502
    assert "does not allow this service to assume this role" in text_of(answer)
    assert action not in answer.text
    event = house.audit()[-1]
    assert f"not authorized to perform: {action}" in event["cause"]
    assert f"must allow {action}" in event["hint"]
    assert event["sts_request_id"]


def test_a_refusal_that_names_no_action_lists_what_was_needed(tmp_path: Path) -> None:
    house, _ = opened(tmp_path, {"source_identity": "mail"}, SOURCE, external_id="abc:1")
    assert "must allow sts:AssumeRole and sts:SetSourceIdentity on this role" in house.audit()[-1]["hint"]


@pytest.mark.parametrize(
    ("attributes", "target", "cause"),
    [
        (
            PERSON,
            {"session_tags": {"department": "department"}},
            "AWS does not accept 'R&D Größe' as a value",
        ),
        (PERSON[:1], {"source_identity": "mail"}, "the attribute mail has no value"),
        (
            (*PERSON[:1], ("mail", ("a@x.example", "b@x.example"))),
            {"session_tags": {"email": "mail"}},
            "the attribute mail has 2 values",
        ),
    ],
)
def test_attributes_that_do_not_fit_are_a_refusal_and_never_bent(
    tmp_path: Path,
    attributes: tuple[tuple[str, tuple[str, ...]], ...],
    target: dict[str, object],
    cause: str,
) -> None:
    house, answer = opened(tmp_path, target, TAG, SOURCE, attributes=attributes)
    assert answer.status_code == 403
    assert "do not fit this target" in text_of(answer)
    event = house.audit()[-1]
    assert event["outcome"] == "refused"
    assert cause in event["cause"]
    assert house.sts.calls == 0


def test_a_tag_without_a_value_is_left_out(tmp_path: Path) -> None:
    house, answer = opened(
        tmp_path,
        {
            "session_tags": {"email": "mail", "department": "department"},
            "transitive_tags": ["department"],
        },
        TAG,
        attributes=(*PERSON[:2], ("department", ("  ",))),
    )
    console_url(answer)
    assert house.pretend_sts.role_sessions[0].tags == {"email": "ada@corp.example"}
    assert house.pretend_sts.role_sessions[0].transitive_tags == set()


def test_every_event_of_a_login_carries_its_public_id(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        browser.get("/aws/sandbox")
        browser.post("/saml/logout", {})
        events = house.audit()
    assert [event["action"] for event in events] == ["sign-in", "open-console", "open-console", "sign-out"]
    assert len({event["login_id"] for event in events}) == 1


def test_the_event_of_a_sign_in_joins_to_the_identity_providers_log(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        browser = house.browser()
        browser.http.headers["User-Agent"] = "Firefox/" + "1" * 300
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        browser.answer("/saml/acs", house.answer(sent))
        (event,) = house.audit()
        assert event["authn_request_id"] == sent.request_id
        assert event["assertion_id"] == f"_a{sent.request_id}"
        assert event["session_index"] == "_index"
        assert event["authn_instant"] == house.clock().replace(microsecond=0).isoformat()
        assert event["authn_context"] == "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
        assert (event["groups"], event["group_count"]) == (["cloudadmin", "sysadmin"], 2)
        assert event["user_agent"].endswith("… (308 characters)")
        assert browser.answer("/saml/acs", {"SAMLResponse": "x"}).status_code == 400
        refused, problem = house.audit()[-1], house.lines("problem")[-1]
        assert refused["user_agent"] == event["user_agent"]
        assert refused["client_address"] == problem["client_address"] == event["client_address"]
