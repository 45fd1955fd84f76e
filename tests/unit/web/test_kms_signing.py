"""Assertions that a key in KMS signs: it never leaves KMS, and what KMS refuses is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from awscons.adapters.aws.kms_certificate import certify_kms_key
from awscons.config.assertion_keys import kms_common_name
from awscons.errors import KeysRefused
from support.browser import forms_in
from support.faults import HANG, RESET, Answer
from support.house import console_url
from support.keyless import keyless
from support.kms import Kms, credentials_file, open_kms

TIMES = {"now": datetime.now(UTC), "valid_for": timedelta(days=3652)}


@pytest.fixture(scope="module")
def running_kms() -> Iterator[Kms]:
    with open_kms() as kms:
        yield kms


@pytest.fixture
def kms(running_kms: Kms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kms:
    running_kms.faults.fault = None
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", running_kms.url)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials_file(tmp_path)))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return running_kms


def certified(arn: str) -> str:
    certificate = certify_kms_key(arn, profile=None, common_name=kms_common_name(arn), **TIMES)  # type: ignore[arg-type]
    return certificate.public_bytes(Encoding.PEM).decode()


def provider(arn: str, *certificates: str) -> dict[str, str]:
    return {"kms_key": arn, "certificate": "".join(certificates or (certified(arn),))}


def test_a_console_opens_by_a_signature_of_kms(tmp_path: Path, kms: Kms) -> None:
    with keyless(tmp_path, provider=provider(kms.key())) as house:
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
        assert house.pretend_sts.role_sessions[-1].role_session_name == "ada@example.com"


def test_the_browsers_post_is_signed_by_kms(tmp_path: Path, kms: Kms) -> None:
    with keyless(tmp_path, provider=provider(kms.key()), target={"open_by": "SAML-POST"}) as house:
        page = house.sign_in(house.browser(), "/aws/cloudadmin")
    assert any("SAMLResponse" in form.fields for form in forms_in(page))


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (RESET, 503, "KMS cannot be reached"),
        (Answer("500 x", b"<html>"), 503, "KMS did not sign: HTTP 500"),
        (Answer("400 x", b'{"__type": "AccessDeniedException"}', "application/x-amz-json-1.1"), 503, "AccessDeniedException"),
        (Answer("400 x", b'{"__type": "ThrottlingException"}', "application/x-amz-json-1.1"), 503, "ThrottlingException"),
    ],
)  # fmt: skip
def test_what_kms_refuses_is_told_and_no_region_is_blamed(
    tmp_path: Path, kms: Kms, fault: Any, status: int, code: str
) -> None:
    with keyless(tmp_path, provider=provider(kms.key())) as house:
        kms.faults.misbehave(fault)
        page = house.sign_in(house.browser(), "/aws/cloudadmin")
        log = house.log.getvalue()
    assert page.status_code == status
    assert code in log
    assert "aws.region_failed_over" not in log


def test_a_kms_that_hangs_costs_one_sign_in_its_time_and_the_next_none(tmp_path: Path, kms: Kms) -> None:
    with keyless(tmp_path, provider=provider(kms.key()), aws={"timeout": 3}) as house:
        kms.faults.misbehave(HANG)
        browser = house.browser()
        first = house.sign_in(browser, "/aws/cloudadmin")
        calls = kms.faults.calls
        second = browser.get("/aws/cloudadmin")
        kms.faults.fault = None
        house.clock.forward(seconds=6)
        third = browser.get("/aws/cloudadmin")
    assert (first.status_code, second.status_code, third.status_code) == (503, 503, 301)
    assert kms.faults.calls > calls
    assert calls == 1


def test_a_certificate_of_another_key_signs_nobody_in(tmp_path: Path, kms: Kms) -> None:
    named, other = kms.key(), kms.key()
    wrong = certify_kms_key(other, profile=None, common_name=kms_common_name(named), **TIMES)  # type: ignore[arg-type]
    pem = wrong.public_bytes(Encoding.PEM).decode()
    with keyless(tmp_path, provider=provider(named, pem)) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
        assert "that of another key" in house.log.getvalue()


def test_during_a_rollover_both_certificates_are_published_and_the_named_key_signs(
    tmp_path: Path, kms: Kms
) -> None:
    old, new = kms.key(), kms.key()
    pems = certified(new), certified(old)
    with keyless(tmp_path, provider=provider(old, *pems)) as house:
        metadata = house.browser().get("/saml/idp-metadata").text
        console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
    assert metadata.count("<ds:X509Certificate>") == 2


def test_credentials_that_were_replaced_sign_without_a_restart(tmp_path: Path, kms: Kms) -> None:
    refused = Answer("400 x", b'{"__type": "UnrecognizedClientException"}', "application/x-amz-json-1.1")
    with keyless(tmp_path, provider=provider(kms.key())) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        file = tmp_path / "kms-credentials"
        file.write_text(file.read_text().replace("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7ANOTHER"))
        kms.faults.misbehave(refused, times=1)
        assert browser.get("/aws/cloudadmin").status_code == 301


@pytest.mark.parametrize(
    ("spec", "usage"), [("ECC_NIST_P256", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT")]
)
def test_a_key_of_the_wrong_kind_gets_no_certificate(kms: Kms, spec: str, usage: str) -> None:
    with pytest.raises(KeysRefused) as caught:
        certified(kms.key(spec, usage))
    assert "RSA_3072" in caught.value.hint


@pytest.mark.usefixtures("kms")
def test_a_key_that_does_not_exist_gets_no_certificate_and_one_sentence() -> None:
    missing = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(KeysRefused, match="KMS answers NotFoundException to GetPublicKey"):
        certified(missing)
