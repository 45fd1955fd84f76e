"""Group names in the formats of their directories, reduced only where the configuration says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awscons.access.distinguished_names import DistinguishedName, parse_dn
from awscons.access.groups import DnFormat, DomainFormat, GroupFormat, PathFormat, normalize_group


def dn(text: str) -> DistinguishedName:
    parsed = parse_dn(text)
    assert parsed, text
    return parsed


PATH = PathFormat()
CORP = DomainFormat("CORP")
GROUPS = DnFormat(dn("OU=Groups,DC=example,DC=com"))
ALL: tuple[GroupFormat, ...] = (PATH, CORP, GROUPS)
BELOW = "OU=Groups,DC=example,DC=com"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("admins", "admins"),
        ("/admins", "admins"),
        ("/parent/admins", "parent/admins"),
        (r"CORP\admins", "admins"),
        (r"corp\cloud admins", "cloud admins"),
        (f"CN=admins,{BELOW}", "admins"),
        ("cn=admins,ou=GROUPS,dc=Example,dc=COM", "admins"),
        (f"CN=admins,OU=AWS,OU=Cloud,{BELOW}", "admins"),
        ("cn = cloud  admins , ou = groups, dc=example , dc=com ", "cloud  admins"),
        (rf"CN=admins\, europe,{BELOW}", "admins, europe"),
        (rf"CN=admins\2C europe,{BELOW}", "admins, europe"),
        (rf"CN=Z\C3\BCrich,{BELOW}", "Zürich"),
        (rf"CN=a\+b\=c\ ,{BELOW}", "a+b=c "),
        (rf"CN=A\\B,{BELOW}", r"A\B"),
        (f"CN=/admins,{BELOW}", "/admins"),
        (f"2.5.4.3=admins,{BELOW}", "admins"),
        ("CN=admins,2.5.4.11=Groups,0.9.2342.19200300.100.1.25=example,DC=com", "admins"),
        (r"CN=admins,OU=Gr\6Fups,DC=example,DC=com", "admins"),
        (f"CN=admins,CN=a+OU=b,{BELOW}", "admins"),
        (rf"CN=A\\\ ,{BELOW}", "A\\ "),
        (rf"CN=A\\  ,{BELOW}", "A\\"),
        (rf"CN=A\   ,{BELOW}", "A "),
        (f"CN=\tadmins\t,{BELOW}", "\tadmins\t"),
        (f"CN=admins,{'OU=x,' * 60}{BELOW}", "admins"),
    ],
)
def test_a_value_that_has_a_named_format_is_reduced_once(name: str, plain: str) -> None:
    assert normalize_group(name, ALL) == plain


@pytest.mark.parametrize(
    "name",
    [
        "/",
        "\\admins",
        "CORP\\",
        r"LAPTOP-17\admins",
        r"CORP\EU\admins",
        "=admins",
        "CN=",
        "",
        f"CN=,{BELOW}",
        BELOW,
        "description=admins",
        "CN=admins",
        "CN=admins,whatever it says",
        f"UID=admins,{BELOW}",
        f"CN=admins+UID=ada,{BELOW}",
        f"CN=admins+CN=admins,{BELOW}",
        "CN=admins,OU=Self-service,DC=example,DC=com",
        "CN=admins,OU=Groups,DC=example,DC=com,DC=attacker",
        "CN=admins,OU=Groups+L=x,DC=example,DC=com",
        r"CN=admins\,OU=Groups,DC=example,DC=com",
        r"CN=admins,OU=x\,OU=Groups,DC=example,DC=com",
        r"CN=admins,OU=Groups\00,DC=example,DC=com",
        f"CN=admins,,{BELOW}",
        f"CN=admins,{BELOW},",
        f"CN=admins;{BELOW}",
        f'CN="admins",{BELOW}',
        f"CN=#04036162,{BELOW}",
        rf"CN=\FF,{BELOW}",
        f"CN=admins,OU=#04036162,{BELOW}",
        rf"CN=admins,OU=\FF,{BELOW}",
        rf"CN=a\b,{BELOW}",
        f"C\u212aN=admins,{BELOW}",
        f"CN=a\x00,{BELOW}",
        "CN=admins,OU=Group\uff33,DC=example,DC=com",
        "CN=admins,OU=Group\u017f,DC=example,DC=com",
        f"CN=admins,{'OU=x,' * 61}{BELOW}",
    ],
)
def test_a_value_that_is_not_wholly_in_a_format_stays_as_it_is(name: str) -> None:
    assert normalize_group(name, ALL) == name


@pytest.mark.parametrize("name", ["/admins", r"CORP\admins", f"CN=admins,{BELOW}"])
def test_nothing_is_reduced_without_a_format(name: str) -> None:
    assert normalize_group(name, ()) == name


def test_the_attributes_of_a_place_may_stand_in_any_order() -> None:
    form = DnFormat(dn("OU=a+L=b,DC=x"))
    assert normalize_group("CN=admins,l=B+ou=A,dc=x", [form]) == "admins"


@pytest.mark.parametrize(
    "name", ["CN=admins,OU=my groups", "CN=admins,OU=My  GROUPS", r"CN=admins,OU=\ My Groups"]
)
def test_letter_case_and_runs_of_spaces_make_no_other_place(name: str) -> None:
    assert normalize_group(name, [DnFormat(dn("OU=My Groups"))]) == "admins"


def test_at_most_the_first_format_that_fits_is_applied() -> None:
    assert normalize_group("/CORP\\admins", [CORP, PATH]) == "CORP\\admins"
    assert normalize_group("CORP\\/admins", [CORP, PATH]) == "/admins"


def test_a_format_names_its_place() -> None:
    assert [str(form) for form in (PATH, CORP)] == ["/NAME", "CORP\\NAME"]
    assert str(DnFormat(dn(BELOW))) == f"CN=NAME,{BELOW}"


def test_the_place_itself_is_not_below_itself() -> None:
    form = DnFormat(dn("CN=Users,DC=x"))
    assert normalize_group("CN=Users,DC=x", [form]) == "CN=Users,DC=x"
    assert normalize_group("CN=a,CN=Users,DC=x", [form]) == "a"


@given(st.text(alphabet='CN=ad,+\\ #;"2C\x00\u00e9', max_size=40))
def test_no_text_breaks_the_reader_and_none_gives_an_empty_name(text: str) -> None:
    for name in (text, f"CN={text},{BELOW}"):
        assert normalize_group(name, ALL) or not name
