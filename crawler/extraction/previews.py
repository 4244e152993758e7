"""Whether a text is only a beginning: markers that say so, holes in the middle, texts that end in dots."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.extraction.blocks import Block, with_text
from crawler.extraction.model import Part, Structure
from crawler.extraction.plain import plain
from crawler.extraction.rules import Rule, any_of, rules

# begun only where a run of dots begins: thousands of them would be tried from each of them
_ELLIPSIS = re.compile(r"\s*(?:(?<!\.)\.{3,}+|(?<!…)…++|(?<!。)。{2,}+|(?<!·)·{3,}+)\s*$")
_FURNITURE = any_of("furniture", "tail", "line")
_PREVIEW = tuple(rules("structure", "preview"))
_PREVIEW_HINT = re.compile(
    r"隐藏|省略|未完|显示|剩余|余下|全文|登[录陆]|注册|会员|VIP|vip|付费|购买|积分|试[读看]|预览|加载|下载|解锁|以下|阅读|查看|[(【\[]其余|完整"
)


def find_marker(block: Block) -> tuple[Rule, re.Match[str]] | None:
    """The preview marker in a block, if there is one."""
    if not _PREVIEW_HINT.search(block.folded):
        return None
    for rule in _PREVIEW:
        m = rule.pattern.search(block.folded)
        # a marker is a short line, or stands at the very end of a paragraph, or in brackets inside it
        if m and (block.size <= 80 or m.end() >= len(block.folded) - 3 or rule.value == "hole"):
            return rule, m
    return None


def cut_at_marker(lines: list[Block], after: Sequence[Block], out: Structure) -> tuple[list[Block], str | None]:
    """End the text at the marker that says the rest is not shown; a hole in the middle goes, the text behind it stays."""
    kept: list[Block] = []
    evidence: str | None = None
    held = 0
    for k, block in enumerate(lines):
        found = None if block.is_linked and block.size > 40 else find_marker(block)
        if found is None:
            kept.append(block)
            held += block.size
            continue
        rule, m = found
        behind = sum(b.size for b in lines[k + 1 :] if not b.is_linked and not _FURNITURE.search(b.folded))
        if rule.value != "hole" and (held < 40 or behind > 4 * held + 400):
            out.note(f"structure.preview.{rule.id}", [block])
            continue  # an offer above the text, not its end
        evidence = block.text[m.start() : m.end()].strip()[:80]
        _declared_length(m, out)
        out.note_piece(f"structure.preview.{rule.id}", block, evidence)
        before, rest = block.text[: m.start()].rstrip(), block.text[m.end() :].strip()
        if before and len(before) > 2 and not _FURNITURE.search(plain(before)):
            kept.append(with_text(block, before))
        if rule.value == "hole":
            if rest:
                kept.append(with_text(block, rest))
            continue
        out.note("after_preview_marker", lines[k + 1 :])
        return kept, evidence
    if evidence is None:
        for block in after[:12]:
            if block.size > 120 or (block.is_linked and block.size > 40):
                continue
            if (found := find_marker(block)) and found[0].id not in ("hidden_here",):
                if found[0].id == "login_to_read" and not re.search(
                    r"全文|全部|剩余|余下|完整|隐藏|更多|后续|阅读|查看", block.folded
                ):
                    continue
                if found[0].id == "read_full" and "下载" in block.folded:
                    continue
                _declared_length(found[1], out)
                evidence = block.text[found[1].start() : found[1].end()].strip()[:80]
                break
    return kept, evidence


def _declared_length(m: re.Match[str], out: Structure) -> None:
    total = m.groupdict().get("total")
    if total and out.chars_declared is None:
        out.chars_declared = int(total)


def take_dots_off(part: Part) -> None:
    last = _ELLIPSIS.sub("", part.paragraphs[-1]).rstrip()
    if last:
        part.paragraphs[-1] = last
    elif len(part.paragraphs) > 1:
        part.paragraphs.pop()


def ends_in_dots(part: Part) -> None:
    """A text whose last words are dots is cut, though nothing says so."""
    if part.is_preview:
        return
    last = plain(part.paragraphs[-1])
    if (m := _ELLIPSIS.search(last)) and not last[: m.start()].endswith(("等", "\u201d", "\u2019")):
        part.is_preview, part.preview_evidence = True, f"ends in {part.paragraphs[-1][m.start() :].strip()}"
        take_dots_off(part)
