"""Tokens for ElastiCache: verified by a second hand, with nothing of botocore."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from awscons.adapters.stores.choice import open_store
from awscons.adapters.stores.elasticache_token import ElastiCacheTokens
from awscons.config.schema import RedisBacking
from awscons.errors import ConfigurationError

KEY_ID, SECRET, SESSION = "ASIAEXAMPLE", "wJalrXUtnFEMI", "session/token=="


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)


def signature_of(host: str, query: list[tuple[str, str]], region: str) -> str:
    """As AWS's guide computes it (Signature Version 4, query parameters)."""
    values = dict(query)
    signed = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in query if k != "X-Amz-Signature")
    canonical = "\n".join(
        [
            "GET",
            "/",
            "&".join(f"{key}={value}" for key, value in signed),
            f"host:{host}\n",
            "host",
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    scope = f"{values['X-Amz-Date'][:8]}/{region}/elasticache/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", values["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{SECRET}".encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


@pytest.mark.parametrize("serverless", [False, True])
def test_the_token_is_a_request_to_connect_that_aws_would_accept_for_fifteen_minutes(
    *, serverless: bool
) -> None:
    tokens = ElastiCacheTokens(
        user="awscons", cache_name="Logins", region_name="eu-central-1", serverless=serverless
    )
    user, token = tokens.get_credentials()
    parts = urlsplit(f"https://{token}")
    query = parse_qsl(parts.query, strict_parsing=True)
    values = dict(query)
    assert user == values["User"] == "awscons"
    assert (parts.hostname, parts.path) == ("logins", "/")
    assert values["Action"] == "connect"
    assert values.get("ResourceType") == ("ServerlessCache" if serverless else None)
    assert values["X-Amz-Expires"] == "900"
    signed_at = datetime.strptime(values["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - signed_at) < timedelta(minutes=1)
    assert values["X-Amz-Credential"].startswith(f"{KEY_ID}/")
    assert values["X-Amz-Security-Token"] == SESSION
    assert values["X-Amz-Signature"] == signature_of("logins", query, "eu-central-1")
    assert SECRET not in token


@pytest.mark.parametrize(
    ("missing", "key"), [("AWS_ACCESS_KEY_ID", "iam_cache_name"), ("AWS_DEFAULT_REGION", "iam_region_name")]
)
def test_without_credentials_or_a_region_the_service_does_not_start(
    monkeypatch: pytest.MonkeyPatch, missing: str, key: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv(missing)
    backing = RedisBacking(
        cache_type="Redis", url="rediss://awscons@logins.example.com", iam_cache_name="logins"
    )
    with pytest.raises(ConfigurationError) as caught:
        open_store(backing, environment={})
    (mistake,) = caught.value.mistakes
    assert mistake.path == f"session_config.session_backing.{key}"
