"""A console that opens tells the webhook, and a webhook that hangs holds nobody up."""

import json
from pathlib import Path

from support.endpoint import Endpoint
from support.faults import HANG, Faulty
from support.house import FULL_TARGETS, console_url, open_house
from support.serving import serving, wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_target_with_notify_tells_the_webhook_and_others_do_not(tmp_path: Path) -> None:
    receiver = Endpoint()
    targets = [{**target, "notify": target["service"] == "cloudadmin"} for target in FULL_TARGETS]
    with serving(lambda _port: receiver) as port:
        webhook = {"url": f"http://127.0.0.1:{port}/", "secret": SECRET, "events": ["console"]}
        with open_house(tmp_path, aws={"targets": targets}, server={"webhook": webhook}) as house:
            console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
            wait_until(lambda: len(receiver.received) == 1)
    assert json.loads(receiver.received[0][0])["data"]["target"] == "cloudadmin"


def test_a_webhook_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    faulty = Faulty(lambda _environ, _start: [], HANG)
    with serving(lambda _port: faulty) as port:
        webhook = {"url": f"http://127.0.0.1:{port}/", "secret": SECRET, "events": ["first-console"]}
        with open_house(tmp_path, server={"webhook": webhook}) as house:
            console_url(house.sign_in(house.browser(), "/aws/cloudadmin"))
            faulty.wait_for_calls(1)
            console_url(house.browsers[0].get("/aws/cloudadmin"))
        faulty.released.set()
