"""The URL of Redis: what it may name, and what is said of one that cannot be meant."""

import pytest
from pydantic_core import PydanticCustomError

from awscons.config.load import parse_settings
from awscons.config.schema import RedisBacking, RedisKind, RedisPlace
from awscons.config.schema.redis_url import parse_redis_url
from support.sections import MINIMAL, SAML, mistakes, parse

SECRET = "do-not-show-me"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://r", RedisPlace(RedisKind.SERVER, (("r", 6379),))),
        ("redis://r:1/", RedisPlace(RedisKind.SERVER, (("r", 1),))),
        ("rediss://r:1/5", RedisPlace(RedisKind.SERVER, (("r", 1),), db=5, tls=True)),
        ("valkey://[::1]:1", RedisPlace(RedisKind.SERVER, (("::1", 1),))),
        ("valkeys://[::1]", RedisPlace(RedisKind.SERVER, (("::1", 6379),), tls=True)),
        (
            "redis://u%40x:p%2Fw%3A@r",
            RedisPlace(RedisKind.SERVER, (("r", 6379),), username="u@x", password="p/w:"),
        ),
        ("redis://:p@r", RedisPlace(RedisKind.SERVER, (("r", 6379),), password="p")),
        ("unix:///run/redis%20a.sock", RedisPlace(RedisKind.SOCKET, path="/run/redis a.sock")),
        ("unix://u:p@/r.sock", RedisPlace(RedisKind.SOCKET, path="/r.sock", username="u", password="p")),
        (
            "redis+sentinel://a,b:2/m",
            RedisPlace(RedisKind.SENTINEL, (("a", 26379), ("b", 2)), master="m"),
        ),
        (
            "rediss+sentinel://a/my-master.1/3",
            RedisPlace(RedisKind.SENTINEL, (("a", 26379),), master="my-master.1", db=3, tls=True),
        ),
        ("redis+cluster://a,b:2", RedisPlace(RedisKind.CLUSTER, (("a", 6379), ("b", 2)))),
        ("valkeys+cluster://a/0", RedisPlace(RedisKind.CLUSTER, (("a", 6379),), tls=True)),
    ],
)
def test_a_url_names_the_kind_the_hosts_and_the_login(url: str, place: RedisPlace) -> None:
    assert parse_redis_url(url) == place


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "a URL such as redis://host:6379/0"),
        ("redis.example.com:6379", "a URL such as redis://host:6379/0"),
        ("http://r", "a URL such as redis://host:6379/0"),
        ("redis+proxy://r", "a URL such as redis://host:6379/0"),
        ("redis://r/0?db=1", "a URL such as redis://host:6379/0"),
        ("redis://r r", "a URL such as redis://host:6379/0"),
        ("redis://", "hosts as `host` or `host:port`"),
        ("redis://r:0", "hosts as `host` or `host:port`"),
        ("redis://r:65536", "hosts as `host` or `host:port`"),
        ("redis://r:x", "hosts as `host` or `host:port`"),
        ("redis+cluster://a,,b", "hosts as `host` or `host:port`"),
        ("redis://a,b", "redis+sentinel:// or redis+cluster://"),
        ("redis://r/x", "the number of the database"),
        ("redis://r/0/1", "the number of the database"),
        ("redis+sentinel://a", "the master's name after the hosts: redis+sentinel://host1,host2/mymaster"),
        ("rediss+sentinel://a/", "the master's name after the hosts: rediss+sentinel://host1,host2/mymaster"),
        ("redis+sentinel://a/0", "the master's name after the hosts"),
        ("redis+sentinel://a/m/x", "the number of the database"),
        ("redis+cluster://a/1", "database 0 alone"),
        ("unix://", "the absolute path of the socket"),
        ("unix://run/redis.sock", "the absolute path of the socket"),
    ],
)
def test_a_url_that_cannot_be_meant_is_a_sentence(url: str, said: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse_redis_url(url)
    assert said in str(caught.value)


@pytest.mark.parametrize("url", ["redis://u:{}@r/x", "redis:u:{}@r", "redis://:{}/x@r", "unix://u:{}@"])
def test_no_mistake_and_no_repr_shows_a_password_that_stands_in_a_url(url: str) -> None:
    options = {"cache_type": "Redis", "url": url.format(SECRET)}
    ((path, mistake),) = mistakes(session={"session_backing": options}).items()
    assert path == "session_config.session_backing.url"
    assert SECRET not in str(mistake)
    backing = RedisBacking(cache_type="Redis", url=f"redis://:{SECRET}@r")
    assert SECRET not in f"{backing!r} {backing.place!r}"


def test_two_passwords_in_urls_make_the_same_hash_of_the_configuration() -> None:
    hashes = {
        parse_settings(
            {
                "session_config": {"session_backing": {"cache_type": "Redis", "url": f"redis://:{word}@r"}},
                "saml_config": SAML,
                "aws_config": MINIMAL,
            },
            source="test",
            environment={},
        ).fingerprint
        for word in ("one", "other")
    }
    assert len(hashes) == 1


SENTINEL, TLS = "redis+sentinel://a/m", "rediss://r"


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"url": TLS, "host": "r"}, "host", "a second place, beside `url`"),
        ({"url": TLS, "db": 0}, "db", "a second place, beside `url`"),
        ({"url": "redis://:p@r", "password": "p"}, "password", "beside that in `url`"),
        ({"url": "redis://u@r", "username": "u"}, "username", "beside that in `url`"),
        ({"sentinel_password": "p"}, "sentinel_password", "no Sentinels in `url`"),
        ({"url": "unix:///s", "ssl": True}, "ssl", "a socket of this host"),
        ({"url": SENTINEL, "ssl_ca_certs": "/x.pem"}, "ssl", "beside `ssl_ca_certs`"),
        ({"iam_region_name": "x"}, "iam_region_name", "no `iam_cache_name`"),
        ({"iam_cache_name": "c", "username": "u"}, "ssl", "beside `iam_cache_name`"),
        ({"iam_cache_name": "c", "url": TLS}, "username", "the ElastiCache user"),
        ({"iam_cache_name": "c", "url": "rediss://u:p@r"}, "password", "a token takes its place"),
    ],
)
def test_keys_that_contradict_each_other_are_mistakes(
    options: dict[str, object], key: str, said: str
) -> None:
    found = mistakes(session={"session_backing": {"cache_type": "Valkey", **options}})
    ((path, mistake),) = found.items()
    assert path == f"session_config.session_backing.{key}"
    assert said in str(mistake)


def test_what_stands_beside_the_url_counts_with_it() -> None:
    options = {"cache_type": "Redis", "url": SENTINEL, "ssl": True, "username": "u", "password": "p"}
    backing = parse(session={"session_backing": {**options, "sentinel_password": "s"}}).backing
    assert isinstance(backing, RedisBacking)
    assert backing.place == RedisPlace(
        RedisKind.SENTINEL, (("a", 26379),), master="m", tls=True, username="u", password="p"
    )
