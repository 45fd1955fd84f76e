"""Group names in the forms of their directories, reduced only where the configuration says so."""

import pytest

from awscons.groups import GroupForm, plain_group_name

ALL = tuple(GroupForm)


@pytest.mark.parametrize(
    ("name", "forms", "plain"),
    [
        ("admins", ALL, "admins"),
        ("/admins", (GroupForm.PATH,), "admins"),
        ("/parent/admins", (GroupForm.PATH,), "parent/admins"),
        ("/", (GroupForm.PATH,), "/"),
        (r"CORP\admins", (GroupForm.DOMAIN,), "admins"),
        (r"corp.example.com\cloud admins", (GroupForm.DOMAIN,), "cloud admins"),
        ("\\admins", (GroupForm.DOMAIN,), "\\admins"),
        ("CORP\\", (GroupForm.DOMAIN,), "CORP\\"),
        ("CN=admins,OU=groups,DC=example,DC=com", (GroupForm.DN,), "admins"),
        ("cn = cloud admins , ou=x", (GroupForm.DN,), "cloud admins"),
        (r"CN=admins\, europe,DC=x", (GroupForm.DN,), "admins, europe"),
        (r"CN=Z\C3\BCrich,DC=x", (GroupForm.DN,), "Zürich"),
        ("CN=a+SN=b,DC=x", (GroupForm.DN,), "a"),
        ("2.5.4.3=admins,DC=x", (GroupForm.DN,), "admins"),
        ("a=b", (GroupForm.PATH, GroupForm.DOMAIN), "a=b"),
        (r"CN=A\\B,DC=x", ALL, r"A\B"),
        ("CN=/admins,DC=x", ALL, "/admins"),
        ("=admins", ALL, "=admins"),
        ("CN=", ALL, "CN="),
        ("", ALL, ""),
    ],
)
def test_a_named_form_is_reduced_once(name: str, forms: tuple[GroupForm, ...], plain: str) -> None:
    assert plain_group_name(name, forms) == plain


@pytest.mark.parametrize("name", ["/admins", r"CORP\admins", "CN=admins,DC=x"])
def test_nothing_is_reduced_silently(name: str) -> None:
    assert plain_group_name(name, ()) == name
