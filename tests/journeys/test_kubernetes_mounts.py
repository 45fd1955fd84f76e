"""A ConfigMap and a Secret as Kubernetes mounts them: links, a folder of mode 0777, read-only."""

import os
import subprocess
import sys
from pathlib import Path

from support.operator import configure
from support.stage import environment_of

CHECK = f'{sys.executable} -m awscons check --config "$0/config.py"'
MOUNTED = f'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && {CHECK}'


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script in a mount namespace of its own."""
    as_root = [] if os.getuid() == 0 else ["--map-root-user"]
    return subprocess.run(
        ["unshare", "--mount", *as_root, "sh", "-c", script, str(folder)],
        env=environment_of(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_folder_that_all_can_write_is_fine_when_it_is_mounted_read_only(tmp_path: Path) -> None:
    data = tmp_path / "..2026_11_26"
    data.mkdir()
    configure(data, {"cache_type": "SimpleCache"})
    with (data / "config.py").open("a") as config:
        config.write("server_config = {'metrics_token': {'file': 'token'}}\n")
    (data / "token").write_text("made-up-for-tests-0123456789\n")
    (data / "token").chmod(0o440)
    (tmp_path / "..data").symlink_to(data.name)
    for name in ("config.py", "token"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    tmp_path.chmod(0o777)
    refused = run(CHECK, tmp_path)
    assert refused.returncode == 2
    assert f"{tmp_path} can be written by every user" in refused.stderr
    done = run(MOUNTED, tmp_path)
    assert done.returncode == 0, done.stderr
