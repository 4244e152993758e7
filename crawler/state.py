"""State of one site: the durable frontier and what is known of each URL, in one SQLite file (var/state/SITE.db).

The frontier is the set of rows that are `queued`. A run is written down when it starts and when it is finished; a run that was
killed is unfinished and goes on with what is still queued. What a response brings (its archive address, its validators, the
links found in it) is committed in one transaction, after the archive was flushed; so a kill costs at most the responses in
flight and the last few that were not committed yet, and loses nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crawler.archive import WarcAddress
from crawler.durable import cannot_write
from crawler.errors import DamagedError, JianghuaError
from crawler.home import Home
from crawler.noise import Noise
from crawler.site import Site
from crawler.sqlite import sqlite_reader
from crawler.traps import LAST as LEFT
from crawler.twins import MAX_TEXTS, Read, alike, furniture, same_articles

SCHEMA_VERSION = 1
ROBOTS, SEED, LIST, UNKNOWN, ARTICLE, LAST, RECHECK = 0, 1, 2, 3, 4, 8, 9  # priorities: lower goes first
SAME = 0.6  # share of the long texts that two pages must have in common to be one article
SAMPLE = 300  # articles that show which texts are the site's
FORBIDDEN = "robots.txt forbids it now; what was read before stays"
COPIES = 6  # articles that a text stands on, above which it is the site's and tells nothing

_metadata = sa.MetaData()
meta_table = sa.Table(
    "meta", _metadata, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
)
pages_table = sa.Table(
    "pages",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("kind", sa.String),  # list, article, sitemap, robots; None until it was seen
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("template", sa.String, nullable=False),
    sa.Column("article_key", sa.String, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("fate", sa.String),
    sa.Column("why", sa.String),
    sa.Column("status", sa.Integer),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("content_type", sa.String),
    sa.Column("first_seen", sa.String, nullable=False),
    sa.Column("checked_at", sa.String),
    sa.Column("changed_at", sa.String),
    sa.Column("fetched_at", sa.String),
    sa.Column("whole_at", sa.String),  # when it was answered with a body last, changed or not
    sa.Column("gone_since", sa.String),
    sa.Column("warc_file", sa.String),
    sa.Column("warc_offset", sa.Integer),
    sa.Column("warc_length", sa.Integer),
    sa.Column("sha256", sa.String),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("missing", sa.Integer, nullable=False),  # 404 or 410 seen in this run
    sa.Column("pager", sa.String),  # what this page says of its article's pages, as JSON
    sa.Column("canonical", sa.String),  # key of the page that this one says it is another address of
    sa.Column("texts", sa.String),  # hashes of its long texts, in hexadecimal
    sa.Column("hops", sa.Integer),  # redirects in a row that led here when it was met
    sa.Column("stated", sa.String),  # of a list page: what it says that its list holds, as JSON (completeness.py)
    sa.Index("articles", "article_key"),
    sa.Index("frontier", "queued", "priority", "depth", "seq"),
)
_P = pages_table.c


@dataclass(frozen=True, slots=True)
class PageState:
    """What the crawler knows of one URL; the hand-off from crawl to extract.

    key: canonical path and query (`/a/1.html?x=2`), with `//host` in front where the host is not the site's main one.
    url: the address as last fetched or met.
    article_key, ordinal: of an in-article page (上一页 1 2 3 下一页) the key of the article's first page and its number
        from 1; a page that stands alone has its own key and 1.
    expected: how many in-article pages the article's pager shows (1 when it has none).
    fate: what crawling alone can say (`disallowed`, `redirect`, `not_html`, `gone`, `error`, `unfetched`); None when
        a body is archived and the page is to be read. `why` says it for people.
    status: last HTTP status met (a 304 counts as 200).
    fetched_at, content_type, address: of the archived body that is to be read, None when there is none. An unchanged
        body that is fetched again keeps its first address and time. A page that is gone keeps its last body's.
    gone_since: when 404 or 410 was first confirmed, else None.
    """

    key: str
    url: str
    article_key: str
    ordinal: int
    expected: int
    fate: str | None
    why: str | None
    status: int | None
    fetched_at: datetime | None
    content_type: str | None
    address: WarcAddress | None
    gone_since: datetime | None


def text_time(when: datetime) -> str:
    """A time as the state keeps it: UTC, seconds, ISO 8601, so that texts sort like times."""
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _page_state(row: Any) -> PageState:
    address = WarcAddress(row.warc_file, row.warc_offset, row.warc_length, row.sha256) if row.warc_file else None
    fate, why = row.fate, row.why
    if fate is None and address is None:
        fate, why = "unfetched", why or "known, not fetched yet"
    return PageState(row.key, row.url, row.article_key, row.ordinal, row.expected, fate, why, row.status, _time(row.fetched_at),
                     row.content_type, address, _time(row.gone_since))  # fmt: skip


class SiteState:
    """One site's state file, opened. A writer holds a lock on the site; readers may read beside it."""

    def __init__(self, home: Home, site: str, engine: sa.Engine, lock: int | None) -> None:
        self.home, self.site = home, site
        self._engine, self._lock = engine, lock
        self._broken: JianghuaError | None = None
        self._updates: list[tuple[tuple[str, ...], tuple[Any, ...]]] = []  # columns; their values, and the key
        self._inserts: list[dict[str, Any]] = []
        self._metas: dict[str, str] = {}
        self.db = engine.connect()

    @classmethod
    def open(cls, home: Home, site: str, read_only: bool = False) -> SiteState:
        """Open a site's state.

        Raises JianghuaError when another crawl of the site is running (writers), when there is none yet (readers), or when
        the disk is full; DamagedError when the file is no state of ours.
        """
        path = home.state_db(site)
        lock: int | None = None
        if read_only:
            if not path.is_file():
                raise JianghuaError(
                    f"site '{site}' was never crawled here", where=str(path), remedy=f"run: jianghua crawl {site}"
                )
        else:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as e:
                raise cannot_write(path, e) from e
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                raise JianghuaError(
                    f"another crawl of '{site}' is running",
                    where=str(path),
                    remedy="wait until it has ended; it can be killed and started again at any time",
                ) from None
        address = sa.URL.create("sqlite", database=str(path))  # written as text, a `?` in the path would end it
        creator = sqlite_reader(path) if read_only else None
        how = {"creator": creator} if creator else {}
        engine = sa.create_engine(address, poolclass=sa.pool.NullPool, **how)

        @sa.event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA busy_timeout=30000")
            if not read_only:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")

        try:
            state = cls(home, site, engine, lock)
            if not read_only:
                _metadata.create_all(state.db)
                state._add_columns()
                state.set_meta("schema", str(SCHEMA_VERSION))
                state._write()
                state.db.commit()
            elif not sa.inspect(engine).has_table("pages"):
                raise JianghuaError(
                    f"site '{site}' was never crawled here", where=str(path), remedy=f"run: jianghua crawl {site}"
                )
            elif state._add_columns():
                state.db.commit()
        except sa.exc.DatabaseError as e:
            if lock is not None:
                os.close(lock)
            raise _explained(e, path, site) from e
        except JianghuaError:
            if lock is not None:
                os.close(lock)
            raise
        return state

    def _add_columns(self) -> bool:
        """Give a state written by an older version the columns it lacks; each may be empty. Whether it lacked any."""
        there = {c["name"] for c in sa.inspect(self.db).get_columns("pages")}
        lacking = [c for c in pages_table.columns if c.name not in there]
        for column in lacking:
            kind = column.type.compile(self._engine.dialect)
            self.db.exec_driver_sql(f"ALTER TABLE pages ADD COLUMN {column.name} {kind}")
        return bool(lacking)

    def __enter__(self) -> SiteState:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the site free. What was not committed is forgotten."""
        self._updates.clear()
        self._inserts.clear()
        self._metas.clear()
        try:
            self.db.close()
            self._engine.dispose()
        except sa.exc.DatabaseError as e:
            raise _explained(e, self._path, self.site) from e
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    @property
    def _path(self) -> Path:
        return self.home.state_db(self.site)

    def _run(self, statement: Any, values: Any = None) -> Any:
        """Run a statement; first what waits to be written, so that it is seen."""
        self._sound()
        try:
            self._write()
            return self.db.execute(statement, values)
        except sa.exc.DatabaseError as e:
            raise self._break(e) from e

    def _sound(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _break(self, error: sa.exc.DatabaseError) -> JianghuaError:
        """After an error nothing is written any more: what was committed before holds, and no half of an answer joins it."""
        self._broken = _explained(error, self._path, self.site)
        self._updates.clear()
        self._inserts.clear()
        self._metas.clear()
        with suppress(sa.exc.SQLAlchemyError):
            self.db.rollback()
        return self._broken

    def _write(self) -> None:
        """Hand what waits to SQLite, many rows at a time: a statement costs more than what it does. New rows come first, so that a
        change finds its row."""
        if self._inserts:
            rows, self._inserts = self._inserts, []
            self.db.execute(_INSERT, rows)
        if self._updates:
            waiting, self._updates = self._updates, []
            for columns, group in groupby(waiting, key=lambda u: u[0]):
                self.db.exec_driver_sql(_update_of(columns), [values for _, values in group])
        if self._metas:
            facts, self._metas = self._metas, {}
            self.db.exec_driver_sql(_SET_META, list(facts.items()))

    # -- small facts

    def meta(self, name: str) -> str | None:
        """A fact of the site kept by name."""
        found: str | None = self._run(_META, {"name": name}).scalar()
        return found

    def set_meta(self, name: str, value: str) -> None:
        """Keep a fact of the site by name. Written with what comes before the next look or commit."""
        self._sound()
        self._metas[name] = value

    def metas(self, beginning: str) -> dict[str, str]:
        """The facts whose name begins so, by the rest of the name, sorted."""
        name = meta_table.c.name
        rows = self._run(
            sa.select(name, meta_table.c.value).where(name.startswith(beginning, autoescape=True)).order_by(name)
        )
        return {n.removeprefix(beginning): v for n, v in rows}

    # -- runs

    def unfinished_run(self) -> dict[str, Any] | None:
        """The run that was killed before its end, else None."""
        value = self.meta("run")
        run: dict[str, Any] | None = json.loads(value) if value else None
        return run if run and not run.get("finished") else None

    def start_run(self, run: dict[str, Any]) -> None:
        """Write down that a run starts (or is finished)."""
        self.set_meta("run", json.dumps(run, sort_keys=True))

    def queue_due(self, site: Site, refetch: str, now: datetime, keep: bool = False) -> int:
        """Put into the frontier what is to be looked at again, and everything that never got an answer. How many are queued.

        keep: what is in the frontier already stays as it is.
        """
        never = _P.checked_at.is_(None)
        lists = _P.kind.in_(("list", "sitemap"))

        def older(interval: timedelta) -> Any:
            return _P.checked_at <= text_time(now - interval)

        young = _P.changed_at > text_time(now - site.refetch.young_for)
        # forms of addresses that brought nothing: neither lists nor articles that are worth a look each time
        barren = [t for t, n in json.loads(self.meta("traps") or "{}").items() if n >= LEFT]
        # an endless pager that shows its last page again makes a barren form of a list whose first pages list what is new
        lists_some = sa.and_(_P.stated.is_not(None), _P.stated.not_like('%"found": ""%'), _P.priority < LAST)
        bears = sa.or_(_P.template.not_in(barren), lists_some) if barren else sa.true()
        last = sa.and_(sa.not_(bears), _P.priority == LAST)
        due: Any = sa.or_(
            sa.and_(lists, bears, older(site.refetch.lists)),
            sa.and_(lists, sa.not_(bears), older(site.refetch.old)),
            sa.and_(sa.not_(lists), young, older(site.refetch.young)),
            sa.and_(sa.not_(lists), sa.not_(sa.func.coalesce(young, False)), older(site.refetch.old)),
            sa.and_(_P.kind.is_(None), older(site.refetch.old)),
        )
        if refetch == "all":
            due = sa.true()
        elif refetch == "none":
            due = sa.and_(lists, bears)
        # every page of a split article is looked at with the others
        articles = sa.select(_P.article_key).where(sa.and_(_P.ordinal > 0, _P.expected > 1, due))
        chosen = sa.or_(never, due, sa.and_(_P.expected > 1, _P.article_key.in_(articles)))
        if keep:
            chosen = sa.and_(chosen, _P.queued == 0)
        else:
            self._run(sa.update(pages_table).values(tries=0, missing=0, queued=0))
        self._run(
            sa.update(pages_table)
            .where(chosen)
            .values(
                queued=1,
                tries=0,
                missing=0,
                priority=sa.case(
                    (_P.depth == 0, SEED), (last, LAST), (lists, LIST), (_P.kind.is_(None), UNKNOWN), else_=ARTICLE
                ),
            )
        )
        return self.queued()

    def queue_first_lists(self) -> None:
        """Put start pages and the lists that they lead to into the frontier once more."""
        lists = sa.and_(_P.kind.in_(("list", "sitemap")), _P.depth <= 1)
        here = sa.and_(sa.or_(_P.depth == 0, lists), _P.queued == 0)
        order = sa.case((_P.depth == 0, SEED), else_=LIST)
        self._run(sa.update(pages_table).where(here).values(queued=1, tries=0, missing=0, priority=order))

    def postpone(self, template: str) -> None:
        """Ask pages of a form after all others."""
        here = sa.and_(_P.template == template, _P.queued == 1, _P.priority < LAST)
        self._run(sa.update(pages_table).where(here).values(priority=LAST))

    def forget_tries(self) -> None:
        """What failed because its host did has all its tries again."""
        self._run(sa.update(pages_table).where(_P.queued == 1).values(tries=0))

    def queued(self) -> int:
        """How many URLs are in the frontier."""
        return int(self._run(sa.select(sa.func.count()).where(_P.queued == 1)).scalar() or 0)

    def known(self) -> int:
        """How many URLs are known."""
        return int(self._run(sa.select(sa.func.count()).select_from(pages_table)).scalar() or 0)

    def lists(self) -> dict[str, str]:
        """What is kept of the list pages that were fetched, by key."""
        there = sa.and_(_P.stated.is_not(None), _P.warc_file.is_not(None), _P.fate.is_(None))
        return {row.key: row.stated for row in self._run(sa.select(_P.key, _P.stated).where(there))}

    def sent_away(self, since: str) -> bool:
        """Whether more pages that were read are missing by a redirect in this run, which began at `since`, than articles answered in it."""
        away = sa.and_(_P.missing == 1, _P.status.between(300, 399))
        good = sa.and_(_P.kind == "article", _P.status == 200, _P.fate.is_(None), _P.checked_at >= since)
        led, answered = (
            int(self._run(sa.select(sa.func.count()).where(where)).scalar() or 0) for where in (away, good)
        )
        return led > answered

    def lost_to_robots(self) -> int:
        """How many pages were read before and are forbidden by robots.txt now."""
        lost = sa.and_(_P.warc_file.is_not(None), _P.fate.is_(None), _P.why == FORBIDDEN)
        return int(self._run(sa.select(sa.func.count()).where(lost)).scalar() or 0)

    def next_queued(self, limit: int) -> Sequence[Any]:
        """The next rows of the frontier, in order."""
        found: Sequence[Any] = self._run(_NEXT, {"most": limit}).fetchall()
        return found

    def row(self, key: str) -> Any:
        """The row of a key, or None."""
        return self._run(_ROW, {"one": key}).first()

    def rows(self, keys: Collection[str]) -> Sequence[Any]:
        """The rows of keys, of those that are known."""
        found: Sequence[Any] = self._run(_ROWS, {"keys": list(keys)}).fetchall()
        return found

    def seeds(self) -> list[str]:
        """The addresses where the crawl began, in their order."""
        pages = sa.or_(_P.kind.is_(None), _P.kind.not_in(("robots", "sitemap")))
        return [u for (u,) in self._run(sa.select(_P.url).where(_P.depth == 0, pages).order_by(_P.seq))]

    def template_counts(self) -> dict[str, int]:
        """How many URLs of each form are known."""
        return {str(t): int(n) for t, n in self._run(sa.select(_P.template, sa.func.count()).group_by(_P.template))}

    def keys(self) -> set[str]:
        """The keys of every URL known."""
        return {k for (k,) in self._run(sa.select(_P.key))}

    def met(self) -> list[tuple[str, bool]]:
        """The keys of pages, and whether they were read; those first that were, then as deep and as met."""
        read = _P.warc_file.is_not(None)
        here = sa.or_(_P.kind.is_(None), _P.kind != "sitemap")
        rows = self._run(sa.select(_P.key, read).where(here).order_by(sa.not_(read), _P.depth, _P.seq))
        return [(key, bool(had)) for key, had in rows]

    def forget(self, keys: Collection[str]) -> None:
        """Strike out URLs that were never asked for."""
        for start in range(0, len(keys), 500):
            some = sorted(keys)[start : start + 500]
            self._run(
                sa.delete(pages_table).where(sa.and_(_P.key.in_(some), _P.checked_at.is_(None), _P.warc_file.is_(None)))
            )

    def group(self, article_keys: Collection[str]) -> Sequence[Any]:
        """The rows of the pages of articles."""
        found: Sequence[Any] = self._run(_GROUP, {"keys": list(article_keys)}).fetchall()
        return found

    def related(self, keys: Collection[str]) -> Sequence[Any]:
        """The rows of keys, and those of the pages of articles that have one of these keys, each once."""
        found: Sequence[Any] = self._run(_RELATED, {"keys": sorted(keys)}).fetchall()
        return found

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add URLs that are not known yet; known ones stay as they are."""
        self._inserts += rows

    def update(self, key: str, **values: Any) -> None:
        """Change the row of a key. Written with what comes before the next look or commit, in this order."""
        self._updates.append((tuple(values), (*values.values(), key)))

    def commit(self) -> None:
        """Make what was written since the last commit durable."""
        self._sound()
        try:
            self._write()
            self.db.commit()
        except sa.exc.DatabaseError as e:
            raise self._break(e) from e

    def all_rows(self) -> Iterator[Any]:
        """The rows of every URL met, in the order in which they were met."""
        yield from self._run(sa.select(pages_table).order_by(_P.seq))

    # -- the hand-off

    def pages(self) -> Iterator[PageState]:
        """Every URL met, ordered by key; robots.txt and sitemaps are no pages."""
        query = (
            sa.select(pages_table)
            .where(sa.or_(_P.kind.is_(None), _P.kind.not_in(("robots", "sitemap"))))
            .order_by(_P.key)
        )
        twins = self.twins()
        for row in self._run(query):
            state = _page_state(row)
            if state.fate is None and (why := twins.get(row.key) or twins.get(row.article_key)):
                state = replace(state, fate="redirect", why=why)
            yield state

    def twins(self) -> dict[str, str]:
        """Other addresses of articles (for print, for telephones): by key, why they give no article of their own."""
        told = self._named_twins()
        out = {k: f"shows the same as {kept}, which it names as its canonical address" for k, kept in told.items()}
        for key, kept in self._silent_twins(told).items():
            out[key] = f"shows the same as {kept}, as another address of it"
        return out

    def addresses_of(self, keys: Collection[str]) -> set[str]:
        """Keys of pages that show the same article as one of these does, as another address of it."""
        told = self._named_twins()
        pairs = {*told.items(), *self._silent_twins(told).items()}
        return {a for a, b in pairs if b in keys} | {b for a, b in pairs if a in keys}

    def _silent_twins(self, told: Collection[str]) -> dict[str, str]:
        """Other addresses of articles that do not say so, by key, with the key of the one to keep. told: keys that are settled."""
        read = sa.and_(_P.warc_file.is_not(None), _P.fate.is_(None), _P.kind.in_(("list", "article")))
        alone = sa.and_(read, _P.key == _P.article_key, _P.texts.is_not(None))
        where = {k: (d, n) for k, d, n in self._run(sa.select(_P.key, _P.depth, _P.seq).where(alone)) if k not in told}
        noise = Noise(json.loads(self.meta("noise") or "{}"))
        plain = {k: p for k in where if (p := noise.plain(k)) != k} if noise.silent else {}
        found = sorted({k for group in alike(where, plain) for k in group})
        if not found:
            return {}
        some = self._texts_of(sorted(where)[:SAMPLE], where, plain)
        here: dict[str, Read] = {}
        for start in range(0, len(found), 500):
            here |= self._texts_of(found[start : start + 500], where, plain)
        return same_articles(here, furniture({**some, **here}.values()))

    def _texts_of(
        self, articles: Collection[str], where: Mapping[str, tuple[int, int]], plain: Mapping[str, str]
    ) -> dict[str, Read]:
        """The texts of articles over all their pages. where: depth and number of each. plain: see twins.alike."""
        texts: dict[str, set[int]] = {}
        upto: dict[str, int] = {}
        query = sa.select(_P.article_key, _P.texts).where(_P.article_key.in_(articles), _P.texts.is_not(None))
        for key, words in self._run(query):
            mine = {int(t, 16) for t in words.split()}
            texts.setdefault(key, set()).update(mine)
            if len(mine) >= MAX_TEXTS:
                upto[key] = min(upto.get(key, max(mine)), max(mine))
        return {k: Read(k, *where[k], frozenset(t), upto.get(k), plain.get(k, "")) for k, t in texts.items()}

    def _named_twins(self) -> dict[str, str]:
        """Other addresses of articles that name the article's own, by key, with the key of the article they show.

        What a page says of itself is not believed alone: many sites name their home page on every page, and the second page of an
        article names the first. Both must have been read, and most of the long texts of the one must stand on the other, or on its further
        pages; texts that stand on many pages do not count.
        """
        here, there = pages_table.alias("here"), pages_table.alias("there")
        query = (
            sa.select(here.c.key, here.c.article_key, here.c.texts, there.c.key, there.c.article_key)
            .join(there, here.c.canonical == there.c.key)
            .where(sa.and_(
                here.c.key != there.c.key, here.c.article_key != there.c.article_key,
                here.c.warc_file.is_not(None), there.c.warc_file.is_not(None), there.c.fate.is_(None),
                sa.or_(there.c.canonical.is_(None), there.c.canonical == there.c.key),
            ))
        )  # fmt: skip
        pairs = self._run(query).fetchall()
        if not pairs:
            return {}
        shown: dict[str, set[str]] = {}  # by article
        spread: Counter[str] = Counter()
        for article, texts in self._run(sa.select(_P.article_key, _P.texts).where(_P.texts.is_not(None))):
            shown.setdefault(article, set()).update(texts.split())
        for texts_ in shown.values():
            spread.update(texts_)
        furniture = {t for t, n in spread.items() if n > COPIES}
        return {
            mine: other
            for mine, _, texts, other, article in pairs
            if _same_texts(set((texts or "").split()) - furniture, shown.get(article, set()) - furniture)
        }

    def common_texts(self) -> set[str]:
        """Texts, as the state keeps them, that stand on many articles of the site: what its template says."""
        some = sa.select(_P.texts).where(_P.texts.is_not(None), _P.kind == "article").order_by(_P.seq).limit(SAMPLE)
        spread = Counter(t for (texts,) in self._run(some) for t in set(texts.split()))
        return {t for t, n in spread.items() if n > COPIES}

    def article(self, key: str) -> list[PageState]:
        """All pages of the article that a page belongs to, first page first; [] for a key that was never met."""
        own = self._run(sa.select(_P.article_key).where(_P.key == key)).scalar()
        found = self._run(sa.select(pages_table).where(_P.article_key == own)) if own is not None else ()
        return sorted(map(_page_state, found), key=lambda p: (p.ordinal, p.key != own, p.key))


_NEXT = (
    sa.select(pages_table)
    .where(_P.queued == 1)
    .order_by(_P.priority, _P.depth, _P.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
# made once: to make a statement takes as long as to run it
_ROW = sa.select(pages_table).where(_P.key == sa.bindparam("one"))
_KEYS: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_ROWS = sa.select(pages_table).where(_P.key.in_(_KEYS))
_GROUP = sa.select(pages_table).where(_P.article_key.in_(_KEYS))
_RELATED = sa.select(pages_table).where(sa.or_(_P.key.in_(_KEYS), _P.article_key.in_(_KEYS)))
_META = sa.select(meta_table.c.value).where(meta_table.c.name == sa.bindparam("name"))
_SET_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_INSERT = sa.insert(pages_table).prefix_with("OR IGNORE")


@cache
def _update_of(columns: tuple[str, ...]) -> str:
    """The statement that changes these columns of a key's row, in SQLite's own words."""
    return f"UPDATE pages SET {', '.join(f'{pages_table.c[name].name} = ?' for name in columns)} WHERE key = ?"


def _explained(error: sa.exc.DatabaseError, path: Path, site: str) -> JianghuaError:
    """What SQLite says, for people: no room to write, or no state of ours."""
    if isinstance(error, sa.exc.OperationalError):
        return JianghuaError(
            f"the state cannot be written: {error.orig}",
            where=str(path),
            remedy="make room on the disk or check the folder's permissions, then run the same command again; "
            "nothing already kept was touched",
        )
    return DamagedError(
        f"the state cannot be read: {error.orig}",
        where=str(path),
        remedy=f"move the file away and run: jianghua crawl {site}",
    )


def _same_texts(here: set[str], there: set[str]) -> bool:
    """Whether most of the texts of the page with fewer stand on the other one too."""
    return len(here & there) > SAME * min(len(here), len(there)) > 0


def new_row(
    key: str,
    url: str,
    now: str,
    *,
    kind: str | None = None,
    depth: int = 0,
    priority: int = UNKNOWN,
    template: str = "",
    hops: int = 0,
) -> dict[str, Any]:
    """The row of a URL met for the first time, in the frontier."""
    return {"key": key, "url": url, "kind": kind, "depth": depth, "template": template, "article_key": key, "ordinal": 1, "expected": 1,
            "first_seen": now, "queued": 1, "priority": priority, "tries": 0, "missing": 0, "hops": hops}  # fmt: skip
