"""A real `jianghua up` for the tests, on a free port, and requests to it with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from crawler.home import Home
from tests.chain import argv, popen
from tests.nursery import Forked

ROOT = Path(__file__).parents[2]


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Up:
    """`jianghua up` in a process of its own, forked from one that has loaded it unless it is to be `real`. `env`, `options`: more of them.
    `log`: what it has said so far."""

    def __init__(
        self, home: Home, *options: str, env: dict[str, str] | None = None, port: int = 0, real: bool = False
    ) -> None:
        self.home = home
        self.lines: list[str] = []
        self._said: queue.Queue[str | None] = queue.Queue()
        clean = {k: v for k, v in os.environ.items() if not k.startswith("JIANGHUA_")}
        begin: Any = subprocess.Popen if real else popen
        self.process: subprocess.Popen[str] | Forked = begin(
            argv("up", "--home", str(home.root), "--port", str(port), *options),
            env=clean | {"PYTHONPATH": str(ROOT), "JIANGHUA_HEARTBEAT": "0.5", "PYTHONUNBUFFERED": "1"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.port = 0

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            self._said.put(line)
        self._said.put(None)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def until(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Wait until it says something like `pattern`; fails when it ends before."""
        while (line := self._said.get(timeout=seconds)) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"never said {pattern!r}:\n{self.log}")

    def ready(self) -> Up:
        self.port = int(self.until(r"Jianghua is at http://\S+:(\d+)/")[1])
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, method: str = "GET", host: str | None = None, body: bytes | None = None, /, **headers: str
    ) -> Answer:
        """One request, its path sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host if host is not None else f"127.0.0.1:{self.port}")
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            if body is not None and "Content_Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask(path, **headers)

    @property
    def token(self) -> str:
        return (self.home.var / "token").read_text().strip()

    def post(self, path: str, value: object = None, **headers: str) -> Answer:
        """A request of a program with the token."""
        body = b"" if value is None else json.dumps(value).encode()
        fields = {"Authorization": f"Bearer {self.token}", "Content_Type": "application/json"} | headers
        return self.ask(path, "POST", None, body, **fields)

    def end(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
