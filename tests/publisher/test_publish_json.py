"""JSON as it is published: the quick writer gives just the bytes of the plain one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from publisher.manifest import as_json

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(VALUES)
@example({"b": [], "a": {}, "": [[], {"x": '\x00\x1f\x7f\u2028\\/"讲话'}]})
@example([1e-5, 1e-4, 1e15, 1e16, -0.0, 0.1 + 0.2, 5e-324])
def test_published_json_is_what_the_plain_writer_gives(value: Any) -> None:
    assert as_json(value) == (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def test_keys_that_are_no_strings_and_tuples_are_written_as_ever() -> None:
    assert as_json({1: (1, 2)}) == b'{\n "1": [\n  1,\n  2\n ]\n}\n'
    with pytest.raises(TypeError):
        as_json({"a": {1, 2}})
