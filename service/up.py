"""`jianghua up`: everything that runs, in its order: lock, ledger, keys, socket, scheduler, pages; and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from crawler import logs
from crawler.config import load_settings as crawler_settings
from crawler.console import err, home_of, out
from crawler.durable import cannot_write
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.loading import loading
from schedules import early
from schedules.look import open_ledger
from schedules.settings import load_settings
from service.access import load_keys
from service.house import House
from service.settings import ServiceSettings, load_service_settings
from service.supervisor import Supervisor

log = logging.getLogger("jianghua.service")
LOCK = "service.lock"  # in var/: held while a service runs
LAST_WORDS = 5  # seconds that answers under way get when the service stops
BESIDE = 80  # seconds that a scheduler may need on top of `stop`, to write how its runs ended


@contextmanager
def only_service(home: Home) -> Iterator[Path]:
    """Be the one service of a home; yields the file to write its address to.

    Raises JianghuaError when the home cannot be written, or another service is there.
    """
    path = home.var / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as e:
        raise JianghuaError(
            f"the home cannot be written: {e.strerror}",
            where=str(path),
            remedy="give another folder with --home, or check this one's permissions and disk",
        ) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = _told(path)
            raise JianghuaError(
                f"another service is at work on this home: process {told.get('pid', '?')} at {told.get('url', '?')}",
                where=str(home.root),
                remedy="use that one, or stop it first; two services need two homes",
            ) from None
        yield path
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _told(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError for an address that this machine has not, JianghuaError for one that is taken."""
    where = f"{host}:{port}"
    try:
        if not host:
            raise socket.gaierror(socket.EAI_NONAME, "no address is given")
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as e:
        raise UsageError(
            f"cannot listen: {getattr(e, 'strerror', None) or 'no host name'}",
            where=where,
            remedy="give an address of this machine: --host 127.0.0.1",
        ) from None
    found = socket.socket(family, kind, proto)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(512)
    except OSError as e:
        found.close()
        remedies = {
            errno.EADDRNOTAVAIL: "this machine has no such address; give one that it has, e.g. --host 127.0.0.1",
            errno.EACCES: "ports below 1024 are for the system; give another with --port, and put a proxy before it",
        }
        taken = "another program has this port; give another with --port, or stop that program"
        remedy = remedies.get(e.errno or 0, taken)
        raise JianghuaError(f"cannot listen: {e.strerror}", where=where, remedy=remedy) from None
    found.set_inheritable(False)
    return found


def address_of(listening: socket.socket, host: str) -> str:
    """The address of the pages for people."""
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


class Pages(uvicorn.Server):
    """uvicorn, without signal handlers of its own: signals mean the whole service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _pages(house: House) -> Pages:
    """The web server of the pages."""
    with loading():  # brings much, which a service that cannot begin should not wait for
        from service.app import make_app
        from service.connections import Connection

    config = uvicorn.Config(
        make_app(house),
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=256,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=LAST_WORDS,
        h11_max_incomplete_event_size=16 * 1024,
    )
    return Pages(config)


def _serve(pages: Pages, house: House, listening: socket.socket, supervisor: Supervisor) -> None:
    """Serve pages until a signal comes, then end the scheduler too."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        pages.force_exit = pages.should_exit  # asked twice: no more patience
        pages.should_exit = True
        # in a thread of its own: what the signal interrupts may hold the very locks that this needs
        threading.Thread(target=supervisor.hurry if pages.force_exit else supervisor.stop, daemon=True).start()

    before = {s: signal.signal(s, on_signal) for s in early.SIGNALS}
    early.hand_over()
    supervisor.start()
    house.builder.start()
    try:
        asyncio.run(pages.serve(sockets=[listening]))
        pages.should_exit = True
        supervisor.stop()
        supervisor.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(home_path: Path | None, host: str | None, port: int | None) -> int:
    """Run the service until it is told to stop; the exit code."""
    home = home_of(home_path)
    settings = load_settings(home)
    logs.set_up(crawler_settings(home).log_format)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    own: ServiceSettings = load_service_settings(home, host=host, port=port)
    os.environ.pop("JIANGHUA_TOKEN", None)  # no process that is started from here has a use for it
    with only_service(home) as told:
        keys = load_keys(home, own)
        ledger = open_ledger(home)
        listening = listen(own.host, own.port)
        with listening:
            url = address_of(listening, own.host)
            try:
                told.write_text(json.dumps({"pid": os.getpid(), "url": url}) + "\n")
            except OSError as e:
                raise cannot_write(told, e) from e
            supervisor = Supervisor(home, settings.stop + BESIDE)
            house = House(home, ledger, settings, own, keys, supervisor, listening.getsockname()[1])
            pages = _pages(house)
            out.print(f"Jianghua is at {url}", soft_wrap=True)
            if keys.required:
                token = "JIANGHUA_TOKEN" if own.token else str(home.var / "token")
                err.print(f"its pages ask for the token: {token}", soft_wrap=True)
            try:
                _serve(pages, house, listening, supervisor)
            finally:
                house.close()
                ledger.close()
    log.info("stopped; what was running goes on with the next start")
    return 0
