"""The image of `deploy/container`, built by Debian's buildah: no daemon, and no registry.

Its base is Debian's Python of this machine: the files of the packages that `python3-venv` depends on.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.stage import ROOT

CONTAINERFILE = ROOT / "deploy" / "container" / "Containerfile"
_PACKAGES = (
    "base-files ca-certificates coreutils dash dpkg grep libc-bin python3-venv sed"  # and what they depend on
)
_LEFT_OUT = re.compile(r"/usr/share/(doc|info|locale|man)/|/(bin|sbin|lib|lib64|\.)$")
_PIP_CONFIG = "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n"


@dataclass(frozen=True)
class Image:
    """An image, unpacked.

    root     its files
    config   of the image, with the keys that Docker gives them
    """

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the image sets."""
        return dict(variable.split("=", 1) for variable in self.config["Env"])


@contextmanager
def built_image(folder: Path) -> Iterator[Image]:
    """Build the image below `folder`, and unpack it."""
    base, wheels, pip_config = folder / "base", folder / "wheels", folder / "pip.conf"
    _make_base(base)
    _download(wheels)
    pip_config.write_text(_PIP_CONFIG)
    buildah = [
        "buildah",
        "--storage-driver",
        "vfs",
        "--root",
        str(folder / "r"),
        "--runroot",
        str(folder / "t"),
    ]
    made = _run(*buildah, "from", "scratch")
    _run(*buildah, "copy", "--quiet", made, str(base), "/")
    _run(*buildah, "commit", "--quiet", "--rm", made, "localhost/base")
    _run(
        *(*buildah, "build", "--isolation", "chroot", "--format", "docker", "--tag", "localhost/awscons"),
        *("--build-arg", "BASE=localhost/base", "--file", str(CONTAINERFILE)),
        *("--volume", f"{wheels}:/wheels:ro", "--volume", f"{pip_config}:/etc/pip.conf:ro", str(ROOT)),
    )
    container = _run(*buildah, "from", "localhost/awscons")
    config = json.loads(_run(*buildah, "inspect", "--type", "image", "localhost/awscons"))["Docker"]["config"]
    try:
        yield Image(Path(_run(*buildah, "mount", container)), config)
    finally:
        shutil.rmtree(folder)


def _make_base(root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "tmp", "etc"):
        (root / name).mkdir()
    # As in Docker's Python images, the default of the Containerfile.
    for name in (
        "bin/pip",
        "lib/python3.13/site-packages/pip/__init__.py",
        "lib/python3.13/ensurepip/__init__.py",
    ):
        (place := root / "usr" / "local" / name).parent.mkdir(parents=True)
        place.touch()
    listed = _run("dpkg", "-L", *_with_dependencies(_PACKAGES.split())).splitlines()
    files = sorted({name for name in listed if name.startswith("/") and not _LEFT_OUT.search(name)})
    packed = subprocess.Popen(
        ["tar", "--no-recursion", "--ignore-failed-read", "-cf", "-", "-T", "-", "/etc/passwd", "/etc/group"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert packed.stdin
    with subprocess.Popen(
        ["tar", "--keep-directory-symlink", "-xf", "-", "-C", str(root)], stdin=packed.stdout
    ) as unpacked:
        packed.stdin.write("\n".join(files).encode())
        packed.stdin.close()
    assert (packed.wait(), unpacked.returncode) == (0, 0)


def _with_dependencies(packages: list[str]) -> set[str]:
    """The installed packages that these depend on, and themselves; the first of alternatives."""
    installed = {}
    shape = "${db:Status-Status}\t${Package}\t${Depends}, ${Pre-Depends}\n"
    for line in _run("dpkg-query", "--show", f"--showformat={shape}").splitlines():
        status, package, depends = line.split("\t")
        if status == "installed":
            installed[package] = re.findall(r"(?:^|, )([a-z0-9.+-]+)", depends)
    found: set[str] = set()
    rest = list(packages)
    while rest:
        package = rest.pop()
        if package in installed and package not in found:
            found.add(package)
            rest += installed[package]
    return found


def _download(wheels: Path) -> None:
    """What an index would give to pip in the image, for the Python of the image."""
    _run(
        *(sys.executable, "-m", "pip", "--python", "/usr/bin/python3", "download", "--quiet"),
        *("--require-hashes", "--dest", str(wheels), "-r", str(ROOT / "requirements.txt")),
        *("-r", str(CONTAINERFILE.with_name("requirements-build.txt"))),
    )


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()
