"""Spiders: one generic document spider, driven by site files; `loader` gives Scrapy one by each site's name."""
