"""Group names in the forms of their directories, reduced only where the configuration says so."""

import pytest

from awscons.access.groups import GroupFormat, normalize_group

ALL = tuple(GroupFormat)


@pytest.mark.parametrize(
    ("name", "forms", "plain"),
    [
        ("admins", ALL, "admins"),
        ("/admins", (GroupFormat.PATH,), "admins"),
        ("/parent/admins", (GroupFormat.PATH,), "parent/admins"),
        ("/", (GroupFormat.PATH,), "/"),
        (r"CORP\admins", (GroupFormat.DOMAIN,), "admins"),
        (r"corp.example.com\cloud admins", (GroupFormat.DOMAIN,), "cloud admins"),
        ("\\admins", (GroupFormat.DOMAIN,), "\\admins"),
        ("CORP\\", (GroupFormat.DOMAIN,), "CORP\\"),
        ("CN=admins,OU=groups,DC=example,DC=com", (GroupFormat.DN,), "admins"),
        ("cn = cloud admins , ou=x", (GroupFormat.DN,), "cloud admins"),
        (r"CN=admins\, europe,DC=x", (GroupFormat.DN,), "admins, europe"),
        (r"CN=Z\C3\BCrich,DC=x", (GroupFormat.DN,), "Zürich"),
        ("CN=a+SN=b,DC=x", (GroupFormat.DN,), "a"),
        ("2.5.4.3=admins,DC=x", (GroupFormat.DN,), "admins"),
        ("a=b", (GroupFormat.PATH, GroupFormat.DOMAIN), "a=b"),
        (r"CN=A\\B,DC=x", ALL, r"A\B"),
        ("CN=/admins,DC=x", ALL, "/admins"),
        ("=admins", ALL, "=admins"),
        ("CN=", ALL, "CN="),
        ("", ALL, ""),
    ],
)
def test_a_named_form_is_reduced_once(name: str, forms: tuple[GroupFormat, ...], plain: str) -> None:
    assert normalize_group(name, forms) == plain


@pytest.mark.parametrize("name", ["/admins", r"CORP\admins", "CN=admins,DC=x"])
def test_nothing_is_reduced_silently(name: str) -> None:
    assert normalize_group(name, ()) == name
