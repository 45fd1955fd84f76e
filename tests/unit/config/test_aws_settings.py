"""`aws_config`: partitions, role terms, regions and console pages."""

import pytest

from awscons import __version__
from support.sections import MINIMAL, SAML, mistakes, parse, said_of, with_target

# --- partitions --------------------------------------------------------------------------

GOV_ROLE = "arn:aws-us-gov:iam::123456789012:role/R"
ISO_ROLE = "arn:aws-iso:iam::123456789012:role/R"


def test_a_partition_has_its_own_hosts_and_credentials() -> None:
    settings = parse(
        aws={
            "aws_profile_name": "usual",
            "sts_endpoint": "https://sts.example.com/",
            "partitions": {
                "aws-us-gov": {"aws_profile_name": "gov", "fips": True},
                "aws-iso": {
                    "console_host": "console.iso.example",
                    "sts_endpoint": "https://sts.{region}.iso.example/",
                    "signin_endpoint": "https://{region}.signin.iso.example/federation",
                    "signin_method": "GET",
                },
            },
            "targets": [
                {"service": "a", "role": "arn:aws:iam::123456789012:role/R"},
                {"service": "b", "role": GOV_ROLE},
                {"service": "c", "role": GOV_ROLE, "aws_profile_name": "mine"},
                {
                    "service": "d",
                    "role": ISO_ROLE,
                    "destination": "https://us-iso-east-1.console.iso.example/x",
                },
            ],
        }
    )
    aws = settings.aws
    assert [aws.profile_for(target) for target in settings.targets] == ["usual", "gov", "mine", "usual"]
    gov = aws.signin_endpoint_in("aws-us-gov", "us-gov-west-1")
    assert gov == "https://signin-fips.amazonaws-us-gov.com/federation"
    iso = aws.signin_endpoint_in("aws-iso", "us-iso-west-1")
    assert iso == "https://us-iso-west-1.signin.iso.example/federation"
    assert aws.sts_endpoint_in("aws-iso", "us-iso-west-1") == "https://sts.us-iso-west-1.iso.example/"
    assert aws.sts_endpoint_in("aws", "eu-west-1") == "https://sts.example.com/"
    assert aws.partitions["aws-iso"].partition.console_suffix == "console.iso.example"
    assert (aws.partitions["aws-iso"].signin_method, aws.partitions["aws"].signin_method) == ("GET", "POST")


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"partitions": {"aws-eu": {}}}, "partitions", "names of partitions: aws, aws-cn"),
        ({"partitions": {"aws-cn": {"fips": True}}}, "partitions.aws-cn.fips", "aws-us-gov alone"),
        ({"partitions": {"aws": {"profile": "x"}}}, "partitions.aws.profile", "one of aws_profile_name"),
        ({"partitions": {"aws": []}}, "partitions.aws", "a dict"),
        (
            {"partitions": {"aws": {"console_host": "https://x.example"}}},
            "partitions.aws.console_host",
            "a host name in lower case",
        ),
        (
            {"partitions": {"aws": {"console_host": "localhost"}}},
            "partitions.aws.console_host",
            "a host name in lower case",
        ),
        (
            {"partitions": {"aws": {"signin_endpoint": "http://x.example/"}}},
            "partitions.aws.signin_endpoint",
            "an https URL",
        ),
        ({"partitions": {"aws": {"signin_method": "PUT"}}}, "partitions.aws.signin_method", "POST"),
        (
            {"targets": [{"service": "x", "role": ISO_ROLE}]},
            "partitions.aws-iso.console_host",
            "which AWS does not publish",
        ),
        (
            {"targets": [{"service": "x", "role": GOV_ROLE, "aws_profile_name": ""}]},
            "targets[0].aws_profile_name",
            "not empty",
        ),
    ],
)
def test_what_a_partition_cannot_have_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(aws={**MINIMAL, **changes})
    assert wanted in found[f"aws_config.{path}"].wanted


def test_credentials_that_would_have_to_cross_partitions_are_pointed_out() -> None:
    both = [{"service": "a", "role": GOV_ROLE}, *MINIMAL["targets"]]
    said = said_of(parse(aws={"targets": both}))
    assert any("partitions aws and aws-us-gov are opened with the same credentials" in line for line in said)
    mended = parse(aws={"targets": both, "partitions": {"aws-us-gov": {"aws_profile_name": "gov"}}})
    assert not any("partitions" in line for line in said_of(mended))


# --- what else AssumeRole is asked for ---------------------------------------------------

STATEMENT = {"Effect": "Deny", "Action": "*", "Resource": "*"}
KEPT = {**SAML, "assertions": ["groups", "mail"]}


def test_a_target_may_ask_assume_role_for_more() -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    aws = with_target(
        source_identity="Mail",
        session_tags={"email": "mail", "who": "user_name"},
        transitive_tags=("email",),
        external_id="abc:1",
        session_policy={"Statement": [STATEMENT]},
        policy_arns=[arn],
    )
    terms = parse(saml=KEPT, aws={**aws, "role_session_name_attr": "mail"}).targets[0].terms
    assert terms.source_identity == "Mail"
    assert terms.session_tags == (("email", "mail"), ("who", "user_name"))
    assert terms.transitive_tags == ("email",)
    assert terms.external_id == "abc:1"
    assert terms.session_policy == '{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    assert terms.policy_arns == (arn,)


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"source_identity": "maill"}, "source_identity", "'user_name', or an attribute that"),
        ({"source_identity": True}, "source_identity", "text"),
        ({"session_tags": {"x": "phone"}}, "session_tags.x", "'user_name', or an attribute that"),
        ({"session_tags": {"aws:x": "mail"}}, "session_tags", "keys of 1 to 128 letters"),
        ({"session_tags": {"x": "mail", "X": "mail"}}, "session_tags", "more than letter case"),
        ({"session_tags": {str(n): "mail" for n in range(51)}}, "session_tags", "at most 50 tags"),
        ({"session_tags": {"x": ["mail"]}}, "session_tags.x", "text"),
        ({"session_tags": ["mail"]}, "session_tags", "a dict"),
        (
            {"session_tags": {"x": "mail"}, "transitive_tags": ["y"]},
            "transitive_tags[0]",
            "one of the keys of `session_tags`",
        ),
        ({"external_id": "a b"}, "external_id", "2 to 1,224 of"),
        ({"session_policy": "{"}, "session_policy", "a policy with a Statement"),
        ({"session_policy": ["x"]}, "session_policy", "a policy, as a dict or as JSON text"),
        (
            {"session_policy": {"Statement": [{"Sid": "x" * 2048}]}},
            "session_policy",
            "at most 2,048 together",
        ),
        (
            {"policy_arns": ["arn:aws:iam::999999999999:policy/X"]},
            "policy_arns[0]",
            "a managed policy of AWS (arn:aws:iam::aws:policy/…)",
        ),
        ({"policy_arns": ["arn:aws:iam::aws:policy/X"] * 11}, "policy_arns", "at most 10 entries"),
    ],
)
def test_what_assume_role_would_refuse_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(saml=KEPT, aws=with_target(**changes))
    assert wanted in found[f"aws_config.targets[0].{path}"].wanted


def test_the_attribute_that_names_role_sessions_must_be_kept() -> None:
    found = mistakes(saml=KEPT, aws={**MINIMAL, "role_session_name_attr": "mial"})
    assert found["aws_config.role_session_name_attr"].hint == "did you mean 'mail'?"


# --- asking AWS --------------------------------------------------------------------------


def test_regions_are_an_ordered_list_for_all_partitions_together() -> None:
    regions = ("eu-west-1", "us-east-1", "cn-north-1")
    assert parse(aws={**MINIMAL, "regions": regions}).aws.regions == regions
    assert parse().aws.regions == ()


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"regions": "eu-west-1"}, "regions", "a list of text"),
        ({"regions": ["eu-west"]}, "regions[0]", "the name of a region, such as 'eu-west-1'"),
        ({"regions": ["eu-west-1", "https://x"]}, "regions[1]", "the name of a region"),
        ({"regions": ["eu-west-1\n"]}, "regions[0]", "the name of a region"),
        ({"regions": [1]}, "regions[0]", "text"),
        ({"logout_first": 1}, "logout_first", "True or False"),
        ({"max_concurrent_sign_ins": 0}, "max_concurrent_sign_ins", "at least 1"),
        ({"max_concurrent_sign_ins": "8"}, "max_concurrent_sign_ins", "a whole number"),
        ({"timeout": 0.5}, "timeout", "at least 1"),
        ({"sts_endpoint": "https://sts.{zone}.example.com"}, "sts_endpoint", "no other placeholder"),
        ({"signin_endpoint": "http://{region}.example.com"}, "signin_endpoint", "an https URL"),
    ],
)
def test_what_cannot_be_asked_of_aws_is_a_mistake(changes: dict[str, object], path: str, wanted: str) -> None:
    found = mistakes(aws={**MINIMAL, **changes})
    assert wanted in found[f"aws_config.{path}"].wanted


def test_the_user_agent_is_fixed_and_says_where_to_read_about_it() -> None:
    assert parse().aws.user_agent == f"awscons/{__version__} (+https://sso.example.com/)"
    wiki = parse(aws={**MINIMAL, "contact_url": "https://wiki.example.com/awscons"})
    assert wiki.aws.user_agent == f"awscons/{__version__} (+https://wiki.example.com/awscons)"
    for wrong in ("wiki.example.com", "https://x.example/\r\nA: b", "https://x.example/ä", ""):
        assert "aws_config.contact_url" in mistakes(aws={**MINIMAL, "contact_url": wrong})


def test_one_call_takes_single_seconds_whatever_the_whole_may_take() -> None:
    for timeout in (1, 10, 200, 300):
        aws = parse(aws={**MINIMAL, "timeout": float(timeout)}).aws
        assert aws.connect_timeout <= 3
        assert aws.read_timeout <= 9
        # Two regions may hang, and there is time to ask a third.
        assert 2 * aws.read_timeout + aws.slowest_call <= timeout


def test_a_target_that_ends_with_the_login_needs_logins_that_are_long_enough() -> None:
    found = mistakes(saml={**SAML, "auth_duration": 899}, aws=with_target(ends_with_login=True))
    assert "at least 900" in found["saml_config.auth_duration"].wanted
    settings = parse(saml={**SAML, "auth_duration": 900}, aws=with_target(ends_with_login=True))
    assert settings.targets[0].ends_with_login
    assert not parse(saml={**SAML, "auth_duration": 899}).targets[0].ends_with_login
    assert "ends_with_login" in str(mistakes(aws=with_target(ends_with_login=1)))


# --- where to land -----------------------------------------------------------------------


def test_a_target_may_say_where_to_land() -> None:
    page = "https://{region}.console.aws.amazon.com/s3/home?region={region}"
    (target,) = parse(aws=with_target(region="eu-west-1", destination=page)).targets
    assert (target.region, target.console_destination) == ("eu-west-1", page)
    (target,) = parse().targets
    assert (target.region, target.console_destination) == (None, None)


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"region": "eu-west"}, "region", "a region of partition aws, such as 'us-east-1'"),
        ({"region": "cn-north-1"}, "region", "a region of partition aws"),
        ({"region": ""}, "region", "text that is not empty"),
        ({"region": 1}, "region", "text"),
        ({"destination": "https://evil.example.com/"}, "destination", "a page of the console of partition"),
        ({"destination": "http://console.aws.amazon.com/"}, "destination", "such as 'https://us-east-1."),
        ({"destination": "https://{x}.console.aws.amazon.com/"}, "destination", "a page of the console"),
        ({"destination": "https://console.amazonaws.cn/"}, "destination", "a page of the console"),
        ({"destination": ["x"]}, "destination", "text"),
    ],
)
def test_a_place_that_is_not_in_the_console_is_a_mistake(
    changes: dict[str, object], path: str, wanted: str
) -> None:
    found = mistakes(aws=with_target(**changes))
    assert wanted in found[f"aws_config.targets[0].{path}"].wanted


def test_a_place_is_judged_by_the_partition_of_the_role() -> None:
    chinese = {"role": "arn:aws-cn:iam::123456789012:role/R", "region": "cn-northwest-1"}
    assert parse(aws=with_target(**chinese)).targets[0].region == "cn-northwest-1"
    found = mistakes(aws=with_target(**{**chinese, "region": "eu-west-1"}))
    assert "aws-cn" in found["aws_config.targets[0].region"].wanted


def test_a_page_copied_out_of_a_console_session_is_the_target_s_without_that_session() -> None:
    page = "eu-west-1.console.aws.amazon.com/rds/home?region={region}#databases:"
    settings = parse(aws=with_target(destination=f"https://123456789012-abc123xy.{page}"))
    assert settings.targets[0].console_destination == f"https://{page}"
