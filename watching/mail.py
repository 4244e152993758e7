"""Alarms by e-mail: one plain message for all that is to be told, over STARTTLS unless the settings say otherwise."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from ipaddress import ip_address

from crawler.errors import JianghuaError
from watching.settings import AlarmSettings
from watching.telling import Event

SUBJECT = 120  # characters
ANSWERS = 4  # times `smtp_timeout`: for the whole of a message, however slowly the server's answers come


class Line(smtplib.SMTP):
    """A connection that can be cut from another thread at any time, also within a handshake. context: for TLS from the first byte."""

    def __init__(self, limit: float, context: ssl.SSLContext | None = None) -> None:
        super().__init__(timeout=limit)
        self.tls = context
        self._raw: socket.socket | None = None
        self._cut = threading.Event()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.create_connection((host, port), timeout)
        self._raw = found.dup()  # stays the same line when TLS wraps the other
        if self._cut.is_set():
            self.cut()
        return found if self.tls is None else self.tls.wrap_socket(found, server_hostname=host)

    def cut(self) -> None:
        """End it: whoever waits for an answer gets an OSError."""
        self._cut.set()
        if self._raw is not None:
            with suppress(OSError):
                self._raw.shutdown(socket.SHUT_RDWR)

    @property
    def was_cut(self) -> bool:
        return self._cut.is_set()

    def close(self) -> None:
        super().close()
        if self._raw is not None:
            self._raw.close()


def message_of(events: Sequence[Event], now: datetime, settings: AlarmSettings) -> EmailMessage:
    """The message. Never raises for what stands in an alarm: titles and addresses of pages are hostile."""
    assert settings.mail_from is not None
    first = events[0].line()
    subject = f"[jianghua] {first}" if len(events) == 1 else f"[jianghua] {len(events)} alarms: {first}"
    message = EmailMessage()
    message["Subject"] = _one_line(subject)[:SUBJECT]
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    text = "\n\n".join(map(_paragraph, events)) + "\n"
    message.set_content(text.encode("utf-8", "replace").decode(), charset="utf-8")  # half a surrogate pair is no text
    return message


def _paragraph(event: Event) -> str:
    alarm = event.alarm
    lines = [
        event.line(),
        f"  alarm {alarm.id} ({alarm.kind}): {alarm.title}",
        f"  since {alarm.since:%Y-%m-%d %H:%M} UTC",
    ]
    if event.what == "closed" and alarm.closed_at is not None:
        lines.append(f"  over since {alarm.closed_at:%Y-%m-%d %H:%M} UTC")
    else:
        lines.append(f"  do: {alarm.remedy}")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def send(events: Sequence[Event], now: datetime, settings: AlarmSettings) -> None:
    """Deliver events. Raises JianghuaError when the server does not take the message for all that are to get it."""
    assert settings.smtp_host is not None
    try:
        _send(message_of(events, now, settings), settings)
    except (OSError, smtplib.SMTPException, ValueError) as e:  # ValueError: what it cannot say, e.g. a Chinese password
        raise JianghuaError(
            f"the mail cannot be sent: {_told(e)}",
            where=f"{settings.smtp_host}:{settings.port()}",
            remedy="check [alarms] smtp_… and mail_…; `jianghua alarms test` sends a trial message",
        ) from None


def _send(message: EmailMessage, settings: AlarmSettings) -> None:
    host, port, limit = settings.smtp_host or "", settings.port(), settings.smtp_timeout
    password = settings.secret("smtp_password")
    if settings.smtp_security == "none" and settings.smtp_user and not _is_here(host):
        raise JianghuaError(
            "the password of the mail server would be sent unencrypted",
            where="[alarms] smtp_security",
            remedy="set smtp_security to starttls or tls, or leave out smtp_user",
        )
    context = ssl.create_default_context(cafile=str(settings.smtp_ca_file) if settings.smtp_ca_file else None)
    server = Line(limit, context if settings.smtp_security == "tls" else None)
    timer = threading.Timer(ANSWERS * limit, server.cut)
    timer.daemon = True
    timer.start()
    try:
        server.connect(host, port)
        with server:
            if settings.smtp_security == "starttls":
                server._host = host  # type: ignore[attr-defined]  # the name that its certificate is to hold
                server.starttls(context=context)  # raises where the server offers none: never without
                server.ehlo()
            if settings.smtp_user:
                server.login(settings.smtp_user, password or "")
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException):
        if server.was_cut:
            raise TimeoutError(f"not done within {ANSWERS * limit:g} s") from None
        raise
    finally:
        timer.cancel()
        server.close()
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return all(ip_address(x[4][0]).is_loopback for x in socket.getaddrinfo(host, None))
    except (OSError, ValueError):
        return False


def _told(error: Exception) -> str:
    """An error of the mail server in words; what the server says is cut, the password never stands in it."""
    if isinstance(error, UnicodeError):  # its own words show what could not be sent
        return "smtp_user or smtp_password holds signs that are no ASCII, which smtplib cannot send"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "these addresses were refused: " + ", ".join(error.recipients)
    if isinstance(error, smtplib.SMTPResponseException):
        said = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else str(error.smtp_error)
        )
        return f"the server said {error.smtp_code} {_one_line(said)[:200]}"
    return f"{type(error).__name__}: {_one_line(str(error))[:200]}"
