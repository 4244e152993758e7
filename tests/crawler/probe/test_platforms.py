"""Signs of platforms: each finds its example and not the other one."""

from __future__ import annotations

import pytest

from crawler.probe.platforms import Sign, platforms, recognise
from crawler.site import PLATFORMS

SIGNS = [(p.name, s) for p in platforms() for s in p.signs]


@pytest.mark.parametrize(("name", "sign"), SIGNS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SIGNS)])
def test_each_sign_finds_its_example_and_not_the_other(name: str, sign: Sign) -> None:
    assert sign.pattern.search(sign.yes)
    assert not sign.pattern.search(sign.no)


def test_every_platform_names_a_platform_file() -> None:
    assert {p.file for p in platforms()} <= {p.stem for p in PLATFORMS.glob("*.yaml")}


def test_one_weak_sign_is_none_and_the_heaviest_platform_wins() -> None:
    assert recognise(['<ul class="pagelist">'], [], []) is None
    found = recognise(['<a class="page-numbers" href="/page/2/">', "/wp-content/themes/a.css"], ["/show.asp?id=3"], [])
    assert found is not None
    assert (found.platform.name, found.weight, len(found.evidence)) == ("wordpress", 3, 2)
