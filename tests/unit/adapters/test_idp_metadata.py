"""Trust by metadata: kept up to date, kept through failures, and never without keys."""

import io
import json
import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from awscons.adapters.audit_log import ChainedAuditLog, configure_logging
from awscons.adapters.aws.http_pool import HttpPool
from awscons.adapters.idp_metadata import MetadataIdpTrust, StaticIdpTrust
from awscons.errors import MetadataRefused
from awscons.saml.metadata import MAX_METADATA_BYTES
from awscons.saml.parties import IdentityProvider
from awscons.signin.settings import MetadataSettings
from support.describe import POST, REDIRECT, SLO_URL, Description, base64_of, key_descriptor
from support.faults import HANG, RESET, Answer, Faulty
from support.forge import IDP, SSO_URL, Forger, certificate_of
from support.proxy import open_proxy
from support.serving import authority, server_tls, serving

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = Description()
ROLLED = GOOD.at(certificates=(certificate_of("idp"), certificate_of("next")))
DAY = timedelta(days=1)
UNKNOWN_AUTHORITY = (
    r"no TLS connection to https://localhost\S+: certificate verify failed: unable to get local"
)


@dataclass
class Publisher:
    """Whoever publishes the metadata."""

    document: bytes = GOOD.document()
    requested: int = 0

    def __call__(self, _environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        self.requested += 1
        start_response("200 OK", [("Content-Type", "application/samlmetadata+xml")])
        return [self.document]


@dataclass
class Scene:
    """A publisher that can misbehave, a clock, a folder, and what was logged."""

    publisher: Publisher
    faulty: Faulty
    location: str
    folder: Path
    log: io.StringIO
    now: datetime = NOW
    put_off: list[Callable[[], object]] = field(default_factory=list)

    def trust(self, *, inspect_only: bool = False, **changes: Any) -> MetadataIdpTrust:
        settings = MetadataSettings(
            **{
                "location": self.location,
                "entity_id": None,
                "signed_by": (),
                "sso_url": None,
                "slo_url": None,
                "binding": REDIRECT,
                "gcm_only": False,
                **changes,
            }
        )
        return MetadataIdpTrust(
            settings,
            folder=self.folder,
            clock=lambda: self.now,
            audit=ChainedAuditLog(),
            http=HttpPool(),
            in_background=self.put_off.append,
            inspect_only=inspect_only,
        )

    def do_background_work(self) -> None:
        while self.put_off:
            self.put_off.pop()()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    log = io.StringIO()
    configure_logging(stream=log)
    publisher = Publisher()
    faulty = Faulty(publisher)
    with serving(lambda _port: faulty) as port:
        yield Scene(publisher, faulty, f"http://127.0.0.1:{port}/metadata", tmp_path / "state", log)
        faulty.released.set()


def signers(trust: MetadataIdpTrust) -> set[str]:
    names = {certificate_of(name): name for name in ("idp", "next", "attacker")}
    return {names[certificate] for certificate in trust.current().signing_certificates}


# --- at the start ------------------------------------------------------------------------


def test_everything_about_the_identity_provider_comes_from_its_metadata(scene: Scene) -> None:
    assert scene.trust().current() == IdentityProvider(
        IDP, SSO_URL, (certificate_of("idp"),), slo_url=SLO_URL
    )
    assert scene.trust(binding=POST).current().sso_url == f"{SSO_URL}/post"


def test_that_it_wants_signed_requests_is_known(scene: Scene) -> None:
    scene.publisher.document = GOOD.at(descriptor_attributes='WantAuthnRequestsSigned="true"').document()
    assert scene.trust().current().wants_signed_requests


def test_what_the_configuration_says_on_top_counts(scene: Scene) -> None:
    provider = scene.trust(
        sso_url="https://proxy.example.com/sso", slo_url="https://x/", gcm_only=True
    ).current()
    assert (provider.sso_url, provider.slo_url, provider.gcm_only) == (
        "https://proxy.example.com/sso",
        "https://x/",
        True,
    )


def test_without_any_good_metadata_there_is_no_start(scene: Scene) -> None:
    scene.publisher.document = GOOD.at(certificates=()).document()
    with pytest.raises(MetadataRefused, match="no signing certificate"):
        scene.trust()
    scene.faulty.misbehave(RESET)
    with pytest.raises(MetadataRefused, match="cannot be reached"):
        scene.trust()


def test_metadata_is_fetched_over_tls_by_the_authority_that_aws_ca_bundle_names(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    authority().cert_pem.write_to_path(bundle)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with serving(lambda _port: scene.publisher, tls=server_tls()) as port:
        scene.location = f"https://localhost:{port}/metadata"
        with pytest.raises(MetadataRefused, match=UNKNOWN_AUTHORITY) as caught:
            scene.trust()
        assert "idp_metadata_ca" in caught.value.hint
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        assert signers(scene.trust()) == {"idp"}


def test_only_the_configured_authority_counts_for_the_metadata(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    authority().cert_pem.write_to_path(ours)
    trustme.CA().cert_pem.write_to_path(theirs)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(ours))
    with serving(lambda _port: scene.publisher, tls=server_tls()) as port:
        scene.location = f"https://localhost:{port}/metadata"
        with pytest.raises(MetadataRefused, match=UNKNOWN_AUTHORITY):
            scene.trust(authorities=str(theirs))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(theirs))
        assert signers(scene.trust(authorities=str(ours))) == {"idp"}


def test_a_certificate_for_another_host_is_told_of_with_that_reason(scene: Scene, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    authority().cert_pem.write_to_path(bundle)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("idp.example.com").configure_cert(tls)
    with serving(lambda _port: scene.publisher, tls=tls) as port:
        scene.location = f"https://localhost:{port}/metadata"
        with pytest.raises(MetadataRefused, match="verify failed: Hostname mismatch"):
            scene.trust(authorities=str(bundle))


def test_a_proxy_that_refuses_the_way_to_the_metadata_is_told_of(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_proxy("407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        scene.location = "https://idp.example.com/metadata"
        with pytest.raises(MetadataRefused, match=r"refused the connection to https://idp.* HTTP 407"):
            scene.trust()


def test_a_restart_within_the_day_asks_nobody(scene: Scene) -> None:
    scene.trust()
    scene.now += timedelta(hours=20)
    assert signers(scene.trust()) == {"idp"}
    assert scene.publisher.requested == 1


def test_a_start_while_the_source_is_away_uses_the_last_good_copy_and_says_so(scene: Scene) -> None:
    scene.trust()
    scene.now += 3 * DAY
    scene.faulty.misbehave(RESET)
    assert signers(scene.trust()) == {"idp"}
    assert scene.events("idp_metadata.copy_in_use")


def test_a_copy_that_is_over_is_not_used(scene: Scene) -> None:
    scene.publisher.document = GOOD.at(attributes='validUntil="2026-11-24T00:00:00Z"').document()
    scene.trust()
    scene.now += 3 * DAY
    scene.faulty.misbehave(RESET)
    with pytest.raises(MetadataRefused, match="valid until"):
        scene.trust()


def test_a_damaged_copy_on_disk_is_fetched_anew(scene: Scene) -> None:
    scene.trust()
    (kept,) = scene.folder.iterdir()
    kept.write_bytes(b"<html/>")
    os.utime(kept, (scene.now.timestamp(), scene.now.timestamp()))
    assert signers(scene.trust()) == {"idp"}
    assert scene.events("idp_metadata.copy_refused")


def test_a_copy_from_the_future_is_none(scene: Scene) -> None:
    scene.trust()
    (kept,) = scene.folder.iterdir()
    kept.write_bytes(GOOD.at(certificates=(certificate_of("attacker"),)).document())
    ahead = (scene.now + 400 * DAY).timestamp()
    os.utime(kept, (ahead, ahead))
    assert signers(scene.trust()) == {"idp"}
    scene.faulty.misbehave(RESET)
    os.utime(kept, (ahead, ahead))
    with pytest.raises(MetadataRefused, match="cannot be reached"):
        scene.trust()


def test_a_file_that_every_user_can_write_is_no_source_of_keys(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "metadata"
    folder.mkdir()
    path = folder / "idp.xml"
    path.write_bytes(GOOD.document())
    assert signers(scene.trust(location=str(path))) == {"idp"}
    for place, mode in ((path, 0o646), (folder, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        scene.folder = tmp_path / f"no-copy-{mode}"
        with pytest.raises(MetadataRefused, match=f"{place} can be written by every user"):
            scene.trust(location=str(path))
        place.chmod(before)


def test_an_inspection_asks_the_source_first_and_leaves_nothing(scene: Scene) -> None:
    scene.trust(inspect_only=True)
    assert not scene.folder.exists()
    scene.trust()
    scene.publisher.document = b"<html/>"
    inspected = scene.trust(inspect_only=True)
    assert signers(inspected) == {"idp"}
    assert inspected.source_error is not None
    assert not scene.events("idp_metadata.copy_in_use")


def test_a_folder_that_cannot_be_written_costs_only_the_copy(scene: Scene) -> None:
    scene.folder.write_text("a file where the folder would be")
    assert signers(scene.trust()) == {"idp"}
    assert scene.events("idp_metadata.copy_not_saved")


def test_a_file_will_do(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "idp.xml"
    path.write_bytes(GOOD.document())
    trust = scene.trust(location=str(path))
    path.write_bytes(ROLLED.document())
    scene.now += timedelta(minutes=6)
    trust.current()
    scene.do_background_work()
    assert signers(trust) == {"idp", "next"}
    with pytest.raises(MetadataRefused, match="cannot be read"):
        scene.trust(location=str(tmp_path / "no-such-file.xml"))


# --- kept up to date ---------------------------------------------------------------------


def test_a_rollover_is_followed_in_the_background_and_reported_once(scene: Scene) -> None:
    trust, other_process = scene.trust(), scene.trust()
    scene.publisher.document = ROLLED.document()
    scene.now += DAY
    assert signers(trust) == {"idp"}
    assert signers(other_process) == {"idp"}
    scene.do_background_work()
    assert signers(trust) == signers(other_process) == {"idp", "next"}
    (event,) = scene.events("audit")
    assert event["action"] == "idp-keys-changed"
    assert event["keys_added"].count(":") == 31
    assert "keys_removed" not in event or event["keys_removed"] == ""
    (warning,) = scene.events("idp_metadata.keys_changed")
    assert warning["level"] == "warning"


def test_a_change_while_the_service_was_down_is_reported_too(scene: Scene) -> None:
    scene.trust()
    scene.publisher.document = ROLLED.document()
    scene.now += 2 * DAY
    scene.trust()
    assert len(scene.events("audit")) == 1


def test_nobody_waits_for_a_look_and_there_is_one_a_day(scene: Scene) -> None:
    trust = scene.trust()
    for _ in range(24):
        scene.now += timedelta(hours=1)
        trust.current()
        scene.do_background_work()
    assert scene.publisher.requested == 2


@pytest.mark.parametrize(
    ("attributes", "hours", "requested"),
    [
        ('cacheDuration="P5D"', 48, 1),
        ('cacheDuration="PT1H"', 2, 1),
        ('validUntil="2026-11-22T20:00:00Z"', 5, 2),
    ],
)
def test_the_publishers_wishes_decide_when_to_look_again(
    scene: Scene, attributes: str, hours: int, requested: int
) -> None:
    scene.publisher.document = GOOD.at(attributes=attributes).document()
    trust = scene.trust()
    scene.now += timedelta(hours=hours)
    trust.current()
    scene.do_background_work()
    assert scene.publisher.requested == requested


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>Service unavailable</body></html>",
        b" " * (MAX_METADATA_BYTES + 1),
        GOOD.at(entity_id="https://other.example.com/").document(),
        GOOD.at(certificates=()).document(),
        GOOD.at(attributes='validUntil="2020-01-01T00:00:00Z"').document(),
        GOOD.at(sso=((POST, SSO_URL),)).document(),
    ],
    ids=["empty", "html", "huge", "other-entity", "no-keys", "over", "other-binding"],
)
def test_a_bad_document_changes_nothing_and_is_tried_again(scene: Scene, document: bytes) -> None:
    trust = scene.trust()
    scene.publisher.document = document
    scene.now += DAY
    trust.current()
    scene.do_background_work()
    assert signers(trust) == {"idp"}
    (warning,) = scene.events("idp_metadata.refused")
    assert warning["source"] == scene.location
    scene.publisher.document = ROLLED.document()
    scene.now += timedelta(hours=1, minutes=1)
    trust.current()
    scene.do_background_work()
    assert signers(trust) == {"idp", "next"}


@pytest.mark.parametrize("fault", [RESET, Answer("503 x", b"later"), Answer("302 x", b"")])
def test_a_source_that_fails_changes_nothing(scene: Scene, fault: Any) -> None:
    trust = scene.trust()
    scene.faulty.misbehave(fault)
    scene.now += DAY
    trust.current()
    scene.do_background_work()
    assert signers(trust) == {"idp"}
    assert scene.events("idp_metadata.refused")


def test_a_source_that_hangs_holds_nobody_up(scene: Scene) -> None:
    trust = scene.trust()
    scene.faulty.misbehave(HANG)
    scene.now += DAY
    assert signers(trust) == {"idp"}
    assert len(scene.put_off) == 1


def test_what_was_valid_until_a_moment_does_not_count_after_it(scene: Scene) -> None:
    scene.publisher.document = GOOD.at(attributes='validUntil="2026-11-24T00:00:00Z"').document()
    trust = scene.trust()
    scene.faulty.misbehave(RESET)
    scene.now += 2 * DAY
    with pytest.raises(MetadataRefused, match="valid until"):
        trust.current()


def test_a_pinned_key_has_to_have_signed_every_time(scene: Scene) -> None:
    federation = Forger(key_name="federation")
    scene.publisher.document = GOOD.signed(federation)
    trust = scene.trust(signed_by=(certificate_of("federation"),))
    scene.publisher.document = ROLLED.signed(Forger(key_name="attacker"))
    scene.now += DAY
    trust.current()
    scene.do_background_work()
    assert signers(trust) == {"idp"}


# --- an unknown key ----------------------------------------------------------------------


def test_an_unknown_key_is_looked_for_at_once_but_not_all_the_time(scene: Scene) -> None:
    trust = scene.trust()
    assert trust.after_unknown_key() is None
    scene.publisher.document = ROLLED.document()
    assert trust.after_unknown_key() is None
    assert scene.publisher.requested == 2
    scene.now += timedelta(minutes=5)
    found = trust.after_unknown_key()
    assert found is not None
    assert certificate_of("next") in found.signing_certificates


# --- certificates that end ---------------------------------------------------------------


def test_a_certificate_near_its_end_is_said_daily_of_a_service_that_runs_on(scene: Scene) -> None:
    certificate = certificate_of("idp")
    now = certificate.not_valid_after_utc - timedelta(days=32)
    moments = iter([now, *(now + hour * timedelta(hours=1) for hour in range(24 * 5))])
    trust = StaticIdpTrust(IdentityProvider(IDP, SSO_URL, (certificate,)), clock=lambda: next(moments))
    for _ in range(24 * 5):
        trust.current()
    assert len(scene.events("certificate.warning")) == 3


# --- certificates that do not count ------------------------------------------------------


def test_a_certificate_that_does_not_count_is_logged_once_when_it_arrives(scene: Scene) -> None:
    trust = scene.trust()
    good = key_descriptor([[base64_of(certificate_of("idp"))]])
    scene.publisher.document = GOOD.at(keys=good + key_descriptor([["TUlJ"]])).document()
    for _ in range(3):
        scene.now += 2 * DAY
        trust.current()
        scene.do_background_work()
    assert signers(trust) == {"idp"}
    (line,) = scene.events("idp_metadata.warning")
    assert "KeyDescriptor 2, X509Certificate 1" in line["warning"]
    assert line["hint"]
    assert [finding.cause for finding in trust.current().findings] == [line["warning"]]
