"""A web server on loopback for the tests of the catalogue: what catalogue.served gives out, with its headers, Range and ETag."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from catalogue.served import HEADERS, served


@contextmanager
def range_server(out: Path, datasets: Path, ranges: bool = True) -> Iterator[str]:
    """Serve a catalogue; gives the address. ranges: whether the server knows them; one that does not sends the whole file."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            found = served(unquote(urlsplit(self.path).path)[1:], out, datasets)
            if found is None or not found.path.is_file():
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = found.path.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            wanted = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", self.headers.get("Range", "")) if ranges else None
            if self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                body = b""
            elif wanted:
                start, end = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
                body = body[start : end + 1]
            else:
                self.send_response(200)
            self.send_header("Content-Type", found.media_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", found.cache_control)
            self.send_header("ETag", etag)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
