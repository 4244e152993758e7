"""What stands before the pages, against a real service: odd paths, foreign hosts, other sites' forms, guessed tokens, large requests."""

from __future__ import annotations

import itertools
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from crawler.errors import JianghuaError
from crawler.home import Home
from service.access import Guesses, Keys, form_is_ours, form_token, load_keys, new_session, session_of
from service.guard import CSP, PATH, guesser_of
from service.models import MeOut
from service.settings import ServiceSettings, is_loopback
from tests.service.server import Up

Start = Callable[..., Up]
TOKEN = "a-token-for-the-tests-0123456789"
SECRET = "SECRET-THAT-MUST-NOT-LEAVE"


# ---------------------------------------------------------------------------------------------- paths


def payloads() -> list[str]:
    """Over 200 ways to ask for a file outside of a folder."""
    ups = ["../", "..\\", "..%2f", "%2e%2e/", "%2e%2e%2f", "%252e%252e%252f", "..%5c", "..%255c", "..%c0%af", "..%ef%bc%8f",
           ".%2e/", "%2e./", "..;/", "..//", "....//", "..././", "..%00/", "%uff0e%uff0e/", "\u2025/", "..%09/"]  # fmt: skip
    targets = ["secret", "var/token", "etc/passwd"]
    found = [prefix + up * n + target for prefix in ("/datasets/", "/catalogue/", "/static/", "/datasets/speeches/versions/")
             for up in ups for n, target in ((1, targets[0]), (2, targets[1]), (8, targets[2]))]  # fmt: skip
    found += ["/datasets//etc/passwd", "/datasets/file:///etc/passwd", "/datasets/C:\\windows\\win.ini", "//etc/passwd", "/./secret",
              "/datasets/speeches/link", "/datasets/out/secret", "/datasets/speeches/versions/2026-11-22.1/link", "/static/..%2fapp.py",
              "/static/pages.css%00.html", "/static/pages.css/../../app.py", "/datasets/%00", "/datasets/speeches/%0d%0aX: y",
              "/datasets/speeches/tables/speeches/../../../../var/token", "/datasets/.env", "/static/.", "/static/..", "/catalogue/..",
              "/api/v1/schedules/..%2f..%2fvar", "/api/v1/runs/..", "/sites/../var/token", "/schedules/%2e%2e"]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service whose home has secrets beside its datasets, and links in them that lead out."""
    home = Home.find(tmp_path_factory.mktemp("guarded") / "home")
    versions = home.datasets / "speeches" / "versions" / "2026-11-22.1"
    versions.mkdir(parents=True)
    (home.root / "secret").write_text(SECRET)
    (home.datasets / "speeches" / "versions.json").write_text("{}")
    (home.datasets / "speeches" / "link").symlink_to(home.root / "secret")
    (versions / "link").symlink_to(home.root / "secret")
    (versions / "README.md").symlink_to(home.root / "secret")
    (home.datasets / "out").symlink_to(home.root)
    up = Up(home)
    try:
        yield up.ready()
    finally:
        up.close()


def raw(up: Up, target: str) -> bytes:
    """The whole answer to a request whose target is sent byte for byte."""
    with socket.create_connection(("127.0.0.1", up.port), 30) as s:
        line = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{up.port}\r\nConnection: close\r\n\r\n"
        s.sendall(line.encode("utf-8", "surrogateescape"))
        return b"".join(iter(lambda: s.recv(65536), b""))


def test_no_payload_leaves_the_folder(guarded: Up) -> None:
    tried = payloads()
    assert len(tried) > 200
    token = guarded.token.encode()
    for target in tried:
        answer = raw(guarded, target)
        status = int(answer.split(b" ", 2)[1])
        assert status in (303, 400, 404, 422, 503), (target, answer[:200])
        for leak in (SECRET.encode(), token, b"root:", b"def make_app"):
            assert leak not in answer, target
    assert raw(guarded, "/datasets/speeches/versions.json").endswith(b"{}")  # what there is, is given out


@given(st.binary(max_size=60))
def test_paths_have_neither_escapes_nor_dots_at_the_front(data: bytes) -> None:
    if PATH.fullmatch(b"/" + data):
        segments = data.decode("ascii").split("/")
        assert all(s == "" or s[0] != "." for s in segments)
        assert not {"%", "\\", "\0", "//"} & {*(b"/" + data).decode("ascii")}
        assert b"//" not in b"/" + data


# ---------------------------------------------------------------------------------------------- hosts and other sites


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:1", 200), ("[::1]:8640", 200), ("LOCALHOST", 200), ("evil.example", 421), ("", 421),
     ("127.0.0.1.evil.example", 421), ("localhost@evil.example", 421), ("0x7f.1", 421), ("a b", 421), ("[", 421)],
)  # fmt: skip
def test_only_known_hosts_are_served(quiet: Up, host: str, status: int) -> None:
    assert quiet.ask("/login", "GET", host).status in ((200, 303) if status == 200 else (status, 400))


@pytest.mark.parametrize("field", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via", "X_Forwarded_Host"])
def test_what_comes_through_a_proxy_is_not_from_this_machine(quiet: Up, field: str) -> None:
    answer = quiet.get("/", **{field: "127.0.0.1"})
    assert answer.status == 403
    assert "JIANGHUA_TOKEN" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null", "Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
     {"Origin": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_forms_of_other_sites_are_refused(quiet: Up, headers: dict[str, str]) -> None:
    session, token = session_and_token(quiet)
    body = urlencode({"form_token": token}).encode()
    form = {"Cookie": session, "Content_Type": "application/x-www-form-urlencoded"}
    assert quiet.ask("/logout", "POST", None, body, **form).status == 303
    assert (
        quiet.ask("/logout", "POST", None, body, **form, Origin="null").status == 303
    )  # our own: they tell no referrer
    assert (
        quiet.ask("/logout", "POST", None, urlencode({"form_token": "0" * 64}).encode(), **form, Origin="null").status
        == 403
    )
    assert quiet.ask("/logout", "POST", None, body, **form, **headers).status == 403


@pytest.mark.parametrize(
    ("kind", "value"),
    [("multipart/form-data; boundary=B; charset=unicode_escape", "\\ud800"), ("multipart/form-data; boundary=B; charset=undefined", "x"),
     ("text/plain", "x")],
)  # fmt: skip
def test_forms_come_in_one_form(quiet: Up, kind: str, value: str) -> None:
    session, _ = session_and_token(quiet)
    body = f'--B\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n{value}\r\n--B--\r\n'.encode()
    assert quiet.ask("/logout", "POST", None, body, Cookie=session, Content_Type=kind).status == 415


@pytest.mark.parametrize(
    ("path", "status"),
    [("/runs?offset=%C2%B2", 200), ("/runs?offset=-1&days=%D9%A7&state=x&schedule=%00&site=%ED%A0%80", 200), ("/runs/x", 404), ("/runs/0", 404),
     ("/schedules/UPPER", 404), ("/sites/UPPER", 404)],
)  # fmt: skip
def test_odd_addresses_of_pages_are_answered(quiet: Up, path: str, status: int) -> None:
    answer = quiet.get(path)
    assert answer.status == status
    assert "<h1" in answer.text


@pytest.mark.parametrize(("since", "to"), [("0001-01-01", "2026-01-01"), ("2026-01-01", "9999-12-31"), ("1", "2")])
def test_days_that_are_none_are_told(quiet: Up, since: str, to: str) -> None:
    session, token = session_and_token(quiet)
    body = urlencode({"form_token": token, "since": since, "until": to}).encode()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answer = quiet.ask("/schedules/daily/backfill", "POST", None, body, **form, Cookie=session)
    assert answer.status == 400
    assert "not a day" in answer.text


def session_and_token(up: Up, page: str = "/runs") -> tuple[str, str]:
    """A browser's cookie and the token of its forms."""
    answer = up.get(page)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    session = cookie.split(";")[0]
    return session, MeOut.model_validate(up.get("/api/v1/me", Cookie=session).json).csrf


def test_nothing_is_changed_without_proof(quiet: Up) -> None:
    """Every address that changes something, as the application itself lists them, refuses whoever brings no proof."""
    session, token = session_and_token(quiet)
    other, _ = session_and_token(quiet)
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    posts = [p for p, methods in routes() if "POST" in methods]
    assert len(posts) >= 2
    for path in posts:
        for cookie, shown in (
            (session, None),
            (session, "0" * 64),
            (other, token),
            (None, token),
            ("jianghua_1=x", token),
        ):
            body = urlencode({"form_token": shown} if shown else {}).encode()
            proof = ({"Cookie": cookie} if cookie else {}) | ({"X_CSRF_Token": shown} if shown else {})
            answer = quiet.ask(path, "POST", None, body, **form, **proof)
            assert answer.status == 403, (path, cookie, answer.text)


def routes() -> list[tuple[str, set[str]]]:
    """Every route of the application, its places filled in."""
    from service import api, data, pages

    found = []
    for route in itertools.chain(api.router.routes, pages.router.routes, data.router.routes):
        path = re.sub(r"\{number\}", "1", getattr(route, "path", ""))
        found.append((re.sub(r"\{[^}]*\}", "daily", path), set(getattr(route, "methods", None) or ())))
    return found


# ---------------------------------------------------------------------------------------------- the token


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service that asks for its token."""
    home = Home.find(tmp_path_factory.mktemp("closed") / "home")
    home.root.mkdir(parents=True)
    up = Up(home, env={"JIANGHUA_TOKEN": TOKEN})
    try:
        yield up.ready()
    finally:
        up.close()


def test_without_the_token_there_is_only_the_login_page(closed: Up) -> None:
    for path, methods in routes():
        if (
            "GET" in methods
            and path not in ("/login", "/robots.txt", "/favicon.ico", "/health")
            and "/static/" not in path
        ):
            answer = closed.get(path)
            assert answer.status in (303, 401), path
            if answer.status == 303:
                assert answer.headers["Location"].startswith("/login?next=/")
    assert closed.get("/api/openapi.json").status == 401
    assert set(closed.get("/api/v1/runs").json) == {"error", "where", "remedy"}
    health = closed.get("/health").json
    assert set(health) == {"status", "checks"}
    assert health["checks"] == []
    assert TOKEN not in closed.log


def test_a_program_shows_the_token_with_each_request(closed: Up) -> None:
    me = closed.get("/api/v1/me", Authorization=f"Bearer {TOKEN}")
    assert me.json["operator"] is True
    assert "Set-Cookie" not in me.headers
    wrong = closed.get("/api/v1/me", Authorization=f"Bearer {TOKEN}x")
    assert (wrong.status, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_people_log_in_and_out(closed: Up) -> None:
    page = closed.get("/login?next=/runs")
    session = page.headers["Set-Cookie"].split(";")[0]
    token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert token
    form = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": session}

    def login(**fields: str) -> object:
        return closed.ask("/login", "POST", None, urlencode({"form_token": token[1], **fields}).encode(), **form)

    assert closed.get("/runs", Cookie=session).status == 303  # a guest's session opens nothing
    wrong = login(token="wrong", next="/runs")
    assert (wrong.status, "This is not the token." in wrong.text) == (401, True)  # type: ignore[attr-defined]
    right = login(token=TOKEN, next="/runs")
    assert (right.status, right.headers["Location"]) == (303, "/runs")  # type: ignore[attr-defined]
    member = right.headers["Set-Cookie"].split(";")[0]  # type: ignore[attr-defined]
    assert closed.get("/runs", Cookie=member).status == 200
    assert closed.get("/runs", Cookie=member[:-1] + ("0" if member[-1] != "0" else "1")).status == 303
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert login(token=TOKEN, next=elsewhere).headers["Location"] == "/"  # type: ignore[attr-defined]


def test_guessing_is_slow(bare: Home, ups: Start) -> None:
    up = ups(bare, env={"JIANGHUA_TOKEN": TOKEN}).ready()
    answers = [up.get("/api/v1/me", Authorization=f"Bearer guess{n}").status for n in range(11)]
    assert answers == [401] * 10 + [429]
    late = up.get("/api/v1/me", Authorization=f"Bearer {TOKEN}")
    assert late.status == 429
    assert 0 < int(late.headers["Retry-After"]) <= 301


def test_a_stranger_behind_a_proxy_closes_out_himself_alone(bare: Home, ups: Start) -> None:
    up = ups(bare, env={"JIANGHUA_TOKEN": TOKEN}).ready()
    stranger = {
        "X_Forwarded_For": "198.51.100.7, 203.0.113.9"
    }  # the first he says himself, the last is the proxy's word
    assert [up.get("/metrics", Authorization="Bearer guess", **stranger).status for _ in range(11)] == [401] * 10 + [
        429
    ]
    assert up.get("/metrics", Authorization="Bearer guess", X_Forwarded_For="8.8.8.8, 203.0.113.9").status == 429
    assert up.get("/metrics", Authorization=f"Bearer {TOKEN}", X_Forwarded_For="198.51.100.7").status == 200
    assert up.get("/metrics", Authorization=f"Bearer {TOKEN}").status == 200
    page = up.get("/login", **stranger)
    session = page.headers["Set-Cookie"].split(";")[0]
    found = re.search(r'name="form_token" value="(\w+)"', page.text)
    assert found
    body = urlencode({"form_token": found[1], "token": TOKEN}).encode()
    form = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": session}
    assert up.ask("/login", "POST", None, body, **form, **stranger).status == 429
    assert up.ask("/login", "POST", None, body, **form, X_Forwarded_For="2001:db8::1").status == 303


@pytest.mark.parametrize(
    ("peer", "told", "guesser"),
    [("127.0.0.1", None, "127.0.0.1"), ("127.0.0.1", "1.2.3.4, 5.6.7.8", "127.0.0.1 for 5.6.7.8"), ("127.0.0.1", "5.6.7.8, x", "127.0.0.1"),
     ("127.0.0.1", "5.6.7.8,", "127.0.0.1"), ("192.0.2.1", "5.6.7.8", "192.0.2.1")],
)  # fmt: skip
def test_only_a_proxy_on_this_machine_is_believed(peer: str, told: str | None, guesser: str) -> None:
    assert guesser_of(Headers({"x-forwarded-for": told} if told is not None else {}), peer) == guesser


def test_data_is_for_everybody_only_where_the_home_says_so(bare: Home, ups: Start) -> None:
    (bare.datasets / "speeches").mkdir(parents=True)
    (bare.datasets / "speeches" / "versions.json").write_text("{}")
    bare.settings_file.write_text("[service]\npublic = true\nhosts = ['data.example']\n")
    up = ups(bare, env={"JIANGHUA_TOKEN": TOKEN}).ready()
    answer = up.ask("/datasets/speeches/versions.json", "GET", "data.example")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert "Set-Cookie" not in answer.headers
    assert up.ask("/runs", "GET", "data.example").status == 303
    assert up.ask("/datasets/speeches/versions.json", "GET", "other.example").status == 421


def test_guesses_are_forgotten_after_a_while_and_by_address() -> None:
    at = 0.0
    guesses = Guesses(limit=3, period=60, now=lambda: at)
    for _ in range(3):
        assert guesses.wait("a") == 0
        guesses.wrong("a")
        at += 1
    assert guesses.wait("a") == 57
    assert guesses.wait("b") == 0
    at = 60.5
    assert guesses.wait("a") == 0


def test_sessions_end_and_are_bound_to_the_token() -> None:
    keys, other = Keys("t" * 20, True, b"k" * 32), Keys("t" * 20, True, b"o" * 32)
    session = new_session(keys, member=True, now=lambda: 1_700_000_000)
    assert session_of(keys, session.cookie, now=lambda: 1_700_000_000) == session
    assert session_of(keys, session.cookie, now=lambda: 1_800_000_000) is None
    assert session_of(other, session.cookie, now=lambda: 1_700_000_000) is None
    assert session_of(keys, "g" + session.cookie[1:], now=lambda: 1_700_000_000) is None
    assert form_is_ours(keys, session, form_token(keys, session))
    assert not form_is_ours(keys, session, form_token(keys, new_session(keys, member=True)))
    assert not form_is_ours(keys, None, form_token(keys, session))


# ---------------------------------------------------------------------------------------------- headers and sizes


def test_every_answer_has_the_strict_headers(quiet: Up) -> None:
    for path in (
        "/",
        "/runs",
        "/health",
        "/api/v1/runs",
        "/nothing",
        "/%2e%2e",
        "/static/pages.css",
        "/api/v1/runs?limit=0",
        "/datasets/x",
    ):
        answer = quiet.get(path)
        assert answer.headers["Content-Security-Policy"] in (CSP, answer.headers["Content-Security-Policy"])
        assert "'unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "server" not in answer.headers


def test_what_browsers_ignore_over_plain_http_is_left_out(closed: Up) -> None:
    assert closed.ask("/login", "GET", "[::1]").headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Cross-Origin-Opener-Policy" not in closed.ask("/login", "GET", "other.example:8640").headers
    behind = closed.ask("/login", "GET", "other.example", None, X_Forwarded_Proto="https")
    assert behind.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert behind.headers["Set-Cookie"].endswith("; Secure")


def test_requests_are_bounded(quiet: Up) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert quiet.ask("/login", "POST", None, b"x" * 70_000, **form).status == 413
    assert quiet.ask("/login", "POST", None, b"", Content_Length="99999999999").status == 413
    assert quiet.get("/" + "a" * 600).status == 414
    assert quiet.get("/runs?" + "a" * 3000).status == 414
    assert quiet.ask("/runs", "DELETE").status == 405
    chunked = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", quiet.port), 30) as s:
        s.sendall(chunked + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 2 + b"0\r\n\r\n")
        assert b" 413 " in s.recv(100)


def test_head_is_answered_like_get_without_a_body(quiet: Up) -> None:
    for path in ("/health", "/runs", "/static/pages.css"):
        answer = quiet.ask(path, "HEAD")
        assert (answer.status, answer.body) == (200, b"")


def test_no_page_has_inline_script_or_style(quiet: Up) -> None:
    for path in ("/", "/runs", "/schedules", "/schedules/daily", "/sites", "/alarms", "/queue", "/data"):
        page = quiet.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", page, re.I), path
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page), path


@given(st.ip_addresses())
def test_loopback_is_what_the_library_says(address: IPv4Address | IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    assert is_loopback(str(address)) == (mapped or address).is_loopback


def test_a_link_in_the_place_of_a_secret_is_not_followed(bare: Home, tmp_path: Path) -> None:
    """Else a file of somebody else is closed to all others, and its text is the token."""
    other = tmp_path / "other"
    other.write_text("this is somebody else's, and long enough\n")
    other.chmod(0o644)
    bare.var.mkdir()
    (bare.var / "token").symlink_to(other)
    with pytest.raises(JianghuaError, match="a link, where a file of its own is to be"):
        load_keys(bare, ServiceSettings())
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    (bare.var / "token").unlink()
    for odd in ("two words are no token", "x" * 2000, "鬼" * 20):
        (bare.var / "token").write_text(odd)
        with pytest.raises(JianghuaError, match="not a token"):
            load_keys(bare, ServiceSettings())
    (bare.var / "token").write_text("torn")  # a first start that died
    (bare.var / "token").chmod(0o644)
    made = load_keys(bare, ServiceSettings()).token
    assert len(made) > 30
    assert load_keys(bare, ServiceSettings()).token == made == (bare.var / "token").read_text().strip()
    assert stat.S_IMODE((bare.var / "token").stat().st_mode) == 0o600


def test_files_with_secrets_are_for_their_owner(quiet: Up) -> None:
    for name in ("token", "service.key"):
        assert os.stat(quiet.home.var / name).st_mode & 0o777 == 0o600  # noqa: PTH116
    assert quiet.token not in quiet.log
    assert Path(quiet.home.var / "token").read_text().strip() not in quiet.get("/api/v1/me").text
    assert quote(quiet.token) not in quiet.get("/").text
