"""Small readers for the tests of the jobs, run in real worker processes: the body says what is to happen."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from crawler.extraction.model import ArticleResult, PageInput
from crawler.extraction.profile import Profile
from crawler.site import Site

LOG = "JIANGHUA_TEST_LOG"  # file that gets a line an article read


def row(title: str, text: str, part: int = 1, parts: int = 1, **more: Any) -> dict[str, Any]:
    """A speech row with the least that a row needs."""
    return {
        "part": part,
        "parts": parts,
        "title": title,
        "title_raw": title,
        "text": text,
        "paragraphs": text.count("\n") + 1,
        "chars": len(text),
        "breadcrumb": [],
        "keywords": [],
        "doc_type": "讲话",
        "topics": [],
        "outline": [],
        "is_preview": False,
        "script": "simplified",
        "speech_score": 3.0,
        "mask_count": 0,
        "masks": [],
        "quality_flags": [],
        "text_sha256": "0" * 64,
        "simtext_sha256": "0" * 64,
    } | more


def read(pages: list[PageInput], site: Site, profile: Any, *, threshold: float = 1.0) -> ArticleResult:
    """The pages' text is the speech; a line `#word` makes the reader do what it says."""
    if path := os.environ.get(LOG):
        with Path(path).open("a") as f:
            f.write(pages[0].url + "\n")
    text = "\n".join(p.body.decode() for p in pages)
    title = text.split("\n", 1)[0]
    if "#kill" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "#hang" in text:
        time.sleep(3600)
    if "#memory" in text:
        bytearray(8 * 1024**3)
    if "#raise" in text:
        raise ValueError("cannot read this")
    if "#slow" in text:
        time.sleep(0.01)
    if "#list" in text:
        return ArticleResult("list", "mostly links", title)
    if "#fate" in text:
        return ArticleResult("nonsense")
    if "#lacking" in text:
        return ArticleResult("speech", speeches=[row(title, text) | {"text": None}])
    if "#unfit" in text:
        return ArticleResult("speech", speeches=[row(title, text, mask_count="many")])
    if "#parts" in text:
        return ArticleResult("speech", None, title, speeches=[row(title, text, n, 3) for n in (1, 2, 3)])
    version = f" (profile {profile.version})" if profile else ""
    return ArticleResult("speech", None, title, speeches=[row(title + version, text)])


def read_cutting(pages: list[PageInput], site: Site, profile: Any, *, threshold: float = 1.0) -> ArticleResult:
    """As `read`, without the lines that the profile says are the site's; the profile's number is nothing to it."""
    dropped = set(profile.lines) if profile else set()
    kept = [
        PageInput(p.url, "\n".join(x for x in p.body.decode().split("\n") if x not in dropped).encode()) for p in pages
    ]
    return read(kept, site, None)


def learn_lines(articles: Iterable[Sequence[PageInput]], site: Site) -> Profile | None:
    """The lines that stand on half of the pages; from 5 pages on."""
    found = [set(pages[0].body.decode().split("\n")) for pages in articles]
    lines = Counter(line for page in found for line in page)
    often = tuple(sorted(line for line, n in lines.items() if 2 * n >= len(found)))
    return Profile(0, site.name, lines=often) if len(found) >= 5 else None
