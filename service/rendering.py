"""From a template to a page: the language, the time zone, forms that carry their token, figures as people read them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from service.access import form_token
from service.guard import Visitor
from service.house import House
from service.sites import safe_address
from service.words import CHINESE, phrases

HERE = Path(__file__).parent
LANGUAGES = {"en": "English", "zh": "中文"}
LANGUAGE_COOKIE = "jianghua_language"
# What a page says after a form was sent: ?done=KEY; anything else in the address is not shown.
DONE = {
    "paused": "The schedule is paused.",
    "resumed": "The schedule goes on.",
    "started": "The run is in the queue and begins at once.",
    "backfilled": "The runs are in the queue.",
    "cancelled": "The run is cancelled.",
    "confirmed": "Confirmed; a run publishes the version now.",
    "muted": "The alarm is muted.",
    "unmuted": "The alarm is told again.",
    "accepted": "Accepted; a run publishes the version now.",
}

_env = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@lru_cache(maxsize=1)
def static_files() -> dict[str, tuple[bytes, str]]:
    """The style sheet, scripts and pictures of the pages: name → content and its digest."""
    files = sorted(p for p in (HERE / "static").iterdir() if p.suffix in (".css", ".js", ".svg"))
    return {p.name: (p.read_bytes(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files}


def static(name: str) -> str:
    """The address of a file of the pages, with its digest, so that it may be kept for good."""
    return f"/static/{name}?v={static_files()[name][1][:12]}"


def language_of(request: Request) -> str:
    """zh or en: the one chosen, else the one that the browser prefers."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    best, language = 0.0, "en"
    for part in request.headers.get("accept-language", "").lower().split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            q = float(weight) if weight else 1.0
        except ValueError:
            continue
        if name[:2] in LANGUAGES and q > best:
            best, language = q, name[:2]
    return language


def translator(language: str) -> Callable[..., str]:
    """t("{n} runs", n=3): the words in a language; what has no translation stays English."""

    def t(text: str, **values: Any) -> str:
        found = CHINESE.get(text, text) if language == "zh" else text
        return found.format(**values) if values else found

    return t


def size(n: int) -> str:
    """A number of bytes for people, e.g. 1.4 MB."""
    value, unit = float(n), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def coded(text: str) -> Markup:
    """A remedy with its commands, which stand between backticks, as code; all else is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def duration(seconds: float | None, t: Callable[..., str]) -> str:
    """A length of time for people."""
    if seconds is None:
        return ""
    s = round(seconds)
    if s < 60:
        return t("{n} s", n=s)
    if s < 3600:
        return t("{m} min {s} s", m=s // 60, s=s % 60) if s < 600 and s % 60 else t("{n} min", n=round(s / 60))
    if s < 48 * 3600:
        m = s % 3600 // 60
        return t("{h} h {m} min", h=s // 3600, m=m) if m else t("{n} h", n=s // 3600)
    return t("{n} days", n=round(s / 86400))


def distance(moment: datetime, now: datetime, t: Callable[..., str]) -> str:
    """How far a moment is from now."""
    far = (moment - now).total_seconds()
    if abs(far) < 2:
        return t("now")
    rough = abs(far) if abs(far) < 60 else round(abs(far) / 60) * 60 if abs(far) < 86400 else abs(far)
    return t("in {span}", span=duration(rough, t)) if far > 0 else t("{span} ago", span=duration(rough, t))


def render(request: Request, house: House, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. `values` are what its template shows; all text in them is escaped there."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    language = language_of(request)
    t = translator(language)
    zone, now = house.zone, house.now()

    def when(moment: datetime | None, *, relative: bool = False, short: bool = False) -> Markup | str:
        if moment is None:
            return ""
        local = moment.astimezone(zone)
        shown = distance(moment, now, t) if relative else f"{local:%m-%d %H:%M}" if short else f"{local:%Y-%m-%d %H:%M}"
        told = f"{local:%Y-%m-%d %H:%M:%S %Z}" if relative else distance(moment, now, t)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), told, shown
        )

    def in_language(code: str) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "done")]
        return "?" + "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in [*kept, ("lang", code)])

    context: dict[str, Any] = {
        "t": t,
        "language": language,
        "languages": LANGUAGES,
        "in_language": in_language,
        "path": request.url.path,
        "operator": visitor.operator if visitor else False,
        "member": bool(visitor and visitor.session and visitor.session.member),
        "form_token": form_token(house.keys, visitor.session) if visitor and visitor.session else "",
        "when": when,
        "now": now,
        "zone_name": house.own.time_zone or f"{now.astimezone(zone):%Z}",
        "duration": lambda s: duration(s, t),
        "size": size,
        "coded": coded,
        "said": phrases() if language == "zh" else str,
        "translated": lambda words: " → ".join(t(w) for w in words),
        "safe_address": safe_address,
        "static": static,
        "done": t(DONE[key]) if (key := request.query_params.get("done")) in DONE else None,
    }
    body = _env.get_template(template).render(context | values)
    page = re.sub(r"\n\s*\n+", "\n", body).encode("utf-8", "replace")  # half a surrogate pair breaks no page
    response = HTMLResponse(page, status)
    response.headers["content-language"] = language
    response.headers["vary"] = "Cookie, Accept-Language"
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=31536000, httponly=True, samesite="lax", path="/")
    return response


def _quoted(text: str) -> str:
    return quote(text, safe="")
