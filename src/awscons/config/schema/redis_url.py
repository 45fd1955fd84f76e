"""The URL of Redis or Valkey: one server, a socket, Sentinels with the name of their master, or a Cluster.

The schemes are those of redis-py (`redis://`, `rediss://`, `unix://`), with `+sentinel` and `+cluster` as other clients
write them; `valkey` counts as `redis`. Options of connections are keys of the configuration, not of the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote

from awscons.config.schema.base import UNPRINTABLE, not_as_wanted

_URL = re.compile(
    r"(?P<scheme>[a-z]+)(?:\+(?P<kind>[a-z]+))?://(?:(?P<user>[^@/]*)@)?(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?"
)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?", re.ASCII)
_TLS_BY_SCHEME = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
_FORMS = "redis://host:6379/0, redis+sentinel://host1,host2/master, redis+cluster://host1,host2 or unix:///run/redis.sock"
_MAX_PORT = 65_535


class RedisKind(Enum):
    """What answers at the addresses."""

    SERVER = "server"
    SOCKET = "socket"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where Redis is, and as whom to log in.

    nodes    host and port of the server, of each Sentinel, or of the Cluster's nodes to ask first; none for a socket
    path     of the socket
    master   the name under which the Sentinels watch it
    """

    kind: RedisKind
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    master: str = ""
    db: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_redis_url(url: str) -> RedisPlace:
    """The place that `url` names. Raises PydanticCustomError, which does not quote the URL: it may hold a password."""
    match = _URL.fullmatch(url)
    if match is None or UNPRINTABLE.search(url):
        raise not_as_wanted(f"a URL such as {_FORMS}", "options such as `?db=1` are keys beside it")
    scheme, user, path = match["scheme"], match["user"] or "", unquote(match["path"] or "")
    username, password = (unquote(part) or None for part in user.partition(":")[::2])
    if scheme == "unix" and match["kind"] is None:
        if match["hosts"] or not path.strip("/"):
            raise not_as_wanted("unix:// with the absolute path of the socket: unix:///run/redis.sock")
        return RedisPlace(RedisKind.SOCKET, path=path, username=username, password=password)
    if scheme not in _TLS_BY_SCHEME or match["kind"] not in {None, "sentinel", "cluster"}:
        raise not_as_wanted(f"a URL such as {_FORMS}")
    kind = RedisKind(match["kind"] or "server")
    default_port = 26_379 if kind is RedisKind.SENTINEL else 6_379
    nodes = tuple(_node(text, default_port) for text in match["hosts"].split(","))
    if kind is RedisKind.SERVER and len(nodes) > 1:
        wanted = f"one host, or what the hosts are: {scheme}+sentinel:// or {scheme}+cluster://"
        raise not_as_wanted(wanted)
    master, db = _master_and_db(kind, path, scheme)
    tls = _TLS_BY_SCHEME[scheme]
    return RedisPlace(kind, nodes, master=master, db=db, tls=tls, username=username, password=password)


def _node(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int(match[3] or default_port) if match else 0
    if match is None or not 0 < port <= _MAX_PORT:
        raise not_as_wanted("hosts as `host` or `host:port`, with commas between them")
    return match[1] or match[2], port


def _master_and_db(kind: RedisKind, path: str, scheme: str) -> tuple[str, int]:
    """The master's name, "" where there are no Sentinels; and the number of the database."""
    steps = path.strip("/").split("/") if path.strip("/") else []
    master = ""
    if kind is RedisKind.SENTINEL:
        if not steps or (len(steps) == 1 and steps[0].isdecimal()):
            wanted = f"the master's name after the hosts: {scheme}+sentinel://host1,host2/mymaster"
            raise not_as_wanted(wanted, "`SENTINEL masters` lists the names")
        master = steps.pop(0)
    if len(steps) > 1 or (steps and not re.fullmatch("[0-9]{1,5}", steps[0], re.ASCII)):
        raise not_as_wanted("the number of the database at the end, such as /0, or nothing")
    db = int(steps[0]) if steps else 0
    if kind is RedisKind.CLUSTER and db:
        raise not_as_wanted("no number of a database: a Redis Cluster has database 0 alone")
    return master, db
