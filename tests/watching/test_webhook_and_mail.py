"""Alarms over real connections on loopback: a web server that is in trouble, a mail server with STARTTLS and a password."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from crawler.errors import JianghuaError
from watching import mail, webhook
from watching.alarms import Alarm
from watching.settings import AlarmSettings
from watching.telling import Event

NOW = datetime(2026, 11, 10, 3, 30, tzinfo=UTC)
SECRET, PASSWORD = "a-secret-of-the-hook", "correct horse battery"


def event(what: str = "site muduo answers slowly", **values: Any) -> Event:
    usual = {
        "id": 7, "key": "slow muduo", "kind": "slow", "title": "A site answers far more slowly than usual", "site": "muduo", "schedule": None,
        "severity": "warning", "state": "open", "what": what, "remedy": "give it time", "figures": {"seconds": 1.9}, "since": NOW, "last_seen": NOW,
        "times": 1, "closed_at": None, "muted_until": None,
    }  # fmt: skip
    return Event("opened", Alarm.model_validate(usual | values))


class Receiver:
    """A web server that answers with the statuses it is given, the last one for ever, and keeps what it got."""

    def __init__(self, *statuses: int, hang: bool = False) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.hanging = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if hang:
                    receiver.hanging.wait(30)
                    return
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/T0P?key=abc"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hanging.set()
        self.server.shutdown()
        self.server.server_close()


def settings(**values: Any) -> AlarmSettings:
    return AlarmSettings.model_validate(values)


def test_a_message_is_json_with_a_signature_that_holds() -> None:
    with Receiver(204) as receiver:
        webhook.send([event()], NOW, settings(webhook=receiver.url, webhook_secret=SECRET))
    ((path, headers, body),) = receiver.got
    assert path == "/hooks/T0P?key=abc"
    value = json.loads(body)
    assert value["format"] == "jianghua-alarms-1"
    assert value["events"][0]["event"] == "opened"
    assert value["events"][0]["alarm"]["site"] == "muduo"
    signature = headers["x-jianghua-signature"]
    seconds = int(signature.split(",")[0][2:])
    assert webhook.signed_by(SECRET, body, signature, seconds + 10)
    assert not webhook.signed_by("another", body, signature, seconds)
    assert not webhook.signed_by(SECRET, body + b" ", signature, seconds)
    assert not webhook.signed_by(SECRET, body, signature, seconds + 3600)  # kept and sent again by somebody
    assert not webhook.signed_by(SECRET, body, "nonsense", seconds)


def test_trouble_of_the_other_side_is_tried_again_as_the_same_delivery() -> None:
    waits: list[float] = []
    with Receiver(503, 429, 200) as receiver:
        webhook.send([event()], NOW, settings(webhook=receiver.url), waits.append)
    assert len(receiver.got) == 3
    assert len({h["x-jianghua-delivery"] for _, h, _ in receiver.got}) == 1
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (302, 1), (500, 3)])
def test_a_refusal_is_told_without_the_address_that_may_be_a_secret(status: int, tries: int) -> None:
    with Receiver(status) as receiver, pytest.raises(JianghuaError, match=f"answered {status}") as e:
        webhook.send([event()], NOW, settings(webhook=receiver.url), lambda s: None)
    assert [p for p, _, _ in receiver.got] == ["/hooks/T0P?key=abc"] * tries  # a redirect is not followed
    assert "T0P" not in str(e.value)
    assert "abc" not in str(e.value)


def test_nobody_there_and_nobody_who_answers() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}/"
    with pytest.raises(JianghuaError, match="ConnectionRefusedError"):
        webhook.send([event()], NOW, settings(webhook=url), lambda s: None)
    with Receiver(200, hang=True) as receiver, pytest.raises(JianghuaError, match=r"no answer within|timed out"):
        webhook.send([event()], NOW, settings(webhook=receiver.url, webhook_timeout=0.3, webhook_tries=1))


def test_an_address_in_chinese_and_half_a_character_are_sent() -> None:
    with Receiver(200) as receiver:
        webhook.send([event("half \ud800 of one")], NOW, settings(webhook=f"{receiver.url}&键=值%20"))
    assert "half ? of one" in receiver.got[0][2].decode()
    assert receiver.got[0][0] == "/hooks/T0P?key=abc&%E9%94%AE=%E5%80%BC%20"


def test_a_port_that_is_none_is_a_mistake_of_the_settings() -> None:
    with pytest.raises(ValidationError, match="Port out of range"):
        settings(webhook="http://127.0.0.1:99999/")


def test_a_login_in_the_address_is_sent_as_a_header() -> None:
    with Receiver(200) as receiver:
        webhook.send([event()], NOW, settings(webhook=receiver.url.replace("://", "://bot:p%40ss@")))
    assert receiver.got[0][1]["authorization"] == "Basic Ym90OnBAc3M="


# ---------------------------------------------------------------------------------------------- mail


class Post:
    """Keeps the mails; refuses those to nobody@."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, bool]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.mails.append((envelope, session.ssl is not None))
        return "250 OK"

    def message(self) -> EmailMessage:
        ((envelope, _),) = self.mails
        found = message_from_bytes(envelope.content or b"", policy=default)  # type: ignore[arg-type]
        assert isinstance(found, EmailMessage)
        return found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of one's own for 127.0.0.1, with its key behind it."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def post(certificate: Path) -> Iterator[tuple[Post, int]]:
    """A mail server on loopback that wants STARTTLS and a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    handler = Post()

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.login == b"jianghua" and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=not good and False)

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = Controller(
        handler, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True,
        auth_require_tls=True, authenticator=login,
    )  # fmt: skip
    server.start()
    yield handler, port
    server.stop()


def mail_settings(port: int, certificate: Path | None, **values: Any) -> AlarmSettings:
    usual = {
        "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_user": "jianghua", "smtp_password": PASSWORD, "smtp_ca_file": certificate,
        "mail_from": "jianghua@example.com", "mail_to": ["ops@example.com", "讲话 <data@example.com>"], "smtp_timeout": 10,
    }  # fmt: skip
    return settings(**{**usual, **values})


def test_a_mail_goes_over_starttls_with_a_password(post: tuple[Post, int], certificate: Path) -> None:
    handler, port = post
    events = [event("site 木铎 answers in 1.90 s"), event("over it is", severity="info")]
    mail.send(events, NOW, mail_settings(port, certificate))
    ((envelope, encrypted),) = handler.mails
    assert encrypted
    assert envelope.rcpt_tos == ["ops@example.com", "data@example.com"]
    message = handler.message()
    assert message["Subject"].startswith("[jianghua] 2 alarms: warning: site 木铎")
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "do: give it time" in text
    assert text.count("alarm 7 (slow)") == 2


def test_a_hostile_title_makes_no_header(post: tuple[Post, int], certificate: Path) -> None:
    handler, port = post
    mail.send(
        [event("x\r\nBcc: thief@example.com\r\n\r\n<script>\x00\x1b[31m" + "长" * 500)],
        NOW,
        mail_settings(port, certificate),
    )
    message = handler.message()
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]
    assert handler.mails[0][0].rcpt_tos == ["ops@example.com", "data@example.com"]


def test_the_password_may_lie_in_a_file(post: tuple[Post, int], certificate: Path, tmp_path: Path) -> None:
    handler, port = post
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    mail.send([event()], NOW, mail_settings(port, certificate, smtp_password=None, smtp_password_file=path))
    assert len(handler.mails) == 1
    with pytest.raises(JianghuaError, match="cannot be read"):
        mail.send(
            [event()], NOW, mail_settings(port, certificate, smtp_password=None, smtp_password_file=tmp_path / "none")
        )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"smtp_password": "wrong horse"}, "535"),
        ({"smtp_ca_file": None}, "certificate verify failed"),
        ({"smtp_security": "tls"}, "SSL"),
        ({"mail_to": ["nobody@example.com"]}, r"refused: nobody@example.com"),
        ({"smtp_security": "none"}, "530|STARTTLS|SMTP"),
    ],
)
def test_what_goes_wrong_is_told_without_the_password(
    post: tuple[Post, int], certificate: Path, wrong: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler, port = post
    with caplog.at_level(logging.DEBUG), pytest.raises(JianghuaError, match=told) as e:
        mail.send([event()], NOW, mail_settings(port, certificate, **wrong))
    assert handler.mails == []
    assert PASSWORD not in str(e.value)
    assert PASSWORD not in caplog.text


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    handler = Post()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    try:
        with pytest.raises(JianghuaError, match="STARTTLS"):
            mail.send([event()], NOW, mail_settings(port, None))
        assert handler.mails == []
        mail.send([event()], NOW, mail_settings(port, None, smtp_security="none", smtp_user=None))
        assert len(handler.mails) == 1
    finally:
        server.stop()


def test_a_password_that_smtp_cannot_say_is_told_without_it(post: tuple[Post, int], certificate: Path) -> None:
    with pytest.raises(JianghuaError, match="no ASCII") as e:
        mail.send([event()], NOW, mail_settings(post[1], certificate, smtp_password="密"))
    assert "密" not in str(e.value)
    assert "u5bc6" not in str(e.value)


def test_half_a_character_in_an_alarm_keeps_no_mail_back(post: tuple[Post, int], certificate: Path) -> None:
    handler, port = post
    mail.send([event("half \ud800 of one")], NOW, mail_settings(port, certificate))
    assert "half ? of one" in handler.message().get_content()


@pytest.mark.parametrize("security", ["none", "tls", "starttls"])
def test_a_mail_server_that_dribbles_holds_nobody_up(security: str) -> None:
    """Each of its bytes comes in time, and its answer never ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def dribble() -> None:
            with suppress(OSError):
                taken, _ = listening.accept()
                if security == "starttls":
                    taken.sendall(b"220 here\r\n")
                    taken.recv(1000)
                    taken.sendall(b"250-here\r\n250 STARTTLS\r\n")
                    taken.recv(1000)
                    taken.sendall(b"220 begin\r\n")
                # a handshake record of 16 kB, or a line without an end
                for byte in b"\x16\x03\x03\x40\x00" + b"2" * 1000 if security != "none" else b"2" * 1000:
                    if ended.wait(0.1):
                        return
                    taken.sendall(bytes([byte]))

        threading.Thread(target=dribble, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(JianghuaError, match=r"not done within 2 s|handshake operation timed out"):
            mail.send(
                [event()],
                NOW,
                mail_settings(
                    listening.getsockname()[1], None, smtp_security=security, smtp_timeout=0.5, smtp_user=None
                ),
            )
        assert time.monotonic() - began < 8
        ended.set()
