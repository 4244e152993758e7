"""Bodies that are packed otherwise than the server says: plain ones called gzip, packed ones that are not called so."""

from __future__ import annotations

import zlib
from typing import Any

from scrapy import Request
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

_GZIP = b"\x1f\x8b\x08"
_DECLARED = b"content-encoding"


class PackedMiddleware(HttpCompressionMiddleware):
    """Unpacks what Scrapy unpacks; what is not packed as its header says, but readable, is taken as it came, as browsers do.

    Raises IgnoreRequest for a body that becomes larger than allowed.
    """

    def process_response(self, request: Request, response: Response, spider: Any = None) -> Request | Response:
        """The answer with its body unpacked."""
        if not response.body:
            return response
        try:
            told = super().process_response(request, response)
        except (
            OSError,
            EOFError,
            ValueError,
            zlib.error,
        ) as e:  # not packed so: Brotli and Zstandard raise errors of their own below
            told = _as_it_came(response, e)
        except IgnoreRequest:
            raise
        except Exception as e:
            told = _as_it_came(response, e)
        # Sitemaps that are files of their own (.xml.gz) stay packed: they are unpacked where they are read.
        if isinstance(told, Response) and told.body.startswith(_GZIP) and _is_page(told):
            return super().process_response(request, told.replace(headers={**told.headers, "Content-Encoding": "gzip"}))
        return told


def _as_it_came(response: Response, error: Exception) -> Response:
    """The answer with its body as sent, where that is text; raises the error where it is not."""
    if b"<" not in response.body[:1024] or b"\x00" in response.body[:1024]:
        raise error
    headers = {k: v for k, v in response.headers.items() if k.lower() != _DECLARED}
    return response.replace(headers=headers)


def _is_page(response: Response) -> bool:
    return (response.headers.get("Content-Type") or b"").lower().lstrip().startswith((b"text/", b"application/xhtml"))
