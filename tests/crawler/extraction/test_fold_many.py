from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.extraction.fold import fold
from crawler.extraction.foldmany import fold_many

TELLING = "一二三四五九〇○零0Oo1289xXхХχΧ某×年dDａＸ０① ，。\n國發中的会市abwyzΣςσéÜ\0\u0301ｶﾞ𠀀😀⑩年"


def folded(texts: list[str]) -> list[str]:
    out = [""] * len(texts)
    seen = []
    for group in fold_many(texts):
        starts = [0, *(group.ends[:-1] + 1).tolist()]
        assert len(starts) == len(group.places)
        for place, a, b in zip(group.places.tolist(), starts, group.ends.tolist(), strict=True):
            out[place] = group.codes[a:b].astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")
            seen.append(place)
    assert sorted(seen) == list(range(len(texts)))
    return out


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.text(TELLING, max_size=14), st.text(max_size=6)), max_size=6))
@example(["20xx年", "201x年", "二〇xx年", "1920年", "320年20年", "一九某年某", "20 D", "20xd", "x", ""])
@example(["年", "二0二二年一九", "0", "二○", "一"])
@example(["\ud800", "某\0某", "xxa", "axx", "某x某"])
def test_many_texts_fold_as_each_alone(texts: list[str]) -> None:
    assert folded(texts) == [fold(t) for t in texts]


def test_every_character_of_the_basic_plane_folds_alike_among_others() -> None:
    texts = [f"二{chr(c)}二{chr(c)}a{chr(c)}年" for c in range(1 << 16) if not 0xD800 <= c < 0xE000]
    assert folded(texts) == [fold(t) for t in texts]
