"""A stranger's Debian: the commands of the how-to guides, word for word, in a root and a network of their own.

`unshare --mount --net --pid --fork python -m support.debian_root …` lays an empty layer over the machine's own system,
becomes root of it, runs the fenced commands of the guides, and signs a person in. Nothing reaches the machine, and
everything ends with the process.

What the test adds stands here, and nowhere else:

- pip finds its packages in a folder, since the network is private (`PIP_NO_INDEX`, `PIP_FIND_LINKS`);
- a `systemctl` that does what the units of Debian and of `deploy/` say, since no systemd runs in this root;
- what the reader brings: a certificate, a `config.py`, credentials, the name of the host, and the identity provider.
"""

from __future__ import annotations

import argparse
import json
import os
import pprint
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp
from support.house import BROKER, ROLES, config_for, console_url, vouch_for_ada, write_credentials
from support.serving import authority, serving

HOST = "sso.example.com"
_GUIDES = {"apache": "apache.md", "nginx": "systemd-nginx.md"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Debian's apache2.service runs apachectl. nginx and awscons have a unit each; nginx's says what its init file says.
_SYSTEMCTL = """#!/bin/sh
set -eu
start() {
    /usr/local/sbin/run-unit &
    # Type=notify: systemd waits until the service says that it is ready.
    curl --silent --fail --output /dev/null --retry 150 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/healthz
}
case "$*" in
    daemon-reload) ;;
    "restart apache2") apachectl stop 2>/dev/null || true; apachectl start ;;
    "reload nginx") /etc/init.d/nginx status >/dev/null && /etc/init.d/nginx reload || /etc/init.d/nginx start ;;
    "enable --now awscons") start ;;
    "restart awscons")
        read -r pid </run/unit.pid
        kill -TERM "$pid"
        while grep --quiet "^State:.[^Z]" "/proc/$pid/status" 2>/dev/null; do sleep 0.1; done
        start ;;
    *) echo "systemctl $*: not foreseen in this test" >&2; exit 1 ;;
esac
"""
_RUN_UNIT = """#!/bin/sh
set -eu
value() { sed -n "s/^$1=//p" /etc/systemd/system/awscons.service; }
for kind in State Logs Runtime; do
    case $kind in State) base=/var/lib ;; Logs) base=/var/log ;; *) base=/run ;; esac
    install -d --owner="$(value User)" --group="$(value Group)" --mode=0700 "$base/$(value ${kind}Directory)"
done
umask "$(value UMask)"
echo $$ >/run/unit.pid
exec setpriv --reuid "$(value User)" --regid "$(value Group)" --init-groups --no-new-privs \\
    env --ignore-environment PATH="$PATH" LANG="${LANG:-C}" LC_ALL="${LC_ALL:-}" \\
    PYTHONUTF8="${PYTHONUTF8:-}" PYTHONCOERCECLOCALE="${PYTHONCOERCECLOCALE:-}" \\
    STATE_DIRECTORY="/var/lib/$(value StateDirectory)" RUNTIME_DIRECTORY="/run/$(value RuntimeDirectory)" $(value ExecStart) >>/var/log/awscons.log 2>&1
"""


def blocks(page: Path) -> list[str]:
    """The commands of a page, as they stand there."""
    return re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def main() -> None:
    """Set the root up, follow the guides, sign in; print one JSON object with what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=sorted(_GUIDES))
    parser.add_argument("--mount", default="/")
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--locale", type=json.loads, default={})
    parser.add_argument("--upgrade", action="store_true", help="to another release, and back")
    given = parser.parse_args()
    _enter_root()
    _bring(given.wheels)
    stranger = Stranger(given.checkout, given.wheels, given.locale)
    with ExitStack() as stack:
        stranger.follow_installation(stack, given.mount)
        stranger.follow(given.way, given.mount)
        stranger.sign_in(given.mount)
        if given.upgrade:
            for page, number in (("install.md", 2), ("upgrade.md", 0)):  # forward, and back
                stranger.run(blocks(stranger.docs / page)[number])
                stranger.sign_in(given.mount)
    print(json.dumps({"signed_in": True}))  # noqa: T201  the result for the test
    sys.stdout.flush()
    # Servers that were started end with this process, which is the first of its process namespace.
    os._exit(0)


class Stranger:
    """Somebody who has the documents, and nothing else."""

    def __init__(self, checkout: Path, wheels: Path, locale: Mapping[str, str]) -> None:
        self.docs = checkout / "docs" / "how-to"
        self._checkout = checkout
        self._environment = {
            "PATH": _PATH,
            "HOME": "/root",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **locale,
        }

    def run(self, commands: str) -> None:
        """Run a block; the first command that fails ends everything."""
        script = f"set -e\n{commands}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._checkout,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"these commands failed:\n{commands}\n{done.stdout}{_logs()}")

    def follow_installation(self, stack: ExitStack, mount: str) -> None:
        """install.md: install, edit the configuration, check it."""
        install, check, _update = blocks(self.docs / "install.md")
        self.run(install)
        sts = PretendSts(roles=ROLES)
        sts_port = stack.enter_context(serving(lambda _port: sts.application("us-east-1")))
        signin_port = stack.enter_context(serving(lambda _port: PretendSignin(book=sts).application()))
        credentials = write_credentials(Path("/etc/awscons/credentials"), *sts.add_user(BROKER))
        config = config_for(
            f"https://{HOST}{mount.rstrip('/')}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials,
            store={"cache_type": "SQLite", "path": "/var/lib/awscons/logins.sqlite3"},
            server={"trusted_proxies": 1},
        )
        text = "".join(f"{name} = {pprint.pformat(value)}\n" for name, value in config.items())
        Path("/etc/awscons/config.py").write_text(text, encoding="utf-8")
        self.run("chown root:awscons /etc/awscons/credentials && chmod 0640 /etc/awscons/credentials")
        self._check = check

    def follow(self, way: str, mount: str) -> None:
        """apache.md or systemd-nginx.md."""
        page = self.docs / _GUIDES[way]
        if way == "apache":
            commands, check, _other_server = blocks(page)
            if mount != "/":
                commands = commands.replace(
                    "a2ensite awscons\n",
                    f"sed -i 's|Define AWSCONS_MOUNT /$|Define AWSCONS_MOUNT {mount}|' "
                    "/etc/apache2/sites-available/awscons.conf\na2ensite awscons\n",
                )
            # The site stands alone on its address, so that nothing depends on Debian's example site.
            self.run(commands)
            self.run(self._check)
            self.run(check)
        else:
            self.run(self._check)
            self.run(blocks(page)[0])

    def sign_in(self, mount: str) -> None:
        """A person signs in and gets a console."""
        base = f"https://{HOST}{mount.rstrip('/')}"
        browser = Browser(base)
        deadline = time.monotonic() + 30
        while browser.get("/healthz").status_code != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"the service does not answer:\n{_logs()}")
            time.sleep(0.2)  # between looks: Apache answers before the service has started
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        answered = browser.answer("/saml/acs", vouch_for_ada(sent, f"{base}/saml/acs"))
        opened = browser.follow(answered)
        if console_url(opened)["Action"] != "login":
            raise SystemExit(f"no console: {opened.status_code}\n{_logs()}")
        browser.close()


def _logs() -> str:
    logs = [
        Path("/var/log/apache2/error.log"),
        Path("/var/log/awscons.log"),
        Path("/var/log/nginx/error.log"),
    ]
    return "\n".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())


# --- the root ----------------------------------------------------------------------------


def _enter_root() -> None:
    """An empty layer over the machine's own system, as the root of this process."""
    top = Path("/mnt")
    _sh(
        "mount --make-rprivate / && ip link set lo up"
        f" && mount -t tmpfs tmpfs {top} && mkdir {top}/up {top}/work {top}/root"
        f" && mount -t overlay overlay -o lowerdir=/,upperdir={top}/up,workdir={top}/work {top}/root"
        f" && mount -t proc proc {top}/root/proc && mount --rbind /dev {top}/root/dev"
        f" && mount -t tmpfs tmpfs {top}/root/run && mkdir -p {top}/root/run/lock {top}/root/run/apache2"
    )
    os.chroot(top / "root")
    os.chdir("/")


def _bring(wheels: Path) -> None:
    """What the reader brings, and what stands for systemd."""
    assert wheels.is_dir()
    for name, script in (("systemctl", _SYSTEMCTL), ("run-unit", _RUN_UNIT)):
        path = Path("/usr/local/sbin") / name
        path.write_text(script)
        path.chmod(0o755)
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"\n127.0.0.1 {HOST}\n")
    issued = authority().issue_cert(HOST)
    Path(f"/etc/ssl/certs/{HOST}.pem").write_bytes(b"".join(b.bytes() for b in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(f"/etc/ssl/private/{HOST}.key")
    with Path("/etc/ssl/certs/ca-certificates.crt").open("ab") as trusted:
        trusted.write(b"\n" + authority().cert_pem.bytes())


def _sh(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)


if __name__ == "__main__":
    main()
