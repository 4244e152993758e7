"""Every rule matches its own positive examples and none of its negative ones."""

from pathlib import Path

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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{id: two words, pattern: a}", "'two words' is not one word"),
        ("{id: a, patern: a}", "unknown key 'patern'"),
        ("{id: a, pattern: '('}", "unterminated"),
    ],
)
def test_a_malformed_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str) -> None:
    (tmp_path / "made.yaml").write_text(f"group: [{given}]\n", encoding="utf-8")
    monkeypatch.setattr("crawler.extraction.rules.FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"made\.yaml, group") as error:
        [rule.pattern for rules in rule_file.__wrapped__("made").values() for rule in rules]
    assert said in str(error.value)
