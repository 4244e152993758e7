"""Injected site names go; a name that is only mentioned stays."""

import pytest

from crawler.extraction.watermarks import site_names, without_watermarks

NAMES = site_names(["清泉文库", None, "首页"], "http://www.qingquan.test/a/1.html")


def test_names() -> None:
    assert NAMES == ("www.qingquan.test", "qingquan.test", "清泉文库")
    assert site_names([None], "http://127.0.0.1:8100/") == ()


@pytest.mark.parametrize(
    "mark",
    [
        "(清泉文库)",
        "(清泉文库 www.qingquan.test)",
        "[清泉文库www.qingquan.test]",
        "清.泉.文.库",
        "内容来自清泉文库",
        "清泉文库:www.qingquan.test",
        "【www.qingquan.test】",
    ],
)
def test_marks_go(mark: str) -> None:
    assert without_watermarks(f"护林员每天{mark}上山两次。", NAMES) == "护林员每天上山两次。"


@pytest.mark.parametrize("text", ["我们参观了清泉文库的新馆。", "清水泉边文化库房", "要(认真)抓好。"])
def test_mentions_stay(text: str) -> None:
    assert without_watermarks(text, NAMES) == text
