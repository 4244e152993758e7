"""Scrapy's SPIDER_LOADER_CLASS: every site file is a spider, so that `scrapy list` and `scrapy crawl SITE` work."""

from __future__ import annotations

import builtins
from typing import Any

from scrapy import Request, Spider

from crawler.home import Home
from crawler.site import site_files
from crawler.spiders.document import DocumentSpider


class SiteSpiderLoader:
    """Spiders by the names of the site files."""

    def __init__(self, settings: Any) -> None:
        self._home = Home.find()

    @classmethod
    def from_settings(cls, settings: Any) -> SiteSpiderLoader:
        return cls(settings)

    def load(self, spider_name: str) -> type[Spider]:
        if spider_name not in site_files(self._home):
            raise KeyError(f"Spider not found: {spider_name}")
        return type(f"Site_{spider_name}", (DocumentSpider,), {"name": spider_name, "site_name": spider_name})

    def list(self) -> builtins.list[str]:
        return builtins.list(site_files(self._home))

    def find_by_request(self, request: Request) -> builtins.list[str]:
        return []
