"""Who may do what: the token, sessions, what proves that a form is ours, and how often one may guess.

Listening on loopback without JIANGHUA_TOKEN, whoever sits at this machine is the operator. Otherwise the token is asked for: once on
the login page, which gives a session cookie, or with each request of a program (`Authorization: Bearer TOKEN`).
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crawler.durable import cannot_write, fsync_folder
from crawler.errors import JianghuaError
from crawler.home import Home
from service.settings import ServiceSettings

TOKEN, KEY = "token", "service.key"  # files in var/
LIFE = 30 * 86400  # seconds that a session lasts
LONGEST = 1000  # characters of a token that is kept in a file
GUESSES, PERIOD = 10, 300.0  # so many wrong tokens an address in so many seconds
_SESSION = re.compile(r"([mg])\.([0-9]{9,11})\.([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Keys:
    """token: what visitors show. required: whether they must. key: signs sessions; another token makes another key."""

    token: str = field(repr=False)
    required: bool
    key: bytes = field(repr=False)

    def shown(self, given: str) -> bool:
        """Whether `given` is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def sign(self, what: str) -> str:
        return hmac.new(self.key, what.encode(), hashlib.sha256).hexdigest()


def load_keys(home: Home, settings: ServiceSettings) -> Keys:
    """The keys of a home, made at the first start. Raises JianghuaError when they cannot be kept."""
    secret = _kept(home.var / KEY)
    token = settings.token or _kept(home.var / TOKEN)
    key = hmac.new(secret.encode(), token.encode(), hashlib.sha256).digest()
    return Keys(token, settings.token is not None or not settings.loopback, key)


def _kept(path: Path) -> str:
    """The secret in a file that only its owner can read, made where there is none.

    A link is not followed: what it leads to is somebody else's, and neither to be read as a secret nor to be closed to others.
    """
    try:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="ascii") as f:
                there = os.fstat(f.fileno())
                if not stat.S_ISREG(there.st_mode):
                    raise _no_token(path) from None
                if there.st_mode & 0o077:
                    os.fchmod(f.fileno(), 0o600)
                found = f.read(LONGEST + 1).strip()
            if len(found) > LONGEST or not found.isprintable() or " " in found:
                raise _no_token(path) from None
            if len(found) >= 16:
                return found
            fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)  # a first start that died while writing it
        made = secrets.token_urlsafe(32)
        with os.fdopen(fd, "w") as f:
            f.write(made + "\n")
            f.flush()
            os.fsync(f.fileno())
        fsync_folder(path.parent)
    except UnicodeDecodeError:
        raise _no_token(path) from None
    except OSError as e:
        if e.errno == errno.ELOOP:
            raise JianghuaError(
                "a link, where a file of its own is to be",
                where=str(path),
                remedy="remove the link; to bring a token of your own, set JIANGHUA_TOKEN",
            ) from None
        raise cannot_write(path, e) from e
    return made


def _no_token(path: Path) -> JianghuaError:
    return JianghuaError("not a token", where=str(path), remedy="remove the file; a new one is made")


# ---------------------------------------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says. member: the token was shown; a guest's session only ties forms to a browser."""

    cookie: str
    member: bool


def new_session(keys: Keys, *, member: bool, now: Callable[[], float] = time.time) -> Session:
    """A session that begins now."""
    kind: Literal["m", "g"] = "m" if member else "g"
    body = f"{kind}.{int(now()) + LIFE}.{secrets.token_hex(16)}"
    return Session(f"{body}.{keys.sign('session ' + body)}", member)


def session_of(keys: Keys, cookie: str | None, now: Callable[[], float] = time.time) -> Session | None:
    """The session of a cookie; None when it is not ours, or over."""
    found = _SESSION.fullmatch(cookie or "")
    if cookie is None or found is None:
        return None
    body, _, mac = cookie.rpartition(".")
    if not hmac.compare_digest(mac, keys.sign("session " + body)) or int(found[2]) < now():
        return None
    return Session(cookie, found[1] == "m")


def form_token(keys: Keys, session: Session) -> str:
    """What each form of a session carries, and no page of another site can know."""
    return keys.sign("form " + session.cookie)


def form_is_ours(keys: Keys, session: Session | None, given: str | None) -> bool:
    """Whether `given` is the form token of the session."""
    return (
        session is not None
        and given is not None
        and hmac.compare_digest(given.encode("utf-8", "replace"), form_token(keys, session).encode())
    )


# ---------------------------------------------------------------------------------------------- guesses


class Guesses:
    """Wrong tokens by address, so that nobody can try many. Bounded in memory: the oldest addresses are forgotten."""

    def __init__(self, limit: int = GUESSES, period: float = PERIOD, now: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.period, self.now = limit, period, now
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        with self._lock:
            times = self._wrong.setdefault(address, deque(maxlen=self.limit))
            times.append(self.now())
            self._wrong.move_to_end(address)
            while len(self._wrong) > 10_000:
                self._wrong.popitem(last=False)

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        with self._lock:
            times = self._wrong.get(address)
            if times is None or len(times) < self.limit:
                return 0.0
            return max(0.0, times[0] + self.period - self.now())
