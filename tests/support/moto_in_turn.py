"""moto as a program that answers one request at a time: `python -P moto_in_turn.py PORT`.

moto_server answers in threads, and its counters lose updates that come at the same moment. DynamoDB updates an item
atomically (DynamoDB developer guide, "Atomic counters"), and STS has no state: so each request waits for its turn.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def main(port: int) -> None:
    """Serve on that port of loopback."""
    application, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def in_turn(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with turn:
            answer: Iterable[bytes] = application(environ, start_response)
            return answer

    run_simple("127.0.0.1", port, in_turn, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
