"""The durations to ask for, for each kind of credentials that a broker can have."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.aws.durations import (
    MAX_CHAINED_DURATION,
    MAX_DURATION,
    MIN_DURATION,
    CredentialKind,
    Durations,
    duration_text,
    kind_by_principal,
    kind_by_provider,
    plan_durations,
    plan_role_sessions,
    until_login_ends,
)

Kind = CredentialKind
UNCHAINED = (Kind.LONG_TERM, Kind.EC2_INSTANCE, Kind.SAML_ASSERTION)
CHAINED = tuple(kind for kind in Kind if kind not in UNCHAINED)

ASSUMED = "arn:aws:sts::123456789012:assumed-role"


@pytest.mark.parametrize(
    ("credentials", "provider", "temporary", "principal", "kind", "longest_console"),
    [
        ("IAM user access key", "shared-credentials-file", False, "", Kind.LONG_TERM, 43200),
        ("IAM user access key", "env", False, "", Kind.LONG_TERM, 43200),
        ("EC2 instance profile", "iam-role", True, "", Kind.EC2_INSTANCE, 43200),
        ("EC2, by a program", "custom-process", True, f"{ASSUMED}/R/i-0abc1234", Kind.EC2_INSTANCE, 43200),
        ("ECS or Fargate task role", "container-role", True, "", Kind.CONTAINER, 3600),
        ("EKS pod identity", "container-role", True, "", Kind.CONTAINER, 3600),
        ("EKS IRSA role", "assume-role-with-web-identity", True, "", Kind.WEB_IDENTITY, 3600),
        ("Lambda execution role", "env", True, f"{ASSUMED}/R/my-function", Kind.ASSUMED_ROLE, 3600),
        ("Identity Center", "sso", True, "", Kind.ASSUMED_ROLE, 3600),
        ("a role by profile", "assume-role", True, "", Kind.ASSUMED_ROLE, 3600),
        ("Roles Anywhere", "custom-process", True, f"{ASSUMED}/R/0123abcd", Kind.ASSUMED_ROLE, 3600),
        ("GetSessionToken", "env", True, "arn:aws:iam::123456789012:user/x", Kind.USER_SESSION, 3600),
        ("GetSessionToken, root", "env", True, "arn:aws:iam::123456789012:root", Kind.USER_SESSION, 3600),
        (
            "GetFederationToken",
            "shared-credentials-file",
            True,
            "arn:aws:sts::123456789012:federated-user/x",
            Kind.ASSUMED_ROLE,
            3600,
        ),
        ("aws login", "login", True, f"{ASSUMED}/R/ada", Kind.ASSUMED_ROLE, 3600),
        ("another partition", "env", True, "arn:aws-cn:sts::1:odd", Kind.ASSUMED_ROLE, 3600),
    ],
)
def test_every_source_of_credentials_gets_the_longest_console_that_aws_allows_it(
    credentials: str, provider: str, principal: str, kind: Kind, longest_console: int, *, temporary: bool
) -> None:
    found = kind_by_provider(provider, temporary=temporary) or kind_by_principal(principal)
    assert found is kind, credentials
    assert plan_durations(43200, found)[0].console_lasts == longest_console


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        ("iam-role", Kind.EC2_INSTANCE),
        ("container-role", Kind.CONTAINER),
        ("assume-role-with-web-identity", Kind.WEB_IDENTITY),
        ("assume-role", Kind.ASSUMED_ROLE),
        ("sso", Kind.ASSUMED_ROLE),
        ("env", None),
        ("shared-credentials-file", None),
    ],
)
def test_a_provider_of_one_kind_needs_no_call_to_tell_it(provider: str, kind: Kind | None) -> None:
    assert kind_by_provider(provider, temporary=True) is kind
    assert kind_by_provider(provider, temporary=False) is Kind.LONG_TERM


@pytest.mark.parametrize(
    ("session_name", "kind"),
    [
        ("i-01234567", Kind.EC2_INSTANCE),
        ("i-0123456789abcdef0", Kind.EC2_INSTANCE),
        ("i-0123456", Kind.ASSUMED_ROLE),
        ("i-0123456789abcdef01", Kind.ASSUMED_ROLE),
        ("i-0123456789ABCDEF0", Kind.ASSUMED_ROLE),
        ("x/i-01234567", Kind.ASSUMED_ROLE),
    ],
)
def test_only_a_session_named_as_an_instance_is_one_of_ec2(session_name: str, kind: Kind) -> None:
    assert kind_by_principal(f"{ASSUMED}/R/{session_name}") is kind


@pytest.mark.parametrize(
    ("wanted", "requested"),
    [
        (900, [(900, 900), (900, None)]),
        (3600, [(3600, 3600), (3600, None)]),
        (3601, [(3600, 3601), (3601, None), (3600, None)]),
        (28800, [(3600, 28800), (28800, None), (3600, None)]),
        (43200, [(3600, 43200), (43200, None), (3600, None)]),
    ],
)
@pytest.mark.parametrize("kind", UNCHAINED)
def test_unchained_a_short_role_session_opens_a_long_console(
    kind: Kind, wanted: int, requested: list[tuple[int, int | None]]
) -> None:
    plans = plan_durations(wanted, kind)
    assert [(plan.role_session_duration, plan.console_session_duration) for plan in plans] == requested


@pytest.mark.parametrize(("wanted", "given"), [(900, 900), (3600, 3600), (3601, 3600), (43200, 3600)])
@pytest.mark.parametrize("kind", CHAINED)
def test_chained_an_hour_at_most_and_no_session_duration(kind: Kind, wanted: int, given: int) -> None:
    (plan,) = plan_durations(wanted, kind)
    assert (plan.role_session_duration, plan.console_session_duration) == (given, None)
    assert ("role chaining ends after an hour" in plan.reason) == (wanted > 3600)


BY_KEYS = "asked with access keys of an IAM user"
BY_ROLE = "asked with temporary credentials of a role"


def test_each_plan_for_a_console_tells_what_was_refused_before() -> None:
    no_duration = f"{BY_KEYS}; the federation endpoint refused SessionDuration"
    assert plan_durations(3601, Kind.LONG_TERM) == (
        Durations(3600, 3601, BY_KEYS),
        Durations(3601, None, no_duration),
        Durations(3600, None, f"{no_duration}, and STS a longer role session"),
    )
    assert plan_durations(3600, Kind.LONG_TERM)[-1] == Durations(3600, None, no_duration)
    assert plan_durations(3600, Kind.ASSUMED_ROLE) == (Durations(3600, None, BY_ROLE),)


@pytest.mark.parametrize(
    ("wanted", "kind", "plans"),
    [
        (900, Kind.LONG_TERM, [Durations(900, None, BY_KEYS)]),
        (3600, Kind.LONG_TERM, [Durations(3600, None, BY_KEYS)]),
        (
            3601,
            Kind.LONG_TERM,
            [
                Durations(3601, None, BY_KEYS),
                Durations(3600, None, f"{BY_KEYS}; STS refused a longer role session"),
            ],
        ),
        (900, Kind.ASSUMED_ROLE, [Durations(900, None, BY_ROLE)]),
        (3600, Kind.ASSUMED_ROLE, [Durations(3600, None, BY_ROLE)]),
        (
            3601,
            Kind.ASSUMED_ROLE,
            [Durations(3600, None, f"{BY_ROLE}; role chaining ends after an hour")],
        ),
    ],
)
def test_credentials_alone_need_a_role_session_of_the_whole_length(
    wanted: int, kind: Kind, plans: list[Durations]
) -> None:
    assert list(plan_role_sessions(wanted, kind)) == plans


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(43200, "12 h"), (5400, "1 h 30 min"), (3661, "1 h 1 min 1 s"), (3599, "59 min 59 s"), (60, "1 min")],
)
def test_a_duration_is_written_in_unit_symbols(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.integers(MIN_DURATION, MAX_DURATION), st.sampled_from(Kind))
def test_whatever_is_asked_for_is_legal_and_the_last_is_refused_by_nobody(wanted: int, kind: Kind) -> None:
    plans = plan_durations(wanted, kind)
    for plan in plans:
        assert MIN_DURATION <= plan.role_session_duration <= MAX_DURATION
        assert plan.console_session_duration in {None, wanted}
        assert plan.console_lasts <= wanted
        assert kind.value in plan.reason
    assert plans[-1].role_session_duration <= MAX_CHAINED_DURATION
    assert plans[-1].console_session_duration is None
    assert len(set(plans)) == len(plans)


@pytest.mark.parametrize(
    ("wanted", "left", "given"),
    [
        (28800, 3600, 3600),
        (3600, 28800, 3600),
        (3600, 900, 900),
        (3600, 900.9, 900),
        (3600, 899.9, None),
        (900, -1, None),
    ],
)
def test_a_console_that_ends_with_the_login_is_cut_or_not_opened(
    wanted: int, left: float, given: int | None
) -> None:
    assert until_login_ends(wanted, timedelta(seconds=left)) == given
