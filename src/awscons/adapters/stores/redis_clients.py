"""redis-py's clients for each kind of Redis: a server, a socket, Sentinels with their master, a Cluster."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection

from awscons.adapters.stores.elasticache_token import ElastiCacheTokens
from awscons.config.schema import RedisBacking, RedisKind, RedisPlace

_HEALTH_CHECK_INTERVAL = 30
"""Seconds that a connection may be idle; after that it is tested before it is used."""
_SENTINEL_TIMEOUT = 1.0
"""Seconds to wait for a Sentinel, as there are others to ask."""


def client_opener(
    backing: RedisBacking, *, timeout: float, tls: ssl.SSLContext | None
) -> Callable[[], redis.Redis | RedisCluster]:
    """What opens the client for the configured place. Only that of a Cluster connects at once, for its map of slots.

    timeout   seconds to wait for a connection, and for each answer
    tls       None for connections without TLS
    Raises BotoCoreError when ElastiCache tokens have no region or no credentials to be signed with.
    """
    place = backing.place
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        **_login(backing, place),
    }
    match place.kind:
        case RedisKind.CLUSTER:
            return partial(_open_cluster, place, options, tls)
        case RedisKind.SENTINEL:
            return partial(_open_master, place, options, tls, _sentinel_login(backing))
        case RedisKind.SOCKET:
            options |= {"connection_class": UnixDomainSocketConnection, "path": place.path}
        case RedisKind.SERVER:
            ((host, port),) = place.nodes
            options |= {"connection_class": _connection(tls), "host": host, "port": port}
    return partial(_open_server, {**options, "db": place.db, **_patience()})


def _login(backing: RedisBacking, place: RedisPlace) -> Mapping[str, Any]:
    if backing.iam_cache_name is None:
        return {"username": place.username, "password": place.password}
    return {
        "credential_provider": ElastiCacheTokens(
            user=str(place.username),
            cache_name=backing.iam_cache_name,
            region_name=backing.iam_region_name,
            serverless=backing.iam_serverless,
        )
    }


def _sentinel_login(backing: RedisBacking) -> Mapping[str, Any]:
    return {"username": backing.sentinel_username, "password": backing.sentinel_password}


def _patience() -> Mapping[str, Any]:
    """One immediate retry, for an idle connection that the server has closed.

    redis-py's own retries take up to half a minute. A timeout is not retried: the server has had its time.
    """
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return {"retry": retry, "health_check_interval": _HEALTH_CHECK_INTERVAL}


def _open_server(options: Mapping[str, Any]) -> redis.Redis:
    return redis.Redis(connection_pool=ConnectionPool(**options))


# --- Sentinels ---------------------------------------------------------------------------


def _open_master(
    place: RedisPlace, options: Mapping[str, Any], tls: ssl.SSLContext | None, login: Mapping[str, Any]
) -> redis.Redis:
    retry = Retry(NoBackoff(), 0)
    patience = {
        "socket_timeout": _SENTINEL_TIMEOUT,
        "socket_connect_timeout": _SENTINEL_TIMEOUT,
        "retry": retry,
    }
    sentinels = [
        _open_server({"connection_class": _connection(tls), "host": host, "port": port, **patience, **login})
        for host, port in place.nodes
    ]
    managed: Any = partial(_TlsManagedConnection, tls=tls) if tls else _ManagedConnection
    finder: Any = _MasterFinder(sentinels)
    client: redis.Redis = finder.master_for(
        place.master, connection_class=managed, db=place.db, **options, **_patience()
    )
    return client


class _MasterFinder(Sentinel):
    """Asks the Sentinels for the master, for each new connection.

    redis-py swaps the entries of one list that all threads share, so two threads can overwrite one of them; the
    service would no longer know that Sentinel. Here a list is replaced as a whole.
    """

    def __init__(self, sentinels: list[Any]) -> None:
        super().__init__([])  # type: ignore[no-untyped-call]
        self.sentinels: list[Any] = sentinels

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port. Raises MasterNotFoundError, which says whether the name or the Sentinels are the cause."""
        failures, is_known = [], False
        for sentinel in (asked := self.sentinels):
            try:
                state = sentinel.sentinel_masters().get(service_name)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                failures.append(f"{type(error).__name__}: {error}")
                continue
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                self.sentinels = sorted(asked, key=lambda other: other is not sentinel)
                return state["ip"], state["port"]
            is_known |= bool(state)
        if is_known:
            raise MasterNotFoundError(f"the master {service_name!r} is down, and no other is elected yet")
        if len(failures) == len(asked):
            raise MasterNotFoundError(f"no Sentinel answers: {failures[0]}")
        raise MasterNotFoundError(f"the Sentinels watch no master {service_name!r}")


class _ManagedConnection(SentinelManagedConnection):
    """A connection to the master, closed after a time limit.

    redis-py leaves such a connection open, unless timeouts are retried. The late answer would then be taken for the
    answer to the next command, which may be about another person.
    """

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """As in redis-py's other connections."""
        return super().read_response(*arguments, **{**options, "disconnect_on_error": True})


# --- a Cluster ---------------------------------------------------------------------------


def _open_cluster(place: RedisPlace, options: Mapping[str, Any], tls: ssl.SSLContext | None) -> RedisCluster:
    """Raises RedisError when no node can be asked for the map of slots, or one of the map cannot be reached."""
    (host, port), *others = place.nodes
    try:
        return RedisCluster(
            # Only with a URL does redis-py pass `connection_class` on; it adds that node to the others.
            url=f"redis://{f'[{host}]' if ':' in host else host}:{port}",
            startup_nodes=[ClusterNode(*node) for node in others],  # type: ignore[no-untyped-call]
            connection_class=_connection(tls),
            # The names in the configuration stay good when every node has got a new address.
            dynamic_startup_nodes=False,
            require_full_coverage=False,
            reinitialize_steps=1,
            retry=Retry(NoBackoff(), 1),
            **options,
        )
    except (redis.ConnectionError, redis.TimeoutError) as error:
        # redis-py has the map, and asks one of its nodes for COMMAND.
        raise RedisClusterException(f"no answer at an address that the Cluster announces: {error}") from None


# --- TLS ---------------------------------------------------------------------------------


def _connection(tls: ssl.SSLContext | None) -> Any:
    return partial(_TlsConnection, tls=tls) if tls else Connection


class _TlsConnection(SSLConnection):
    """A TLS connection that uses our SSLContext.

    redis-py has no option for a context, and adds `ssl_ca_certs` to the system's certificates; a configured
    authority must be the only one that is trusted. So this overrides a private method, and pyproject.toml
    has an upper bound for redis-py. If the method is renamed, connections to such a server fail.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        return self._tls.wrap_socket(sock, server_hostname=self.host)


class _TlsManagedConnection(_ManagedConnection, _TlsConnection):
    """The same, to the master that the Sentinels name."""
