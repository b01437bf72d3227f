"""The embedded Valkey as a real server."""

import os
import signal
from pathlib import Path

import pytest
import redis

from backend.launch.processes import processes_in
from backend.launch.valkey import EmbeddedValkey, embedded_valkey


def test_only_who_knows_the_password_is_answered(valkey: EmbeddedValkey) -> None:
    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.ping()


def test_it_does_not_run_as_root(valkey: EmbeddedValkey) -> None:
    (server,) = processes_in(valkey.directory)
    assert server.uids().effective != 0


def test_data_survive_a_kill(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as first:
        with redis.Redis.from_url(first.url) as client:
            client.set("job", "waiting")
        (server,) = processes_in(first.directory)
        os.kill(server.pid, signal.SIGKILL)
        with (
            embedded_valkey(tmp_path) as second,
            redis.Redis.from_url(second.url, decode_responses=True) as client,
        ):
            assert client.get("job") == "waiting"
