"""The corpus of attacks and of legal variants: see `tests/adversary`. `make corpus` writes it to look at."""

import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from adversary.__main__ import main
from adversary.cases import Attack, Door, Surroundings, Variant, read, read_logout
from adversary.corpus import ATTACKS, VARIANTS, encrypted_logout, logout
from adversary.naive import finds_a_genuine_signature
from awscons.errors import IdpDeclined, ResponseRefused, ResponseTooLarge
from support.forge import posted

LOGOUTS = logout.VARIANTS | encrypted_logout.VARIANTS
WRAPPING = [attack for attack in ATTACKS if attack.attack_class == "wrapping"]
STANDARDS = re.compile(r"(SAML (core|profiles|bindings|metadata|schema)|(Exclusive )?XML|RFC|house rule)\b")


def case_name(case: Attack | Variant) -> str:
    return case.name


@pytest.mark.parametrize("attack", ATTACKS, ids=case_name)
def test_an_attack_is_refused_for_its_own_reason(attack: Attack) -> None:
    with pytest.raises(ResponseRefused) as caught:
        attack.enter()
    assert caught.value.rule == attack.rule
    assert STANDARDS.match(caught.value.section)
    # From outside all refusals look alike, except those for the size, which the sender knows, and for the status
    # that the response itself states.
    told = (IdpDeclined, ResponseTooLarge)
    alike = next((kind for kind in told if isinstance(caught.value, kind)), ResponseRefused)
    assert caught.value.public == alike.public


@pytest.mark.parametrize("variant", VARIANTS, ids=case_name)
def test_a_legal_variant_is_read_as_what_it_says(variant: Variant) -> None:
    assertion = read(variant.form_value, variant.around)
    assert assertion.name_id == variant.name_id
    assert assertion.attributes == variant.attributes


@pytest.mark.parametrize("name", LOGOUTS)
def test_a_legal_logout_request_signs_out_whom_it_says(name: str) -> None:
    door, message = LOGOUTS[name]
    form_value = posted(message) if door is Door.LOGOUT_BY_POST else message
    request = read_logout(form_value, Surroundings(signers=("idp", "ec-idp")), door=door)
    assert request.request_id == "_logout"
    assert request.subject.name_id == "otto@example.com"
    assert request.session_indexes == ("_index",)


@pytest.mark.parametrize("attack", WRAPPING, ids=case_name)
def test_a_wrapping_attack_carries_a_signature_that_a_careless_reader_finds_genuine(attack: Attack) -> None:
    assert finds_a_genuine_signature(str(attack.make()))


def test_the_careless_reader_does_tell_a_broken_signature() -> None:
    (changed,) = [attack for attack in ATTACKS if attack.name == "name-id-changed"]
    assert not finds_a_genuine_signature(str(changed.make()))


def test_no_case_is_there_twice() -> None:
    names = Counter([attack.name for attack in ATTACKS] + [variant.name for variant in VARIANTS])
    assert [name for name, count in names.items() if count > 1] == []
    documents = Counter((attack.door, attack.form_value, attack.around) for attack in ATTACKS)
    assert [document for document, count in documents.items() if count > 1] == []


def test_the_corpus_can_be_written_as_files_to_look_at(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["corpus", str(tmp_path)])
    assert done.exit_code == 0, done.output
    written = [path for path in tmp_path.rglob("*") if path.suffix in {".xml", ".txt"}]
    assert len(written) == len(ATTACKS) + len(VARIANTS) + 1
    assert "READ" not in (tmp_path / "refusals.txt").read_text()
