"""State of one site: the durable frontier and what is known of each URL, in one SQLite file (var/state/SITE.db)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crawler.archive import WarcAddress


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
