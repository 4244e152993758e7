"""What gates, alarms and health say has its Chinese: every word of it that the modules write, and whole sentences with their figures."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from crawler.phrases import Phrases
from publisher import rules as row_rules
from publisher.chinese import GATES, gates
from publisher.releaserules import DUPLICATES, RULES
from service.words import phrases
from watching.chinese import REMEDIES, SAID
from watching.rules import RULES as ALARMS

ROOT = Path(__file__).parents[1]
# functions that say nothing to the pages: tables for docs, lines of a terminal, words in English alone
SILENT = {"listed", "_bar", "said", "_size", "_remedy", "__init__", "describe", "text", "_pattern"}
WORD = re.compile(r"[A-Za-z]{3,}")


def fragments(path: str) -> set[str]:
    """The pieces of sentences that a module writes: what stands between the figures of its f-strings."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef) and node.name in SILENT:
            return
        if isinstance(node, ast.JoinedStr):
            found.update(str(v.value).strip(" ,;:()") for v in node.values if isinstance(v, ast.Constant))
        if isinstance(node, ast.keyword) and node.arg in ("what", "remedy") and isinstance(node.value, ast.Constant):
            found.add(str(node.value.value))
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse((ROOT / path).read_text()))
    return {f for f in found if WORD.search(f)}


def known() -> str:
    """All templates as one text, holes and choices opened."""
    text = "\n".join(GATES | REMEDIES | SAID)
    return re.sub(r"\[([^\]]*)\]", lambda m: m[1].replace("|", " "), re.sub(r"\{\w+(:d)?\}", "\n", text))


@pytest.mark.parametrize(
    ("path", "aside"),
    [
        ("publisher/gates.py", set()),
        ("publisher/releaserules.py", set()),
        ("publisher/carrying.py", set()),
        ("publisher/checks.py", set()),
        ("watching/rules.py", {"look at the records of the sites named"}),
        ("watching/health.py", {"process", "UTC"}),
        ("service/health.py", set()),
    ],
)
def test_every_piece_of_a_sentence_has_its_chinese(path: str, aside: set[str]) -> None:
    """A sentence that is new or changed wants its Chinese in publisher/chinese.py or watching/chinese.py."""
    there = known()
    missing = sorted(
        f for f in fragments(path) - aside if not all(piece.strip() in there for piece in re.split(r", e\.g\.|, ", f))
    )
    assert missing == []


def test_all_that_is_data_has_its_chinese() -> None:
    assert [r.kind for r in ALARMS if r.remedy not in REMEDIES] == []
    say = phrases()
    for rule in (*RULES, DUPLICATES):
        assert say(f"{rule.what}: as usual").endswith("与往常一样"), rule.name
    for name, row in row_rules.RULES.items():
        for count in (1, 3):
            told = say(f"{row_rules.said(count, row.what)}, e.g. a:1")
            assert told.endswith("例如 a:1"), name
            assert not WORD.search(re.sub(r"speech_id|simtext_sha\d+|first_version|doc_type|admin_level|parts?|chars|jaccard|https?", "", told)), told  # fmt: skip


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("speeches lost though their page is not gone: wenku 1 of 17", "原网页仍在却丢失的讲话：wenku 17 篇中的 1 篇"),
        ("speeches whose page answers 404 or 410: a 5 of 19, b 1 of 2", "网页返回 404 或 410 的讲话：a 19 篇中的 5 篇，b 2 篇中的 1 篇"),
        ("share of previews rose: wenku 64.7 %", "仅有开头的比例上升：wenku 64.7 %"),
        (
            "share of nulls rose: all sites 40.0 % (10.0 % before, usual 9.1 %); new speeches of a region 80.0 % (2.0 % before)",
            "空值的比例上升：全部网站 40.0 %（此前 10.0 %，通常 9.1 %）；新讲话中 a region 80.0 %（此前 2.0 %）",
        ),
        ("no new speech, 3 runs in a row since 2026-11-01; the last new ones came on 2026-10-30", "没有新讲话，自 2026-11-01 起已连续 3 次；最近一批新讲话是 2026-10-30 的"),
        ("rows_gone: speeches whose page answers 404 or 410: a 5 of 19", "rows_gone：网页返回 404 或 410 的讲话：a 19 篇中的 5 篇"),
        ("site b failed, in 3 runs in a row: no answer; <b>", "网站 b 连续 3 次运行失败：no answer; <b>"),
        (
            "failed for more than 7 days: a; carried forward from the version before: a (1 speech as of 2026-11-01: it brought no speech: of its 3 pages 2 are list, 1 is error)",
            "失败已超过 7 天：a；沿用上一版本：a（1 篇，截至 2026-11-01：没有带来讲话：3 个网页中 2 个为 list，1 个为 error）",
        ),
        ("site b gave 3 pages; usual are 12", "网站 b 给出 3 页；通常为 12 页"),
        (
            "site c reads worse than usual: 5 % of the articles read gave a speech, usual are 95 %; the records hold 3 speeches, usual are 20",
            "网站 c 的提取不如往常：读取的文章中 5 % 得到讲话，通常为 95 %；记录中有 3 篇讲话，通常为 20 篇",
        ),
        ("the publish of run 7 (nightly) was refused: rows_lost: speeches lost though their page is not gone: a 9 of 9", "运行 7（nightly）的发布被拒绝：rows_lost：原网页仍在却丢失的讲话：a 9 篇中的 9 篇"),
        ("1.0 GB of 8.0 GB are free; at 500.0 MB a day they last 2.0 days", "8.0 GB 中剩余 1.0 GB；按每天 500.0 MB 计，还够 2.0 天"),
        ("schedule nightly: 2 missed and 1 skipped since its last run", "计划 nightly：自上次运行以来错过 2 次、跳过 1 次"),
        (
            "nothing fires: daily is paused since 2026-11-01 03:00 UTC by root@x: a look; weekly is paused since 2026-11-01 03:00 UTC",
            "没有计划会触发：daily 自 2026-11-01 03:00 UTC 起由 root@x 暂停：a look；weekly 自 2026-11-01 03:00 UTC 起暂停",
        ),
        ("something that nobody knows, 3 speeches of it", "something that nobody knows, 3 speeches of it"),
    ],
)  # fmt: skip
def test_a_sentence_with_its_figures(english: str, chinese: str) -> None:
    assert phrases()(english) == chinese


def test_remedies_keep_their_commands() -> None:
    for rule in ALARMS:
        told = phrases()(rule.remedy.format(subject="zhimo", run=12))
        assert re.search("[\u4e00-\u9fff]", told), rule.kind
        assert set(re.findall(r"`jianghua [a-z]+", rule.remedy)) <= set(re.findall(r"`jianghua [a-z]+", told)), (
            rule.kind
        )


def test_what_must_be_known_is_no_match_where_it_is_not() -> None:
    say = Phrases({"{n:d} rows {WHAT}": "{n} 行{WHAT}", "are odd": "奇怪", "it said {What}": "它说{What}"})
    assert say("3 rows are odd") == "3 行奇怪"
    assert say("3 rows are even") == "3 rows are even"
    assert say("it said no") == "它说no"
    assert say("it said 3 rows are odd; x") == "它说3 行奇怪；x"


def test_the_gates_speak_without_the_words_of_alarms() -> None:
    assert gates()("no new speech") == "没有新讲话"
