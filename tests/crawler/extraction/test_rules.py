"""Every rule matches its own positive examples and none of its negative ones."""

import pytest

from crawler.extraction.rules import FOLDER, Rule, rule_file

EVERY = [(f.stem, g, r) for f in sorted(FOLDER.glob("*.yaml")) for g, rs in rule_file(f.stem).items() for r in rs]


@pytest.mark.parametrize(("file", "group", "rule"), EVERY, ids=[f"{f}.{g}.{r.id}" for f, g, r in EVERY])
def test_rule_keeps_its_examples(file: str, group: str, rule: Rule) -> None:
    assert rule.yes, "give an example that the rule matches"
    assert rule.no, "give an example that it must not match"
    for text in rule.yes:
        assert rule.pattern.search(text), text
    for text in rule.no:
        assert not rule.pattern.search(text), text
