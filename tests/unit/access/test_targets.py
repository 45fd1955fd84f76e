"""Role ARNs, taken apart or refused."""

import pytest

from awscons.access.targets import RoleArn, Target, TargetDisplay, parse_role_arn


@pytest.mark.parametrize(
    ("text", "arn"),
    [
        ("arn:aws:iam::123456789012:role/MyAdminRole", RoleArn("aws", "123456789012", "MyAdminRole")),
        ("arn:aws-cn:iam::012345678901:role/team/x/Admin", RoleArn("aws-cn", "012345678901", "team/x/Admin")),
        ("arn:aws-us-gov:iam::123456789012:role/a", RoleArn("aws-us-gov", "123456789012", "a")),
        (
            f"arn:aws:iam::123456789012:role/{'p' * 2011}/Admin",
            RoleArn("aws", "123456789012", f"{'p' * 2011}/Admin"),
        ),
    ],
)
def test_a_role_arn_is_taken_apart_and_put_together_again(text: str, arn: RoleArn) -> None:
    assert parse_role_arn(text) == arn
    assert str(arn) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MyAdminRole",
        "arn:aws:iam::12345:role/MyAdminRole",
        "arn:aws:iam::1234567890123:role/MyAdminRole",
        "arn:aws:iam::123456789012:user/Ada",
        "arn:aws:sts::123456789012:assumed-role/MyAdminRole/ada",
        "arn:aws:iam:us-east-1:123456789012:role/MyAdminRole",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/My Admin",
        "arn:aws:iam::123456789012:role/Admin\n",
        " arn:aws:iam::123456789012:role/Admin",
        "arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:role/Admin",
        "arn:evil:iam::123456789012:role/Admin",
        "arn:aws:iam::123456789012:role/" + "a" * 65,
        "arn:aws:iam::123456789012:role/" + "p/" * 1500 + "Admin",
        f"arn:aws:iam::123456789012:role/{'p' * 2012}/Admin",
    ],
)
def test_anything_else_is_no_role_arn(text: str) -> None:
    assert parse_role_arn(text) is None


ROLE = RoleArn("aws", "123456789012", "Admin")


@pytest.mark.parametrize(
    ("target", "everyone"),
    [
        (Target("x", ROLE, 3600), True),
        (Target("x", ROLE, 3600, max_login_age=900, authn_context=("urn:mfa",)), True),
        (Target("x", ROLE, 3600, groups=("a",)), False),
        (Target("x", ROLE, 3600, attributes=("mail",)), False),
        (Target("x", ROLE, 3600, attribute_globs=(("mail", ("*",)),)), False),
    ],
)
def test_a_target_with_a_condition_on_the_person_is_not_open_to_everyone(
    target: Target, *, everyone: bool
) -> None:
    assert target.open_to_everyone is everyone


def test_people_call_a_target_by_its_title_else_by_its_name() -> None:
    assert Target("x", ROLE, 3600).title == "x"
    assert Target("x", ROLE, 3600, display=TargetDisplay(title="Shop")).title == "Shop"
