"""The how-to guides, followed word for word on a Debian that has nothing but what they install."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.stage import ROOT

pytestmark = pytest.mark.journey

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def wheels(checkout: Path) -> Path:
    """What pip would get from an index: the locked packages, and what builds ours."""
    folder = checkout / "wheels"
    pip: list[str | Path] = [checkout / "venv/bin/pip", "download", "--quiet", "--dest", folder]
    subprocess.run([*pip, "--require-hashes", "-r", "requirements.txt"], cwd=checkout, check=True)
    subprocess.run([*pip, "hatchling"], cwd=checkout, check=True)
    return folder


def follow(
    checkout: Path, wheels: Path, way: str, mount: str, locale: Mapping[str, str], *options: str
) -> None:
    assert os.getuid() == 0, (
        "this journey needs root: it makes namespaces and mounts, as the guides' reader is root"
    )
    command = [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        sys.executable,
        "-m",
        "support.debian_root",
    ]
    command += [way, "--mount", mount, "--checkout", str(checkout), "--wheels", str(wheels), *options]
    done = subprocess.run(
        [*command, "--locale", json.dumps(locale)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"signed_in": True}


@pytest.mark.parametrize(("mount", "locale"), [("/", {}), ("/sso", ASCII)], ids=["at /", "at /sso, ASCII"])
def test_apache_signs_a_person_in(
    checkout: Path, wheels: Path, mount: str, locale: Mapping[str, str]
) -> None:
    follow(checkout, wheels, "apache", mount, locale)


def test_nginx_and_the_unit_sign_a_person_in_at_a_path(checkout: Path, wheels: Path) -> None:
    follow(checkout, wheels, "nginx", "/sso", {})


def test_nginx_and_the_unit_sign_a_person_in_before_and_after_an_upgrade_and_the_way_back(
    checkout: Path, wheels: Path
) -> None:
    follow(checkout, wheels, "nginx", "/", ASCII, "--upgrade")
