"""The files of `deploy/` for container platforms: what their own schemas and our own checks say of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import kubernetes_validate
import pytest
import yaml

from awscons import __version__
from awscons.config.load import load_settings
from support.compose import FILE, load
from support.stage import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.parent for path in KUBERNETES.glob("*/kustomization.yaml"))
VERSIONS = ("1.32", kubernetes_validate.latest_version())
"""Of Kubernetes: the oldest that AWS still supports, at extra cost, and the newest that the validator knows."""
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


def manifests(kind: str = "") -> Iterator[dict[str, Any]]:
    """Every manifest, or those of one kind; kustomize's own documents are none."""
    for path in sorted(KUBERNETES.glob("*/*.yaml")):
        document = yaml.safe_load(path.read_text())
        if document["kind"] != "Kustomization" and kind in {"", document["kind"]}:
            yield document


def only(kind: str) -> dict[str, Any]:
    """The manifest of that kind in `base`."""
    (found,) = (
        found for found in manifests(kind) if "annotations" not in found["metadata"] or kind == "Ingress"
    )
    return found


def container() -> dict[str, Any]:
    (found,) = only("Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_follows_the_schema_of_kubernetes_and_has_no_other_field(version: str) -> None:
    for manifest in manifests():
        if not manifest["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_a_kustomization_names_every_file_of_its_folder_and_no_other(overlay: Path) -> None:
    document = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    named = [name for name in document.get("resources", []) if not name.startswith("..")]
    named += [patch["path"] for patch in document.get("patches", [])]
    named += [name for made in document.get("configMapGenerator", []) for name in made["files"]]
    assert sorted([*named, "kustomization.yaml"]) == sorted(path.name for path in overlay.iterdir())
    for base in set(document.get("resources", [])) - set(named):
        assert (overlay / base / "kustomization.yaml").is_file()


def test_a_patch_changes_something_that_is_there() -> None:
    (patch,) = (found for found in manifests("ServiceAccount") if "annotations" in found["metadata"])
    document = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())
    assert patch["metadata"]["name"] == only("ServiceAccount")["metadata"]["name"]
    assert patch["metadata"]["namespace"] == document["namespace"] == only("Namespace")["metadata"]["name"]


def test_selectors_ports_and_names_of_the_manifests_agree() -> None:
    pod, service = only("Deployment")["spec"]["template"], only("Service")
    labels = pod["metadata"]["labels"]
    selectors = [policy["spec"]["podSelector"]["matchLabels"] for policy in manifests("NetworkPolicy")]
    selectors += [
        spread["labelSelector"]["matchLabels"] for spread in pod["spec"]["topologySpreadConstraints"]
    ]
    selectors += [
        only(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")
    ]
    selectors += [service["spec"]["selector"], only("ServiceMonitor")["spec"]["selector"]["matchLabels"]]
    assert all(selector == labels for selector in selectors)
    (port,) = service["spec"]["ports"]
    (rule,) = only("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    (monitored,) = only("ServiceMonitor")["spec"]["endpoints"]
    assert monitored["port"] == port["name"]
    assert port["targetPort"] in {found["name"] for found in container()["ports"]}
    assert pod["spec"]["serviceAccountName"] == only("ServiceAccount")["metadata"]["name"]


def test_the_image_of_the_deployment_is_that_of_this_version() -> None:
    (image,) = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["images"]
    assert (image["name"], image["newTag"]) == (container()["image"], __version__)


def test_the_configuration_for_kubernetes_has_no_mistake_and_names_secrets_that_are_mounted(
    tmp_path: Path,
) -> None:
    text = (KUBERNETES / "base" / "config.py").read_text()
    (secrets,) = (mount["mountPath"] for mount in container()["volumeMounts"] if mount["name"] == "secrets")
    names = re.findall(rf"{secrets}/([a-z-]+)", text)
    assert {"redis-password", "metrics-token"} <= set(names)
    (monitored,) = only("ServiceMonitor")["spec"]["endpoints"]
    assert monitored["authorization"]["credentials"]["key"] in names
    for name in names:
        (tmp_path / name).write_text("made-up-for-tests-0123456789\n")
    (tmp_path / "config.py").write_text(text.replace(secrets, str(tmp_path)))
    assert [target.name for target in load_settings(tmp_path / "config.py", environment={}).targets] == [
        "cloudadmin"
    ]
