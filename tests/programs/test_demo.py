"""`awscons demo`, run as a program: every sample person signs in, opens a console and signs out."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser, forms_in, text_of
from support.demo import demo_running, sign_in

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("demo")
    with demo_running([sys.executable, "-m", "awscons"], folder, PYTHONPATH=str(ROOT / "src")) as url:
        yield url, folder / "demo.log"


@pytest.fixture
def browser(demo: tuple[str, Path]) -> Iterator[Browser]:
    made = Browser(demo[0])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "path", "role", "session_name", "lasts"),
    [
        ("Ada Admin", "/aws/cloudadmin", "MyAdminRole", "ada@example.com", "8 h (28800 s)"),
        ("Otto Only", "/aws/sandbox", "DBAdmin", "otto@example.com", "8 h (28800 s)"),
        ("Nina Nowhere", "/aws/readonly", "ReadOnlyRole", "nina@example.com", "1 h (3600 s)"),
        ("Ada Admin", "/aws/auditor", "Auditor", "ada@example.com", "12 h (43200 s)"),
        ("Zoë Müller-Łukasz", "/aws/cloudadmin", "MyAdminRole", "zoe.muller@example.com-", "8 h (28800 s)"),
    ],
)
def test_everybody_arrives_in_the_console_that_the_banner_promises(
    browser: Browser, name: str, path: str, role: str, session_name: str, lasts: str
) -> None:
    page = sign_in(browser, path, name)
    for expected in ("You are in the console", f"Role {role}", session_name, lasts):
        assert expected in page


def test_the_browser_itself_opens_the_console_of_a_posted_assertion(browser: Browser) -> None:
    page = browser.follow_all(browser.get("/aws/trainee"))
    page = browser.follow_all(browser.submit(page, form=0))
    (number,) = [index for index, form in enumerate(forms_in(page)) if "SAMLResponse" in form.fields]
    console = text_of(browser.follow_all(browser.submit(page, form=number)))
    for expected in ("You are in the console", "Role Trainee", "Console lasts 4 h"):
        assert expected in console


def test_somebody_without_the_group_is_told_why(browser: Browser) -> None:
    page = sign_in(browser, "/aws/cloudadmin", "Nina Nowhere")
    assert "Unauthorized" in page
    assert "sent no groups for you" in page


def test_the_front_door_leads_to_the_portal(browser: Browser) -> None:
    page = sign_in(browser, "/", "Otto Only")
    assert "What you can open" in page
    assert "Database administrator" in page
    assert "Look around" in page
    assert "Cloud administrator" not in page


def test_the_banner_says_where_and_who(demo: tuple[str, Path]) -> None:
    url, log = demo
    banner = log.read_text()
    assert f"awscons demo: open {url}/" in banner
    assert re.search(rf"{url}/aws/cloudadmin +Ada Admin, Zoë Müller-Łukasz", banner)
    assert re.search(r"Nina Nowhere +none", banner)


def test_the_pretend_identity_provider_answers_nobody_else(browser: Browser) -> None:
    for query in ("", "?SAMLRequest=", "?SAMLRequest=%25", "?SAMLRequest=PHgvPg=="):
        assert browser.get(f"/demo/idp/sso{query}").status_code == 400


def test_a_login_url_is_needed_to_get_into_the_pretend_console(browser: Browser) -> None:
    assert browser.get("/demo/aws/us-east-1/console/999").status_code == 404
    answer = browser.get(
        "/demo/aws/us-east-1/federation?Action=login&SigninToken=x&Destination=https://us-east-1.console.aws.amazon.com/"
    )
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_pages_of_the_pretend_world_need_no_javascript(browser: Browser) -> None:
    page = browser.follow_all(browser.get("/aws/cloudadmin"))
    assert "<script" not in page.text
    assert len(forms_in(page)) == 4


def test_a_fault_injected_into_a_region_makes_the_service_fail_over(
    browser: Browser,
) -> None:
    page = browser.get("/demo/aws/")
    for fault in ("RESET", "DOWN", "PAGE", "TORN", "THROTTLING"):
        switched = browser.submit(page, {"eu-west-1": fault, "us-east-1": "FINE"})
        assert f'value="{fault}" selected' in browser.follow(switched).text
        arrived = sign_in(browser, "/aws/cloudadmin", "Ada Admin") if fault == "RESET" else None
        landed = arrived or text_of(browser.follow_all(browser.get("/aws/cloudadmin")))
        assert "https://us-east-1.console.aws.amazon.com/" in landed, fault
    browser.submit(page, {"eu-west-1": "FINE", "us-east-1": "FINE"})


def test_a_fault_for_an_unknown_region_is_ignored(browser: Browser) -> None:
    page = browser.get("/demo/aws/")
    browser.submit(page, {"mars-1": "DOWN", "eu-west-1": "UNKNOWN"})
    assert 'value="FINE" selected' in browser.get("/demo/aws/").text
    assert "mars-1" not in browser.get("/demo/aws/").text


def test_the_parties_for_other_services_need_a_folder_that_is_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "awscons", "demo", "--only-pretend", str(tmp_path / "missing")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot write into a folder {tmp_path / 'missing'}" in done.stderr
    assert "Traceback" not in done.stderr
