"""The self-test before the first sign-in: it passes here, and it fails where something is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from awscons.errors import SelfTestFailed
from awscons.saml import self_test
from support.forge import Forger, Story, certificate_of, pem_of

SIGNED_AT = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "https://self-test.example"
STORY = Story(
    SIGNED_AT,
    acs=f"{HOST}/saml/acs",
    sp=f"{HOST}/sp",
    idp=f"{HOST}/idp",
    response_issuer=f"{HOST}/idp",
    assertion_issuer=f"{HOST}/idp",
    destination=f"{HOST}/saml/acs",
    recipient=f"{HOST}/saml/acs",
    audiences=((f"{HOST}/sp",),),
    attributes=(("groups", ("admins",)),),
)


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation's sample; a good one to begin with."""
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "certificate.pem").write_text(pem_of(certificate_of("idp")))
    (folder / "response.xml").write_text(Forger().xml(STORY))
    monkeypatch.setattr(self_test, "files", {"awscons.saml": tmp_path}.__getitem__)
    return folder


def failure() -> SelfTestFailed:
    with pytest.raises(SelfTestFailed) as caught:
        self_test.run_self_test()
    return caught.value


def test_the_installed_sample_passes() -> None:
    self_test.run_self_test()


def test_a_sample_made_in_the_same_way_passes(sample: Path) -> None:
    assert sample.is_dir()
    self_test.run_self_test()


@pytest.mark.parametrize("name", ["certificate.pem", "response.xml"])
@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_missing_or_damaged_file_of_the_sample_fails_with_its_cure(
    sample: Path, name: str, content: bytes | None
) -> None:
    (sample / name).unlink()
    if content is not None:
        (sample / name).write_bytes(content)
    failed = failure()
    assert "cannot be verified" in str(failed)
    assert "install the locked requirements again" in failed.hint


def test_a_sample_that_another_key_signed_fails(sample: Path) -> None:
    (sample / "certificate.pem").write_text(pem_of(certificate_of("next")))
    assert "cannot be verified: ResponseRefused" in str(failure())


def test_an_installation_that_accepts_the_changed_sample_fails(sample: Path) -> None:
    """Nothing is changed in a sample without the group, so a second acceptance stands for a broken verifier."""
    (sample / "response.xml").write_text(Forger().xml(STORY.at(attributes=(("groups", ("others",)),))))
    failed = failure()
    assert "a changed sample response is accepted" in str(failed)
    assert "do not use this installation" in failed.hint
