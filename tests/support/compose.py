"""Runs the containers of `deploy/compose/compose.yaml`, as that file says, and lets a person sign in there.

It is run as the first process of namespaces of its own (mounts, network, processes), so that every path and port is the
one of the file. Our image is unpacked already; nginx and Redis are Debian's, with the commands and files of the
compose file.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.browser import Browser
from support.container import first_process, in_container
from support.demo import sign_in
from support.image import Image
from support.stage import ROOT

FILE = ROOT / "deploy" / "compose" / "compose.yaml"
ORIGIN = "http://localhost:8000"
_PATIENCE = 60.0
"""Seconds until a container has to be healthy."""


def load() -> dict[str, Any]:
    """The compose file."""
    document: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return document


@dataclass
class Project:
    """What `compose up` makes of the file. `folder` holds its volumes and logs."""

    image: Image
    folder: Path
    document: dict[str, Any] = field(default_factory=load)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def up(self) -> None:
        """Start every service after those that it depends on."""
        services: dict[str, dict[str, Any]] = dict(self.document["services"])
        while services:
            name = next(
                name
                for name, service in services.items()
                if not set(service.get("depends_on", {})) & set(services)
            )
            service = services.pop(name)
            command = self.command(
                service, service["command"] if "command" in service else self.default(service)
            )
            with (self.folder / f"{name}.log").open("wb") as log:
                self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)
            if "healthcheck" in service:
                self.wait(name, service)

    def default(self, service: Mapping[str, Any]) -> Sequence[str]:
        """What an image runs where the file does not say."""
        assert "/nginx:" in service["image"], service["image"]
        return ["nginx", "-g", "daemon off;"]

    def command(
        self, service: Mapping[str, Any], command: Sequence[str], *, entry: bool = True
    ) -> Sequence[str]:
        """The program that runs a command of a service: of our image in it, of another one on this Debian."""
        words = [word.replace("$$", "$") for word in command]
        if service["image"].split("/")[-1].split(":")[0] != "awscons":
            return words
        return in_container(
            [*(self.image.config["Entrypoint"] if entry else []), *words],
            root=self.image.root,
            user=self.image.config["User"],
            environment=self.image.environment,
            volumes=dict(self.mounts(service, writable=True)),
            files=dict(self.mounts(service, writable=False)),
        )

    def mounts(self, service: Mapping[str, Any], *, writable: bool) -> Iterator[tuple[str, Path]]:
        """The place of each volume, file and secret in a container, and where it is here."""
        declared = [volume.split(":") for volume in service.get("volumes", [])]
        for source, place, *mode in declared:
            if writable == (mode != ["ro"]):
                yield (
                    place,
                    self.folder / source if source in self.document["volumes"] else FILE.parent / source,
                )
        if writable:
            for place in self.image.config["Volumes"]:
                if place not in [volume[1] for volume in declared]:
                    yield place, self.volume(f"unnamed-{len(self.running)}")
        else:
            for name in service.get("secrets", []):
                yield f"/run/secrets/{name}", FILE.parent / self.document["secrets"][name]["file"]

    def volume(self, name: str) -> Path:
        """A new volume: a folder of the image's user."""
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, *map(int, self.image.config["User"].split(":")))
        return folder

    def wait(self, name: str, service: Mapping[str, Any]) -> None:
        """Return when the container is healthy, by its own check."""
        kind, *test = service["healthcheck"]["test"]
        check = ["sh", "-c", *test] if kind == "CMD-SHELL" else test
        end = time.monotonic() + _PATIENCE
        while subprocess.run(
            self.command(service, check, entry=False), capture_output=True, check=False
        ).returncode:
            if self.running[name].poll() is not None or time.monotonic() > end:
                raise SystemExit(
                    f"{name} is not healthy: {(self.folder / f'{name}.log').read_text()[-2000:]}"
                )
            time.sleep(0.1)  # between checks

    def stop(self, name: str) -> int:
        """Stop a container of our image; its exit status."""
        runtime = self.running[name]
        os.kill(first_process(runtime), signal.SIGTERM)
        return runtime.wait(timeout=40)


def _for_debians_programs(project: Project) -> None:
    """The files of containers that are no image here: this process has its own view of the file system."""
    for name in project.document["volumes"]:
        project.volume(name)
    mounts = [
        "mount --make-rprivate /",
        "mount -t proc proc /proc",
        "ip link set lo up",
        "mount -t tmpfs tmpfs /run",
        "mkdir -p /run/secrets /data",
    ]
    for service in project.document["services"].values():
        if "/" in service["image"]:
            places = [*project.mounts(service, writable=False), *project.mounts(service, writable=True)]
            mounts += [
                f"[ -e {place} ] || touch {place}; mount --bind {outside} {place}"
                for place, outside in places
                if not outside.name.startswith("unnamed")
            ]
    subprocess.run(["sh", "-ec", "\n".join(mounts)], check=True)


def main() -> None:
    """Bring the trial up, sign in, stop one of the services, go on at the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("config", type=json.loads)
    given = parser.parse_args()
    project = Project(Image(given.root, given.config), given.folder)
    _for_debians_programs(project)
    project.up()
    browser = Browser(ORIGIN)
    page = sign_in(browser, "/aws/cloudadmin", "Ada Admin")
    status = project.stop("awscons-1")
    portal = browser.get("/aws/")
    print(json.dumps({"page": page, "stopped": status, "portal": portal.status_code}))  # noqa: T201  for the test
    sys.stdout.flush()
    # The first process of a namespace ends all others of it.
    os._exit(0)


if __name__ == "__main__":
    main()
