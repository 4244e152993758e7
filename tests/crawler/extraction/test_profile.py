"""Site profiles: what stands on many pages by text and by place is cut, what speakers say never is; layouts, spans and numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extraction import jobs
from crawler.extraction.article import read_article
from crawler.extraction.model import PageInput
from crawler.extraction.profile import Profile, learn, load_profile, save_profile
from crawler.extraction.repetition import near_copies
from crawler.home import Home
from crawler.site import Site
from tests.crawler.extraction.archived import Archived
from tests.crawler.extraction.pages import page, paragraphs

SITE = Site(name="qingquan", title="清泉文库", start=("https://www.qingquan.test/",))
PLACES = ["甲岭", "乙河", "丙山", "丁湖", "戊田", "己桥", "庚林", "辛店", "壬滩", "癸屯", "子坪", "丑坝"]
VERBS = ["抓好", "盯住", "理清", "办妥", "守住", "补齐", "算准", "看牢", "跟上", "压实"]
THINGS = [
    "水渠",
    "账本",
    "校舍",
    "果园",
    "渡口",
    "路灯",
    "粮仓",
    "晒场",
    "堤坝",
    "苗圃",
    "诊所",
    "茶山",
    "窑厂",
    "集市",
]
DISCLAIMER = (
    "这里的每一篇文字都由网友提供并上传,版权归原作者所有,内容只代表作者本人的看法,与我们的立场没有关系,读者请自行判断。"
)
PROVERB = "山高自有行路客,水深自有摆渡人,众人划桨才能开得动这条大船,谁也不要站在岸上看,谁也不要等着别人先下水去蹚路,这个道理大家都懂。"
PROMO = "想看更多讲话请收藏清泉文库。"


def speech(n: int, length: int = 7) -> list[str]:
    """A speech that no other number gives, with the address and the thanks that all have."""
    chance = random.Random(n)
    made = ["同志们:"]
    for k in range(length):
        said = [
            f"{chance.choice(PLACES)}要{chance.choice(VERBS)}{chance.choice(THINGS)}和{chance.choice(THINGS)},{n * 10 + k}户人家都在等着"
            for _ in range(4)
        ]
        made.append(f"{'零一二三四五六七八九'[k % 10]}说{THINGS[(n + k) % 14]}:{';'.join(said)}。")
    return [*made, "谢谢大家!"]


def title(n: int) -> str:
    return f"{PLACES[n % 12]}乡长在第{n}次{THINGS[n % 14]}工作会议上的讲话"


def inputs(n: int, body: str, *, top: str = "", day: str | None = None) -> list[PageInput]:
    url = f"https://www.qingquan.test/{n}.html"
    return [PageInput(url, page(body, title(n), above=top), "text/html", 1, day)]


def body_of(n: int, *extra: str) -> str:
    """The speech as paragraphs with extra lines at a place that differs from page to page."""
    lines = speech(n)
    for k, line in enumerate(extra):
        lines.insert(2 + (7 * n + k) % 5, line)
    return paragraphs(lines)


def read(article: list[PageInput], profile: Profile | None) -> tuple[list[str], list[tuple[str, str]]]:
    result = read_article(article, SITE, profile)
    assert result.speeches, result
    return result.speeches[0]["text"].split("\n"), [(c[0], c[1]) for c in result.cut]


def learned(articles: Sequence[list[PageInput]]) -> Profile:
    profile = learn(articles, SITE)
    assert profile is not None
    return profile


@pytest.mark.parametrize("line", [DISCLAIMER, PROVERB, "第3批 入库", "清泉文库,每天都有新的讲话"])
def test_a_block_on_most_pages_is_cut_however_long(line: str) -> None:
    articles = [inputs(n, body_of(n, *([line] if n % 3 else []))) for n in range(24)]
    assert line in read(articles[1], None)[0]
    profile = learned(articles)
    for n in range(24):
        text, cut = read(articles[n], profile)
        assert text == speech(n)
        assert ((line in [t for _, t in cut]) and ("profile.line" in [r for r, _ in cut])) == bool(n % 3)


def test_what_speaks_of_the_site_needs_fewer_pages_than_what_a_speaker_could_say() -> None:
    articles = [inputs(n, body_of(n, *([DISCLAIMER, PROVERB] if n % 6 == 0 else []))) for n in range(30)]
    text, _ = read(articles[6], learned(articles))
    assert PROVERB in text
    assert DISCLAIMER not in text


def test_addresses_thanks_and_set_phrases_are_never_the_sites() -> None:
    said = [
        "下面,我讲三点意见。",
        "大家好!",
        "一、提高认识",
        "各位领导、各位来宾:",
        "祝大家工作顺利、身体健康!",
        "最后,预祝本次大会圆满成功!",
    ]
    articles = [inputs(n, body_of(n, *said)) for n in range(20)]
    profile = learned(articles)
    assert all(not x.lines and not x.sentences for x in profile.layouts)
    assert {*said, "同志们:", "谢谢大家!"} <= set(read(articles[3], profile)[0])


def test_the_title_is_a_slot_of_a_standing_introduction() -> None:
    articles = [
        inputs(n, paragraphs([f"清清泉水请你细读这一篇{title(n)},愿它能对得起你花去的时间。", *speech(n)]))
        for n in range(20)
    ]
    profile = learned(articles)
    assert [r.key.count("{title}") for r in profile.layouts[0].lines] == [1]
    assert read(articles[4], profile)[0] == speech(4)


def test_a_sentence_of_the_site_glued_to_paragraphs_is_cut_out_of_them() -> None:
    def glued(n: int) -> str:
        lines = speech(n)
        for k in (1 + n % 6, 1 + (n + 3) % 6):
            lines[k] += PROMO
        return paragraphs(lines)

    articles = [inputs(n, glued(n)) for n in range(20)]
    profile = learned(articles)
    text, cut = read(articles[5], profile)
    assert text == speech(5)
    assert [c for c in cut if c[0].startswith("profile")] == [("profile.sentence", PROMO)] * 2


def test_a_sentence_that_many_speakers_say_stays() -> None:
    articles = [
        inputs(n, paragraphs([*speech(n)[:4], speech(n)[4] + "话说三遍淡如水,这话我只说一遍。"])) for n in range(20)
    ]
    assert "话说三遍淡如水" in read(articles[2], learned(articles))[0][4]


def test_lines_in_a_place_of_the_template_need_few_pages() -> None:
    """One of eight lines stands in a box inside each body: no line is on many pages, but nothing else ever stands there."""
    box = [f"{v}{t}就找{p}老王家,三代人的手艺" for v, t, p in zip(VERBS, THINGS, PLACES, strict=False)][:8]

    def boxed(n: int, mark: str) -> str:
        lines = speech(n)
        return f"{paragraphs(lines[:4])}<div{mark}>{box[n % 8]}</div>{paragraphs(lines[4:])}"

    inside = [inputs(n, boxed(n, " class=tip")) for n in range(40)]
    profile = learned(inside)
    assert len(profile.layouts[0].lines) == 8
    assert {r.place is None for r in profile.layouts[0].lines} == {False}
    assert read(inside[3], profile)[0] == speech(3)
    # the same words among the paragraphs of another page are the speaker's
    other = inputs(99, body_of(99, box[3]))
    assert box[3] in read(other, profile)[0]


def test_near_copies_of_one_speech_make_none_of_it_boilerplate() -> None:
    def copy(n: int) -> str:
        lines = speech(0, 9)
        lines[1 + n % 9] = lines[1 + n % 9].replace("户", f"户{PLACES[n % 12]}")
        return paragraphs(lines)

    articles = [inputs(n, copy(n) if n < 12 else body_of(n)) for n in range(24)]
    profile = learned(articles)
    assert not profile.layouts[0].lines
    assert not profile.layouts[0].sentences


def test_paragraphs_that_stand_between_the_same_lines_are_no_boilerplate() -> None:
    shared = speech(1000, 5)[1:5]
    articles = [inputs(n, paragraphs([*speech(n, 2)[:3], *shared, *speech(n, 9)[3:]])) for n in range(20)]
    assert not {r.key for r in learned(articles).layouts[0].lines} & {shared[1], shared[2]}


def test_a_long_text_outside_the_body_is_no_body() -> None:
    about = "".join(f"我们这里是一个小小的资料室,{t}的事情{v}了才算数,靠的是大家一起来添砖加瓦。" for t, v in zip(THINGS, VERBS, strict=False))  # fmt: skip
    articles = [inputs(n, body_of(n), top=f"<div class=intro><p>{about}</p></div>") for n in range(12)]
    short = PageInput("https://www.qingquan.test/s.html", page(paragraphs(speech(50, 2)), title(50), above=f"<div class=intro><p>{about}</p></div>"), "text/html")  # fmt: skip
    profile = learned(articles)
    assert len(profile.blocks) == 1
    assert read([short], profile)[0] == speech(50, 2)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(14)))
def test_the_order_of_the_pages_does_not_count(order: list[int]) -> None:
    articles = [
        inputs(n, body_of(n, DISCLAIMER, PROVERB) if n % 2 else f"<div class=b>{body_of(n, PROMO)}</div>", day=f"2026-11-{10 + n}")
        for n in range(14)
    ]  # fmt: skip
    assert learn([articles[n] for n in order], SITE) == _in_order(tuple(map(tuple, articles)))


def _in_order(articles: tuple[tuple[PageInput, ...], ...]) -> Profile | None:
    return learn(articles, SITE)


@given(st.lists(st.sampled_from("山水田林湖草沙"), max_size=300).map("".join), st.integers(0, 40))
def test_near_copies_are_told_the_same_in_any_order(text: str, cut: int) -> None:
    texts = [text, text[cut:], "一二三四五六七八九十" * 30]
    groups = near_copies(texts)
    back = near_copies(texts[::-1])[::-1]
    assert [groups[i] == groups[j] for i in range(3) for j in range(3)] == [
        back[i] == back[j] for i in range(3) for j in range(3)
    ]
    assert groups[2] == 2


def test_pages_made_to_hold_a_learner_up_are_learned_from(tmp_path: Path) -> None:
    noise = "".join(f"<p>{'广告位招租' * (n % 3 + 1)}</p>" for n in range(4_000))
    articles = [inputs(n, body_of(n, DISCLAIMER) + noise) for n in range(5)] + [
        inputs(n, body_of(n, DISCLAIMER)) for n in range(5, 15)
    ]
    assert read(articles[9], learned(articles))[0] == speech(9)


# ---------------------------------------------------------------------------------------------- files and layouts


def old_layout(n: int, day: str) -> list[PageInput]:
    return inputs(n, f"<div id=head class=top></div><div class=zw>{body_of(n, DISCLAIMER)}</div>", day=day)


def new_layout(n: int, day: str) -> list[PageInput]:
    html = (
        f"<html><head><meta charset=utf-8><title>{title(n)}</title></head><body class=v2><header class=bar>清泉</header>"
        f"<main class=grid><h1>{title(n)}</h1><section class=prose>{body_of(n, PROVERB)}</section></main></body></html>"
    )
    return [PageInput(f"https://www.qingquan.test/{n}.html", html.encode(), "text/html", 1, day)]


def test_a_redesign_gives_two_layouts_each_with_its_span_and_its_lines() -> None:
    articles = [old_layout(n, f"2026-11-0{1 + n % 3}") for n in range(12)]
    articles += [new_layout(n, f"2026-11-2{n % 4}") for n in range(12, 24)]
    profile = learned(articles)
    assert [(x.pages, x.first, x.last) for x in profile.layouts] == [
        (12, "2026-11-01", "2026-11-03"),
        (12, "2026-11-20", "2026-11-23"),
    ]
    assert [len(x.lines) for x in profile.layouts] == [1, 1]
    assert read(articles[0], profile)[0] == speech(0)
    assert read(articles[20], profile)[0] == speech(20)
    # what is boilerplate in one layout is a speaker's word in the other
    assert PROVERB in read(inputs(30, f"<div class=zw>{body_of(30, PROVERB)}</div>"), profile)[0]


def test_the_former_layout_stays_known_when_every_page_shows_the_new_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = save_profile(home, SITE.name, learned([old_layout(n, "2026-11-01") for n in range(12)]))
    second = save_profile(home, SITE.name, learned([new_layout(n, "2026-11-20") for n in range(12)]))
    assert first is not None
    assert second is not None
    assert (first.version, second.version) == (1, 2)
    assert [x.first for x in second.layouts] == ["2026-11-01", "2026-11-20"]
    assert save_profile(home, SITE.name, learned([new_layout(n, "2026-11-21") for n in range(12)])) == second
    assert load_profile(home, SITE.name) == second
    assert load_profile(home, SITE.name, 1) == first


def test_a_profile_of_the_first_kind_still_loads_and_cuts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.profiles(SITE.name).mkdir(parents=True)
    value = {"version": 1, "site": SITE.name, "bodies": ["body>div.text"], "lines": ["第0批入库"]}
    (home.profiles(SITE.name) / "0001.json").write_text(json.dumps(value), encoding="utf-8")
    profile = load_profile(home, SITE.name)
    assert profile is not None
    assert profile.content == {"bodies": value["bodies"], "lines": value["lines"]}
    assert read(inputs(1, body_of(1, "第7批 入库")), profile)[0] == speech(1)


def archived(site: Archived, articles: Sequence[list[PageInput]], order: Sequence[int]) -> Home:
    for k in order:
        (one,) = articles[k]
        site.page(f"/{k}.html", one.body.decode())
    return site.commit()


def test_a_number_comes_with_a_redesign_and_not_with_another_order_of_the_crawl(tmp_path: Path) -> None:
    articles = [old_layout(n, "") for n in range(14)]
    files = []
    for k in range(3):
        order = list(range(14))
        random.Random(k).shuffle(order)
        home = archived(Archived(tmp_path / str(k), SITE.name), articles, order)
        made = jobs.learn(home, SITE.name)
        assert made is not None
        assert made.version == 1
        files.append((home.profiles(SITE.name) / "0001.json").read_bytes())
    assert len(set(files)) == 1
    redesigned = [new_layout(n, "") for n in range(14)]
    home = archived(Archived(tmp_path / "0", SITE.name), redesigned, range(14))
    for _ in range(2):
        made = jobs.learn(home, SITE.name)
        assert made is not None
        assert made.version == 2
        assert len(made.layouts) == 2
    assert (home.profiles(SITE.name) / "0001.json").read_bytes() == files[0]


def test_the_span_of_a_layout_reaches_to_the_day_before_the_redesign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its pages came again, with nothing new to learn from them, after its profile was made."""
    site = Archived(tmp_path, SITE.name)
    for day, layout in ((1, old_layout), (5, old_layout), (9, new_layout), (12, new_layout)):
        monkeypatch.setattr("tests.crawler.extraction.archived.FETCHED", datetime(2026, 11, day, 8, tzinfo=UTC))
        home = archived(site, [layout(100 * day + n, "") for n in range(14)], range(14))
        made = jobs.learn(home, SITE.name)
        assert made is not None
        assert made.version == (1 if day < 9 else 2)
    assert made
    assert [(x.first, x.last) for x in made.layouts] == [("2026-11-01", "2026-11-05"), ("2026-11-09", "2026-11-09")]
