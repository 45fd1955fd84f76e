"""Records of the store and back: what was saved comes back, and what cannot be understood counts as absent."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from awscons.access.identity import Login
from awscons.signin.records import (
    IndexSlot,
    LastUse,
    PendingLogin,
    read_index_slot,
    read_last_use,
    read_login,
    read_pending_login,
    record_of,
)
from awscons.store import Record
from support.sample_people import ADA

NOW = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
PENDING = PendingLogin(
    "_1", "/aws/x", "0" * 64, NOW, force_authn=True, retry_of_login=True, link_origin="https://w"
)
LOGIN = Login(ADA, NOW, NOW, "_index", NOW, ("urn:mfa",), {"Format": "urn:x"}, "public", {"mail": ("a", "b")})

Read = Callable[[Record | None], object]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (PENDING, read_pending_login),
        (LOGIN, read_login),
        (LastUse(NOW), read_last_use),
        (IndexSlot("public"), read_index_slot),
    ],
)
def test_a_record_gives_back_what_was_saved_and_no_record_gives_nothing(value: object, read: Read) -> None:
    assert read(record_of(value)) == value  # type: ignore[arg-type]
    assert read(None) is None


@pytest.mark.parametrize("read", [read_pending_login, read_login, read_last_use, read_index_slot])
def test_a_record_of_another_kind_is_absent_and_the_log_names_its_keys_alone(read: Read) -> None:
    with capture_logs() as said:
        assert read({"identity": {"user_name": 7, "secret": "ada@example.com"}}) is None
    (line,) = said
    assert (line["event"], line["log_level"]) == ("store.record_invalid", "warning")
    assert "ada@example.com" not in str(line)


def test_the_log_names_each_wrong_key_of_a_record_once_and_in_order() -> None:
    record = {**record_of(LOGIN), "signed_in_at": "yesterday", "identity": {"user_name": 7}}
    with capture_logs() as said:
        assert read_login(record) is None
    (line,) = said
    wrong = [
        "identity.attributes",
        "identity.groups",
        "identity.name_id",
        "identity.user_name",
        "signed_in_at",
    ]
    assert line["keys"] == wrong
