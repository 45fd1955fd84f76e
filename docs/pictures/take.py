"""Takes the pictures of the documentation from the running demo: `make pictures`.

Those of the documents go to docs/pictures: the portal, and a sign-in that moves. The pages of the demo, in light and
dark, wide and narrow, go to build/pictures, to compare them. `make test` leaves every other page in build/pages.
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Locator, Page, sync_playwright

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


# --- the sign-in that moves --------------------------------------------------------------

_SIZE = (720, 520)
_BAR = 34
"""Pixels of the bar above the page, with the address."""
_COLORS = 48
_STEPS = 6
"""Pictures of one movement of the pointer."""
_ARROW = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))


@dataclass
class Film:
    """Pictures of a page, each with the milliseconds that it is shown, and where the pointer is."""

    page: Page
    pictures: list[Image.Image] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    pointer: tuple[float, float] = (_SIZE[0] * 0.8, _SIZE[1] * 0.8)

    def take(self, milliseconds: int) -> None:
        """Add a picture of the page as it is."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        picture = Image.new("RGB", (_SIZE[0], _SIZE[1] + _BAR), "#e4e7ea")
        picture.paste(shot, (0, _BAR))
        draw = ImageDraw.Draw(picture)
        draw.rounded_rectangle((10, 6, _SIZE[0] - 10, _BAR - 6), 11, fill="#ffffff")
        address = self.page.url.partition("?")[0].removeprefix("http://")
        draw.text((24, 9), address, fill="#333333", font=ImageFont.load_default(13))
        arrow = [(self.pointer[0] + x, self.pointer[1] + _BAR + y) for x, y in _ARROW]
        draw.polygon(arrow, fill="#111111", outline="#ffffff")
        self.pictures.append(picture)
        self.lasts.append(milliseconds)

    def click(self, target: Locator) -> None:
        """Move the pointer to an element, and click it."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box, "there is nothing to click on"  # noqa: S101  a program for developers
        begin, end = self.pointer, (box["x"] + min(box["width"] / 2, 90), box["y"] + box["height"] / 2)
        self.take(900)
        for step in range(1, _STEPS + 1):
            part = step / _STEPS
            self.pointer = (begin[0] + (end[0] - begin[0]) * part, begin[1] + (end[1] - begin[1]) * part)
            self.take(60)
        self.take(500)
        target.click()

    def save(self, path: Path) -> None:
        """Write a GIF of few colours, which repeats."""
        palette = Image.new("RGB", (_SIZE[0], (_SIZE[1] + _BAR) * len(self.pictures)))
        for number, picture in enumerate(self.pictures):
            palette.paste(picture, (0, number * picture.height))
        colors = palette.quantize(_COLORS)
        first, *rest = [
            picture.quantize(palette=colors, dither=Image.Dither.NONE) for picture in self.pictures
        ]
        first.save(path, save_all=True, append_images=rest, duration=self.lasts, loop=0, optimize=True)


def film_a_sign_in(browser: Browser, url: str) -> None:
    """From a link to a target, through the identity provider, into the console; and the portal afterwards."""
    width, height = _SIZE
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", color_scheme="light"
    )
    film = Film(context.new_page())
    film.page.goto(f"{url}/aws/")
    film.click(film.page.locator("button:has-text('Ada Admin')"))
    film.page.wait_for_selector(".targets")
    film.click(film.page.get_by_role("link", name="Cloud administrator").first)
    film.page.wait_for_selector("#role")
    film.take(3500)
    film.save(HERE / "sign-in.gif")
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
        film_a_sign_in(browser, url)
        browser.close()


if __name__ == "__main__":
    main()
