"""A fresh worker of `awscons serve`, and whoever comes first: nothing is left to be loaded for them."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from awscons.demo.pretend_signin import PretendSignin
from awscons.demo.pretend_sts import PretendSts
from support.browser import Browser, sent_to_idp
from support.house import BROKER, ROLES, config_for, console_url, vouch_for_ada, write_credentials
from support.serving import free_port, program, serve_command, serving
from support.stage import write_config, write_tls

ROOT = Path(__file__).parents[2]


def loaded(log: Path) -> list[str]:
    """The modules that Python says the program has loaded so far, in order."""
    lines = log.read_text().splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


@pytest.mark.parametrize("store", [{"cache_type": "SQLite"}, {"cache_type": "SimpleCache"}], ids=str)
def test_the_first_sign_in_and_the_first_console_load_no_module(
    tmp_path: Path, store: dict[str, str]
) -> None:
    sts = PretendSts(roles=ROLES)
    credentials_file = write_credentials(tmp_path / "credentials", *sts.add_user(BROKER))
    with ExitStack() as stack:
        sts_port = stack.enter_context(serving(lambda _port: sts.application("us-east-1")))
        signin_port = stack.enter_context(serving(lambda _port: PretendSignin(book=sts).application()))
        port, log = free_port(), tmp_path / "log"
        url = f"https://localhost:{port}"
        config = config_for(
            f"{url}/saml/acs",
            sts_url=f"http://127.0.0.1:{sts_port}/",
            signin_url=f"http://127.0.0.1:{signin_port}/federation",
            credentials_file=credentials_file,
            store=store,
        )
        path = write_config(tmp_path / "config.py", config)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONPROFILEIMPORTTIME": "1",
            "STATE_DIRECTORY": str(tmp_path / "state"),
        }
        certificate, key = write_tls(tmp_path)
        serve = serve_command("--config", path, "--port", str(port), "--workers", "1")
        serve += ["--certificate", certificate, "--key", key]
        stack.enter_context(program(serve, port=port, log=log, environment=environment))
        # It answers once the worker has been built.
        browser = Browser(url)
        stack.callback(browser.close)
        assert browser.get("/healthz").status_code == 200
        at_start = loaded(log)
        assert "awscons.web.console_views" in at_start

        answered = browser.answer(
            "/saml/acs", vouch_for_ada(sent_to_idp(browser.get("/aws/cloudadmin")), f"{url}/saml/acs")
        )
        opened = browser.follow(answered)
        assert console_url(opened)["Action"] == "login"
        assert browser.get("/aws/").status_code == 200

        assert loaded(log)[len(at_start) :] == []
