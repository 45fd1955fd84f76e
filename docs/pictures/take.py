"""Takes the pictures of the documentation from the running demo: `make pictures`.

The README's picture goes to docs/pictures; the pages of the demo, in light and dark, wide and narrow, to
build/pictures, to compare them. `make test` leaves every other page in build/pages.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "pictures"
WIDTHS = {"wide": 1100, "phone": 320}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 200
"""Attempts to connect, a twentieth of a second apart."""


@contextmanager
def demo() -> Iterator[str]:
    """The demo on a free port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "awscons", "demo", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            for _ in range(PATIENCE):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://localhost:{port}"
        finally:
            run.terminate()


def sign_in(page: Page, url: str, full_name: str) -> None:
    """Choose somebody at the pretend identity provider."""
    page.goto(url)
    page.click(f"button:has-text('{full_name}')")


def take(browser: Browser, url: str, scheme: str, width: int, name: str) -> None:
    """Every page, once, in one colour scheme and width."""
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]  # a Literal in Playwright
        viewport={"width": width, "height": 720},
        device_scale_factor=2,
    )
    page = context.new_page()

    def picture(of: str) -> None:
        page.screenshot(path=str(BUILD / f"{of}-{scheme}-{name}.png"), full_page=True)

    page.goto(f"{url}/aws/cloudadmin")
    picture("identity-provider")
    sign_in(page, f"{url}/aws/", "Ada Admin")
    page.wait_for_selector(".targets")
    picture("portal")
    page.click("text=Cloud administrator")
    page.wait_for_selector("#role")
    picture("console")
    page.goto(f"{url}/aws/nothing")
    picture("unknown")
    page.goto(f"{url}/aws/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("text=You are signed out")
    picture("signed-out")
    sign_in(page, f"{url}/aws/cloudadmin", "Nina Nowhere")
    page.wait_for_selector("h1")
    picture("refused")
    context.close()


def take_for_the_readme(browser: Browser, url: str) -> None:
    """The portal of somebody who has been here before."""
    context = browser.new_context(
        viewport={"width": 960, "height": 736}, device_scale_factor=2, locale="en-GB", color_scheme="light"
    )
    page = context.new_page()
    sign_in(page, f"{url}/aws/cloudadmin", "Ada Admin")
    page.wait_for_selector("#role")
    page.goto(f"{url}/aws/")
    page.get_by_label("Favourite: Database administrator").click()
    page.wait_for_url("**#t-sandbox")
    page.goto(f"{url}/aws/")
    page.wait_for_selector(".targets")
    page.screenshot(path=str(HERE / "portal.png"))
    context.close()


def main() -> None:
    """Take all of them, and keep the README's."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=SWITCHES)
        for scheme in ("light", "dark"):
            for name, width in WIDTHS.items():
                take(browser, url, scheme, width, name)
        take_for_the_readme(browser, url)
        browser.close()


if __name__ == "__main__":
    main()
