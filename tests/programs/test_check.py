"""`awscons check` asks what a sign-in will ask, as the service's user, and leaves nothing behind."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.describe import Description, base64_of, key_descriptor
from support.forge import certificate_of, pem_of
from support.house import MINIMAL_TARGETS, config_for, write_credentials
from support.stage import environment_of

USER = "daemon" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter."""
    made = Path(tempfile.mkdtemp(prefix="awscons-check-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def configure(
    folder: Path,
    store: Mapping[str, object] | None = None,
    text: str = "",
    saml: Mapping[str, object] | None = None,
    server: Mapping[str, object] | None = None,
) -> None:
    """A configuration with a file of credentials; `text` stands before it, and may use `os`."""
    config = config_for(
        "https://sso.example.com/saml/acs",
        sts_url="http://127.0.0.1:1/",
        signin_url="http://127.0.0.1:1/federation",
        credentials_file=write_credentials(folder / "credentials", "AKIAEXAMPLE", "secret"),
        store=store or {"cache_type": "SimpleCache"},
        aws={"targets": MINIMAL_TARGETS, "aws_profile_name": "cons"},
        server=server,
    )
    for key, value in (saml or {}).items():
        config["saml_config"][key] = value
        if value is None:
            del config["saml_config"][key]
    dicts = "".join(f"{name} = {value!r}\n" for name, value in config.items())
    (folder / "config.py").write_text(f"import os\n{text}\n{dicts}")


def check(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscons", "check", "--config", str(folder / "config.py"), *arguments],
        cwd="/",
        env=environment_of(HOME=str(folder / "home"), **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def metadata_at(place: Path) -> dict[str, object]:
    """The keys of saml_config that name this metadata."""
    return {"idp_metadata": str(place), "saml_endpoint": None, "issuer": None, "certificate": None}


def test_files_that_the_services_user_cannot_read_are_named(folder: Path) -> None:
    configure(folder)
    (folder / "credentials").chmod(0o000)
    done = check(folder, "--as", USER)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{folder}/credentials cannot be read: permission denied" in done.stderr
    assert "no mistakes, but the service would not work here" in done.stdout


def test_a_profile_that_is_nowhere_is_a_finding(folder: Path) -> None:
    configure(folder)
    (folder / "credentials").write_text("[other]\n")
    done = check(folder, "--json")
    assert done.returncode == 1
    (finding,) = [found for found in json.loads(done.stdout)["findings"] if found["severity"] == "error"]
    assert finding["subject"] == "profile 'cons'"
    assert "is in neither" in finding["cause"]


def test_a_folder_that_the_services_user_cannot_write_is_named(folder: Path) -> None:
    store = folder / "store"
    store.mkdir(mode=0o555)
    configure(folder, {"cache_type": "SQLite", "path": str(store / "logins.sqlite3")})
    done = check(folder, "--as", USER)
    assert done.returncode == 1
    assert f"{store} cannot be read and written by this user" in done.stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/log", "this user finds no folder {folder}/none"),
        ("closed", "{folder}/closed is a folder"),
        ("closed/log", "this user cannot make a file in {folder}/closed"),
        ("written", "{folder}/written cannot be written by this user"),
    ],
)
def test_an_audit_log_that_cannot_be_written_is_an_error(folder: Path, path: str, said: str) -> None:
    (folder / "closed").mkdir(mode=0o555)
    (folder / "written").touch(mode=0o444)
    configure(folder, server={"audit_log": str(folder / path)})
    done = check(folder, "--as", USER)
    assert done.returncode == 1, done.stdout
    assert said.format(folder=folder) in done.stderr
    assert "LogsDirectory" in done.stderr


def test_a_folder_of_logs_that_systemd_is_going_to_make_is_no_error(folder: Path) -> None:
    configure(folder, server={"audit_log": str(folder / "logs" / "audit.log")})
    assert check(folder, "--as", USER, LOGS_DIRECTORY=str(folder / "logs")).returncode == 0


def test_an_audit_key_that_cannot_move_on_is_a_warning(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o755)
    (folder / "closed" / "key").write_text(f"0:{'a' * 64}")
    configure(folder, server={"audit_key_file": str(folder / "closed" / "key")})
    done = check(folder, "--as", USER)
    assert done.returncode == 0, done.stderr
    assert f"this user cannot write into {folder}/closed" in done.stdout


@pytest.mark.parametrize(
    "store",
    [
        {"cache_type": "SQLite", "path": "{folder}/new/logins.sqlite3"},
        {"cache_type": "FileSystem", "cache_dir": "{folder}/new"},
        {"cache_type": "SQLite"},
    ],
)
def test_nothing_is_left_behind(folder: Path, store: dict[str, str]) -> None:
    (folder / "team_groups.py").write_text("GROUPS = []\n")
    (folder / "idp.xml").write_bytes(Description().document())
    configure(
        folder,
        {key: value.format(folder=folder) for key, value in store.items()},
        "import team_groups",
        saml=metadata_at(folder / "idp.xml"),
    )
    before = tree(folder)
    done = check(folder, STATE_DIRECTORY=str(folder / "state"))
    assert done.returncode == 0, done.stderr
    assert tree(folder) == before


def test_a_certificate_of_the_metadata_that_does_not_count_is_a_warning(folder: Path) -> None:
    keys = key_descriptor([[base64_of(certificate_of("idp"))]]) + key_descriptor([["TUlJ"]])
    (folder / "idp.xml").write_bytes(Description(keys=keys).document())
    configure(folder, saml=metadata_at(folder / "idp.xml"))
    done = check(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "KeyDescriptor 2, X509Certificate 1 of the metadata is not used: it cannot be read: ask"
        in done.stdout
    )


def test_nothing_of_the_metadata_moves_the_terminal(folder: Path) -> None:
    (folder / "idp.xml").write_bytes(Description(entity_id="https://idp/&#x9b;31m&#x202e;").document())
    configure(folder, saml=metadata_at(folder / "idp.xml"))
    done = check(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert r"'https://idp/\x9b31m\u202e'" in done.stdout
    assert all(character.isprintable() or character == "\n" for character in done.stdout + done.stderr)


_KEY = base64_of(certificate_of("idp"))
_WRONG_METADATA = {
    "run together": (Description(keys=key_descriptor([[_KEY + _KEY]])), "KeyDescriptor 1, X509Certificate 1"),
    "broken PEM": (
        Description(keys=key_descriptor([[pem_of(certificate_of("idp")).replace("MII", "MI")]])),
        "between its BEGIN and END lines",
    ),
    "all tenants": (
        Description(entity_id="https://sts.windows.net/{tenantid}/"),
        "your own tenant's metadata",
    ),
    "encryption only": (Description(use=' use="encryption"'), "no signing certificate"),
}


@pytest.mark.parametrize("name", _WRONG_METADATA)
def test_metadata_that_cannot_be_used_is_refused_with_its_element_and_its_cure(
    folder: Path, name: str
) -> None:
    description, said = _WRONG_METADATA[name]
    (folder / "idp.xml").write_bytes(description.document())
    configure(folder, saml=metadata_at(folder / "idp.xml"))
    done = check(folder)
    assert done.returncode == 1
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_copy_that_stands_in_for_broken_metadata_is_an_error(folder: Path) -> None:
    (folder / "idp.xml").write_bytes(Description().document())
    configure(folder, saml=metadata_at(folder / "idp.xml"))
    environment = {"STATE_DIRECTORY": str(folder / "state")}
    start = f"from awscons.wsgi import load_application as load; load({str(folder / 'config.py')!r})"
    subprocess.run([sys.executable, "-c", start], env=environment_of(**environment), check=True, timeout=60)
    (folder / "idp.xml").write_text("<html>Sign in</html>")
    done = check(folder, **environment)
    assert done.returncode == 1
    assert "an older copy of the identity provider's metadata stands in" in done.stderr
    assert "1 certificate" in done.stdout


def test_variables_come_from_the_file_that_systemd_reads(folder: Path) -> None:
    configure(folder, text="assert os.environ['X'] == 'a b'")
    missing = check(folder)
    assert missing.returncode == 2
    assert "the environment variable X is not set" in missing.stderr
    assert "--env-file" in missing.stderr
    (folder / "environment").write_text('# for the service\nX="a b"\n')
    (folder / "environment").chmod(0o600)
    done = check(folder, "--env-file", str(folder / "environment"), "--as", USER)
    assert done.returncode == 0, done.stderr


def test_a_file_of_variables_may_be_missing_only_when_told_so(folder: Path) -> None:
    configure(folder)
    assert check(folder, "--env-file", f"-{folder}/environment").returncode == 0
    done = check(folder, "--env-file", f"{folder}/environment")
    assert done.returncode == 2
    assert "no such file" in done.stderr


def test_a_file_of_variables_that_others_can_change_or_read_is_told_of(folder: Path) -> None:
    configure(folder)
    file = folder / "environment"
    file.write_text("X=1\n")
    file.chmod(0o644)
    assert "can be read by every user" in check(folder, "--env-file", str(file)).stdout
    file.chmod(0o602)
    done = check(folder, "--env-file", str(file))
    assert done.returncode == 2
    assert f"chmod o-w {file}" in done.stderr


def test_a_folder_that_the_services_user_cannot_enter_or_make_is_named(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o000)
    path = folder / "closed" / "state" / "logins.sqlite3"
    configure(folder, {"cache_type": "SQLite", "path": str(path)})
    done = check(folder, "--as", USER)
    assert done.returncode == 1
    (folder / "closed").chmod(0o755)
    assert f"this user finds no folder {path.parent}, and cannot make it" in done.stderr


def test_an_unknown_user_is_a_sentence(folder: Path) -> None:
    configure(folder)
    done = check(folder, "--as", "nobody-of-that-name")
    assert done.returncode == 2
    assert "this host has no such user" in done.stderr


def test_the_other_commands_read_the_file_of_variables_as_well(folder: Path) -> None:
    configure(folder, text="assert os.environ['X'] == 'a b'")
    (folder / "environment").write_text("X='a b'\n")
    command = [sys.executable, "-m", "awscons", "metadata", "--config", str(folder / "config.py")]
    for more, status in (([], 2), (["--env-file", str(folder / "environment")], 0)):
        done = subprocess.run(
            [*command, *more], env=environment_of(), capture_output=True, check=False, timeout=60
        )
        assert done.returncode == status
