"""The trust that roles of keyless targets need: the same rule as at a console, on whichever host the command runs."""

from pathlib import Path
from typing import Any

import pytest

from awscons.assembly.aws_side import build_broker
from awscons.aws.assertions import saml_recipient
from awscons.aws.partitions import PARTITIONS
from awscons.config.key_files import make_first_pair
from awscons.config.load import parse_settings
from awscons.config.settings import Settings
from awscons.iam.federation import Federation, in_account
from awscons.iam.trust import trust_policy
from support.fake_aws import NOW
from support.house import config_for
from support.keyless import PROVIDER, TARGET

OTHER = PROVIDER.replace("awscons", "of-the-region")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_first_pair(tmp_path / "keys", now=NOW)
    return tmp_path


def settings_of(folder: Path, *targets: dict[str, Any], **aws: Any) -> Settings:
    """The configuration of keyless targets of one role."""
    own = {"open_by": "AssumeRoleWithSAML", "identity_provider": {"keys": str(folder / "keys")}}
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/",
        credentials_file=folder / "none",
        store={"cache_type": "SimpleCache"},
        aws={**own, "targets": [{**TARGET, **target} for target in targets], **aws},
    )
    return parse_settings(config, source="test", environment={})


def statements(settings: Settings) -> list[dict[str, Any]]:
    """The trust policy of the role, in its account."""
    trusted = Federation(settings.aws, "https://sso.example.com", any_target=False).trust(settings.targets)
    document: dict[str, Any] = in_account(trust_policy(None, federated=trusted), "123456789012")
    found: list[dict[str, Any]] = document["Statement"]
    return found


def test_only_assume_role_with_saml_has_conditions_on_the_assertion(folder: Path) -> None:
    settings = settings_of(folder, {"session_tags": {"team": "user_name"}, "source_identity": "user_name"})
    opens, others = statements(settings)
    assert (opens["Action"], set(opens["Condition"])) == (
        "sts:AssumeRoleWithSAML",
        {"StringEquals", "ForAnyValue:StringEquals"},
    )
    assert (others["Action"], "Condition" in others) == (["sts:SetSourceIdentity", "sts:TagSession"], False)
    assert others["Principal"] == {"Federated": PROVIDER}


def test_tags_of_coding_agents_need_tag_session_as_well(folder: Path) -> None:
    settings = settings_of(folder, {"cli": {"agent": {"tags": {"agent": "yes"}}}})
    assert [one["Action"] for one in statements(settings)] == ["sts:AssumeRoleWithSAML", "sts:TagSession"]


def test_a_role_trusts_the_providers_of_all_its_targets(folder: Path) -> None:
    settings = settings_of(folder, {}, {"service": "other", "saml_provider": OTHER})
    (statement,) = statements(settings)
    assert statement["Principal"] == {"Federated": [PROVIDER, OTHER]}


def test_the_trusted_audience_is_the_recipient_of_our_assertions_on_every_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    settings = settings_of(folder, {})
    region = build_broker(settings).principal(settings.targets[0]).region
    (statement,) = statements(settings)
    assert statement["Condition"]["StringEquals"]["SAML:aud"] == saml_recipient(PARTITIONS["aws"], region)
