"""Synthetic Chinese speeches for benchmarks: deterministic, fast (some 50 µs a text), and alike only where that is planted.

A text is about 1,000 characters (3 KB): sentences of a vocabulary of 30,000 words with Zipf's frequencies, so that two
texts share few character 5-grams, and some stock phrases of the genre, which thousands of texts share. Text i of a seed is
the same whatever n is: `texts(2 * n)` begins with `texts(n)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

Kind = Literal["own", "near", "mask", "exact", "script", "preview"]

BLOCK = 1000  # texts made at a time; copies are of a text of the same block
TOKENS = 490
WORD = 3  # characters of the longest token
VOCABULARY = 30_000
PARAGRAPH = "\x01"  # stands for a full stop and a new line
SUFFIXES = {"，": 0.11, "。": 0.04, PARAGRAPH: 0.015, "；": 0.01, "、": 0.02}  # and the share of words that they follow

PARTICLES = "的 了 和 在 是 要 把 不 以 为 有 对 就 也 与 上 中 从 到 向"
WORDS = (
    "发展 工作 建设 经济 社会 人民 群众 干部 组织 坚持 推进 落实 加强 提高 改革 创新 服务 企业 项目 产业 农村 教育 学习 问题 责任 "
    "制度 管理 安全 文化 生态 环境 党员 学校 老师 同学 青年 医院 城市 乡村 振兴 质量 机制 体系 能力 水平 目标 任务 措施 监督 "
    "领导 全面 重点 深入 积极 不断 进一步 必须 我们 大家 今天 一年来 特别是 高质量 现代化 2023年 2024年 第一 第二 3月15日 40% 一是 二是"
)
STOCK = (
    "以习近平新时代中国特色社会主义思想为指导",
    "全面贯彻落实党的二十大精神",
    "增强四个意识、坚定四个自信、做到两个维护",
    "撸起袖子加油干，一张蓝图绘到底",
    "不忘初心、牢记使命，砥砺前行",
    "为实现中华民族伟大复兴的中国梦而努力奋斗",
    "下面，我讲三点意见",
    "在市委、市政府的坚强领导下",
    "同志们，使命重在担当，实干铸就辉煌",
    "让我们更加紧密地团结起来，开拓创新，扎实工作",
    "坚持以人民为中心的发展思想",
    "统筹推进疫情防控和经济社会发展",
    "确保各项工作落到实处、取得实效",
    "贯彻新发展理念，构建新发展格局，推动高质量发展",
    "深入开展党史学习教育，切实为群众办实事",
    "抓好安全生产工作，守住不发生重大风险的底线",
    "各位领导、各位来宾，女士们、先生们",
    "值此新春佳节来临之际，向大家致以诚挚的问候和美好的祝愿",
    "最后，祝大家身体健康、工作顺利、阖家幸福",
    "希望同学们珍惜韶华，不负青春，努力成长为有用之才",
)
MASKED = ("XX市", "某某区", "××县", "XX学校", "某某公司", "**镇")
MASKS = (("XX", "某某"), ("某某", "××"), ("××", "**"), ("**", "XX"))
OPENINGS = ("同志们：\n", "各位领导、同志们：\n", "各位老师、同学们：\n", "各位来宾、朋友们：\n", "尊敬的各位代表：\n")
CLOSING = "\n谢谢大家！"


@dataclass(frozen=True, slots=True)
class Made:
    """One synthetic text. of: number of the text that it is a copy of (its own number where kind is `own`)."""

    text: str
    kind: Kind
    of: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Which part of the texts is planted, from 0 to 1 each; the rest are texts of their own."""

    near: float = 0.05
    mask: float = 0.02
    exact: float = 0.02
    script: float = 0.005
    preview: float = 0.03


PLANTED = Shares()
NONE_PLANTED = Shares(0, 0, 0, 0, 0)


def texts(n: int, seed: int = 1, shares: Shares = PLANTED) -> Iterator[str]:
    """The first n texts of a seed."""
    return (m.text for m in made(n, seed, shares))


def made(n: int, seed: int = 1, shares: Shares = PLANTED, start: int = 0) -> Iterator[Made]:
    """n texts of a seed from number `start` on, with what each is a copy of."""
    first = start // BLOCK
    blocks = (m for b in range(first, (start + n) // BLOCK + 1) for m in _block(seed, b, shares))
    return islice(blocks, start - first * BLOCK, start - first * BLOCK + n)


def family(n: int, seed: int = 1) -> Iterator[str]:
    """n near copies of one text, no two alike: each has a few sentences of its own."""
    rng = np.random.default_rng([seed, 7])
    base = next(texts(1, seed, NONE_PLANTED))
    return (_near(base, rng) for _ in range(n))


@cache
def _words() -> list[str]:
    """Words in the order of their frequency, of at most WORD characters each."""
    from crawler.extraction.fold import traditional_table

    rng = np.random.default_rng(20_240_115)
    level_1 = [bytes((a, b)).decode("gb2312") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]
    plain = [c for c in level_1 if ord(c) not in traditional_table() and c not in "某一二三四五六七八九零"]
    letters = rng.integers(0, len(plain), (VOCABULARY, WORD))
    lengths = rng.choice([2, 3], VOCABULARY, p=[0.85, 0.15])
    made_up = ["".join(plain[c] for c in row[:k]) for row, k in zip(letters.tolist(), lengths.tolist(), strict=True)]
    return [*PARTICLES.split(), *_pieces(*WORDS.split()), *made_up]


def _pieces(*strings: str) -> list[str]:
    return [s[i : i + WORD] for s in strings for i in range(0, len(s), WORD)]


@cache
def _alphabet() -> tuple[U64, I64, I64]:
    """The characters of each token (UTF-16, packed; the first is empty, then the words), and the numbers of the tokens
    that make each mask and each stock phrase (padded with the empty token)."""
    tokens = ["", *_words()]

    def numbers(phrases: Sequence[str]) -> I64:
        rows = []
        for phrase in phrases:
            own = _pieces(phrase)
            rows.append([len(tokens) + i for i in range(len(own))])
            tokens.extend(own)
        width = max(map(len, rows))
        return np.array([r + [0] * (width - len(r)) for r in rows], np.int64)

    masks, stock = numbers(MASKED), numbers(STOCK)
    padded = "".join(t.ljust(WORD + 1, "\0") for t in tokens)
    return np.frombuffer(padded.encode("utf-16-le"), "<u8").astype(np.uint64), masks, stock


def _own(rng: np.random.Generator) -> list[str]:
    """BLOCK texts that share nothing but words and stock phrases."""
    packed, masks, stock = _alphabet()
    length = rng.normal(TOKENS, TOKENS * 0.15, BLOCK).clip(TOKENS * 0.3, TOKENS * 2).astype(np.int64)
    ends = np.cumsum(length)
    starts = ends - length
    # log-uniform ranks are Zipf's law with exponent 1
    log_rank = rng.random(ends[-1], np.float32) * np.float32(np.log(len(_words())))
    tokens = np.exp(log_rank, out=log_rank).astype(np.int32)
    after = _suffixes()[rng.integers(0, 1 << 10, ends[-1], np.uint16)]
    tokens[starts[:, None] + 8 + np.arange(masks.shape[1])] = masks[rng.integers(0, len(masks), BLOCK)]
    after[starts[:, None] + 8 + np.arange(masks.shape[1])] = 0
    wide = stock.shape[1]
    for _ in range(5):
        use = np.flatnonzero(rng.random(BLOCK) < 0.5)
        at = starts[use] + 12 + (rng.random(len(use)) * (length[use] - wide - 12)).astype(np.int64)
        spot = at[:, None] + np.arange(wide)
        tokens[spot] = stock[rng.integers(0, len(stock), len(use))]
        after[spot] = 0
        after[at + wide - 1] = ord("。")
    points = (packed[tokens] | after.astype(np.uint64) << np.uint64(16 * WORD)).view(np.uint16)
    shown = points != 0
    joined = points[shown].tobytes().decode("utf-16-le")
    # four flags a token: as one number each, its bytes add up to how many are set
    counts = np.cumsum(np.bitwise_count(shown.view(np.uint32)), dtype=np.int64)
    edges = [0, *counts[ends - 1].tolist()]
    opening = rng.integers(0, len(OPENINGS), BLOCK).tolist()
    return [
        OPENINGS[o] + joined[a:b].replace(PARAGRAPH, "。\n") + CLOSING
        for o, (a, b) in zip(opening, pairwise(edges), strict=True)
    ]


@cache
def _suffixes() -> npt.NDArray[np.uint16]:
    """What stands behind a word, for each number below 1024."""
    out = np.zeros(1 << 10, np.uint16)
    at = 0
    for char, share in SUFFIXES.items():
        count = round(share * len(out))
        out[at : at + count] = ord(char)
        at += count
    return out


def _block(seed: int, block: int, shares: Shares) -> Iterator[Made]:
    rng = np.random.default_rng([seed, block])
    own = _own(rng)
    each = (shares.near, shares.mask, shares.exact, shares.script, shares.preview)
    kinds: list[Kind] = ["near", "mask", "exact", "script", "preview", "own"]
    drawn = np.searchsorted(np.cumsum(each), rng.random(BLOCK), side="right")
    drawn[0] = len(each)  # so that there is one to copy
    bases = np.flatnonzero(drawn == len(each))
    chosen = bases[rng.integers(0, len(bases), BLOCK)].tolist()
    for i, k in enumerate(drawn.tolist()):
        kind = kinds[k]
        of = i if kind == "own" else chosen[i]
        yield Made(own[i] if kind == "own" else _copy(own[of], kind, rng), kind, block * BLOCK + of)


def _copy(text: str, kind: Kind, rng: np.random.Generator) -> str:
    if kind == "near":
        return _near(text, rng)
    if kind == "mask":
        for a, b in MASKS:
            if a in text:
                return text.replace(a, b)
    elif kind == "script":
        return _to_traditional()(text)
    elif kind == "preview":
        return text[: int(len(text) * rng.uniform(0.2, 0.7))] + "……"
    return text


@cache
def _to_traditional() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("s2t").convert
    return convert


def _near(text: str, rng: np.random.Generator) -> str:
    """A copy in which one to four sentences are others and one is left out: Jaccard similarity about .75 to .95."""
    words = _words()
    sentences = text.split("。")
    for at in rng.integers(0, len(sentences), rng.integers(1, 5)).tolist():
        sentences[at] = "".join(words[w] for w in rng.integers(0, len(words), rng.integers(5, 15)).tolist())
    del sentences[int(rng.integers(0, len(sentences)))]
    return "。".join(sentences)
