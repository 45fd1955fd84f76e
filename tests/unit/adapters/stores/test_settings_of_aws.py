"""Stores that need AWS, where AWS's own settings on this host cannot be used."""

from pathlib import Path

import pytest

from awscons.adapters.stores.choice import open_store, store_warnings
from awscons.config.schema import DynamoDBBacking, RedisBacking
from awscons.errors import ConfigurationError

TABLE = DynamoDBBacking(cache_type="DynamoDB", region_name="eu-central-1")
TOKENS = RedisBacking(
    cache_type="Redis",
    url="rediss://awscons@logins.example.com",
    iam_cache_name="logins",
    iam_region_name="eu-central-1",
)


@pytest.mark.parametrize("backing", [TABLE, TOKENS], ids=["DynamoDB", "ElastiCache"])
def test_a_profile_that_no_file_has_is_a_mistake_when_the_service_starts_and_in_the_check(
    backing: DynamoDBBacking | RedisBacking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "wrong")
    for ask in (lambda: open_store(backing, environment={}), lambda: store_warnings(backing)):
        with pytest.raises(ConfigurationError, match=r"profile \(wrong\) could not be found"):
            ask()
