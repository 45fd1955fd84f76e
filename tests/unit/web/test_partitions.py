"""Targets in several partitions and accounts, each with the credentials and hosts that belong to it."""

from pathlib import Path
from urllib.parse import urlsplit

from awscons.demo.pretend_sts import PretendRole
from support.browser import text_of
from support.house import House, console_url, open_house

CHINESE = "arn:aws-cn:iam::123456789012:role/MyAdminRole"
GOV = "arn:aws-us-gov:iam::123456789012:role/MyAdminRole"
ROLES = {CHINESE: PretendRole(3600), GOV: PretendRole(3600)}
TARGETS = [
    {"service": "china", "role": CHINESE},
    {"service": "gov", "role": GOV, "aws_profile_name": "gov-only"},
]
REGIONS = ("us-east-1", "cn-north-1", "us-gov-west-1")


def add_profile(house: House, folder: Path, name: str, partition: str) -> None:
    """A user of that partition, as a profile of the broker's credentials file."""
    key_id, secret = house.pretend_sts.add_user(f"arn:{partition}:iam::123456789012:user/AWSconSSO")
    with (folder / "credentials").open("a") as file:
        file.write(f"[{name}]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")


def test_each_target_is_opened_with_the_credentials_of_its_partition_or_its_own(tmp_path: Path) -> None:
    aws = {"targets": TARGETS, "partitions": {"aws-cn": {"aws_profile_name": "china"}}}
    with open_house(tmp_path, roles=ROLES, regions=REGIONS, aws=aws) as house:
        add_profile(house, tmp_path, "china", "aws-cn")
        add_profile(house, tmp_path, "gov-only", "aws-us-gov")
        browser = house.browser()
        china = house.sign_in(browser, "/aws/china")
        assert urlsplit(china.headers["Location"]).path == "/cn-north-1/federation"
        assert console_url(china)["Destination"].startswith("https://cn-north-1.console.amazonaws.cn/")
        gov = browser.get("/aws/gov")
        assert console_url(gov)["Destination"].startswith(
            "https://us-gov-west-1.console.amazonaws-us-gov.com/"
        )
        assert browser.follow_all(gov).status_code == 200


def test_credentials_of_another_partition_are_refused_with_a_hint(tmp_path: Path) -> None:
    with open_house(tmp_path, roles=ROLES, regions=REGIONS, aws={"targets": TARGETS}) as house:
        assert house.sign_in(house.browser(), "/aws/china").status_code == 502
        assert "broker's principal" in house.audit()[-1]["hint"]


def test_a_profile_that_is_not_there_fails_its_own_target_alone(tmp_path: Path) -> None:
    aws = {"targets": [*TARGETS, {"service": "usual", "role": "arn:aws:iam::123456789012:role/R"}]}
    roles = {"arn:aws:iam::123456789012:role/R": PretendRole(3600)}
    with open_house(tmp_path, roles=roles, regions=REGIONS, aws=aws) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/gov").status_code == 503
        assert browser.get("/aws/usual").status_code == 301


def test_a_sign_in_host_that_takes_no_post_can_be_asked_by_get(tmp_path: Path) -> None:
    aws = {"partitions": {"aws": {"signin_method": "GET"}}}
    with open_house(tmp_path, aws=aws) as house:
        browser = house.browser()
        assert browser.follow_all(house.sign_in(browser, "/aws/cloudadmin")).status_code == 200
        assert house.signin.methods == {"GET"}


def test_the_pages_of_a_console_that_the_configuration_names_can_be_linked_to(tmp_path: Path) -> None:
    iso = "arn:aws-iso:iam::123456789012:role/MyAdminRole"
    aws = {
        "targets": [{"service": "iso", "role": iso}],
        "partitions": {"aws-iso": {"console_host": "console.iso.example"}},
    }
    page = "https://us-iso-east-1.console.iso.example/s3"
    with open_house(tmp_path, roles={iso: PretendRole(3600)}, regions=("us-iso-east-1",), aws=aws) as house:
        browser = house.browser()
        made = house.sign_in(browser, f"/aws/?link=iso&page={page}")
        assert "/aws/iso?destination=https%3A%2F%2Fus-iso-east-1.console.iso.example%2Fs3" in made.text
        elsewhere = browser.get("/aws/?link=iso&page=https://us-east-1.console.aws.amazon.com/")
        assert "https://us-iso-east-1.console.iso.example/" in text_of(elsewhere)
