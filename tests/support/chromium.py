"""A real browser that is signed in, and what can be asked of its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from support.house import House


@contextmanager
def page_of(
    chromium: Chromium,
    house: House,
    name: str | None = "ada@example.com",
    *,
    width: int = 1100,
    **options: Any,
) -> Iterator[Page]:
    """A page in a new browser where `name` is signed in; None: nobody. Fails when a page breaks our policy."""
    # Colours that are still changing could not be judged.
    options = {"reduced_motion": "reduce", **options}
    context = chromium.new_context(
        ignore_https_errors=True, viewport={"width": width, "height": 800}, **options
    )
    if name is not None:
        browser = house.browser()
        house.sign_in(browser, "/aws/", name)
        context.add_cookies(
            [
                {"name": cookie.name, "value": cookie.value or "", "url": house.url}
                for cookie in browser.http.cookies.jar
            ]
        )
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if "Security Policy" in said.text else None)
    try:
        yield page
        assert broken == []
    finally:
        context.close()


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds wrong: the rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:160]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


_CUT_OFF = """
() => [...document.querySelectorAll("header *, main *")]
  .filter((it) => it.checkVisibility() && !it.closest(".unseen, svg, option"))
  .filter((it) => {
    const { left, right } = it.getBoundingClientRect();
    return left < -1 || right > document.documentElement.clientWidth + 1;
  })
  .map((it) => it.outerHTML.slice(0, 120))
"""


def cut_off(page: Page) -> list[str]:
    """What sticks out of the window at its sides, whether one could scroll there or not."""
    found: list[str] = page.evaluate(_CUT_OFF)
    wider = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return [*found, "the page scrolls sideways"] if wider else found
