"""Targets that open without any AWS key: the service signs an assertion, and the role trusts it."""

import html
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from awscons.config.key_files import make_first_pair, rotate_pairs
from awscons.config.load import parse_settings
from awscons.demo.pretend_sts import RoleSession
from awscons.errors import ConfigurationError
from awscons.saml.metadata import build_idp_metadata, parse_idp_metadata
from support.browser import Form, forms_in, sent_to_idp
from support.faults import RESET
from support.forge import certificate_of
from support.house import House, config_for, console_url, open_house
from support.keyless import ADMIN, ALL, FAR, NEAR, PROVIDER, TARGET, keyless, trust

KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def pem_of(name: str) -> str:
    return certificate_of(name).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keyless") / "idp-keys"
    make_first_pair(folder, now=datetime.now(UTC))
    return folder


def opened(house: House) -> RoleSession:
    """The role session of Ada's console."""
    console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
    return house.pretend_sts.role_sessions[-1]


@pytest.fixture(autouse=True)
def no_aws_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


# --- what opens --------------------------------------------------------------------------


def test_a_console_opens_for_twelve_hours_without_any_aws_credentials(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys) as house:
        session = opened(house)
        (event,) = [event for event in house.audit() if event["action"] == "open-console"]
    assert (session.role_arn, session.role_session_name, session.chained) == (ADMIN, "ada@example.com", False)
    assert (event["granted_duration"], event["requested_duration"]) == (43_200, 43_200)
    assert event["duration_reason"] == "asked with an assertion of this service's own (AssumeRoleWithSAML)"
    assert event["assumed_role_arn"].endswith("assumed-role/MyAdminRole/ada@example.com")


def test_names_tags_and_policies_are_those_of_assume_role(tmp_path: Path, keys: Path) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    changes = {
        "source_identity": "user_name",
        "session_tags": {"team": "user_name", "cost centre": "user_name"},
        "transitive_tags": ["team"],
        "session_policy": policy,
        "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    }
    with keyless(tmp_path, keys, target=changes) as house:
        session = opened(house)
    assert session.source_identity == "ada@example.com"
    assert session.tags == {"team": "ada@example.com", "cost centre": "ada@example.com"}
    assert session.transitive_tags == {"team"}
    assert json.loads(session.session_policy or "") == policy
    assert session.policy_arns == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)


def test_a_role_session_ends_with_the_login_where_the_target_says_so(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target={"ends_with_login": True}) as house:
        session = opened(house)
        left = session.expires_at - house.clock()
    assert timedelta(minutes=15) <= left <= timedelta(hours=8)


def test_the_nearest_region_that_answers_opens_the_console(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys) as house:
        house.sts_in[NEAR].misbehave(RESET)
        opened(house)
        (event,) = [event for event in house.audit() if event["action"] == "open-console"]
    assert event["region"] == FAR


def test_during_a_rollover_the_metadata_has_both_keys_and_the_old_one_signs(
    tmp_path: Path, keys: Path
) -> None:
    rolling = shutil.copytree(keys, tmp_path / "rolling")
    rotate_pairs(rolling, now=datetime.now(UTC))
    with keyless(tmp_path, rolling) as house:
        metadata = house.browser().get("/saml/idp-metadata").content
        opened(house)
    parsed = parse_idp_metadata(metadata, entity_id=None, now=datetime.now(UTC))
    assert len(parsed.signing_certificates) == 2


def test_without_an_identity_provider_of_ours_there_is_no_such_metadata(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        assert house.browser().get("/saml/idp-metadata").status_code == 404


# --- the browser posts -------------------------------------------------------------------

POSTED = {"open_by": "SAML-POST"}


def form_of(page: httpx.Response) -> Form:
    """The form that opens the console."""
    (form,) = [form for form in forms_in(page) if "SAMLResponse" in form.fields]
    return form


def test_the_browser_posts_to_aws_and_the_service_calls_nobody(tmp_path: Path, keys: Path) -> None:
    wanted = "https://eu-west-1.console.aws.amazon.com/s3/home#a/b"
    with keyless(tmp_path, keys, target=POSTED) as house:
        browser = house.browser()
        page = house.sign_in(browser, f"/aws/cloudadmin?destination={quote(wanted, safe='')}")
        form = form_of(page)
        assert (house.sts.calls, house.signin.calls) == (0, 0)
        landed = httpx.post(form.action, data=form.fields)
        (visit,) = house.pretend_signin.visits
        (event,) = [event for event in house.audit() if event["action"] == "open-console"]
    assert landed.status_code == 302
    assert (visit.destination, visit.console_lasts) == (wanted, 43_200)
    assert visit.role_session.role_session_name == "ada@example.com"
    assert (event["outcome"], event["granted_duration"], event["region"]) == ("done", 43_200, NEAR)
    assert "access_key_id" not in event


def test_the_page_is_never_stored_and_posts_to_aws_alone(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        page = house.sign_in(house.browser(), "/aws/cloudadmin")
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    (forms,) = re.findall(r"form-action ([^;]+);", page.headers["Content-Security-Policy"])
    assert "'self'" not in forms.split()
    assert {"https://*.signin.aws.amazon.com", "https://*.console.aws.amazon.com"} <= set(forms.split())


def test_each_visit_has_an_assertion_of_its_own_and_none_counts_twice(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        browser = house.browser()
        first = form_of(house.sign_in(browser, "/aws/cloudadmin"))
        second = form_of(browser.get("/aws/cloudadmin"))
        statuses = [httpx.post(form.action, data=form.fields).status_code for form in (first, first, second)]
    assert statuses == [302, 400, 302]


def test_another_region_can_be_tried(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        browser = house.browser()
        page = house.sign_in(
            browser, "/aws/cloudadmin?destination=" + quote("https://console.aws.amazon.com/x")
        )
        (link,) = re.findall(r'href="([^"]+region=[^"]+)"', page.text)
        form = form_of(browser.get(html.unescape(link)))
    assert f"/{FAR}/saml" in form.action
    assert form.fields["RelayState"] == "https://console.aws.amazon.com/x"


def test_a_region_that_did_not_work_for_one_person_comes_last_for_the_others_for_a_while(
    tmp_path: Path, keys: Path
) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        browser = house.browser()
        page = house.sign_in(browser, "/aws/cloudadmin")
        (link,) = re.findall(r'href="([^"]+region=[^"]+)"', page.text)
        browser.get(html.unescape(link))
        now = form_of(browser.get("/aws/cloudadmin"))
        house.clock.forward(seconds=31)
        later = [form_of(browser.get("/aws/cloudadmin")) for _ in range(2)]
    assert f"/{FAR}/saml" in now.action
    assert all(f"/{NEAR}/saml" in form.action for form in later)


def test_no_link_of_another_site_says_that_a_region_failed(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        link = f"/aws/cloudadmin?failed_region={NEAR}"
        from_elsewhere = form_of(browser.get(link, headers={"Sec-Fetch-Site": "cross-site"}))
    assert f"/{NEAR}/saml" in from_elsewhere.action


def test_a_region_that_failed_sts_comes_last_for_the_browsers_post_as_well(
    tmp_path: Path, keys: Path
) -> None:
    targets = [TARGET, {**TARGET, "service": "posted", **POSTED}]
    trusts_both = trust(**{"saml:edupersonentitlement": ["cloudadmin", "posted"]})
    with keyless(tmp_path, keys, trusts_both, aws={"targets": targets}) as house:
        house.sts_in[NEAR].misbehave(RESET)
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        assert f"/{FAR}/saml" in form_of(browser.get("/aws/posted")).action


def test_a_refused_destination_opens_nothing(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, target=POSTED) as house:
        assert (
            house.sign_in(house.browser(), "/aws/cloudadmin?destination=https://evil.example").status_code
            == 400
        )


# --- what AWS refuses --------------------------------------------------------------------


def refusal(house: House) -> dict[str, Any]:
    """The line of the log about a console that did not open."""
    response = house.sign_in(house.browser(), "/aws/cloudadmin")
    assert response.status_code in {502, 503}, response.status_code
    (line,) = house.lines("problem")
    assert line["incident_id"] in response.text
    return line


def test_a_provider_with_other_metadata_is_told_as_such(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys) as house:
        other = certificate_of("sp")
        entity_id = f"{house.url}/saml/idp-metadata"
        metadata = build_idp_metadata(entity_id, [other], sso_url=house.url)
        house.pretend_sts.add_saml_provider(PROVIDER, metadata)
        line = refusal(house)
    assert line["cause"] == "STS refused our assertion: InvalidIdentityToken"
    assert "`awscons idp metadata`" in line["hint"]


@pytest.mark.parametrize("action", ALL)
def test_an_action_that_the_trust_policy_lacks_is_named(tmp_path: Path, keys: Path, action: str) -> None:
    role = trust(*(one for one in ALL if one != action))
    changes = {"source_identity": "user_name", "session_tags": {"team": "user_name"}}
    with keyless(tmp_path, keys, role, changes) as house:
        line = refusal(house)
    assert action in line["cause"] + line["hint"]
    assert "SAML provider" in line["hint"]


def test_a_role_that_trusts_another_target_alone_stays_closed(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys, trust(**{"saml:edupersonentitlement": "sandbox"})) as house:
        assert "SAML provider" in refusal(house)["hint"]


# --- bad configurations ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aws", "target", "path"),
    [
        ({"identity_provider": None}, {}, "aws_config.targets[0].open_by"),
        ({}, {"external_id": "x-1"}, "aws_config.targets[0].external_id"),
        (
            {},
            {"role": "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0123456789abcdef"},
            "aws_config.targets[0].role",
        ),
        (
            {},
            {"saml_provider": "arn:aws:iam::999999999999:saml-provider/x"},
            "aws_config.targets[0].saml_provider",
        ),
        ({}, {"saml_provider": "awscons"}, "aws_config.targets[0].saml_provider"),
        ({"open_by": "AssumeRole"}, {"saml_provider": PROVIDER}, "aws_config.targets[0].saml_provider"),
        ({"open_by": "SAML-POST"}, {"session_policy": {"Statement": [{}]}}, "aws_config.targets[0].session_policy"),
        (
            {"open_by": "SAML-POST"},
            {"policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
            "aws_config.targets[0].policy_arns",
        ),
        ({"open_by": "SAML"}, {}, "aws_config.open_by"),
        ({"identity_provider": {"keys": "/nowhere"}}, {}, "aws_config.identity_provider.keys"),
        ({"identity_provider": {"keys": None}}, {}, "aws_config.identity_provider"),
        ({"identity_provider": {"kms_key": KMS_KEY}}, {}, "aws_config.identity_provider"),
        ({"identity_provider": {"certificate": "x"}}, {}, "aws_config.identity_provider.certificate"),
        ({"identity_provider": {"keys": None, "kms_key": KMS_KEY}}, {}, "aws_config.identity_provider.certificate"),
        (
            {"identity_provider": {"keys": None, "kms_key": KMS_KEY.replace("key/", "alias/")}},
            {},
            "aws_config.identity_provider.kms_key",
        ),
        (
            {"identity_provider": {"keys": None, "kms_key": KMS_KEY.replace("arn:aws", "arn:aws-x")}},
            {},
            "aws_config.identity_provider.kms_key",
        ),
        (
            {"identity_provider": {"keys": None, "kms_key": KMS_KEY, "certificate": pem_of("sp")}},
            {},
            "aws_config.identity_provider.certificate",
        ),
        ({"identity_provider": {"entity_id": "no uri"}}, {}, "aws_config.identity_provider.entity_id"),
        ({"identity_provider": {"provider_name": "a b"}}, {}, "aws_config.identity_provider.provider_name"),
    ],
)  # fmt: skip
def test_what_cannot_open_is_a_mistake_at_the_start(
    tmp_path: Path, keys: Path, aws: dict[str, Any], target: dict[str, Any], path: str
) -> None:
    own = aws.pop("identity_provider", {})
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/",
        credentials_file=tmp_path / "none",
        store={"cache_type": "SimpleCache"},
        aws={
            "open_by": "AssumeRoleWithSAML",
            "identity_provider": None if own is None else {"keys": str(keys), **own},
            "targets": [{**TARGET, **target}],
            **aws,
        },
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(config, source="test", environment={})
    assert path in {mistake.path for mistake in caught.value.mistakes}


def test_the_key_of_the_service_provider_signs_no_assertions(tmp_path: Path, keys: Path) -> None:
    with (
        pytest.raises(ConfigurationError) as caught,
        open_house(tmp_path, aws={"identity_provider": {"keys": str(keys)}}, saml={"sp_keys": str(keys)}),
    ):
        pass
    assert "aws_config.identity_provider.keys" in {mistake.path for mistake in caught.value.mistakes}


def test_the_portal_signs_people_in_as_before(tmp_path: Path, keys: Path) -> None:
    with keyless(tmp_path, keys) as house:
        sent_to_idp(house.browser().get("/aws/"))


def test_a_key_that_ends_soon_is_a_warning_and_opens_consoles_all_the_same(tmp_path: Path) -> None:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC) - timedelta(days=3640))
    with keyless(tmp_path, tmp_path / "keys") as house:
        warned = [line for line in house.lines("configuration.warning") if "keys" in line["subject"]]
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301
    (line,) = warned
    assert line["subject"] == "aws_config.identity_provider.keys"
    assert "our own certificate" in line["warning"]
