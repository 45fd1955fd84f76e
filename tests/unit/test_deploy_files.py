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
from awscons.adapters.readiness import _TIME_LIMIT
from awscons.adapters.server.gunicorn_app import SETTINGS
from awscons.config.load import load_settings
from awscons.config.settings import Settings
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


def test_only_the_front_of_the_trial_has_a_port_and_our_containers_may_do_nothing() -> None:
    services = load()["services"]
    (port,) = re.findall(r"^ *listen (\d+);", (FILE.parent / "nginx.conf").read_text(), re.MULTILINE)
    assert services.pop("front")["ports"] == [f"127.0.0.1:{port}:{port}"]
    for service in services.values():
        assert (service["network_mode"], "ports" in service) == ("service:front", False)
    ours = [service for service in services.values() if "build" in service]
    assert len(ours) == 3
    for service in ours:
        assert (service["image"], service["read_only"]) == (f"awscons:{__version__}", True)
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert "cap_add" not in service


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


def pod() -> dict[str, Any]:
    found = only("Deployment")["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
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
    service, labels = only("Service"), only("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [policy["spec"]["podSelector"]["matchLabels"] for policy in manifests("NetworkPolicy")]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod()["topologySpreadConstraints"]]
    selectors += [
        only(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")
    ]
    selectors.append(service["spec"]["selector"])
    assert all(selector == labels for selector in selectors)
    (port,) = service["spec"]["ports"]
    (rule,) = only("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    assert port["name"] == "http"
    assert port["targetPort"] in {found["name"] for found in container()["ports"]}
    assert pod()["serviceAccountName"] == only("ServiceAccount")["metadata"]["name"]


def test_the_pods_meet_the_restricted_pod_security_standard_that_their_namespace_enforces() -> None:
    assert only("Namespace")["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    (uid,) = re.findall(
        r"^USER (\d+):\1$", (ROOT / "deploy/container/Containerfile").read_text(), re.MULTILINE
    )
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), int(uid)),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod())
    assert [set(port) for port in container()["ports"]] == [{"name", "containerPort"}]
    kinds = set().union(*pod()["volumes"]) - {"name"}
    assert kinds == {"configMap", "secret", "emptyDir"}


def test_each_probe_asks_what_it_is_for_at_the_port_on_which_the_service_listens() -> None:
    asked = {name: probe["httpGet"] for name, probe in container().items() if name.endswith("Probe")}
    assert asked == {
        "startupProbe": {"path": "/healthz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    (port,) = container()["ports"]
    assert container()["args"] == ["serve", "--bind", f"0.0.0.0:{port['containerPort']}"]
    assert container()["readinessProbe"]["timeoutSeconds"] > _TIME_LIMIT.total_seconds()


def test_a_pod_that_stops_has_time_for_its_sleep_and_for_requests_in_flight(tmp_path: Path) -> None:
    sleep = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep == 10
    seconds = sleep + settings_of_the_pods(tmp_path).shutdown_delay + SETTINGS["graceful_timeout"]
    assert pod()["terminationGracePeriodSeconds"] >= seconds + 10


def test_the_ingress_has_the_room_and_the_patience_of_our_nginx() -> None:
    site = (ROOT / "deploy" / "nginx-site.conf").read_text()
    has = dict(re.findall(r"^ +((?:client_max|proxy)_\w+) (.+);", site, re.MULTILINE))
    size, (number, each) = has["proxy_buffer_size"], has["proxy_buffers"].split()
    assert only("Ingress")["metadata"]["annotations"] == {
        "nginx.org/client-max-body-size": has["client_max_body_size"],
        "nginx.org/proxy-buffer-size": size,
        "nginx.org/proxy-buffers": f"{number} {each}",
        "nginx.org/proxy-read-timeout": has["proxy_read_timeout"],
        "nginx.ingress.kubernetes.io/proxy-body-size": has["client_max_body_size"],
        "nginx.ingress.kubernetes.io/proxy-buffer-size": size,
        "nginx.ingress.kubernetes.io/proxy-buffers-number": number,
        "nginx.ingress.kubernetes.io/proxy-read-timeout": has["proxy_read_timeout"].removesuffix("s"),
    }


def test_prometheus_reads_the_metrics_with_the_token_of_the_secret_that_is_mounted() -> None:
    (secret,) = (volume["secret"]["secretName"] for volume in pod()["volumes"] if "secret" in volume)
    token = {"name": secret, "key": "metrics-token"}
    assert only("ServiceMonitor")["spec"] == {
        "selector": {"matchLabels": only("Service")["spec"]["selector"]},
        "endpoints": [
            {
                "port": "http",
                "path": "/metrics",
                "interval": "30s",
                "authorization": {"credentials": token},
            }
        ],
    }


def test_the_image_of_the_deployment_is_that_of_this_version() -> None:
    (image,) = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["images"]
    assert (image["name"], image["newTag"]) == (container()["image"], __version__)


def settings_of_the_pods(folder: Path) -> Settings:
    """What `config.py` of the pods says, with secrets in that folder."""
    text = (KUBERNETES / "base" / "config.py").read_text()
    (secrets,) = (mount["mountPath"] for mount in container()["volumeMounts"] if mount["name"] == "secrets")
    names = re.findall(rf"{secrets}/([a-z-]+)", text)
    assert {"redis-password", "metrics-token"} <= set(names)
    for name in names:
        (folder / name).write_text("made-up-for-tests-0123456789\n")
    (folder / "config.py").write_text(text.replace(secrets, str(folder)))
    return load_settings(folder / "config.py", environment={})


def test_the_configuration_for_kubernetes_has_no_mistake_and_names_secrets_that_are_mounted(
    tmp_path: Path,
) -> None:
    assert [target.name for target in settings_of_the_pods(tmp_path).targets] == ["cloudadmin"]


def test_the_audit_log_of_the_guide_lies_where_the_unit_lets_the_service_write() -> None:
    unit = (ROOT / "deploy" / "awscons.service").read_text()
    guide = (ROOT / "docs" / "how-to" / "systemd-nginx.md").read_text()
    bases = {"StateDirectory": "/var/lib", "LogsDirectory": "/var/log"}
    folders = {
        f"{base}/{name}"
        for kind, base in bases.items()
        for name in re.findall(rf"^{kind}=(.+)$", unit, re.MULTILINE)
    }
    named = re.findall(r'"audit_(?:log|key_file)": "([^"]+)/[^"/]+"', guide)
    assert len(named) == 2
    assert set(named) <= folders
