"""Values that open doors show nothing of themselves."""

from datetime import UTC, datetime

from awscons.access.targets import RoleTerms
from awscons.audit.metrics_recorder import MetricsSettings
from awscons.aws.role_credentials import ConsoleUrl, RoleCredentials, SigninToken
from awscons.config.schema import MemcachedBacking, RedisBacking
from awscons.signin.login import BegunLogin

SECRET = "do-not-show-me"


def test_no_repr_or_str_shows_a_secret() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    values = [
        RoleCredentials("ASIAEXAMPLE", SECRET, SECRET, now, "arn:aws:sts::1:assumed-role/x/y", "r"),
        SigninToken(SECRET),
        ConsoleUrl(f"https://signin.example/?SigninToken={SECRET}"),
        BegunLogin("https://idp.example.com/", None, "handle", SECRET),
        RedisBacking(cache_type="Redis", password=SECRET),
        MetricsSettings(token=SECRET),
        RoleTerms(external_id=SECRET),
        MemcachedBacking(cache_type="Memcached", username="awscons", password=SECRET),
    ]
    for value in values:
        assert SECRET not in repr(value)
        assert SECRET not in f"{value}"
