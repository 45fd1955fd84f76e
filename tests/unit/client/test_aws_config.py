"""Our block in the file of the AWS CLI: everything around it stays, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons_cli.aws_config import ConfigRefused, ConfigText, profile_names, profile_text
from awscons_cli.errors import UsageMistake

URL = "https://sso.example.com"
OWN = "[default]\nregion = eu-west-1\n\n# mine\n[profile work]\ns3 =\n  max_concurrent_requests = 20\n"
WANTED = {"shop-Admin": profile_text("shop-Admin", "awscons-cli credentials cloudadmin", "eu-central-1")}
BLOCK = f"""# >>> awscons-cli {URL} >>>
# Written by `awscons-cli configure`, which also replaces it.

[profile shop-Admin]
credential_process = awscons-cli credentials cloudadmin
region = eu-central-1
# <<< awscons-cli {URL} <<<
"""


def written(text: str, wanted: dict[str, str] = WANTED, *, prune: bool = False) -> str:
    return ConfigText(text, URL, "~/.aws/config").with_profiles(wanted, prune=prune)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", BLOCK),
        (OWN, f"{OWN}\n{BLOCK}"),
        (OWN.rstrip("\n"), f"{OWN}\n{BLOCK}"),
        (f"{BLOCK}\n{OWN}", f"{BLOCK}\n{OWN}"),
    ],
    ids=["empty", "a file of the person's", "no newline at its end", "text behind the block"],
)
def test_the_block_is_added_or_replaced_in_its_place(before: str, after: str) -> None:
    assert written(before) == after
    assert written(after) == after


def test_a_file_of_windows_keeps_its_line_ends() -> None:
    windows = OWN.replace("\n", "\r\n")
    assert written(windows) == (OWN + "\n" + BLOCK).replace("\n", "\r\n")


def test_two_services_have_two_blocks() -> None:
    other = BLOCK.replace(URL, "https://other.example.com").replace("shop-Admin", "other-Admin")
    assert written(other) == f"{other}\n{BLOCK}"


def test_profiles_of_closed_doors_stay_until_they_are_pruned() -> None:
    old = written(OWN, {**WANTED, "old": "[profile old]\ncredential_process = x"})
    assert "[profile old]" in written(old)
    assert written(old, prune=True) == f"{OWN}\n{BLOCK}"
    assert written(old, {}, prune=True).strip() == OWN.strip()


@pytest.mark.parametrize(
    "section",
    [
        "[profile shop-Admin]",
        "[ profile  shop-Admin ] ; x",
        '[profile "shop-Admin"]',
        "[profile\tshop-Admin]",
        r"[profile shop\-Admin]",
        '[profile shop-Adm"in"]',
        "[profiles shop-Admin]",
    ],
)
def test_a_profile_of_the_person_with_that_name_is_a_refusal(section: str) -> None:
    with pytest.raises(ConfigRefused, match="has a profile shop-Admin of its own; nothing was changed"):
        written(f"{section}\nregion = x\n")


def test_a_section_that_the_aws_cli_cannot_read_is_a_refusal() -> None:
    with pytest.raises(ConfigRefused, match=r"The section \[profile o'brien\] in ~/.aws/config is one that"):
        written("[profile o'brien]\n")


@pytest.mark.parametrize(
    "text",
    [
        BLOCK.rpartition("#")[0],
        BLOCK.partition("\n")[2],
        BLOCK + BLOCK,
        "\n".join(reversed(BLOCK.splitlines())),
    ],
    ids=["no end", "no begin", "twice", "the wrong way round"],
)
def test_marks_that_do_not_belong_together_are_a_refusal(text: str) -> None:
    with pytest.raises(ConfigRefused, match="do not belong together"):
        written(text)


@given(
    st.text(alphabet="ab[] \n\r#=\té"),
    st.text(alphabet="ab[] \n\r#=\té"),
    st.sets(st.sampled_from(["p", "q", "r"])),
)
def test_whatever_stands_around_the_block_stays(before: str, after: str, names: set[str]) -> None:
    first = written(before) + after
    profiles = {name: profile_text(name, "x", None) for name in names}
    again = written(first, profiles, prune=True)
    assert again.startswith(before)
    assert again.endswith(after)


DOOR = {
    "name": "cloudadmin",
    "account_id": "123456789012",
    "account_slug": "shop",
    "role_name": "Admin",
    "region": None,
}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{account_slug}-{role}", "shop-Admin"),
        ("{door}", "cloudadmin"),
        ("{account_id}.{role}", "123456789012.Admin"),
        ("{account_name}", "123456789012"),
        ("default", "default"),
    ],
)
def test_names_follow_the_template(template: str, name: str) -> None:
    assert profile_names(template, [DOOR]) == {"cloudadmin": name}


def test_signs_that_no_profile_may_have_become_dashes() -> None:
    assert profile_names("{role}", [{**DOOR, "role_name": "a] b\n[x"}]) == {"cloudadmin": "a-b-x"}


@pytest.mark.parametrize(
    "template",
    ["{nothing}", "{", "{0}", "{}", "{door.__class__}", "{door[a]}", "{door:>99999x}", "a b", "", "]"],
)
def test_a_template_that_makes_no_name_is_a_mistake(template: str) -> None:
    with pytest.raises(UsageMistake):
        profile_names(template, [DOOR])


def test_two_doors_of_one_name_are_a_mistake() -> None:
    with pytest.raises(UsageMistake, match="cloudadmin and other would both be the profile shop-Admin"):
        profile_names("{account_slug}-{role}", [DOOR, {**DOOR, "name": "other"}])
