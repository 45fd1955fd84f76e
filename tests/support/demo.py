"""The demo as a program, whichever way it was installed, and somebody who signs in there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.browser import Browser, text_of
from support.serving import free_port, program


@contextmanager
def demo_running(command: Sequence[str | Path], folder: Path, **environment: str) -> Iterator[str]:
    """Run `command` with `demo`, at home in `folder`; gives its URL. Its banner is in `demo.log`."""
    port = free_port()
    surroundings = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), **environment}
    surroundings.pop("AWS_PROFILE", None)
    with program(
        [*command, "demo", "--port", str(port)],
        port=port,
        log=folder / "demo.log",
        environment=surroundings,
        folder=folder,
    ):
        yield f"http://localhost:{port}"


def sign_in(browser: Browser, path: str, full_name: str) -> str:
    """Choose somebody on the pretend identity provider's page; the text of the page where that ends."""
    page = browser.follow_all(browser.get(path))
    names = re.findall(r'<span class="name">([^<]+)</span>', page.text)
    chosen = names.index(full_name)
    return text_of(browser.follow_all(browser.submit(page, form=chosen)))
