"""What holds in every store alike, by the door: how a login ends, by itself and by an operator."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from support.browser import Browser, sent_to_idp
from support.house import House, open_house
from support.operator import configure, logins
from support.serving import free_port
from support.stage import Aws
from support.stores import PASSWORD, memcached, redis_server

HALF_AN_HOUR, TWO_HOURS = 1_800, 7_200


OF_ONE_PROCESS, OF_ONE_HOST, OF_MANY = (
    ["SimpleCache"],
    ["SQLite", "FileSystem"],
    ["Redis", "Memcached", "DynamoDB"],
)


@pytest.fixture(params=OF_ONE_PROCESS + OF_ONE_HOST + OF_MANY)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, object]]:
    """`session_backing` of a store that is there."""
    kind, port = request.param, free_port()
    options: dict[str, dict[str, object]] = {
        "SQLite": {"path": str(tmp_path / "logins.sqlite3")},
        "FileSystem": {"cache_dir": str(tmp_path / "cache")},
        "Redis": {"host": "127.0.0.1", "port": port, "password": PASSWORD},
        "Memcached": {"servers": [f"127.0.0.1:{port}"]},
        "SimpleCache": {},
    }
    if kind == "DynamoDB":
        aws: Aws = request.getfixturevalue("aws")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        options[kind] = {
            "table_name": "every-store",
            "region_name": "eu-central-1",
            "endpoint_url": aws.sts_url,
            "key_prefix": f"{request.node.name}:",
        }
    programs = {"Redis": redis_server, "Memcached": memcached}
    with programs[kind](tmp_path, port) if kind in programs else nullcontext():
        yield {"cache_type": kind, **options[kind]}


@contextmanager
def house_with(folder: Path, store: dict[str, object]) -> Iterator[House]:
    with open_house(
        folder,
        store=store,
        session={"session_expire": HALF_AN_HOUR},
        saml={"auth_duration": TWO_HOURS},
    ) as house:
        configure(folder, store)
        yield house


def signed_in(house: House, name: str = "ada@example.com") -> Browser:
    browser = house.browser()
    assert house.sign_in(browser, "/aws/", name).status_code == 200
    return browser


def is_signed_in(browser: Browser) -> bool:
    answer = browser.get("/aws/")
    if answer.status_code != 200:
        sent_to_idp(answer)
    return answer.status_code == 200


def test_a_login_ends_when_it_is_not_used_and_at_its_age_however_much_it_is(
    store: dict[str, object], tmp_path: Path
) -> None:
    with house_with(tmp_path, store) as house:
        unused, used = signed_in(house), signed_in(house)
        house.clock.forward(seconds=HALF_AN_HOUR - 1)
        assert is_signed_in(used)
        house.clock.forward(seconds=1)
        assert not is_signed_in(unused)
        for _ in range(4):
            house.clock.forward(minutes=22)
            assert is_signed_in(used)
        house.clock.forward(minutes=2)
        assert not is_signed_in(used)


@pytest.mark.parametrize("store", OF_MANY, indirect=True)
def test_an_operator_ends_logins_and_they_count_no_more_at_the_next_request(
    store: dict[str, object], tmp_path: Path
) -> None:
    can_list = store["cache_type"] != "Memcached"
    with house_with(tmp_path, store) as house:
        laptop, telephone, otto = signed_in(house), signed_in(house), signed_in(house, "otto@example.com")

        listed = logins(tmp_path, "list", "--person", "ada@example.com").stdout
        assert listed.count("ada@example.com") == 2
        everybody = logins(tmp_path, "list")
        if can_list:
            assert everybody.stdout.count("@example.com") == 3
        else:
            assert (everybody.returncode, "memcached keeps no list" in everybody.stderr) == (1, True)

        shown_id = listed.splitlines()[1].split()[0]
        whose = [] if can_list else ["--person", "ada@example.com"]
        assert logins(tmp_path, "end", "--id", shown_id, *whose).stdout == "1 login ended\n"
        assert sorted(map(is_signed_in, (laptop, telephone))) == [False, True]

        assert logins(tmp_path, "end", "--person", "ada@example.com").stdout == "1 login ended\n"
        assert [is_signed_in(browser) for browser in (laptop, telephone, otto)] == [False, False, True]

        if can_list:
            assert logins(tmp_path, "end", "--all").stdout == "1 login ended\n"
            assert not is_signed_in(otto)
