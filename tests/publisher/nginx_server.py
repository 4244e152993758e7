"""A plain nginx on loopback for the tests: files of one folder, an unprivileged port, one process that ends with the block."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STARTS_WITHIN = 30.0  # seconds; an upper bound, not a wait

CONFIG = """
daemon off;
master_process off;
{user}
pid {work}/nginx.pid;
error_log {work}/error.log;
events {{}}
http {{
  access_log off;
  types {{
    application/json json; application/vnd.apache.parquet parquet; text/html html; text/css css; text/javascript js; image/svg+xml svg;
  }}
  default_type application/octet-stream;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root "{root}";
  }}
}}
"""


def nginx() -> str:
    """The program; a test without it is skipped."""
    found = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        pytest.skip("there is no nginx (Debian: nginx-light)")
    return found


@contextmanager
def nginx_server(root: Path, work: Path) -> Iterator[str]:
    """Serve `root`; gives the address. work: a folder of its own for what nginx writes."""
    program = nginx()
    work.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""  # else it could not read what root alone may
    config = work / "nginx.conf"
    config.write_text(CONFIG.format(user=user, work=work, root=root, port=port))
    process = subprocess.Popen(
        [program, "-c", str(config), "-p", str(work), "-e", str(work / "error.log")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + STARTS_WITHIN
        while not _answers(address):
            assert process.poll() is None, f"nginx ended: {(work / 'error.log').read_text()[-2000:]}"
            assert time.monotonic() < until, "nginx does not answer"
            time.sleep(0.02)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
