"""A Hugging Face Hub on loopback, as far as a push needs it: repositories in memory, with the Hub's addresses and answers."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "0123456789abcdef" * 2


@dataclass
class Hub:
    """What it holds: files of the repositories, large ones by SHA-256, commits and tags; and the requests that it got."""

    address: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    at: dict[str, dict[str, bytes]] = field(default_factory=dict)  # commit: its files
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    fail: dict[str, int] = field(default_factory=dict)  # part of an address: status of the answer, once
    race: str | None = None  # a repository that somebody else commits to right before our commit

    def make(self, repo: str, private: bool) -> None:
        self.repos[repo], self.private[repo] = {".gitattributes": b"*.parquet filter=lfs\n"}, private
        self.tags[repo] = {}
        self.commit(repo)

    def commit(self, repo: str) -> str:
        self.heads[repo] = hashlib.sha1(f"{repo} {len(self.at)}".encode()).hexdigest()
        self.at[self.heads[repo]] = dict(self.repos[repo])
        return self.heads[repo]


def is_large(path: str) -> bool:
    return path.endswith(".parquet")


class Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.body())

    def do_PUT(self) -> None:
        self.answer(self.body())

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            out = b""
            while size := int(self.rfile.readline(), 16):
                out += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return out
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, value: Any = None) -> None:
        data = json.dumps(value if value is not None else {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status >= 400:
            self.send_header("X-Error-Message", str((value or {}).get("error", "")))
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        self.wfile.write(data)

    def answer(self, data: bytes) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        broken = next((k for k in hub.fail if k in path), None)
        if broken is not None:
            self.send(hub.fail.pop(broken), {"error": f"no, {self.headers.get('Authorization')}"})
            return
        if path.startswith("/lfs/"):
            self.upload(path.removeprefix("/lfs/"), data)
            return
        if self.command != "GET" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send(401, {"error": "Invalid credentials"})
            return
        if path == "/api/repos/create":
            wanted = json.loads(data)
            hub.make(f"{wanted['organization']}/{wanted['name']}", wanted.get("visibility") == "private")
            self.send(200, {"url": f"{hub.address}/datasets/{wanted['organization']}/{wanted['name']}"})
        elif path == "/api/validate-yaml":
            self.send(200, {"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.batch(json.loads(data))
        elif path.startswith("/api/datasets/"):
            owner, name, *rest = path.removeprefix("/api/datasets/").split("/")
            if f"{owner}/{name}" not in hub.repos:
                self.send(404, {"error": "Repository not found"})
            else:
                self.repository(f"{owner}/{name}", rest, data)
        else:
            self.send(404, {"error": path})

    def repository(self, repo: str, rest: list[str], data: bytes) -> None:
        hub = self.hub
        files = hub.repos[repo]
        match rest:
            case [] | ["revision", _]:
                self.send(200, {"id": repo, "sha": hub.heads[repo], "private": hub.private[repo], "siblings": []})
            case ["tree", _]:
                self.send(200, [_entry(p, c) for p, c in files.items()])
            case ["preupload", _]:
                wanted = json.loads(data)["files"]
                modes = [
                    {
                        "path": f["path"],
                        "uploadMode": "lfs" if is_large(f["path"]) else "regular",
                        "shouldIgnore": False,
                        "oid": _entry(f["path"], files[f["path"]])["oid"] if f["path"] in files else None,
                    }
                    for f in wanted
                ]
                self.send(200, {"files": modes})
            case ["commit", _]:
                self.commit(repo, [json.loads(line) for line in data.splitlines()])
            case ["tag", revision]:
                tag = json.loads(data)["tag"]
                if tag in hub.tags[repo]:
                    self.send(409, {"error": "Reference already exists"})
                else:
                    hub.tags[repo][tag] = revision
                    self.send(200)
            case _:
                self.send(404, {"error": str(rest)})

    def commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        hub = self.hub
        if hub.race == repo:
            hub.race = None
            hub.repos[repo]["theirs.txt"] = b"first"
            hub.commit(repo)
        if lines[0]["value"].get("parentCommit") not in (None, hub.heads[repo]):
            self.send(412, {"error": "A commit has happened since."})
            return
        for line in lines[1:]:
            value = line["value"]
            match line["key"]:
                case "file":
                    hub.repos[repo][value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    hub.repos[repo][value["path"]] = hub.large[value["oid"]]
                case "deletedFile":
                    del hub.repos[repo][value["path"]]
        oid = hub.commit(repo)
        self.send(200, {"commitUrl": f"{hub.address}/datasets/{repo}/commit/{oid}", "commitOid": oid})

    def batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {"oid": o["oid"], "size": o["size"]}
            | (
                {}
                if o["oid"] in self.hub.large
                else {"actions": {"upload": {"href": f"{self.hub.address}/lfs/{o['oid']}"}}}
            )
            for o in wanted["objects"]
        ]
        self.send(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str, data: bytes) -> None:
        assert hashlib.sha256(data).hexdigest() == oid
        self.hub.large[oid] = data
        self.hub.uploaded.append(oid)
        self.send(200)


def _entry(path: str, content: bytes) -> dict[str, Any]:
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if not is_large(path):
        return {"type": "file", "path": path, "size": len(content), "oid": oid}
    sha256 = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
    return {
        "type": "file",
        "path": path,
        "size": len(content),
        "oid": hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest(),
        "lfs": {"oid": sha256, "size": len(content), "pointerSize": len(pointer)},
    }


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Run one; it ends with the block."""
    hub = Hub()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
