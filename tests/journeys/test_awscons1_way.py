"""The origin's own way of installing and running, word for word, on Debian's Python; and under Apache.

The text: a checkout, a virtual environment, `pip install -r requirements.txt`, a `config.py`,
`python3 app.py`, and the service answers on port 8000. Then mod_wsgi, at the root and under a path.
"""

import os
import shutil
import subprocess
from pathlib import Path

import httpx

from support.browser import sent_to_idp, text_of
from support.deployed import apache
from support.serving import program
from support.stage import Aws


def test_copied_sample_and_python3_app_py_serve_on_port_8000(checkout: Path) -> None:
    shutil.copy(checkout / "config.py.sample", checkout / "config.py")
    command = ["bash", "-c", ". venv/bin/activate && exec python3 app.py"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["STATE_DIRECTORY"] = str(checkout / "state")
    with program(command, port=8000, log=checkout / "app.log", environment=environment, folder=checkout):
        answer = httpx.get("http://localhost:8000/aws/cloudadmin?x=1")
        assert sent_to_idp(answer).url.startswith("https://login.microsoftonline.com/")
        assert httpx.get("http://localhost:8000/aws/nothing").status_code == 401


def test_app_py_without_a_configuration_says_how_to_begin(checkout: Path) -> None:
    (checkout / "config.py").unlink(missing_ok=True)
    done = subprocess.run(
        [checkout / "venv/bin/python3", "app.py"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "copy config.py.sample to config.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_wsgi_file_of_the_origin_works_under_apache_and_mod_wsgi_below_a_path(
    checkout: Path, open_folder: Path, aws: Aws
) -> None:
    with apache(
        checkout, open_folder, aws, mount_path="/awscon", etc=checkout, wsgi_file="app.py"
    ) as deployed:
        browser = deployed.browser()
        begun = browser.get("/aws/cloudadmin?a=1&b=%2F")
        answered = deployed.idp.sign_in(browser, begun, "ada")
        assert answered.headers["Location"] == f"{deployed.url}/aws/cloudadmin?a=1&b=%2F"
        opened = browser.follow(answered)
        assert opened.status_code == 301
        assert "MyAdminRole" in text_of(browser.follow_all(opened))
