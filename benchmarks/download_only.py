"""Scrapy that only downloads: the list of addresses of a file, nothing parsed, nothing kept. Run by crawl_extract.py.

python benchmarks/download_only.py URLS.txt CONCURRENCY_PER_HOST RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response


class DownloadOnly(scrapy.Spider):
    name = "download_only"
    urls: list[str]
    result: Path

    async def start(self) -> AsyncIterator[Any]:
        self.counts: dict[int, int] = {}
        self.bytes = 0
        for url in self.urls:
            # one slot a port: Scrapy itself would share one among all ports of 127.0.0.1
            yield scrapy.Request(url, dont_filter=True, meta={"download_slot": urlsplit(url).netloc})

    def parse(self, response: Response) -> None:
        self.counts[response.status] = self.counts.get(response.status, 0) + 1
        self.bytes += len(response.body)

    def closed(self, reason: str) -> None:
        self.result.write_text(json.dumps({"reason": reason, "statuses": self.counts, "bytes": self.bytes}))


def main() -> None:
    urls = Path(sys.argv[1]).read_text().split()
    per_host = int(sys.argv[2])
    hosts = len({urlsplit(u).netloc for u in urls})
    process = CrawlerProcess(
        {
            "LOG_LEVEL": "WARNING",
            "ROBOTSTXT_OBEY": False,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "RETRY_ENABLED": False,
            "DOWNLOAD_DELAY": 0,
            "CONCURRENT_REQUESTS": per_host * hosts,
            "CONCURRENT_REQUESTS_PER_DOMAIN": per_host,
        }
    )
    process.crawl(DownloadOnly, urls=urls, result=Path(sys.argv[3]))
    began = time.perf_counter()
    process.start()
    found = json.loads(Path(sys.argv[3]).read_text())
    Path(sys.argv[3]).write_text(json.dumps({**found, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
