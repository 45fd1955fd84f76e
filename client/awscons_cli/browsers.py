"""Opening a page in the person's browser, and whether a person sits before this program at all."""

from __future__ import annotations

import contextlib
import os
import sys


def terminal_attached() -> bool:
    """Whether somebody can see what we say: a terminal as standard input or as the terminal of this process."""
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    if sys.platform == "win32":
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def say(text: str) -> None:
    """Tell the person, on standard error, and on the terminal where a caller swallows that."""
    if sys.platform != "win32" and not sys.stderr.isatty():
        try:
            with open("/dev/tty", "w", encoding="utf-8") as terminal:
                print(text, file=terminal)
        except OSError:
            pass
    print(text, file=sys.stderr, flush=True)


def has_browser() -> bool:
    """Whether there is a browser with windows; text browsers would take the terminal."""
    if os.environ.get("BROWSER"):
        return True
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_page(url: str) -> None:
    """Open the page, in the background: some browsers end only when their window does."""
    import threading
    import webbrowser

    def run() -> None:
        with contextlib.suppress(webbrowser.Error):  # the address stands on the terminal
            webbrowser.open(url)

    threading.Thread(target=run, daemon=True).start()
