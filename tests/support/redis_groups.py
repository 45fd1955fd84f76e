"""Redis as companies run it: three Sentinels with a master and a replica, and a Cluster of six nodes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster

from support.serving import free_port, program
from support.stores import PASSWORD, redis_server

MASTER = "logins"
SENTINEL_PASSWORD = "lookout"
_MAX_WAIT = 30.0
"""Seconds."""


def eventually(holds: Callable[[], object]) -> None:
    """Return when it holds; errors of Redis count as "not yet"."""
    begun = time.monotonic()
    while time.monotonic() - begun < _MAX_WAIT:
        try:
            if holds():
                return
        except (redis.RedisError, OSError):
            pass
        time.sleep(0.02)  # between two looks, not for something to have happened
    raise AssertionError("it has not come about")


def redis_sentinel(
    folder: Path, port: int, master_port: int, *options: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """One Sentinel that watches the server at `master_port`."""
    settings = folder / f"sentinel-{port}.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {SENTINEL_PASSWORD}\n"
        f"sentinel sentinel-pass {SENTINEL_PASSWORD}\n"
        f"sentinel monitor {MASTER} 127.0.0.1 {master_port} 2\nsentinel auth-pass {MASTER} {PASSWORD}\n"
        f"sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n"
    )
    command = ["redis-server", str(settings), "--sentinel", *options]
    return program(command, port=port, log=folder / f"sentinel-{port}.log")


@dataclass
class Watched:
    """Sentinels, and the servers that they watch."""

    url: str
    master: subprocess.Popen[bytes]
    master_port: int
    replica: subprocess.Popen[bytes]
    sentinels: list[Any]

    def elects(self) -> bool:
        """Whether every Sentinel names another master than the first."""
        names = {sentinel.sentinel_get_master_addr_by_name(MASTER) for sentinel in self.sentinels}
        return all(found and found[1] != self.master_port for found in names)


@contextmanager
def watched_redis(folder: Path, *options: str) -> Iterator[Watched]:
    """A master, a replica and three Sentinels that know each other; `options` of the two servers."""
    ports = [free_port() for _ in range(5)]
    master_port, replica_port, *sentinel_ports = ports
    with ExitStack() as stack:
        (folder / "replica").mkdir()
        common = ("--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0", *options)
        master = stack.enter_context(redis_server(folder, master_port, *common))
        follow = ("--replicaof", "127.0.0.1", str(master_port))
        follower = stack.enter_context(redis_server(folder / "replica", replica_port, *common, *follow))
        replica: Any = redis.Redis(host="127.0.0.1", port=replica_port, password=PASSWORD)
        eventually(lambda: replica.info()["master_link_status"] == "up")
        sentinels: list[Any] = []
        for port in sentinel_ports:
            stack.enter_context(redis_sentinel(folder, port, master_port))
            sentinels.append(redis.Redis(host="127.0.0.1", port=port, password=SENTINEL_PASSWORD))
        eventually(lambda: all(_knows_everybody(sentinel) for sentinel in sentinels))
        hosts = ",".join(f"127.0.0.1:{port}" for port in sentinel_ports)
        yield Watched(f"redis+sentinel://{hosts}/{MASTER}/0", master, master_port, follower, sentinels)


def _knows_everybody(sentinel: Any) -> bool:
    state = sentinel.sentinel_masters()[MASTER]
    return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2)


@dataclass
class Clustered:
    """A Cluster of three masters, each with a replica."""

    url: str
    processes: list[subprocess.Popen[bytes]]
    ports: list[int]
    """The masters first."""

    def client(self) -> Any:
        """A client of its own, as another program has one."""
        return RedisCluster(host="127.0.0.1", port=self.ports[-1], password=PASSWORD)

    def elects(self, lost_port: int) -> bool:
        """Whether every other node says that all slots are served, by others than the one that is lost."""
        nodes: list[Any] = [
            redis.Redis(host="127.0.0.1", port=p, password=PASSWORD) for p in self.ports if p != lost_port
        ]
        return all(
            node.cluster("INFO")["cluster_state"] == "ok"
            and not _known(node)[f"127.0.0.1:{lost_port}"]["slots"]
            for node in nodes
        )


@contextmanager
def redis_cluster(folder: Path) -> Iterator[Clustered]:
    """Six nodes."""
    ports, buses = [free_port() for _ in range(6)], [free_port() for _ in range(6)]
    with ExitStack() as stack:
        processes = []
        for port, bus in zip(ports, buses, strict=True):
            place = folder / str(port)
            place.mkdir()
            options = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                str(bus),
                "--cluster-node-timeout",
                "1000",
            ]
            options += ["--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"]
            processes.append(stack.enter_context(redis_server(place, port, *options)))
        nodes: list[Any] = [redis.Redis(host="127.0.0.1", port=port, password=PASSWORD) for port in ports]
        for number, node in enumerate(nodes):
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < 3:
                first, last = 16_384 * number // 3, 16_384 * (number + 1) // 3 - 1
                node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[number], buses[number])
        ids = [node.execute_command("CLUSTER", "MYID").decode() for node in nodes]
        eventually(lambda: all(len(node.cluster("NODES")) == 6 for node in nodes))
        for number in range(3):
            replica = nodes[number + 3]
            eventually(partial(replica.execute_command, "CLUSTER", "REPLICATE", ids[number]))
        eventually(lambda: all(node.cluster("INFO")["cluster_state"] == "ok" for node in nodes))
        eventually(lambda: all(node.info()["master_link_status"] == "up" for node in nodes[3:]))
        eventually(lambda: all(str(_known(node)).count("slave") == 3 for node in nodes))
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Clustered(f"redis+cluster://{hosts}", processes, ports)


def _known(node: Any) -> dict[str, dict[str, Any]]:
    """What a node says of all of them, by `host:port`; the port of the bus is cut off."""
    return {name.partition("@")[0]: state for name, state in node.cluster("NODES").items()}
