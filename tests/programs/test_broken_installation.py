"""The service with odd surroundings for its libraries: another locale, files that are missing, a part that fails.

A copy of signxml stands for what an installation may do to it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import signxml

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp, text_of
from support.house import BROKER, ROLES, config_for, console_url, vouch_for_ada, write_credentials
from support.operator import ROOT
from support.serving import free_port, program, serve_command, serving
from support.stage import write_config, write_tls

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def copied_library(folder: Path) -> Path:
    """A copy of signxml, which Python finds before the installed one."""
    library = folder / "library"
    shutil.copytree(Path(signxml.__file__).parent, library / "signxml")
    return library


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Browser]:
    sts = PretendSts(roles=ROLES)
    credentials = write_credentials(folder / "credentials", *sts.add_user(BROKER))
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: sts.application("us-east-1")))
        signin_port = stack.enter_context(serving(lambda _port: PretendSignin(book=sts).application()))
        port = free_port()
        url = f"https://localhost:{port}"
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials,
            store={"cache_type": "SQLite"},
        )
        certificate, key = write_tls(folder)
        command = serve_command("--config", write_config(folder / "config.py", config), "--port", str(port))
        command += ["--certificate", certificate, "--key", key]
        surroundings = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "STATE_DIRECTORY": str(folder / "state"),
        }
        stack.enter_context(
            program(command, port=port, log=folder / "log", environment={**surroundings, **environment})
        )
        browser = Browser(url)
        stack.callback(browser.close)
        yield browser


def test_people_sign_in_whatever_the_locale_is(tmp_path: Path) -> None:
    with running(tmp_path, **ASCII) as browser:
        form = vouch_for_ada(sent_to_idp(browser.get("/aws/cloudadmin")), f"{browser.base}/saml/acs")
        opened = browser.follow(browser.answer("/saml/acs", form))
        assert console_url(opened)["Action"] == "login"


def test_without_the_files_of_a_library_nothing_starts_and_one_sentence_says_why(tmp_path: Path) -> None:
    library = copied_library(tmp_path)
    (library / "signxml/schemas/xmldsig1-schema.xsd").unlink()
    for command in ("check", "serve"):
        done = subprocess.run(
            [sys.executable, "-m", "awscons", command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{library}:{ROOT / 'src'}", **ASCII},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "the signature of a sample response cannot be verified: FileNotFoundError" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_part_that_fails_is_the_fault_of_the_service_and_not_of_the_person(tmp_path: Path) -> None:
    library, fails = copied_library(tmp_path), tmp_path / "fails"
    with (library / "signxml/verifier.py").open("a", encoding="utf-8") as module:
        module.write(
            f"\n\n_verify = XMLVerifier.verify\n\n\ndef _failing(self, *data, **options):\n"
            f"    import os\n    if os.path.exists({str(fails)!r}):\n        raise OSError('do-not-show')\n"
            f"    return _verify(self, *data, **options)\n\n\nXMLVerifier.verify = _failing\n"
        )
    with running(tmp_path, PYTHONPATH=f"{library}:{ROOT / 'src'}") as browser:
        form = vouch_for_ada(sent_to_idp(browser.get("/aws/cloudadmin")), f"{browser.base}/saml/acs")
        fails.touch()
        failed = browser.answer("/saml/acs", form)
        assert failed.status_code == 500
        assert "internal error" in text_of(failed)
    log = (tmp_path / "log").read_text()
    assert '"error_type": "OSError"' in log
    assert '"event": "problem.unexpected"' in log
    assert '"outcome": "refused"' not in log
    assert "do-not-show" not in log
