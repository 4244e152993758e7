"""The address that opens a speech, in any punctuation and script, and what is none."""

import pytest

from crawler.extraction.plain import plain
from crawler.extraction.salutation import salutation


def read(*paragraphs: str) -> str | None:
    return salutation(paragraphs, [plain(p) for p in paragraphs])[0]


@pytest.mark.parametrize(
    ("paragraphs", "address"),
    [
        (("同志们:", "x"), "同志们"),
        (("同志们！", "x"), "同志们"),
        (("各位领导、各位来宾、同志们：", "x"), "各位领导、各位来宾、同志们"),
        (("各位鄉親：", "x"), "各位鄉親"),
        (("尊敬的张市长,各位来宾,女士们、先生们:", "x"), "尊敬的张市长,各位来宾,女士们、先生们"),
        (("女士们、先生们,", "x"), "女士们、先生们"),
        (("各位领导、老师们:大家好!", "x"), "各位领导、老师们"),
        (("各位领导,同志们,大家上午好!", "x"), "各位领导,同志们"),
        (("亲爱的老师、同学们:", "x"), "亲爱的老师、同学们"),
        (("老师们 同学们:", "x"), "老师们 同学们"),
        (("尊敬的各位领导、各位老师和同学们:", "x"), "尊敬的各位领导、各位老师和同学们"),
        (("同志们:今天我们在这里召开会议。",), "同志们"),
        (("同志们,近期疫情多发,我们要做好工作。", "x", "y"), "同志们"),
        (("大家好!", "各位领导:"), "各位领导"),
        (("在大会上的讲话", "(2023年5月4日)", "同志们:"), "同志们"),
        (("尊敬的XX书记、XX县长,各位代表:", "x"), "尊敬的XX书记、XX县长,各位代表"),
    ],
)
def test_address(paragraphs: tuple[str, ...], address: str) -> None:
    assert read(*paragraphs) == address


@pytest.mark.parametrize(
    "paragraphs",
    [
        ("大家好!", "x"),
        ("大家好:", "x"),
        ("各位好,我是本台记者。", "x"),
        ("早上好!", "今天天气好。"),
        ("会议主题:学习", "x"),
        ("时间:2022年", "x"),
        ("出席领导:", "x"),
        ("全体起立:", "x"),
        ("希望同学们:一要努力", "x"),
        ("一、各位领导:", "x"),
        ("我们要努力工作。", "同志们:"),
        ("今天召开会议,主要任务是:", "x"),
        (),
    ],
)
def test_no_address(paragraphs: tuple[str, ...]) -> None:
    assert read(*paragraphs) is None
