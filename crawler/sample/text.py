"""The sample's own Chinese: speeches and other documents composed from `stock.yaml`, the same for the same seed.

A composed text keeps the values that a site may mask (names, places, numbers, days) between two private-use characters,
so that one speech can be shown plain on one site and masked in different ways on others (`shown`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from crawler.ourdata import read_ours

_OPEN, _CLOSE = "\ue000", "\ue001"
_MASKABLE = re.compile(f"{_OPEN}([a-z])([^{_CLOSE}]*){_CLOSE}")
_SLOT = re.compile(r"\{(\w+)\}")
_WIDE = str.maketrans(",:;?!()", "，：；？！（）")
_NARROW = str.maketrans("，：；？！（）", ",:;?!()")
NUMERALS = "零一二三四五六七八九十"

# How a site masks: value by kind of slot (v place, x person, n number, d day); a kind that is missing stays plain.
MASKS: dict[str, dict[str, str]] = {
    "plain": {},
    "xx": {"v": "XX村", "x": "XXX", "n": "XX", "d": "X月X日"},
    "cross": {"v": "××村", "x": "×××", "d": "×月×日"},
    "mou": {"v": "某某村", "x": "某某同志", "d": "某月某日"},
    "star": {"v": "**村", "x": "***", "n": "**"},
}


@dataclass(frozen=True, slots=True)
class Speech:
    """A composed speech. `paragraphs` holds mask marks, see `shown`; `salutation` has no closing mark, None when there is none.

    occasion: what stands between 在 and 上的讲话; points: how many points the speaker announces (and makes);
    bounds: index of the first paragraph of each point, then of the closing. dateline: lines under the title that name
    speaker and day, often none.
    """

    topic: str
    title: str
    occasion: str
    salutation: str | None
    paragraphs: tuple[str, ...]
    points: int
    bounds: tuple[int, ...]
    audience: str
    keywords: tuple[str, ...]
    dateline: tuple[str, ...] = ()


@cache
def stock() -> dict[str, Any]:
    """The sentence stock: lists split, punctuation full-width."""

    def split(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: split(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [v.translate(_WIDE) for v in value]
        if key in {"name", "audience", "place_a", "place_b", "surnames"}:
            return value
        if key == "decorations":
            return value.split("|")
        parts = value.translate(_WIDE).split("|")
        return parts if len(parts) > 1 or key in {"lines", "verbs"} else parts[0]

    raw = read_ours(Path(__file__).parent / "stock.yaml")
    made = split(raw)
    assert isinstance(made, dict)
    return made


def topics() -> list[str]:
    """The keys of the topics."""
    return list(stock()["topics"])


@dataclass(slots=True)
class _Voice:
    """One composition: its random source and what it has used, so that nothing is said twice before all was said once."""

    rng: random.Random
    topic: dict[str, Any]
    fixed: dict[str, str] = field(default_factory=dict)
    decks: dict[str, list[str]] = field(default_factory=dict)

    def draw(self, name: str, pieces: Sequence[str]) -> str:
        deck = self.decks.get(name)
        if not deck:
            deck = self.decks[name] = self.rng.sample(list(pieces), len(pieces))
        return deck.pop()

    def value(self, slot: str) -> str:
        if slot in self.fixed:
            return self.fixed[slot]
        maker = _VALUES.get(slot)
        if maker:
            return maker(self.rng)
        if slot == "combo":
            verb = self.draw("verbs", stock()["combos"]["verbs"])
            return verb + self.draw("mods", self.topic["mods"]) + self.draw("combo_nouns", self.topic["nouns"])
        plural = slot if slot == "who" else slot + "s"
        return self.draw(plural, self.topic[plural])

    def fill(self, template: str) -> str:
        for _ in range(4):  # pieces hold slots themselves
            if "{" not in template:
                break
            template = _SLOT.sub(lambda m: self.value(m[1]), template)
        return template


def _marked(kind: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: f"{_OPEN}{kind}{make(rng)}{_CLOSE}"


def place(rng: random.Random) -> str:
    """A village that does not exist."""
    return f"{rng.choice(stock()['place_a'])}{rng.choice(stock()['place_b'])}村"


def person(rng: random.Random) -> str:
    """A name that nobody in particular bears."""
    return f"{rng.choice(stock()['surnames'])}{rng.choice(stock()['given'])}"


_VALUES: dict[str, Callable[[random.Random], str]] = {
    "n": _marked("n", lambda rng: str(rng.randint(3, 68))),
    "m": _marked("n", lambda rng: str(rng.randint(110, 9870))),
    "p": lambda rng: f"{rng.randint(11, 97)}.{rng.randint(1, 9)}%",
    "v": _marked("v", place),
    "d": _marked("d", lambda rng: f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日"),
    "name": _marked("x", person),
    "L": lambda rng: str(rng.choice("县市区")),
    "surname": lambda rng: str(rng.choice(stock()["surnames"])),
    "district": lambda rng: rng.choice(stock()["districts"]) + rng.choice("县市区"),
}


def shown(text: str, mask: str = "plain") -> str:
    """A composed text as a site shows it: mask marks resolved in the style `mask` (a key of MASKS)."""
    style = MASKS[mask]
    return _MASKABLE.sub(lambda m: style.get(m[1], m[2]), text)


def narrow(text: str) -> str:
    """The text with the ASCII punctuation that some sites put in the place of the Chinese."""
    return text.translate(_NARROW)


def _occasion(voice: _Voice) -> str:
    rng = voice.rng
    text = voice.draw("occasions", voice.topic["occasions"])
    district = rng.choice(stock()["districts"])
    level = rng.choice("县市区镇")
    if "{L}" in text:
        text = text.replace(
            "全{L}", rng.choice([f"{district}{level}", f"全{level}", f"{rng.randint(2019, 2025)}年全{level}"])
        )
    elif voice.topic["audience"] == "school":
        text = f"{place(rng)[:2]}{rng.choice(['小学', '中学', '实验学校', '第二中学'])}{text}"
    elif voice.topic["audience"] == "company":
        text = f"{district}{rng.choice(['机械厂', '供电公司', '水务集团', '化工公司', '人民医院'])}{text}"
    else:
        text = f"{district}{level}{text}"
    return shown(_SLOT.sub(lambda m: str(rng.randint(2, 20)), text))


def _title(voice: _Voice, occasion: str) -> str:
    rng, audience = voice.rng, voice.topic["audience"]
    if audience == "school":
        return f"{rng.choice(['在', '校长在', '副校长在', '在'])}{occasion}上的{rng.choice(['讲话', '讲话', '致辞'])}"
    if audience == "culture":
        return f"在{occasion}上的{rng.choice(['致辞', '讲话'])}"
    if audience == "party":
        return rng.choice([f"在{occasion}上的讲话", f"{occasion}讲稿"])
    return f"{rng.choice(['在', '在', rng.choice(stock()['roles']) + '在'])}{occasion}上的讲话"


def _dateline(rng: random.Random) -> tuple[str, ...]:
    day = f"（{rng.randint(2019, 2025)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日）"
    speaker = f"{rng.choice(stock()['roles'])}　{person(rng)}"
    return rng.choice([(day,), (speaker, day), (speaker,)])


def _point_mark(style: str, i: int, head: str) -> tuple[str, bool]:
    """The opening of point i (from 1) and whether it is a paragraph of its own."""
    numeral = NUMERALS[i]
    if style == "dun":
        return f"{numeral}、{head}", True
    if style == "bracket":
        return f"（{numeral}）{head}。", True
    if style == "ordinal":
        return f"第{numeral}，{head}。", False
    return f"{numeral}是{head}。", False


def compose(rng: random.Random, topic: str | None = None, chars: int = 900, occasion: str | None = None) -> Speech:
    """A speech of about `chars` characters on a topic (a random one when None)."""
    topic = topic or rng.choice(topics())
    voice = _Voice(rng, stock()["topics"][topic])
    voice.fixed["topic"] = voice.topic["name"]
    occ = occasion or _occasion(voice)
    voice.fixed["occ"] = occ
    frames = stock()["frames"][voice.topic["audience"]]
    greet: str | None = rng.choice(frames["greet"])
    hello = voice.topic["audience"] in {"school", "culture"} and rng.random()
    if hello and hello < 0.12:
        greet, opening = None, ["大家好！"]  # a bare greeting addresses nobody
    else:
        opening = [f"{greet}{rng.choice('：：！')}"] + (["大家好！"] if hello and hello < 0.4 else [])
    paragraphs = [*opening, voice.fill(rng.choice(frames["open"])) + "。"]
    points = rng.choice([3, 3, 3, 4, 5])
    announce = voice.fill(rng.choice(frames["announce"]).replace("{k}", NUMERALS[points]))
    if rng.random() < 0.6:
        paragraphs.append(announce + "。")
    else:
        paragraphs[-1] += announce + "。"
    style = rng.choice(["dun", "dun", "ordinal", "bracket"])
    heads = rng.sample(voice.topic["heads"], points)
    bounds = []
    sentences = stock()["sentences"]
    per_point = max(3, round((chars - 260) / points / 42))
    for i, head in enumerate(heads, 1):
        bounds.append(len(paragraphs))
        voice.fixed["head"] = head
        mark, alone = _point_mark(style, i, head)
        said = []
        for j in range(per_point):
            group = "why" if j < per_point / 3 else "how" if j < per_point * 0.8 else "duty"
            said.append(voice.fill(voice.draw(group, sentences[group])))
        chunks = []
        while said:
            take = rng.randint(2, 5)
            chunks.append("".join(said[:take]))
            said = said[take:]
        if alone:
            paragraphs.append(mark)
        else:
            chunks[0] = mark + chunks[0]
        paragraphs.extend(chunks)
    bounds.append(len(paragraphs))
    paragraphs.append(voice.fill(rng.choice(frames["close"])) + "。")
    if end := rng.choice(frames["end"]):
        paragraphs.append(end + ("！" if "谢谢" in end else "。"))
    return Speech(
        topic=topic,
        title=_title(voice, occ),
        occasion=occ,
        salutation=greet,
        paragraphs=tuple(paragraphs),
        points=points,
        bounds=tuple(bounds),
        audience=voice.topic["audience"],
        keywords=tuple(voice.topic["keywords"]),
        dateline=_dateline(rng) if rng.random() < 0.3 else (),
    )


OTHER_KINDS = {
    "plan": "方案",
    "notice": "通知",
    "reflection": "心得体会",
    "news": "新闻报道",
    "guide": "写作指导",
    "novel": "小说",
}


def compose_other(rng: random.Random, kind: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A document that is not a speech (a key of OTHER_KINDS): title, paragraphs, keywords."""
    topic = rng.choice(topics())
    voice = _Voice(rng, stock()["topics"][topic])
    name = voice.fixed["topic"] = voice.topic["name"]
    occ = voice.fixed["occ"] = _occasion(voice)
    frame = stock()[kind]
    district = voice.fixed["district"] = _VALUES["district"](rng)
    title = {
        "plan": f"{district}{name}工作实施方案",
        "notice": f"关于进一步做好{name}工作的通知",
        "reflection": f"学习{name}有关精神心得体会",
        "news": f"{district}召开{occ}",
        "guide": f"怎样写好一篇{name}讲话稿",
        "novel": f"雨夜长堤（第{NUMERALS[rng.randint(1, 9)]}章）",
    }[kind]
    paragraphs: list[str] = [voice.fill(frame["open"])] if "open" in frame else []
    lines = [voice.fill(x) for x in frame["lines"]]
    if kind == "plan":
        for head, line in zip(frame["heads"], lines, strict=False):
            paragraphs += [head, line]
    else:
        paragraphs += lines
    return title, tuple(shown(p) for p in paragraphs), tuple(voice.topic["keywords"])


def edited(rng: random.Random, paragraphs: Sequence[str]) -> tuple[str, ...]:
    """The same text after an editor went over it: a sentence gone, one said otherwise. Two paragraphs differ at most."""
    out = list(paragraphs)
    long = [i for i, p in enumerate(out) if p.count("。") > 2]
    for i in rng.sample(long, min(2, len(long))):
        said = [s + "。" for s in out[i].split("。") if s]
        if rng.random() < 0.5:
            del said[rng.randrange(1, len(said))]
        else:
            said.insert(1, "这一点，我在会前已经同有关同志交换过意见。")
        out[i] = "".join(said)
    return tuple(out)
