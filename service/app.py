"""The application: pages for people, JSON for machines, behind the guard."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from crawler.errors import JianghuaError, UsageError
from crawler.mistakes import said
from service import api, data, pages
from service.guard import DATA, Door, Headers, Plain
from service.house import House
from service.rendering import render

log = logging.getLogger("jianghua.service")
OPEN = ("/health", "/login", "/robots.txt", "/favicon.ico")  # for everybody; /health says little then


def software() -> str:
    """The version of this program."""
    try:
        return version("jianghua")
    except PackageNotFoundError:
        return "unknown"


def make_app(house: House) -> ASGIApp:
    """The application of a running service."""
    app = FastAPI(
        title="Jianghua",
        summary="Schedules, runs, sites, alarms and datasets of one Jianghua home.",
        description=(
            "Reads need nothing on the machine itself, and elsewhere `Authorization: Bearer TOKEN`. Actions (POST) always need either "
            "the token as bearer, or a browser's session with the header `X-CSRF-Token` that `/api/v1/me` gives."
        ),
        version=software(),
        openapi_url="/api/openapi.json",
        docs_url=None,  # both would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.house = house
    app.include_router(api.router)
    app.include_router(data.router)
    app.include_router(pages.router)

    @app.exception_handler(JianghuaError)
    async def known(request: Request, error: JianghuaError) -> Response:
        missing = isinstance(error, UsageError) and error.what.startswith("unknown ")
        return _problem(house, request, 404 if missing else 400 if isinstance(error, UsageError) else 500, error)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        response = _problem(house, request, error.status_code, JianghuaError(str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["loc"][:1] == ("path",) and not request.url.path.startswith("/api/"):
            return _problem(house, request, 404, JianghuaError("there is no such page"))
        return _problem(house, request, 422, _mistake(first))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        told = JianghuaError("this page broke", remedy="the service's log says why; please report it")
        return _problem(house, request, 500, told)

    def public(path: str) -> bool:
        return path in OPEN or path.startswith("/static/") or (house.own.public and path.startswith(DATA))

    names = [house.own.host, *house.own.hosts] if house.own.hosts or not house.keys.required else []
    door = Door(app, keys=house.keys, hosts=names, public=public, cookie=house.cookie, guesses=house.guesses)
    return Headers(Plain(door))  # around the application, not in it, so that what breaks inside has the headers too


def _mistake(found: Mapping[str, Any]) -> JianghuaError:
    """What is wrong with what was sent, by its name. found: an entry of pydantic's errors."""
    where = ".".join(str(x) for x in found["loc"])
    if found["type"] == "json_invalid":
        return JianghuaError("the body is not JSON", where="body", remedy='write it like {"reason": "looked at it"}')
    if where == "body":  # curl -d says that it sends a form
        return JianghuaError(
            "the body holds no JSON object",
            where=where,
            remedy="send one, with the header Content-Type: application/json",
        )
    words = said(found)
    name = next(str(x) for x in reversed(found["loc"]) if isinstance(x, str))
    return JianghuaError(f"'{name}'{'' if words.startswith(('must ', 'is ')) else ':'} {words}", where=where)


def _problem(house: House, request: Request, status: int, error: JianghuaError) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": error.what, "where": error.where, "remedy": error.remedy}, status)
    return render(request, house, "problem.html", status, code=status, error=error)
