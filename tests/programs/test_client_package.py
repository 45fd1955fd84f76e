"""The ways in which people get `awscons-cli`: from an installed service, and as a package of its own."""

import subprocess
import sys
import zipfile
from pathlib import Path

from awscons import __version__
from build_zipapp import zipapp_bytes
from support.client_terminal import CLIENT

ROOT = CLIENT.parent


def unpacked_wheel(project: Path, folder: Path) -> Path:
    """What pip would install of that project."""
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        folder,
    ]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_an_installed_service_can_build_the_same_zipapp(tmp_path: Path) -> None:
    builder = unpacked_wheel(ROOT, tmp_path) / "awscons" / "client" / "build_zipapp.py"
    subprocess.run([sys.executable, builder, tmp_path / "awscons.pyz"], check=True)
    assert (tmp_path / "awscons.pyz").read_bytes() == zipapp_bytes()


def test_the_package_needs_nothing_else_and_runs(tmp_path: Path) -> None:
    folder = unpacked_wheel(CLIENT, tmp_path)
    (metadata,) = folder.glob("awscons_cli-*.dist-info/METADATA")
    needed = [line for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist")]
    assert needed == ["Requires-Dist: keyring>=24; extra == 'keyring'"]
    assert "](" not in metadata.read_text()
    command = [sys.executable, "-m", "awscons_cli", "--version"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == f"awscons-cli {__version__}\n"
