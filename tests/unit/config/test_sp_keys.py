"""Our own key pairs: made, rolled, and refused where they are not safe."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from awscons.config.key_files import make_first_pair, rotate_pairs
from awscons.config.sp_keys import CURRENT, NEXT, PREVIOUS, load_key_ring
from awscons.errors import KeysRefused
from support.forge import certificate_of, key_pem_of, pem_of

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def folder_with(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / CURRENT
    path.write_text(text)
    path.chmod(mode)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_pair_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    certificate = make_first_pair(folder, now=NOW)
    ring = load_key_ring(folder)
    assert ring.current.certificate == certificate
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / CURRENT).stat().st_mode) == 0o600
    assert names_in(folder) == [CURRENT]


def test_no_pair_is_ever_written_over(tmp_path: Path) -> None:
    make_first_pair(tmp_path, now=NOW)
    before = (tmp_path / CURRENT).read_bytes()
    with pytest.raises(KeysRefused, match="holds keys already"):
        make_first_pair(tmp_path, now=NOW)
    assert (tmp_path / CURRENT).read_bytes() == before


def test_a_rollover_publishes_first_and_signs_later_and_loses_no_key(tmp_path: Path) -> None:
    make_first_pair(tmp_path, now=NOW)
    old = load_key_ring(tmp_path).current
    first = rotate_pairs(tmp_path, now=NOW)
    assert first.current.certificate == old.certificate
    assert first.next is not None
    assert first.published == (old.certificate, first.next.certificate)
    second = rotate_pairs(tmp_path, now=NOW)
    assert second.current.certificate == first.next.certificate
    assert second.next is None
    assert second.previous is not None
    assert second.previous.certificate == old.certificate
    assert second.published == (second.current.certificate,)
    assert len(second.decryption_keys) == 2
    assert names_in(tmp_path) == [CURRENT, PREVIOUS]
    assert rotate_pairs(tmp_path, now=NOW).next is not None
    assert names_in(tmp_path) == [CURRENT, NEXT, PREVIOUS]


def test_a_pair_of_ones_own_will_do_in_any_order(tmp_path: Path) -> None:
    folder_with(tmp_path, pem_of(certificate_of("sp")) + key_pem_of("sp"), 0o640)
    assert load_key_ring(tmp_path).current.certificate == certificate_of("sp")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "one private key and one certificate"),
        (key_pem_of("sp"), "one private key and one certificate"),
        (pem_of(certificate_of("sp")), "one private key and one certificate"),
        (key_pem_of("sp") + pem_of(certificate_of("sp"), certificate_of("idp")), "one private key and one"),
        (key_pem_of("sp") + pem_of(certificate_of("idp")), "do not belong together"),
        (key_pem_of("ec-sp") + pem_of(certificate_of("ec-sp")), "another kind than RSA"),
        (key_pem_of("weak", bits=1024) + pem_of(certificate_of("weak", bits=1024)), "1024 bits"),
        ("\udcff", "one private key"),
    ],
)
def test_what_is_no_sound_pair_is_refused_in_words_without_the_key(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / CURRENT
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(KeysRefused) as caught:
        load_key_ring(tmp_path)
    assert said in str(caught.value)
    assert "PRIVATE" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o777])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    folder_with(tmp_path, key_pem_of("sp") + pem_of(certificate_of("sp")), mode)
    with pytest.raises(KeysRefused, match="open to others") as caught:
        load_key_ring(tmp_path)
    assert "chmod 600" in caught.value.hint


def test_an_empty_or_missing_folder_says_how_to_make_keys(tmp_path: Path) -> None:
    with pytest.raises(KeysRefused) as caught:
        load_key_ring(tmp_path / "none")
    assert "awscons keys new" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysRefused, match="cannot be written"):
        make_first_pair(tmp_path / "file" / "keys", now=NOW)


def test_a_folder_that_every_user_can_write_is_refused(tmp_path: Path) -> None:
    make_first_pair(tmp_path, now=NOW)
    tmp_path.chmod(0o777)
    with pytest.raises(KeysRefused, match="can be written by every user") as caught:
        load_key_ring(tmp_path)
    assert caught.value.hint == f"chmod o-w {tmp_path}"
