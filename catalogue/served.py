"""Which paths a web server of the catalogue gives out, with media type and caching: the one list for whoever serves it.

Only what this grammar knows has a file; everything else, however it is written, has none, so that no path can leave the folders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from catalogue.names import OWN

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
IMMUTABLE = "public, max-age=31536000, immutable"
FRESH = "no-cache"  # asked for again each time, and answered with 304 where nothing changed

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
    "xml": "application/atom+xml; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "cff": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "pack": "application/octet-stream",
    "": "text/plain; charset=utf-8",  # SHA256SUMS, LICENSE
}

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){0,99}"  # names.LONGEST characters at most
_VERSION = r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.[1-9][0-9]{0,5}"
_FILE = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){0,99}"
_HEX = r"[0-9a-f]"
_PART = rf"part-{_HEX}{{32}}\.parquet"
_TABLE = r"[a-z][a-z_]{0,30}"


@dataclass(frozen=True, slots=True)
class Route:
    """Paths of one kind. folder: where they lie, in the catalogue's `out` or in the folder of datasets; immutable: for ever the same."""

    folder: Literal["out", "datasets"]
    pattern: re.Pattern[str]
    immutable: bool


def _route(folder: Literal["out", "datasets"], pattern: str, immutable: bool) -> Route:
    return Route(folder, re.compile(pattern, re.ASCII), immutable)


ROUTES: tuple[Route, ...] = (
    _route("out", r"index\.html", False),
    _route("out", rf"{OWN}/catalogue\.json", False),
    _route("out", rf"{OWN}/app-{_HEX}{{12}}/(?:{_FILE}/){{0,3}}{_FILE}", True),
    _route("out", rf"{OWN}/data/{_NAME}/[a-z]{{1,20}}-{_HEX}{{24}}\.(?:json|pack)", True),
    _route("datasets", r"index\.json", False),
    _route("datasets", rf"{_NAME}/(?:latest\.json|versions\.json|feed\.xml)", False),
    _route("datasets", rf"{_NAME}/versions/{_VERSION}\.gone\.json", False),
    # a version that is taken down is gone for good: its documents are immutable as long as they are there
    _route("datasets", rf"{_NAME}/versions/{_VERSION}/{_FILE}", True),
    _route("datasets", rf"{_NAME}/versions/{_VERSION}/{_TABLE}/{_PART}", True),
    _route("datasets", rf"{_NAME}/tables/{_TABLE}/{_PART}", True),
    _route("datasets", rf"{_NAME}/tables/{_TABLE}/_delta_log/[0-9]{{20}}\.json", False),
)


@dataclass(frozen=True, slots=True)
class Served:
    """A path that may be given out. path: the file, which may not be there; media_type and cache_control: of the answer."""

    path: Path
    media_type: str
    cache_control: str


def served(path: str, out: Path, datasets: Path) -> Served | None:
    """What to give out for the path of an address (decoded, without the first slash); None for what is no path of ours.

    The empty path is index.html. out, datasets: as in catalogue.build.build. Never touches the disk.
    """
    path = path or "index.html"
    if path.split("/", 1)[0] == OWN or path == "index.html":
        routes = [r for r in ROUTES if r.folder == "out"]
    else:
        routes = [r for r in ROUTES if r.folder == "datasets"]
    for route in routes:
        if route.pattern.fullmatch(path):
            name = path.rpartition("/")[2]
            ending = name.rpartition(".")[2] if "." in name else ""
            folder = out if route.folder == "out" else datasets
            return Served(
                folder.joinpath(*path.split("/")),
                TYPES.get(ending, "application/octet-stream"),
                IMMUTABLE if route.immutable else FRESH,
            )
    return None
