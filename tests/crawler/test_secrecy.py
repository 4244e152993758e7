"""No secret in any log line: by what stands before it, and by its value wherever it stands."""

from __future__ import annotations

import io
import json
import logging
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import logs
from crawler.secrecy import MASK, Masker, masked, masker_of

SECRET = st.text(alphabet=string.ascii_letters + string.digits + "-_.~+/=!$*", min_size=8, max_size=40).map(
    "Zq9{}".format
)
VALUE = st.text(min_size=6, max_size=30).filter(lambda s: len(s.strip()) >= 6 and s.strip() == s and MASK not in s)
PROSE = st.text(alphabet=string.ascii_lowercase + " ,.讲话会议上的", max_size=30)


@pytest.mark.parametrize(
    "line",
    [
        "postgresql+psycopg://jianghua:{}@db.example.com:5432/ledger",
        "cannot open s3://key:{}@bucket/prefix",
        "https://user:{}@hooks.example.com/a?b=c",
        "Authorization: Bearer {}",
        '{{"Authorization": "Basic {}"}}',
        "proxy-authorization: {}",
        "password={}",
        "smtp_password: {}",
        '"smtp_password": "{}"',
        "'secret_access_key': '{}'",
        "AWS_SECRET_ACCESS_KEY={}",
        "aws_session_token = {}",
        "https://example.com/x?token={}&page=2",
        "https://bucket.example.com/o?X-Amz-Signature={}",
        "https://account.example.com/c?sig={}",
        "api_key={}",
        "api-key: {}",
        "JIANGHUA_ALARMS_WEBHOOK_SECRET={}",
        "azure_storage_account_key: {}",
        "Set-Cookie: session={}; Path=/",
    ],
)
@given(secret=SECRET, before=PROSE, after=PROSE)
def test_what_looks_like_a_secret_is_masked(line: str, secret: str, before: str, after: str) -> None:
    if "://" in line and "=" not in line:
        secret = quote(secret, safe="")  # as an address holds it
    if "?" in line:
        secret = secret.replace("/", "-").replace("+", "-")
    text = masked(f"{before} {line.format(secret)} {after}")
    assert secret not in text
    assert MASK in text


@given(secret=VALUE, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_known_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    mask = Masker(frozenset({secret}))
    for form in (secret, quote(secret, safe="")):
        assert form not in mask(f"{before} {form} {after}").replace(MASK, "")


@given(st.text(max_size=300))
def test_masking_twice_is_masking_once_and_nothing_breaks_it(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


@pytest.mark.parametrize(
    "line",
    [
        "site muduo failed: 127.0.0.1:8103 answers 503 to everything",
        "https://www.example.com/jianghua/2026/3.html?page=2",
        "在全市安全生产工作会议上的讲话(共10篇)",
        "a basic information page; the token of the lease is 3",
        "lists 4, password",
        "published 2026-11-22.1: 90 speeches, 9 added",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert masked(line) == line


def test_the_secrets_of_an_environment_are_known() -> None:
    mask = masker_of(
        {
            "JIANGHUA_STATE": "postgresql://me:hunter22@db/x", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "HOME": "/home/jianghua",
            "SHORT_TOKEN": "abc", "JIANGHUA_ALARMS_SMTP_PASSWORD": "correct horse",
        }
    )  # fmt: skip
    text = mask("hunter22 wJalrXUtnFEMI /home/jianghua abc correct horse correct%20horse correct+horse")
    assert text == f"{MASK} {MASK} /home/jianghua abc {MASK} {MASK} {MASK}"


def test_values_for_json_are_masked_by_key_and_by_value() -> None:
    mask = Masker(frozenset({"hunter22"}))
    value = mask.value({"password": "x1", "n": 5, "list": ["see hunter22", {"url": "s3://k:pw123456@b"}], "token": ""})
    assert value == {"password": MASK, "n": 5, "list": [f"see {MASK}", {"url": f"s3://k:{MASK}@b"}], "token": ""}


# ---------------------------------------------------------------------------------------------- logs


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The lines that this process logs as JSON; afterwards its logs are as they were."""
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, sys.excepthook
    out = io.StringIO()
    monkeypatch.setenv("JIANGHUA_RUN", "12")
    monkeypatch.setenv("JIANGHUA_STEP", "crawl")
    monkeypatch.setenv("S3_SECRET_TOKEN", "tok-123456789")
    logs.set_up("json", stream=out)
    yield out
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)


def test_a_line_of_json_says_run_site_and_step(lines: io.StringIO) -> None:
    log = logging.getLogger("jianghua.test")
    log.info("fetched %d pages", 5, extra={"site": "muduo", "figures": {"pages": 5, "token": "tok-123456789"}})
    log.warning("no argument fits: %d", "x")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first["time"].endswith("+00:00")
    del first["time"]
    assert first == {
        "level": "info", "logger": "jianghua.test", "run": 12, "site": "muduo", "step": "crawl", "message": "fetched 5 pages",
        "figures": {"pages": 5, "token": MASK},
    }  # fmt: skip
    assert second["level"] == "warning"


def test_secrets_leave_no_message_no_argument_and_no_traceback(lines: io.StringIO) -> None:
    log = logging.getLogger("jianghua.test")
    log.error("cannot open %s", "s3://key:verysecret@bucket")
    try:
        raise ValueError("no answer from https://me:verysecret@example.com/?token=tok-123456789")
    except ValueError:
        log.exception("it broke")
    assert "verysecret" not in lines.getvalue()
    assert "tok-123456789" not in lines.getvalue()
    assert "Traceback" in json.loads(lines.getvalue().splitlines()[1])["error"]


@given(st.text(max_size=100))
def test_whatever_is_said_is_one_line_of_json(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (text,), None)
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == text


def test_an_unexpected_error_of_a_process_is_a_line_too(tmp_path: Path) -> None:
    code = "from crawler import logs\nlogs.set_up('json')\nraise RuntimeError('at http://u:hunter2222@h/')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    (line,) = done.stderr.splitlines()
    value = json.loads(line)
    assert value["level"] == "critical"
    assert "RuntimeError" in value["error"]
    assert "hunter2222" not in done.stderr
