"""The image, built from its Containerfile and run as container runtimes run it: read-only, as its user, one volume."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from awscons import __version__
from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp
from support.container import container_running, first_process, in_container
from support.faults import HOLD, Faulty
from support.house import BROKER, ROLES, config_for, console_url, vouch_for_ada, write_credentials
from support.image import CONTAINERFILE, Image, built_image
from support.serving import free_port, serving, wait_until
from support.stage import ROOT, nginx, write_config, write_tls
from support.stores import PASSWORD, redis_server

pytestmark = pytest.mark.journey

ETC = "/etc/awscons"
SERVER = """server {{
    listen 127.0.0.1:{front} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{
        proxy_pass http://127.0.0.1:{port};
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_buffer_size 32k;
        proxy_buffers 8 32k;
    }}
}}"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built_image(tmp_path_factory.mktemp("image")) as built:
        yield built


@dataclass
class Container:
    """The image with a configuration and a volume, to be run behind a proxy at `url`. `aws` is the pretend STS."""

    image: Image
    folder: Path
    port: int
    url: str
    aws: Faulty
    config: dict[str, Any]

    @property
    def log(self) -> Path:
        """What it writes; whoever starts the container opens it."""
        return self.folder / "log"

    def configure(self, **sections: object) -> None:
        """Write the configuration."""
        write_config(self.folder / "etc" / "config.py", {**self.config, **sections}).chmod(0o644)

    def command(self, *command: str, **environment: str | None) -> list[str]:
        """A command in the container, with the variables of the image; None takes one of them away."""
        variables = {**self.image.environment, **environment}
        (volume,) = self.image.config["Volumes"]
        return in_container(
            [word.replace("8000", str(self.port)) for word in command],
            root=self.image.root,
            user=str(self.image.config["User"]),
            environment={name: value for name, value in variables.items() if value is not None},
            volumes={volume: self.folder / "state"},
            files={ETC: self.folder / "etc"},
        )

    def awscons(self, *arguments: str, **environment: str | None) -> list[str]:
        """Its entry point; without arguments, what the image says, but on a port of this test."""
        return self.command(
            *self.image.config["Entrypoint"], *(arguments or self.image.config["Cmd"]), **environment
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the image, behind nginx."""
        front = int(self.url.rpartition(":")[2])
        certificate, key = write_tls(self.folder)
        server = SERVER.format(front=front, certificate=certificate, key=key, port=self.port)
        with (
            container_running(self.awscons(), port=self.port, log=self.log) as runtime,
            nginx(self.folder, front, server),
        ):
            yield runtime

    def signed_in(self, browser: Browser) -> httpx.Response:
        """What Ada gets when she has signed in on the way to a console; not followed."""
        form = vouch_for_ada(sent_to_idp(browser.get("/aws/cloudadmin")), f"{self.url}/saml/acs")
        return browser.answer("/saml/acs", form)


@pytest.fixture
def container(image: Image, open_folder: Path) -> Iterator[Container]:
    sts = PretendSts(roles=ROLES)
    aws, url = Faulty(sts.application("us-east-1")), f"https://localhost:{free_port()}"
    for name in ("etc", "state"):
        (open_folder / name).mkdir()
    write_credentials(open_folder / "etc" / "credentials", *sts.add_user(BROKER))
    with (
        serving(lambda _: aws) as sts_port,
        serving(lambda _: PretendSignin(book=sts).application()) as signin,
    ):
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin}/federation",
            credentials_file=Path(ETC) / "credentials",
            store={"cache_type": "SQLite"},
            server={"trusted_proxies": 1},
        )
        found = Container(image, open_folder, free_port(), url, aws, config)
        found.configure()
        uid, gid = map(int, str(image.config["User"]).split(":"))
        os.chown(found.folder / "state", uid, gid)
        os.chown(found.folder / "etc" / "credentials", uid, gid)
        (found.folder / "state").chmod(0o700)
        yield found


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_image_says_what_it_is_and_what_is_in_it(image: Image) -> None:
    share = image.root / "srv/awscons/share/awscons"
    assert image.config["Labels"]["org.opencontainers.image.version"] == __version__
    bill = json.loads((share / "sbom.cdx.json").read_text())
    listed = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in bill["components"]}
    lock = (ROOT / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", lock, re.MULTILINE))
    assert locked.items() <= listed.items()
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "awscons")
    assert (share / "deploy/container/Containerfile").read_bytes() == CONTAINERFILE.read_bytes()
    assert (share.parent / "man/man1/awscons.1").is_file()
    assert (share.parent / "bash-completion/completions/awscons").is_file()


def test_the_image_has_no_pip_and_nothing_but_the_volume_belongs_to_its_user(image: Image) -> None:
    assert (image.root / "srv/awscons/bin/awscons").exists()
    for folder in ("srv/awscons", "usr/local"):
        found = {path.name for path in (image.root / folder).rglob("*")}
        assert not {
            name for name in found if re.match("pip([0-9.]*|-.*)$|cyclonedx|hatchling|ensurepip", name)
        }
    uid = str(image.config["User"]).partition(":")[0]
    owned = run(["find", str(image.root), "-xdev", "-uid", uid]).stdout.split()
    assert owned == [f"{image.root}/var/lib/awscons"]


def test_a_person_signs_in_with_nothing_but_the_volume_writable(container: Container) -> None:
    with container.running():
        kind, *command = container.image.config["Healthcheck"]["Test"]
        assert (kind, run(container.command(*command)).returncode) == ("CMD", 0)
        browser = Browser(container.url)
        assert console_url(browser.follow(container.signed_in(browser)))["Action"] == "login"
        browser.close()
    assert run(container.command(*command)).returncode == 1
    assert (container.folder / "state" / "logins.sqlite3").exists()


def test_sigterm_lets_a_console_that_is_being_opened_finish(container: Container) -> None:
    with container.running() as runtime, ThreadPoolExecutor() as pool:
        browser = Browser(container.url)
        signed_in = container.signed_in(browser)
        container.aws.misbehave(HOLD)
        opened = pool.submit(browser.follow, signed_in)
        container.aws.wait_for_calls(1)
        os.kill(first_process(runtime), signal.SIGTERM)
        wait_until(lambda: "server.stopping" in container.log.read_text())
        container.aws.released.set()
        assert console_url(opened.result())["Action"] == "login"
        assert runtime.wait(timeout=40) == 0
        browser.close()


def test_without_a_configuration_the_sample_of_the_image_is_named(container: Container) -> None:
    (container.folder / "etc" / "config.py").unlink()
    done = run(container.awscons("check"))
    assert done.returncode == 2
    assert "copy /srv/awscons/share/awscons/config.py.sample to config.py" in done.stderr
    assert (container.image.root / "srv/awscons/share/awscons/config.py.sample").is_file()


def test_a_demo_without_a_temporary_folder_says_so(container: Container) -> None:
    done = run(container.awscons("demo", "--port", str(container.port)))
    assert done.returncode == 1
    assert "no temporary folder can be written" in done.stderr
    assert "Traceback" not in done.stderr


LOAD = "import awscons.wsgi; awscons.wsgi.application"


def told(container: Container, **environment: str | None) -> Iterator[tuple[str, int, str]]:
    """What `check`, `serve` and another WSGI server's import say: the way, the exit status, standard error."""
    ways: Mapping[str, list[str]] = {
        "check": container.awscons("check", **environment),
        "serve": container.awscons(**environment),
        "import": container.command("python", "-c", LOAD, **environment),
    }
    for way, command in ways.items():
        done = run(command)
        yield way, done.returncode, done.stderr + done.stdout


def test_without_a_state_folder_and_a_home_one_sentence_names_both_variables(container: Container) -> None:
    for way, status, said in told(container, STATE_DIRECTORY=None):
        assert status in {1, 2, 3}, (way, said)
        assert "STATE_DIRECTORY" in said, (way, said)
        assert "HOME" in said, (way, said)
        assert "Traceback" not in said, (way, said)


def test_a_volume_of_another_user_is_named(container: Container) -> None:
    os.chown(container.folder / "state", 0, 0)
    (container.folder / "state").chmod(0o755)
    for way, status, said in told(container):
        assert status in {1, 2, 3}, (way, said)
        assert "/var/lib/awscons" in said, (way, said)
        assert "Traceback" not in said, (way, said)


def test_a_secret_that_is_not_mounted_is_named(container: Container) -> None:
    secret = {"file": "/run/secrets/redis"}
    container.configure(session_config={"session_backing": {"cache_type": "Redis", "password": secret}})
    for way, status, said in told(container):
        assert status in {1, 2, 3}, (way, said)
        assert "/run/secrets/redis" in said, (way, said)
        assert "Traceback" not in said, (way, said)


def test_counters_that_have_no_file_are_named_where_logins_need_none(container: Container) -> None:
    port = free_port()
    container.configure(
        session_config={"session_backing": {"cache_type": "Redis", "port": port, "password": PASSWORD}},
        server_config={"metrics_token": "x" * 32, "trusted_proxies": 1},
    )
    (container.folder / "redis").mkdir()
    with redis_server(container.folder / "redis", port):
        for way, status, said in told(container, STATE_DIRECTORY="/var/lib/missing"):
            if way == "check":
                continue  # it makes no file
            assert status in {1, 2, 3}, (way, said)
            assert "metrics_file" in said, (way, said)
            assert "Traceback" not in said, (way, said)
            assert "HaltServer" not in said, (way, said)


# --- as platforms run it -----------------------------------------------------------------


def mounted(folder: Path, files: Mapping[str, str], mode: int) -> Path:
    """A ConfigMap or Secret as Kubernetes mounts it for the group of the image: links, and folders of mode 0777."""
    data = folder / "..2026_11_27"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for name, text in files.items():
        (data / name).write_text(text)
        os.chown(data / name, 0, 10001)
        (data / name).chmod(mode)
        (folder / name).symlink_to(f"..data/{name}")
    for made in (folder, data):
        made.chmod(0o2777)
    return folder


def test_the_pod_of_the_kubernetes_deployment_becomes_ready(container: Container) -> None:
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/base/deployment.yaml").read_text())["spec"]["template"][
        "spec"
    ]
    (declared,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    redis_port, folder = free_port(), container.folder
    password = {"file": "/run/secrets/awscons/redis-password"}
    backing = {"cache_type": "Redis", "port": redis_port, "password": password}
    token = {"metrics_token": {"file": "/run/secrets/awscons/metrics-token"}}
    config = write_config(
        folder / "config.py",
        {
            **container.config,
            "session_config": {"session_backing": backing},
            "server_config": {"trusted_proxies": 1, **token},
        },
    ).read_text()
    secrets = {"redis-password": f"{PASSWORD}\n", "metrics-token": "made-up-for-tests-0123456789\n"}
    (folder / "empty").mkdir()
    os.chown(folder / "empty", 0, pod["securityContext"]["fsGroup"])
    (folder / "empty").chmod(0o2777)
    places = {
        "config": mounted(
            folder / "config", {"config.py": config}, volumes["config"]["configMap"]["defaultMode"]
        ),
        "secrets": mounted(folder / "secrets", secrets, volumes["secrets"]["secret"]["defaultMode"]),
        "state": folder / "empty",
    }
    mounts = [
        (mount["mountPath"], places[mount["name"]], mount.get("readOnly"))
        for mount in declared["volumeMounts"]
    ]
    command = in_container(
        [
            *container.image.config["Entrypoint"],
            *(word.replace("8000", str(container.port)) for word in declared["args"]),
        ],
        root=container.image.root,
        user="{runAsUser}:{runAsGroup}".format(**pod["securityContext"]),
        environment={
            **container.image.environment,
            **{variable["name"]: variable["value"] for variable in declared["env"]},
        },
        volumes={inside: outside for inside, outside, read_only in mounts if not read_only},
        files={inside: outside for inside, outside, read_only in mounts if read_only},
    )
    (folder / "redis").mkdir()
    with (
        redis_server(folder / "redis", redis_port),
        container_running(command, port=container.port, log=container.log),
    ):
        ports = {port["name"]: str(port["containerPort"]) for port in declared["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = declared[probe]["httpGet"]
            port = ports[asked["port"]].replace("8000", str(container.port))
            answer = httpx.get(f"http://127.0.0.1:{port}{asked['path']}", timeout=20)
            assert answer.status_code == 200, answer.text


def test_the_compose_file_is_a_whole_trial_and_survives_the_end_of_one_service(
    image: Image, open_folder: Path
) -> None:
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    trial = [
        sys.executable,
        "-m",
        "support.compose",
        str(open_folder),
        str(image.root),
        json.dumps(image.config),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"}
    done = subprocess.run(
        [*namespaces, *trial], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert "You are in the console" in told["page"]
    assert (told["stopped"], told["portal"]) == (0, 200)
