"""Whether each target's role can be assumed: it is really assumed, with credentials that may do nothing.

A probe sends what a person's console would send, for 900 s, and a session policy that denies everything beside the
target's own: an explicit deny wins, and AWS still tells how large the policies of the real request are. What AWS
refuses is tried again once, because changes of IAM take seconds to spread; then in parts, to find the action that is
not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from awscons.access.identity import Identity
from awscons.access.targets import Target
from awscons.aws.broker import Broker
from awscons.aws.opened import TriedRole
from awscons.aws.role_request import (
    MAX_POLICY_CHARACTERS,
    SET_SOURCE_IDENTITY,
    TAG_SESSION,
    USER_NAME,
    RoleRequest,
    build_role_request,
)
from awscons.errors import AwsconsError, RoleRefused, UpstreamSilent, UpstreamThrottled, UpstreamUnusable

SESSION_NAME = "awscons-doctor"
MAX_CONCURRENT = 8
"""Probes at the same time."""
_PASSING = (RoleRefused, UpstreamSilent, UpstreamThrottled, UpstreamUnusable)
"""Failures that may have passed when everything else was asked."""
_DENY_ALL = {"Effect": "Deny", "Action": "*", "Resource": "*"}


@dataclass(frozen=True, slots=True)
class Probe:
    """What AWS said of one target.

    tried     what it accepted; None when the target does not open
    error     why the target does not open; None when it does
    missing   actions that some policy does not allow, as far as trials can tell; empty for other errors
    is_without_external_id   the role can be assumed without the external id, and not with it
    """

    target: Target
    tried: TriedRole | None = None
    error: AwsconsError | None = None
    missing: tuple[str, ...] = ()
    is_without_external_id: bool = False


def probe_targets(
    broker: Broker,
    targets: Sequence[Target],
    *,
    name: str,
    name_attribute: str,
    before_second_try: Callable[[], None],
) -> Iterator[Probe]:
    """A probe of each target, in the order in which they end. Raises nothing of AWS: errors stand in the probes.

    name             stands for the person: role session name, source identity, and value of every tag
    name_attribute   the attribute that becomes RoleSessionName, or USER_NAME
    """

    def first(target: Target) -> Probe:
        return _probe(broker, target, name, name_attribute, explain=False)

    def second(target: Target) -> Probe:
        return _probe(broker, target, name, name_attribute, explain=True)

    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        again = []
        for found in pool.map(first, targets):
            if isinstance(found.error, _PASSING):
                again.append(found.target)
            else:
                yield found
        if again:
            before_second_try()
            yield from pool.map(second, again)


def build_probe_request(target: Target, name: str, *, name_attribute: str) -> RoleRequest:
    """The AssumeRole request of a person who is called `name`, for credentials that may do nothing.

    Raises AttributesUnfit for a name that cannot be the value of a session tag.
    """
    terms = target.terms
    attributes = {name_attribute, terms.source_identity or USER_NAME, *(one for _, one in terms.session_tags)}
    identity = Identity(name, name, dict.fromkeys(attributes, (name,)), frozenset())
    request = build_role_request(target, identity, name_attribute=name_attribute)
    own = json.loads(request.session_policy) if request.session_policy else {"Version": "2012-10-17"}
    statements = own.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    policy = _compact({**own, "Statement": [*statements, _DENY_ALL]})
    if len(policy) + sum(map(len, request.policy_arns)) > MAX_POLICY_CHARACTERS:
        policy = _compact({"Version": "2012-10-17", "Statement": [_DENY_ALL]})
    return replace(request, session_policy=policy)


def _compact(policy: object) -> str:
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)


def _probe(broker: Broker, target: Target, name: str, name_attribute: str, *, explain: bool) -> Probe:
    try:
        request = build_probe_request(target, name, name_attribute=name_attribute)
        try:
            return Probe(target, tried=broker.try_role(target, request, token=True))
        except RoleRefused as error:
            if not explain or error.is_by_a_deny:
                return Probe(target, error=error)
            return _explained(broker, request, Probe(target, error=error), error.action)
    except AwsconsError as error:
        return Probe(target, error=error)


def _explained(broker: Broker, request: RoleRequest, refused: Probe, named: str) -> Probe:
    """Try less and less of a refused request. `named`: the action that AWS's message names, which may be empty."""

    def opens(less: RoleRequest) -> bool:
        try:
            broker.try_role(refused.target, less, token=False)
        except RoleRefused:
            return False
        return True

    untagged = replace(request, session_tags=(), transitive_tags=())
    bare = replace(untagged, source_identity=None)
    optional = request.needed_actions[1:]
    if optional and opens(bare):
        alone = {TAG_SESSION: replace(request, source_identity=None), SET_SOURCE_IDENTITY: untagged}
        lacking = tuple(one for one in optional if len(optional) == 1 or not opens(alone[one]))
        return replace(refused, missing=lacking or optional)
    if request.external_id is not None and opens(replace(bare, external_id=None)):
        return replace(refused, is_without_external_id=True)
    # The broker's own session may pass on tags, or a source identity, that the request does not have.
    is_one_of_them = named in {TAG_SESSION, SET_SOURCE_IDENTITY}
    return replace(refused, missing=(named,) if is_one_of_them else request.needed_actions)
