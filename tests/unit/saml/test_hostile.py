"""Documents made to be expensive: what ends each. What they cost is measured by `make hostile`."""

import pytest

from adversary.cases import Attack, read
from adversary.hostile import BEYOND, HOSTILE
from awscons.errors import ResponseRefused
from awscons.saml.input_limits import decode_form_value

AT_THE_GATES = {
    "form value too large",
    "too many tags",
    "too many attributes in all",
    "too many namespaces",
    "too many namespaces of one tag",
    "document type or entity",
}


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.name)
def test_a_hostile_document_is_ended_by_its_rule(attack: Attack) -> None:
    with pytest.raises(ResponseRefused) as caught:
        read(attack.form_value)
    assert caught.value.rule == attack.rule


@pytest.mark.parametrize(
    "attack", [attack for attack in BEYOND if attack.rule in AT_THE_GATES], ids=lambda attack: attack.name
)
def test_what_is_too_much_for_the_gates_never_reaches_the_parser(attack: Attack) -> None:
    with pytest.raises(ResponseRefused) as caught:
        decode_form_value(attack.form_value)
    assert caught.value.rule == attack.rule
