"""What a probe asks of AWS, and what it makes of a refusal: a broker that knows the answers stands for AWS."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from awscons.access.targets import Target, parse_role_arn
from awscons.aws.broker import Broker
from awscons.aws.durations import Durations
from awscons.aws.opened import TriedRole
from awscons.aws.probe import MAX_CONCURRENT, Probe, build_probe_request, probe_targets
from awscons.aws.role_request import MAX_POLICY_CHARACTERS, USER_NAME, RoleRequest
from awscons.errors import (
    AttributesUnfit,
    AwsconsError,
    PolicyRefused,
    RoleRefused,
    UpstreamSilent,
    UpstreamThrottled,
)

ASSUME, SOURCE, TAG = "sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"
OPENS = TriedRole("eu-west-1", Durations(900, None, "for a test"), 4)
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def target(name: str = "admin", **terms: Any) -> Target:
    role = parse_role_arn(f"arn:aws:iam::123456789012:role/{name}")
    assert role is not None
    plain = Target(name, role, 3600)
    return replace(plain, terms=replace(plain.terms, **terms))


FULL = target(
    source_identity=USER_NAME,
    session_tags=(("team", USER_NAME),),
    transitive_tags=("team",),
    external_id="x-1",
)


@dataclass
class Doors:
    """A broker. `refuses` gives the error for a request, or None."""

    refuses: Callable[[RoleRequest], AwsconsError | None]
    asked: list[tuple[RoleRequest, bool]] = field(default_factory=list)

    def try_role(self, target: Target, request: RoleRequest, *, token: bool) -> TriedRole:
        assert request.role == target.role
        self.asked.append((request, token))
        if error := self.refuses(request):
            raise error
        return OPENS


def denied(action: str = "", *, by_a_deny: bool = False) -> RoleRefused:
    error = RoleRefused("AccessDenied", step="sts")
    error.action, error.is_by_a_deny = action, by_a_deny
    return error


def probed(doors: Doors, *targets: Target, waits: int = 0) -> list[Probe]:
    """The probes; `waits`: how often there was a wait for a second try."""
    waited: list[None] = []
    found = list(
        probe_targets(
            cast("Broker", doors),
            targets or (FULL,),
            name="ada",
            name_attribute=USER_NAME,
            before_second_try=lambda: waited.append(None),
        )
    )
    assert len(waited) == waits
    return found


# --- the request -------------------------------------------------------------------------


def test_a_probe_is_the_request_of_a_person_of_that_name_and_may_do_nothing() -> None:
    doors = Doors(lambda _request: None)
    (probe,) = probed(doors)
    assert (probe.tried, probe.error, probe.missing) == (OPENS, None, ())
    ((request, token),) = doors.asked
    assert token
    assert (request.role_session_name, request.source_identity, request.external_id) == ("ada", "ada", "x-1")
    assert (request.session_tags, request.transitive_tags) == ((("team", "ada"),), ("team",))
    assert json.loads(request.session_policy or "") == {"Version": "2012-10-17", "Statement": [DENY]}


@pytest.mark.parametrize("statement", [{"Effect": "Allow"}, [{"Effect": "Allow"}]])
def test_the_targets_own_policy_stays_beside_the_deny(statement: object) -> None:
    policy = json.dumps({"Version": "2008-10-17", "Statement": statement})
    request = build_probe_request(target(session_policy=policy), "ada", name_attribute=USER_NAME)
    assert request.session_policy == (
        '{"Version":"2008-10-17","Statement":[{"Effect":"Allow"},{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    )


@pytest.mark.parametrize(("room", "stays"), [(0, True), (-1, False)])
def test_a_policy_that_leaves_no_room_for_the_deny_gives_way(room: int, *, stays: bool) -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    deny = json.dumps(DENY, separators=(",", ":"))
    whole = f'{{"Statement":[{{"Effect":"Allow","Sid":"é"}},{deny}]}}'
    filler = "x" * (MAX_POLICY_CHARACTERS - len(whole) - len(arn) - room)
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Sid": f"é{filler}"}]}, ensure_ascii=False)
    terms: dict[str, Any] = {"session_policy": policy, "policy_arns": (arn,)}
    request = build_probe_request(target(**terms), "ada", name_attribute=USER_NAME)
    statements = json.loads(request.session_policy or "")["Statement"]
    assert [one["Effect"] for one in statements] == (["Allow", "Deny"] if stays else ["Deny"])
    assert request.policy_arns == (arn,)


def test_attributes_that_give_tags_and_names_have_the_name_too() -> None:
    own = target(source_identity="employee", session_tags=(("team", "department"),))
    request = build_probe_request(own, "ada", name_attribute="login")
    assert (request.role_session_name, request.source_identity) == ("ada", "ada")
    assert request.session_tags == (("team", "ada"),)


def test_a_name_that_cannot_be_a_tag_is_the_error_of_that_target_alone() -> None:
    doors = Doors(lambda _request: None)
    found = list(
        probe_targets(
            cast("Broker", doors),
            [FULL, target("plain")],
            name="a<b",
            name_attribute=USER_NAME,
            before_second_try=lambda: None,
        )
    )
    assert {probe.target.name: type(probe.error) for probe in found} == {
        "admin": AttributesUnfit,
        "plain": type(None),
    }


# --- refusals ----------------------------------------------------------------------------


def lacking(*actions: str) -> Callable[[RoleRequest], AwsconsError | None]:
    """A trust policy without these actions, and AWS's message about the first that is needed."""

    def refuses(request: RoleRequest) -> AwsconsError | None:
        return next((denied(action) for action in request.needed_actions if action in actions), None)

    return refuses


@pytest.mark.parametrize(
    ("actions", "missing"),
    [
        ((TAG,), (TAG,)),
        ((SOURCE,), (SOURCE,)),
        ((SOURCE, TAG), (SOURCE, TAG)),
        ((ASSUME,), (ASSUME, SOURCE, TAG)),
        ((ASSUME, SOURCE, TAG), (ASSUME, SOURCE, TAG)),
    ],
)
def test_the_missing_actions_are_found_by_leaving_parts_out(
    actions: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    doors = Doors(lacking(*actions))
    (probe,) = probed(doors, waits=1)
    assert (probe.missing, probe.tried, probe.is_without_external_id) == (missing, None, False)
    assert isinstance(probe.error, RoleRefused)
    assert [token for _, token in doors.asked] == [True, True] + [False] * (len(doors.asked) - 2)
    full = (("team", "ada"),), ("team",)
    assert {(request.session_tags, request.transitive_tags) for request, _ in doors.asked} == {full, ((), ())}


def test_a_target_with_one_optional_part_needs_one_trial() -> None:
    doors = Doors(lacking(TAG))
    (probe,) = probed(doors, target(session_tags=(("team", USER_NAME),)), waits=1)
    assert probe.missing == (TAG,)
    assert len(doors.asked) == 3


def test_parts_that_are_refused_together_alone_are_all_missing() -> None:
    both = Doors(lambda request: denied() if request.session_tags and request.source_identity else None)
    (probe,) = probed(both, waits=1)
    assert probe.missing == (SOURCE, TAG)


def test_an_optional_action_that_the_message_names_is_missing_where_no_trial_opens() -> None:
    (probe,) = probed(Doors(lambda _request: denied(TAG)), waits=1)
    assert probe.missing == (TAG,)


def test_a_role_that_opens_without_the_external_id_is_told_as_such() -> None:
    (probe,) = probed(Doors(lambda request: denied() if request.external_id else None), waits=1)
    assert (probe.is_without_external_id, probe.missing) == (True, ())


def test_without_an_external_id_there_is_no_such_trial() -> None:
    doors = Doors(lambda _request: denied())
    (probe,) = probed(doors, target(), waits=1)
    assert (probe.is_without_external_id, probe.missing, len(doors.asked)) == (False, (ASSUME,), 2)


def test_an_explicit_deny_is_not_taken_apart() -> None:
    doors = Doors(lambda _request: denied(by_a_deny=True))
    (probe,) = probed(doors, waits=1)
    assert (probe.missing, len(doors.asked)) == ((), 2)


@pytest.mark.parametrize(
    "error", [denied(), UpstreamSilent("x", step="sts"), UpstreamThrottled("x", step="sts")]
)
def test_what_may_have_passed_is_tried_once_more_after_everything_else(error: AwsconsError) -> None:
    refused = [error]
    doors = Doors(lambda request: refused.pop() if refused and "second" not in str(request.role) else None)
    first, second = target("first"), target("second")
    found = probed(doors, first, second, waits=1)
    assert [probe.target.name for probe in found] == ["second", "first"]
    assert [probe.tried for probe in found] == [OPENS, OPENS]


def test_what_cannot_pass_is_tried_once() -> None:
    doors = Doors(lambda _request: PolicyRefused("x", step="sts"))
    (probe,) = probed(doors)
    assert isinstance(probe.error, PolicyRefused)
    assert len(doors.asked) == 1


def test_eight_run_at_a_time_and_no_more() -> None:
    meeting, running, most = threading.Barrier(8), set[int](), [0]

    def meets(_request: RoleRequest) -> None:
        running.add(threading.get_ident())
        most[0] = max(most[0], len(running))
        meeting.wait(20)

    probed(Doors(meets), *[target(f"role-{number}") for number in range(16)])
    assert (most, MAX_CONCURRENT) == ([8], 8)


def test_a_target_without_aws_credentials_is_probed_with_an_assertion_about_that_name() -> None:
    own = replace(target(), saml_provider="arn:aws:iam::123456789012:saml-provider/awscons")
    ada, otto = (build_probe_request(own, name, name_attribute=USER_NAME).saml for name in ("ada", "otto"))
    assert ada is not None
    assert otto is not None
    assert ada.subject != otto.subject
