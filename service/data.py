"""What people come for: the catalogue's pages and the files of the datasets, as any web server could give them out too."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from catalogue.names import OWN
from catalogue.served import HEADERS, IMMUTABLE, served
from crawler.errors import JianghuaError
from publisher.versions import read_latest
from service.api import Here
from service.files import send
from service.house import House

SHORT = "max-age=0, must-revalidate"  # what says which version is the latest: asked for again each time, by its ETag
router = APIRouter(include_in_schema=False)


@router.get("/catalogue")
def to_catalogue() -> Response:
    return RedirectResponse("/catalogue/", 308)


@router.get("/datasets")
@router.get("/datasets/")
def to_datasets() -> Response:
    return RedirectResponse("/catalogue/", 303)


@router.api_route("/catalogue/{path:path}", methods=["GET", "HEAD"])
async def catalogue_file(request: Request, house: Here, path: str) -> Response:
    """A page of the catalogue, or a file of it."""
    return await _file(request, house, path or "index.html", house.catalogue)


@router.api_route("/datasets/{path:path}", methods=["GET", "HEAD"])
async def dataset_file(request: Request, house: Here, path: str) -> Response:
    """A file of a dataset. `latest/` stands for the folder of the latest version and leads there."""
    name, slash, rest = path.partition("/latest/")
    if slash and served(f"{name}/latest.json", house.catalogue, house.home.datasets):
        found = await run_in_threadpool(_latest, house.home.datasets / name)
        if found:
            return RedirectResponse(f"/datasets/{name}/versions/{found}/{rest}", 307, headers=_headers(house, SHORT))
    return await _file(request, house, path, house.home.datasets)


@router.options("/datasets/{path:path}")
@router.options("/catalogue/{path:path}")
def asked_before(house: Here, path: str) -> Response:
    """What a browser asks before a page of another site may read a range."""
    allowed = {
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": "Range, If-None-Match, If-Range",
    }
    return Response(status_code=204, headers={**_headers(house, SHORT), **allowed, "access-control-max-age": "86400"})


def _latest(folder: Path) -> str | None:
    """The latest version of a dataset; what is wrong with older ones is no matter of who asks for this one."""
    try:
        found = read_latest(folder)
    except JianghuaError:
        return None
    return found.version if found else None


async def _file(request: Request, house: House, path: str, root: Path) -> Response:
    found = served(path, house.catalogue, house.home.datasets)
    answer = None
    if found is not None and found.path.is_relative_to(root):
        caching = "max-age=31536000, immutable" if found.cache_control == IMMUTABLE else SHORT
        inside = PurePosixPath(*found.path.relative_to(root).parts)
        answer = await send(request, root, inside, found.media_type, _headers(house, caching))
    if answer is None:
        if root == house.catalogue and path in ("index.html", f"{OWN}/catalogue.json"):
            raise HTTPException(503, "the catalogue is being made, or nothing is published yet", {"retry-after": "5"})
        raise HTTPException(404, "no such file")
    return answer


def _headers(house: House, caching: str) -> dict[str, str]:
    """Caching, and who may read it: where the data is public, the pages of any site."""
    shared = "public" if house.own.public else "private"
    told = {**HEADERS, "Cache-Control": f"{shared}, {caching}"}
    if house.own.public:
        told |= {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag, Repr-Digest",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
    return told
