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
        (("兄弟们！姐妹们！", "x"), "兄弟们！姐妹们"),
        (("同志们！朋友们！今天我们在这里召开会议。", "x", "y"), "同志们！朋友们"),
        (("各位代表！同志们！大家好！", "x"), "各位代表！同志们"),
        (("亲爱的孩子们——", "x"), "亲爱的孩子们"),
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


@pytest.mark.parametrize(
    "line",
    [
        "全体同仁",
        "全县广大教育工作者",
        "各位业委会主任、物业经理",
        "同志们、解放军指战员、武警官兵",
        "理事长、总干事、各位农民朋友",
        "各位会员代表、裁判员、志愿者",
        "尊敬的会长、秘书长",
        "三年级的各位家长",
        "街坊邻居、左邻右舍",
        "爷爷奶奶、叔叔阿姨",
        "在外游子们、在校学子们",
        "亲爱的将士们,各位军属",
        "各位鄉親、消防弟兄",
    ],
)
def test_unusual_addressees(line: str) -> None:
    assert read(line + ":", "今天开会。", "x") == line
    assert read(line + "\uff1a", "今天开会。", "x") == line


def test_blanks_of_recognised_text() -> None:
    assert read("女士们、先 生们、朋 友们:", "今天开会。", "x") == "女士们、先 生们、朋 友们"


@pytest.mark.parametrize(
    "line",
    [
        "各位领导、现将有关情况汇报如下:",
        "全体起立、奏唱国歌:",
        "各位代表、这次会议的主要任务是:",
        "出席领导、嘉宾:",
        "解放军指战员、武警官兵:",
        "会议主题、会议时间:",
        "王书记:",
        "同志们、今天会议主要内容:",
    ],
)
def test_lines_that_are_no_address(line: str) -> None:
    assert read(line, "今天开会。", "x") is None


def test_note_before_the_address() -> None:
    assert read("应朋友之邀写的,可以公开。", "各位业主:", "今天开会。") == "各位业主"
    assert read("今天开会。", "同志们,大家要认真听。", "x") is None
    assert read("今天开会。", "我讲三点。", "同志们:") is None
