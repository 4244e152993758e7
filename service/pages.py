"""The pages for operators. They work without script; live.js only keeps them fresh."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from crawler.errors import UsageError
from schedules.ledger import State
from schedules.plan import load_schedules
from service import acting, looking
from service import health as service_health
from service.access import form_is_ours, new_session
from service.api import Here, Name, Number, visitor_of
from service.charts import Span, sparkline, timeline
from service.guard import SAFE, cookie_of, guesser_of
from service.house import House
from service.models import HealthOut
from service.rendering import language_of, render, static_files, translator
from service.sites import site_list
from watching.alarms import alarms as alarms_of
from watching.metrics import CONTENT_TYPE
from watching.metrics import metrics as metrics_of

DAYS = (1, 7, 30)  # lengths of the timeline
LONGEST_TIMELINE = 1500  # runs drawn at most
ON_A_PAGE = 50
FORM = "application/x-www-form-urlencoded"
MUTES = (1, 3, 7)  # days for which an alarm may be muted here


async def form_of(request: Request, house: Here) -> dict[str, str]:
    """The fields of a form of ours. Every POST of these pages goes through here: without the form's token it is refused."""
    if request.method in SAFE:
        return {}
    if request.headers.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"send the form as {FORM}")
    form: FormData = await request.form(max_fields=40)
    fields = {k: v for k, v in form.items() if isinstance(v, str)}
    if not form_is_ours(house.keys, visitor_of(request).session, fields.pop("form_token", None)):
        raise HTTPException(403, "this form is not from here, or too old: go back, load the page again and repeat")
    return fields


Form = Annotated[dict[str, str], Depends(form_of)]
router = APIRouter(dependencies=[Depends(form_of)], include_in_schema=False)


# ---------------------------------------------------------------------------------------------- for everybody


@router.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """Style sheet, scripts, pictures: from memory, by exact name."""
    found = static_files().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    content, digest = found
    kinds = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
    asked = request.query_params.get("v") == digest[:12]
    headers = {
        "etag": f'"{digest}"',
        "cache-control": "public, max-age=31536000, immutable" if asked else "no-cache",
        "cross-origin-resource-policy": "same-origin",
    }
    if request.headers.get("if-none-match") == f'"{digest}"':
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kinds[name.rpartition(".")[2]], headers=headers)


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


@router.get("/favicon.ico")
def favicon() -> Response:
    return Response(
        static_files()["mark.svg"][0], media_type="image/svg+xml", headers={"cache-control": "max-age=86400"}
    )


@router.get("/health")
def health(request: Request, house: Here) -> JSONResponse:
    """For monitors: 200 when the service does its work, 503 when not; what is wrong is told to operators."""
    found = service_health.health(house)
    told = found if visitor_of(request).operator else HealthOut(status=found.status)
    return JSONResponse(told.model_dump(mode="json"), 503 if found.status == "failing" else 200)


@router.get("/metrics")
def metrics(house: Here) -> Response:
    """For Prometheus; with the token as bearer where it is required."""
    return Response(metrics_of(house.home, house.ledger), headers={"content-type": CONTENT_TYPE})


@router.get("/login")
def login_page(request: Request, house: Here) -> Response:
    if visitor_of(request).operator:
        return RedirectResponse(_local(request.query_params.get("next")), 303)
    return render(request, house, "login.html", next=_local(request.query_params.get("next")), wrong=False, wait=0)


@router.post("/login")
def login(request: Request, house: Here, form: Form) -> Response:
    peer = guesser_of(request.headers, request.client.host if request.client else "")
    after = _local(form.get("next"))
    if wait := house.guesses.wait(peer):
        response: Response = render(request, house, "login.html", 429, next=after, wrong=False, wait=wait)
        response.headers["retry-after"] = str(int(wait) + 1)
        return response
    if not house.keys.shown(form.get("token", "").strip()):
        house.guesses.wrong(peer)
        return render(request, house, "login.html", 401, next=after, wrong=True, wait=0)
    response = RedirectResponse(after, 303)
    response.headers.append(
        "set-cookie", cookie_of(house.cookie, new_session(house.keys, member=True), request.headers)
    )
    return response


@router.post("/logout")
def logout(house: Here, form: Form) -> Response:
    response = RedirectResponse("/login", 303)
    response.delete_cookie(house.cookie, path="/", httponly=True, samesite="strict")
    return response


def _local(path: str | None) -> str:
    """A path of this service to go on to, never another site."""
    if path and path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable():
        return path
    return "/"


# ---------------------------------------------------------------------------------------------- looking


def _timeline(request: Request, house: House, days: int, runs: Any = None) -> dict[str, Any]:
    t = translator(language_of(request))
    now = house.now()
    span = Span(now - timedelta(days=days), now + timedelta(days=days) / 10)
    found = looking.runs(house, since=span.begin, limit=LONGEST_TIMELINE)
    coming = [(s.name, at) for s in looking.schedules(house) for at in s.next[:40] if at <= span.end]
    drawn = (found.items, coming, span, now, house.zone, t)
    return {
        "wide": timeline(*drawn),
        "narrow": timeline(*drawn, width=360, narrow=True),
        "days": days,
        "lengths": DAYS,
        "count": found.total,
        "shown": len(found.items),
    }


@router.get("/")
def overview(request: Request, house: Here) -> Response:
    """What runs, what is next, what is wrong, what was published last."""
    schedules = looking.schedules(house)
    return render(
        request,
        house,
        "overview.html",
        queue=looking.queue(house),
        coming=sorted(((at, s) for s in schedules for at in s.next[:3]), key=lambda x: x[0])[:5],
        held=[s for s in schedules if s.paused and s.enabled],
        alarms=alarms_of(house.ledger),
        health=service_health.health(house),
        datasets=[looking.dataset(house, n, most=3) for n in looking.dataset_names(house)],
        recent=looking.runs(house, limit=6).items,
        timeline=_timeline(request, house, 7),
    )


@router.get("/schedules")
def schedules(request: Request, house: Here) -> Response:
    return render(request, house, "schedules.html", schedules=looking.schedules(house))


@router.get("/schedules/{name}")
def schedule(request: Request, house: Here, name: Name) -> Response:
    return render(
        request,
        house,
        "schedule.html",
        schedule=looking.schedule(house, name),
        runs=looking.runs(house, schedule=name, limit=20),
    )


@router.get("/runs")
def runs(request: Request, house: Here) -> Response:
    """The timeline and the list, with filters."""
    asked = request.query_params
    known = [*load_schedules(house.home)[0], "manual"]
    schedule = asked.get("schedule") if asked.get("schedule") in known else None
    state = asked.get("state") if asked.get("state") in get_args(State) else None
    site = asked.get("site") or None
    offset = int(asked["offset"]) if re.fullmatch(r"[0-9]{1,8}", asked.get("offset", "")) else 0
    days = int(asked["days"]) if asked.get("days") in [str(d) for d in DAYS] else 7
    page = looking.runs(
        house, schedule=schedule, states=[state] if state else None, site=site, limit=ON_A_PAGE, offset=offset
    )
    chosen = {"schedule": schedule, "state": state, "site": site}

    def to(**more: object) -> str:
        return "?" + urlencode({k: v for k, v in chosen.items() if v} | {"days": days} | more)

    return render(
        request,
        house,
        "runs.html",
        page=page,
        on_a_page=ON_A_PAGE,
        chosen=chosen,
        schedules=known,
        states=get_args(State),
        to=to,
        timeline=_timeline(request, house, days),
    )


@router.get("/runs/{number}")
def run(request: Request, house: Here, number: Number) -> Response:
    return render(request, house, "run.html", run=looking.run_detail(house, number))


@router.get("/sites")
def sites(request: Request, house: Here) -> Response:
    t = translator(language_of(request))
    return render(request, house, "sites.html", sites=[(s, sparkline(s.trend, t)) for s in site_list(house)])


@router.get("/sites/{name}")
def site(request: Request, house: Here, name: Name) -> Response:
    t = translator(language_of(request))
    found = next((s for s in site_list(house) if s.name == name), None)
    if found is None:
        raise UsageError(f"unknown site '{name}'", remedy="the page of sites lists them")
    return render(request, house, "site.html", site=found, picture=sparkline(found.trend, t, width=640, height=90))


@router.get("/alarms")
def alarms(request: Request, house: Here) -> Response:
    """What is wrong now, and what was."""
    return render(
        request,
        house,
        "alarms.html",
        alarms=alarms_of(house.ledger),
        over=alarms_of(house.ledger, "closed", limit=20),
        health=service_health.health(house),
        mutes=MUTES,
    )


@router.get("/queue")
def queue(request: Request, house: Here) -> Response:
    return render(request, house, "queue.html", queue=looking.queue(house))


@router.get("/data")
def data(request: Request, house: Here) -> Response:
    return render(
        request, house, "data.html", datasets=[looking.dataset(house, n) for n in looking.dataset_names(house)]
    )


# ---------------------------------------------------------------------------------------------- acting

BY = "an operator on the pages"


def _after(path: str, done: str) -> Response:
    return RedirectResponse(f"{path}?done={done}", 303)


@router.post("/schedules/{name}/pause")
def pause(house: Here, name: Name, form: Form) -> Response:
    return _after(f"/schedules/{name}", acting.pause(house, name, form.get("reason"), BY).done)


@router.post("/schedules/{name}/resume")
def resume(house: Here, name: Name, form: Form) -> Response:
    return _after(f"/schedules/{name}", acting.resume(house, name, BY).done)


@router.post("/schedules/{name}/run")
def run_now(house: Here, name: Name, form: Form) -> Response:
    started = acting.run_now(house, name, BY)
    return _after(f"/runs/{started.runs[0]}", started.done)


@router.post("/schedules/{name}/backfill")
def backfill(house: Here, name: Name, form: Form) -> Response:
    since, until = _day(house, form.get("since")), _day(house, form.get("until")) + timedelta(days=1)
    acting.backfill(house, name, since, until, BY, missed=form.get("missed") == "yes")
    return _after(f"/schedules/{name}", "backfilled")


@router.post("/runs/{number}/cancel")
def cancel(house: Here, number: Number, form: Form) -> Response:
    return _after(f"/runs/{number}", acting.cancel(house, number, form.get("reason"), BY).done)


@router.post("/runs/{number}/confirm")
def confirm(house: Here, number: Number, form: Form) -> Response:
    started = acting.confirm(house, number, form.get("reason"), BY)
    return _after(f"/runs/{started.runs[0]}", started.done)


@router.post("/runs/{number}/accept")
def accept(request: Request, house: Here, number: Number, form: Form) -> Response:
    gates = [k.removeprefix("gate_") for k, v in form.items() if k.startswith("gate_") and v == "yes"]
    if not gates:
        raise UsageError("no gate is chosen", remedy="tick each gate that you accept")
    started = acting.confirm(house, number, form.get("reason"), BY, gates)
    return _after(f"/runs/{started.runs[0]}", started.done)


@router.post("/alarms/{number}/mute")
def mute(house: Here, number: Number, form: Form) -> Response:
    days = form.get("days")
    if days not in [str(d) for d in MUTES]:
        raise UsageError("not one of the lengths", where=days, remedy="choose one on the page")
    acting.mute(house, number, house.now() + timedelta(days=int(days)))
    return _after("/alarms", "muted")


@router.post("/alarms/{number}/unmute")
def unmute(house: Here, number: Number, form: Form) -> Response:
    acting.unmute(house, number)
    return _after("/alarms", "unmuted")


def _day(house: House, text: str | None) -> datetime:
    """The beginning of a day in the zone of the pages. Raises UsageError."""
    try:
        found = datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=house.zone)
    except ValueError:
        raise UsageError("not a day", where=text, remedy="write it as 2026-11-27") from None
    if not 1970 <= found.year <= 9998:
        raise UsageError("not a day between 1970 and 9998", where=text, remedy="write it as 2026-11-27")
    return found
