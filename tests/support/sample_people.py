"""Sample data: the same people and targets in every test."""

from awscons.access.identity import Identity
from awscons.access.targets import RoleArn, Target

ADMIN_ROLE = RoleArn("aws", "123456789012", "MyAdminRole")
DB_ROLE = RoleArn("aws", "999999789012", "DBAdmin")

CLOUDADMIN = Target("cloudadmin", ADMIN_ROLE, 28800, groups=("sysadmin", "cloudadmin"))
SANDBOX = Target("sandbox", DB_ROLE, 28800, groups=("dbs",))
AWSADM = Target("awsadm", ADMIN_ROLE, 3600)


def person(
    name: str, *, groups: tuple[str, ...] = (), attributes: dict[str, tuple[str, ...]] | None = None
) -> Identity:
    """Somebody who was verified."""
    kept = {"groups": groups, **(attributes or {})}
    return Identity(user_name=name, name_id=name, attributes=kept, groups=frozenset(groups))


ADA = person("ada@example.com", groups=("sysadmin", "cloudadmin", "dbs"))
OTTO = person("otto@example.com", groups=("dbs",))
NINA = person("nina@example.com")
