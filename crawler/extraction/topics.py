"""What a speech is about, by rule: words in its title weigh most, then how often a topic's words stand in the text."""

from __future__ import annotations

from collections.abc import Sequence

from crawler.extraction.rules import matching, rules

MAX_TOPICS = 4
_TITLE, _HINT = 15.0, 2.0
_DENSE = 6.0  # words of a topic per 1,000 characters from which the text alone gives the topic
_READ = 3000  # characters that are read for topics: a speech says what it is about before
_SHORT = 400  # characters under which a text may be too short to repeat its topic


def topics(title_view: str, text_view: str, hints: Sequence[str] = ()) -> list[str]:
    """Topics, strongest first, at most MAX_TOPICS; arguments are plain views.

    title_view: titles of page and part. hints: what the page files itself under (breadcrumb, keywords); a hint or title
    that the text never takes up gives no topic, since one title may stand over several unlike speeches.
    """
    text_view = text_view[:_READ]
    thousand = max(len(text_view), 500) / 1000
    filed = " ".join(hints)
    in_title, in_hints = matching("topics", "topic", title_view), matching("topics", "topic", filed)
    scored = []
    for rank, rule in enumerate(rules("topics", "topic")):
        # The first word is a topic's most telling one: without it in the text nothing else is counted.
        words: list[str] = rule.value["words"]
        titled = rule in in_title
        hinted = rule in in_hints
        first = text_view.count(words[0])
        if not (first or titled or hinted):
            continue
        count = first + sum(map(text_view.count, words[1:]))
        density = count / thousand
        if titled and (count or len(text_view) < _SHORT):
            score = _TITLE + density
        elif hinted and density >= 1:
            score = _HINT + density
        elif density >= _DENSE and first >= 3:
            score = density
        else:
            continue
        scored.append((-score, rank, rule.value["topic"]))
    return [topic for _, _, topic in sorted(scored)[:MAX_TOPICS]]
