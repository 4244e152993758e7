"""What is a page and what is a file, told by media type and looks."""

from __future__ import annotations

import pytest

from crawler.answers import is_html


@pytest.mark.parametrize(
    ("media", "body", "page"),
    [
        ("text/html; charset=gbk", b"<p>", True),
        ("application/xhtml+xml", b"<?xml version='1.0'?><html/>", True),
        ("", b"\xef\xbb\xbf <!DOCTYPE html><html>", True),
        ("text/plain", b"<html><body>", True),
        ("text/plain", b"plain words", False),
        ("application/pdf", b"%PDF-1.7", False),
        ("text/html", b"%PDF-1.7", False),
        ("text/html", b"PK\x03\x04docx", False),
        ("text/html", b"\xd0\xcf\x11\xe0doc", False),
        ("image/png", b"<html>", False),
        ("application/xml", b"<?xml version='1.0'?>\n<!-- x --><!DOCTYPE html><html>", True),
        ("text/htm", b"<!DOCTYPE html>", True),
        ("text/css", b"<html>", False),
        ("text/plain", b"<div><p>a</p></div>", True),
        ("text/plain", b"a < b and </p>", False),
    ],
)
def test_media_type_and_looks(media: str, body: bytes, page: bool) -> None:
    assert is_html(media, body) is page
