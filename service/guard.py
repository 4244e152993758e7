"""What stands before every page: plain paths, known hosts, bounded requests, strict headers, who is asking.

Pure ASGI, outermost first: `Headers` → `Plain` → `Door`. What they refuse never reaches a route.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers as Fields
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access import Guesses, Keys, Session, new_session, session_of
from service.settings import is_loopback

log = logging.getLogger("jianghua.service")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
DATA = ("/datasets/", "/catalogue/")
SAFE = ("GET", "HEAD", "OPTIONS")
# No page, no dataset and no file of ours needs an escape in its path; what needs one is an attempt at something else.
PATH = re.compile(rb"/(?:[A-Za-z0-9_@~+=,-][A-Za-z0-9_.@~+=,-]*(?:/|$))*")
LONGEST_PATH, LONGEST_QUERY = 512, 2048
LARGEST_BODY = 64 * 1024  # bytes; the largest form is a reason
BODY_TIME = 20.0  # seconds for a body to come in
# What proxies add. A request that came through one is not from this machine, whatever its peer address is.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


async def refuse(scope: Scope, send: Send, status: int, what: str, more: Iterable[tuple[str, str]] = ()) -> None:
    """A short answer, in JSON for the API and plain text for all else."""
    api = str(scope.get("path", "")).startswith("/api/")
    body = (
        json.dumps({"error": what, "where": None, "remedy": None}, ensure_ascii=False).encode()
        if api
        else (what + "\n").encode()
    )
    headers = [
        (b"content-type", b"application/json" if api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *((k.encode(), v.encode("latin-1")) for k, v in more),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class Headers:
    """Adds the headers that keep scraped things harmless to every answer; an answer's own value of one stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        plain = not _trustworthy(Fields(scope=scope))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if plain:  # browsers ignore it there, and complain on their console
                    del headers["cross-origin-opener-policy"]
            await send(message)

        await self.app(scope, receive, with_headers)


def name_of(host: str) -> str:
    """The name or address in a Host field, without its port; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _trustworthy(fields: Fields) -> bool:
    """Whether a browser takes this for a secure place: this machine itself, or https (a proxy says so)."""
    return is_loopback(name_of(fields.get("host", ""))) or fields.get("x-forwarded-proto", "").lower() == "https"


class TooLarge(HTTPException):
    """The body is larger than any of ours, or did not come in time."""


class Plain:
    """Lets through what a browser or a program of good will sends: known methods, plain paths, small bodies in good time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        raw = scope.get("raw_path") or b""
        if scope["method"] not in METHODS:
            await refuse(scope, send, 405, "method not allowed", [("allow", ", ".join(METHODS))])
        elif len(raw) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
            await refuse(scope, send, 414, "address too long")
        elif not PATH.fullmatch(raw):
            await refuse(scope, send, 400, "no such address: paths here are plain, without escapes")
        else:
            await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Fields(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await refuse(scope, send, 413, "request too large", [("connection", "close")])
            return
        got = 0
        until = asyncio.get_running_loop().time() + BODY_TIME
        whole = begun = False

        async def bounded() -> Message:
            nonlocal got, whole
            if whole:
                return await receive()  # waits for the end of the connection
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise TooLarge(408, "request too slow") from None
            got += len(message.get("body", b""))
            if got > LARGEST_BODY:
                raise TooLarge(413, "request too large")
            whole = not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, bounded, sent)
        except TooLarge as e:
            if not begun:
                await refuse(scope, send, e.status_code, e.detail, [("connection", "close")])


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. operator: may see and do everything. bearer: showed the token with this request. session: of the cookie, if any."""

    operator: bool
    bearer: bool
    session: Session | None


Public = Callable[[str], bool]


class Door:
    """Lets operators in, sends others to the login page, and refuses what other sites make a browser send.

    public: whether a path is for everybody. hosts: names of the service besides those of loopback; with none and a token
    required, any. cookie: the name of the session cookie.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Keys, hosts: Iterable[str], public: Public, cookie: str, guesses: Guesses
    ) -> None:
        self.app, self.keys, self.public, self.cookie, self.guesses = app, keys, public, cookie, guesses
        self.hosts = frozenset(h.lower() for h in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fields = Fields(scope=scope)
        peer = scope["client"][0] if scope.get("client") else ""
        host = fields.get("host", "")
        if len(fields.getlist("host")) != 1 or not self._our_host(host):
            await refuse(scope, send, 421, "this host is not served here; [service] hosts in jianghua.toml names more")
            return
        if not self.keys.required and not (is_loopback(peer) and not any(f in fields for f in FORWARDED)):
            await refuse(
                scope, send, 403, "this service is for its own machine; set JIANGHUA_TOKEN to open it to others"
            )
            return
        session = session_of(self.keys, Request(scope).cookies.get(self.cookie))
        bearer = False
        if given := fields.get("authorization"):
            guesser = guesser_of(fields, peer)
            if wait := self.guesses.wait(guesser):
                await refuse(scope, send, 429, "too many wrong tokens", [("retry-after", str(int(wait) + 1))])
                return
            scheme, _, value = given.partition(" ")
            bearer = scheme.lower() == "bearer" and self.keys.shown(value.strip())
            if not bearer:
                self.guesses.wrong(guesser)
                await refuse(scope, send, 401, "wrong token", [("www-authenticate", "Bearer")])
                return
        if scope["method"] not in SAFE and not bearer and foreign(fields, host):
            await refuse(scope, send, 403, "this request comes from a page of another site")
            return
        operator = bearer or not self.keys.required or (session is not None and session.member)
        if not operator and not self.public(scope["path"]):
            await self._turn_away(scope, send)
            return
        if session is None:
            session = new_session(self.keys, member=False)
            if not scope["path"].startswith(DATA):  # these have no forms, and are kept by caches
                send = self._giving(session, send, fields)
        scope.setdefault("state", {})["visitor"] = Visitor(operator, bearer, session)
        if scope["method"] == "HEAD" and not scope["path"].startswith(DATA):
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        await self.app(scope, receive, send)

    def _our_host(self, host: str) -> bool:
        name = name_of(host)
        if name in self.hosts or (is_loopback(name) and "@" not in host):
            return True
        return self.keys.required and not self.hosts and bool(name)

    async def _turn_away(self, scope: Scope, send: Send) -> None:
        path = scope["path"]
        if path.startswith(("/api/", "/datasets/", "/metrics")) or scope["method"] not in SAFE:
            await refuse(
                scope, send, 401, "the token is missing: Authorization: Bearer TOKEN", [("www-authenticate", "Bearer")]
            )
        else:
            await refuse(scope, send, 303, "log in first", [("location", f"/login?next={quote(path, safe='/')}")])

    def _giving(self, session: Session, send: Send, fields: Fields) -> Callable[[Message], Awaitable[None]]:
        async def giving(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # only pages have forms; an answer that may be kept by others must not carry a cookie
                if headers.get("content-type", "").startswith("text/html") and "set-cookie" not in headers:
                    headers.append("set-cookie", cookie_of(self.cookie, session, fields))
            await send(message)

        return giving


def guesser_of(fields: Fields, peer: str) -> str:
    """Whose wrong tokens are counted together: the peer, and behind a proxy on this machine whom that one names, which is the last
    address in X-Forwarded-For. Else one stranger could close out everybody who comes by the same proxy."""
    told = ",".join(fields.getlist("x-forwarded-for")).rpartition(",")[2].strip() if is_loopback(peer) else ""
    try:
        return f"{peer} for {ipaddress.ip_address(told)}" if told else peer
    except ValueError:
        return peer


def cookie_of(name: str, session: Session, fields: Fields) -> str:
    """The Set-Cookie line of a session; Secure where the visitor came by https (a proxy says so)."""
    secure = "; Secure" if fields.get("x-forwarded-proto", "").lower() == "https" else ""
    life = "; Max-Age=2592000" if session.member else ""
    return f"{name}={session.cookie}; Path=/; HttpOnly; SameSite=Strict{life}{secure}"


def foreign(fields: Fields, host: str) -> bool:
    """Whether a browser says that another site's page sent this request (Sec-Fetch-Site, Origin). Programs say neither.

    Our own forms come with `Origin: null`, because our pages tell no referrer; over plain http to another machine browsers send no
    Sec-Fetch-Site beside it. Such a request is judged by its form's token alone.
    """
    if fields.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = fields.get("origin", "null")
    if origin == "null":
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower() or urlsplit(origin).scheme not in ("http", "https")
    except ValueError:
        return True
