"""Redis servers that cannot work as they are configured: what `awscons check` says helps."""

from pathlib import Path
from typing import Any

import boto3
import pytest
import redis

from support.operator import awscons, configure
from support.serving import authority, free_port, program, wait_until
from support.stage import Aws
from support.stores import PASSWORD, redis_server

ALL_SLOTS = 16_384
"""Of a Redis Cluster."""


def refused(folder: Path, port: int, **more: object) -> str:
    """What `awscons check` says of the store."""
    store = {"cache_type": "Redis", "host": "127.0.0.1", "port": port, "password": PASSWORD, **more}
    configure(folder, store)
    done = awscons(folder, "check")
    assert done.returncode == 1, done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        (ALL_SLOTS, "a node of a Redis Cluster, which refuses the keys of other nodes with MOVED"),
        (8_192, "redis+cluster://"),
        (0, "slots of this Redis Cluster have no master"),
    ],
)
def test_a_node_of_a_redis_cluster_is_named_as_such(tmp_path: Path, slots: int, said: str) -> None:
    port, bus = free_port(), str(free_port())
    cluster = ("--cluster-enabled", "yes", "--cluster-port", bus, "--dir", str(tmp_path))
    with redis_server(tmp_path, port, *cluster):
        client: Any = redis.Redis(port=port, password=PASSWORD)
        if slots:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(slots))
        if slots == ALL_SLOTS:  # it takes a moment until they count
            wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
        assert said in refused(tmp_path, port)


def test_a_sentinel_is_named_as_such(tmp_path: Path) -> None:
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"port {port}\nbind 127.0.0.1\nrequirepass {PASSWORD}\ndir {tmp_path}\n")
    command = ["redis-server", str(settings), "--sentinel"]
    with program(command, port=port, log=tmp_path / "sentinel.log"):
        assert "redis+sentinel:// with the name of its master" in refused(tmp_path, port)


def test_a_port_with_tls_is_thought_of_when_it_hangs_up(tmp_path: Path) -> None:
    port, issued = free_port(), authority().issue_cert("127.0.0.1")
    for name, blob in (("crt", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
        blob.write_to_path(tmp_path / f"redis.{name}")
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", f"{tmp_path}/redis.crt", "--tls-key-file", f"{tmp_path}/redis.key"]
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    options += ["--tls-ca-cert-file", f"{tmp_path}/ca.pem"]
    with redis_server(tmp_path, port, *options):
        assert "if the server expects TLS on this port, set `ssl`" in refused(tmp_path, port)


@pytest.mark.parametrize("more", ["\n", " "])
def test_a_password_with_a_line_end_is_thought_of_when_the_server_refuses_it(
    tmp_path: Path, more: str
) -> None:
    port = free_port()
    with redis_server(tmp_path, port):
        said = refused(tmp_path, port, password=PASSWORD + more)
    assert "see `username` and `password`" in said
    assert "`password` begins or ends with white space" in said


def test_a_table_of_dynamodb_that_is_not_there_is_told_of_and_not_made(
    tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    place = {"region_name": "eu-central-1", "endpoint_url": aws.sts_url}
    client = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=aws.sts_url)
    configure(tmp_path, {"cache_type": "DynamoDB", "table_name": "asked-by-check", **place})
    assert "asked-by-check" not in client.list_tables()["TableNames"]
    assert "table of DynamoDB" not in awscons(tmp_path, "check").stdout
    assert "the table of DynamoDB does not exist" in awscons(tmp_path, "check", "--aws").stdout
    assert "asked-by-check" not in client.list_tables()["TableNames"]
