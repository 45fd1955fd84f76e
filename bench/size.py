"""Ten thousand targets beside forty: the start, the pages, the memory. Each figure is a ratio or a difference."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

import httpx
from playwright.sync_api import sync_playwright

from bench.service import Service, Upstream, service, upstream
from support.portal import very_many

FEW, MANY = 40, 10_000
_OF_A_TEAM = "dbs"
"""The group of a person who may open forty targets, however many there are."""


def sizes(folder: Path, *, turns: int) -> dict[str, Any]:
    """Measure a worker with few targets and one with many, side by side in one run."""
    with upstream(folder, delay=0, tls=False) as aws:
        row = _starts(folder, aws, turns=turns)
        with ExitStack() as stack:
            few, many = (
                stack.enter_context(_with_targets(folder / f"size-{size}", aws, size)) for size in (FEW, MANY)
            )
            row |= _pages_of_a_team(few, many, turns=20 * turns)
            row |= _page_of_everything(many)
            row["memory_mib"] = round(max(many.memory()) - max(few.memory()), 1)
            print(f"  memory of a worker: {row['memory_mib']:+.1f} MiB at {MANY:,} targets", flush=True)
    return row


@contextmanager
def _with_targets(folder: Path, aws: Upstream, size: int) -> Iterator[Service]:
    made = very_many(size)
    for target in cast("list[dict[str, object]]", made["targets"])[:FEW]:
        target["groups"] = ["sysadmin", _OF_A_TEAM]
    with service(folder, aws, workers=1, aws_config=made) as running:
        yield running


def _starts(folder: Path, aws: Upstream, *, turns: int) -> dict[str, Any]:
    """From the command to the first answer, in turns."""
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    for turn in range(turns):
        for size, found in seconds.items():
            with _with_targets(folder / f"start-{size}-{turn}", aws, size) as running:
                found.append(running.start)
    few, many = median(seconds[FEW]), median(seconds[MANY])
    row = {"start_few_s": round(few, 2), "start_many_s": round(many, 2), "start_ratio": round(many / few, 2)}
    print(
        f"  start: {many:.2f} s at {MANY:,} targets, {few:.2f} s at {FEW}: {row['start_ratio']:.2f} times as long",
        flush=True,
    )
    return row


def _pages_of_a_team(few: Service, many: Service, *, turns: int) -> dict[str, Any]:
    seconds: dict[Service, list[float]] = {few: [], many: []}
    for _ in range(turns):
        for running, found in seconds.items():
            found.append(_page(running, _OF_A_TEAM)[0])
    at_few, at_many = (1_000 * median(found) for found in seconds.values())
    ratio = round(at_many / at_few, 2)
    print(
        f"  page of a person with {FEW} targets: {at_many:.1f} ms of {MANY:,}, {at_few:.1f} ms of {FEW}: {ratio:.2f} times as long",
        flush=True,
    )
    return {"team_few_ms": round(at_few, 2), "team_many_ms": round(at_many, 2), "team_ratio": ratio}


def _page_of_everything(many: Service) -> dict[str, Any]:
    first, page = _page(many, "sysadmin")
    following = median(_page(many, "sysadmin")[0] for _ in range(5))
    kilobytes = len(gzip.compress(page, 6)) / 1_000
    browser = _seconds_in_chromium(many)
    print(
        f"  page of all {MANY:,}: first {first:.2f} s, next {following:.2f} s, {kilobytes:.0f} KB gzipped, "
        f"complete in Chromium after {browser:.2f} s",
        flush=True,
    )
    return {
        "all_first_s": round(first, 2),
        "all_next_s": round(following, 2),
        "all_gzip_kb": round(kilobytes),
        "all_chromium_s": round(browser, 2),
    }


def _page(running: Service, group: str) -> tuple[float, bytes]:
    """Seconds until the portal's page of a person of this group is here, and the page."""
    with httpx.Client(headers={"Cookie": running.signed_in(groups=(group,))}) as client:
        begun = time.perf_counter()
        answer = client.get(f"{_url(running)}/aws/")
        assert answer.status_code == 200
        return time.perf_counter() - begun, answer.content


def _seconds_in_chromium(running: Service) -> float:
    """Seconds until the page is loaded and painted."""
    name, _, value = running.signed_in().partition("=")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page()
        page.context.add_cookies([{"name": name, "value": value, "url": _url(running)}])
        begun = time.perf_counter()
        page.goto(f"{_url(running)}/aws/")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
        took = time.perf_counter() - begun
        assert page.locator("li[id^='t-']").count() == MANY
        chromium.close()
    return took


def _url(running: Service) -> str:
    return f"http://{running.address.host}:{running.address.port}"
