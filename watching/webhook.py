"""Alarms by webhook: a JSON POST with a signature, tried again when the other side is in trouble.

Headers: `X-Jianghua-Delivery`, the same for all tries of one message, so that a receiver can leave out what it has; and, where a secret
is set, `X-Jianghua-Signature: t=SECONDS,v1=HEX` with HMAC-SHA256 of `SECONDS.BODY`. Redirects are not followed: a message must not
go where nobody sent it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

from crawler.config import VERSION
from crawler.errors import JianghuaError
from watching.settings import AlarmSettings
from watching.telling import Event

BACKOFF = 0.5  # seconds before the second try, doubled each time
MOST = 64 * 1024  # bytes of an answer that are read
SENT_AS_IS = "%/?#[]@!$&'()*+,;=:-._~"  # in an address; what else stands there, e.g. Chinese, is escaped as browsers do


def body_of(events: Sequence[Event], now: datetime) -> bytes:
    """The message."""
    value = {
        "format": "jianghua-alarms-1",
        "sent_at": now.isoformat(),
        "text": "\n".join(e.line() for e in events),
        "events": [{"event": e.what, "alarm": e.alarm.model_dump(mode="json", exclude={"told"})} for e in events],
    }
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")  # half a surrogate pair is no text


def signature(secret: str, body: bytes, seconds: int) -> str:
    """The value of X-Jianghua-Signature."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def signed_by(secret: str, body: bytes, header: str, now: float, tolerance: float = 300.0) -> bool:
    """Whether a message was signed with this secret, not longer ago than `tolerance` seconds. For receivers."""
    fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not fields.get("t", "").isdigit():
        return False
    seconds = int(fields["t"])
    return abs(now - seconds) <= tolerance and hmac.compare_digest(signature(secret, body, seconds), header)


def send(
    events: Sequence[Event], now: datetime, settings: AlarmSettings, wait: Callable[[float], None] = time.sleep
) -> None:
    """Deliver events. Raises JianghuaError when no try succeeded; what it says holds no secret of the address."""
    assert settings.webhook is not None
    url = settings.webhook.get_secret_value()
    secret = settings.secret("webhook_secret")
    body = body_of(events, now)
    seconds = int(time.time())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"Jianghua/{VERSION}",
        "X-Jianghua-Delivery": str(uuid.uuid4()),
    }
    if secret:
        headers["X-Jianghua-Signature"] = signature(secret, body, seconds)
    why = ""
    for attempt in range(settings.webhook_tries):
        if attempt:
            wait(BACKOFF * 2 ** (attempt - 1))
        try:
            status = _post(url, body, headers, settings.webhook_timeout)
        except (OSError, http.client.HTTPException, UnicodeError) as e:
            why = f"{type(e).__name__}: {getattr(e, 'strerror', None) or e}" if str(e) else type(e).__name__
            continue
        if 200 <= status < 300:
            return
        why = f"answered {status}"
        if status < 500 and status not in (408, 425, 429):
            break
    parts = urlsplit(url)
    raise JianghuaError(
        f"the webhook cannot be told: {why}",
        where=f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…",  # a path may be a secret
        remedy="check [alarms] webhook and the receiver; `jianghua alarms test` sends a trial message",
    )


def _post(url: str, body: bytes, headers: dict[str, str], limit: float) -> int:
    """The status of the answer. limit: seconds for all of it, however slowly it comes."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=limit, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=limit)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers = {**headers, "Authorization": "Basic " + base64.b64encode(login).decode()}
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(2)

    timer = threading.Timer(limit, give_up)
    timer.daemon = True
    timer.start()
    try:
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=SENT_AS_IS)
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(MOST)
        if late.is_set():
            raise TimeoutError(f"no answer within {limit:g} s")
        return answer.status
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise TimeoutError(f"no answer within {limit:g} s") from None
        raise
    finally:
        timer.cancel()
        connection.close()
