"""Cookies of a crawl, kept and sent by Scrapy; what has none is not made ready for them."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.http import Response


class SpareCookiesMiddleware(CookiesMiddleware):
    """As Scrapy's, without its work for requests of sites that have set no cookie, and for answers that set none: most."""

    def process_request(self, request: Request, spider: Any = None) -> Request | Response | None:
        """Give a request the cookies that its site has set."""
        given = request.cookies or b"Cookie" in request.headers
        if not given and not self.jars[request.meta.get("cookiejar")]._cookies:
            return None
        return super().process_request(request)

    def process_response(self, request: Request, response: Response, spider: Any = None) -> Request | Response:
        """Keep the cookies that an answer sets."""
        return super().process_response(request, response) if b"Set-Cookie" in response.headers else response
