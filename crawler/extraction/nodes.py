"""A tree as plain values. Facts and text are read in a pass each, and to ask lxml for an element's children, attributes and texts takes as
long as the rest of a pass: it is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from lxml.html import HtmlElement

# an element, its tag (no string for what is no element), attributes, the text before its first child, its children, the text behind it
Node: TypeAlias = "tuple[HtmlElement, Any, list[tuple[str, str]], str | None, Sequence[Node], str | None]"


def node_of(root: HtmlElement) -> Node:
    """An element and all below it, as they are now; without the text behind it."""
    return node_and_depth(root)[0]


def node_and_depth(root: HtmlElement) -> tuple[Node, int]:
    """The same, and how many elements stand around the innermost one, the root counted."""
    depth = 0
    top: list[Node] = []
    outer: list[tuple[list[Node], int]] = []  # the children of the elements around, and how many are still to come
    among, left = top, 1
    for element in root.iter():
        count = len(element)
        children: list[Node] = []
        tail = element.tail if outer else None
        among.append((element, element.tag, element.items(), element.text, children, tail))
        left -= 1
        if count:
            outer.append((among, left))
            among, left = children, count
            if len(outer) > depth:
                depth = len(outer)
        else:
            while not left and outer:
                among, left = outer.pop()
    return top[0], depth
