"""The examples of audit events in the documentation: one for each action, as real events are, and a whole chain."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from awscons.audit.event import Action
from awscons.audit.reading import find_event
from awscons.audit.verification import heads_of, link_of, verify_stream
from support.house import console_url, open_house

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_examples", FOLDER / "audit_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def examples() -> list[dict[str, Any]]:
    page = (FOLDER / "audit-examples.md").read_text(encoding="utf-8")
    return [json.loads(line) for line in re.findall(r"```json\n(.*?)\n```", page)]


def test_the_page_is_up_to_date() -> None:
    page = (FOLDER / "audit-examples.md").read_text(encoding="utf-8")
    assert page == generator().page(), "run: make reference"


def test_every_action_has_an_example(examples: list[dict[str, Any]]) -> None:
    assert {example["action"] for example in examples} == set(Action)


def test_the_examples_are_an_intact_chain(examples: list[dict[str, Any]]) -> None:
    found = [find_event(json.dumps(example)) for example in examples]
    links = [link_of(one.facts, None, place="", is_ambiguous=one.is_ambiguous) for one in found if one]
    heads = [(seq, head) for example in examples for _, seq, head in heads_of(example)]
    report = verify_stream(examples[0]["stream"], [link for link in links if link], heads)
    assert (report.is_intact, report.events, report.found) == (True, len(examples), [])


def test_the_examples_have_the_fields_of_real_events(tmp_path: Path, examples: list[dict[str, Any]]) -> None:
    with open_house(tmp_path) as house:
        browser, other = house.browser(), house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        house.sign_in(other, "/aws/cloudadmin", name="nina@example.com", attributes=())
        other.answer("/saml/acs", {"SAMLResponse": "eDw="})
        real = {(event["action"], event["outcome"]): set(event) for event in house.audit()}
    shown = {(example["action"], example["outcome"]): set(example) for example in examples}
    assert len(real) == 4
    assert {key: fields ^ shown[key] for key, fields in real.items()} == {key: set() for key in real}
