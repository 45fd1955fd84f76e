"""The files of `deploy/` for container platforms: what their own schemas and our own checks say of them."""

import json
from pathlib import Path

import check_jsonschema
import jsonschema
import pytest
import yaml

from support.compose import FILE, load

SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema = json.loads((SCHEMAS / "compose-spec.json").read_text())
    jsonschema.validate(load(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(FILE.read_text().replace("read_only", "readonly")), schema)


def test_every_file_and_volume_that_the_compose_file_mounts_is_there() -> None:
    document = load()
    sources = {
        volume.split(":")[0]
        for service in document["services"].values()
        for volume in service.get("volumes", [])
    }
    assert {source for source in sources if not source.startswith("./")} == set(document["volumes"])
    files = {source for source in sources if source.startswith("./")}
    files |= {secret["file"] for secret in document["secrets"].values()}
    assert [name for name in sorted(files) if not (FILE.parent / name).is_file()] == []
