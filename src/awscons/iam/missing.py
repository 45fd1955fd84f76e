"""What a role that cannot be assumed lacks: a cause that many roles may share, and the statements to add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from awscons.access.targets import Target
from awscons.aws.probe import Probe
from awscons.aws.role_request import ASSUME_ROLE, INHERITED, SET_SOURCE_IDENTITY, TAG_SESSION
from awscons.errors import AwsconsError, RoleRefused, UpstreamError
from awscons.iam.policy import Statement, allow
from awscons.iam.trust import principal_of, trust_shape, trust_statement

_NO_ASSUME_ROLE = (
    "add the statements. If they are there: the role may not exist, or it requires another external id; its trust "
    "policy may name the unique id (AIDA…, AROA…) of a broker that was deleted and made again, so write it again; or "
    "it has a condition on names or tags that no probe meets (see --as)"
)
_NO_SAML = (
    "the role's trust policy has to allow it to the SAML provider of its account; the role may not exist, or a "
    "condition on SAML:aud, SAML:iss or the target may not hold: see docs/how-to/keyless.md"
)
_PERMISSION_BEFORE_OTHERS = "; whether the other actions are allowed shows only when this one is"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a target does not open. `cause` and `cure` name neither target nor role, so that equal ones are equal.

    trust, broker   statements to add to the role's trust policy and to the broker's own policy
    """

    cause: str
    cure: str = ""
    trust: tuple[Statement, ...] = ()
    broker: tuple[Statement, ...] = ()


def diagnose(probe: Probe, caller: str | None) -> Diagnosis | None:
    """Why the target of this probe does not open; None if it does.

    caller   the ARN that GetCallerIdentity tells of the broker; None where it is not known
    """
    error, target = probe.error, probe.target
    if error is None:
        return None
    if probe.is_without_external_id:
        return Diagnosis(
            "the role can be assumed without the target's external id, and not with it",
            "take `external_id` out of the target, or let the trust policy require it with StringEquals",
        )
    if not probe.missing:
        return _of_error(error, target)
    if target.keyless:
        return Diagnosis(f"AWS does not allow {' and '.join(probe.missing)}", _NO_SAML)
    first, *others = probe.missing
    cause = f"AWS does not allow {' and '.join(probe.missing)}"
    cure = f"add to both sides what is missing there: {_reasons(target, probe.missing)}"
    if first == ASSUME_ROLE:
        cause = f"AWS does not allow {first}{_PERMISSION_BEFORE_OTHERS if others else ''}"
        cure = _NO_ASSUME_ROLE
    if caller is None:
        return Diagnosis(cause, cure)
    return Diagnosis(
        cause,
        cure,
        trust_statements([target], probe.missing, caller),
        (allow(probe.missing, resources=[str(target.role)]),),
    )


def trust_statements(targets: Sequence[Target], actions: Sequence[str], caller: str) -> tuple[Statement, ...]:
    """The statements of a trust policy that allow these actions; AssumeRole has a statement of its own."""
    groups = [
        tuple(action for action in actions if (action == ASSUME_ROLE) is is_first)
        for is_first in (True, False)
    ]
    shape = trust_shape(*targets)
    return tuple(trust_statement(group, shape, principal_of(caller)) for group in groups if group)


def _reasons(target: Target, actions: Sequence[str]) -> str:
    """Why AWS asks for them: for what the target has, or for what the broker's own session passes on."""
    terms = target.terms
    has = {
        TAG_SESSION: "`session_tags`" if terms.session_tags or terms.fixed_tags else "",
        SET_SOURCE_IDENTITY: "`source_identity`" if terms.source_identity else "",
    }
    own = [has[action] for action in actions if has.get(action)]
    inherited = [INHERITED[action] for action in actions if action in has and not has[action]]
    return "; ".join([*([f"the target has {' and '.join(own)}"] if own else []), *inherited])


def _of_error(error: AwsconsError, target: Target) -> Diagnosis:
    cause, cure = str(error), error.hint
    if isinstance(error, RoleRefused) and error.is_by_a_deny:
        cause, _, cure = cure.partition(": ")
    elif isinstance(error, UpstreamError) and error.step == "federation":
        cause = f"the role can be assumed, and the sign-in host gives no token: {cause}"
    for own in (str(target.role), target.name):
        cause, cure = cause.replace(own, "…"), cure.replace(own, "…")
    return Diagnosis(cause, cure)
