"""Threads of a forum: the posts of a page, told by the ids that forums give them, and what of them is its starter's text.

Who starts a thread goes on in further posts, where one holds no more; what others write below is no text. Told by the users' numbers in the links beside the
posts; where a forum does not show these, nothing is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from lxml.html import HtmlElement

from crawler.extraction.dom import Document
from crawler.extraction.nodes import node_of

# Discuz, phpwind: postmessage_123, read_123 (read_tpc: the first)
_MESSAGE = re.compile(r"^(?:postmessage_|read_)(?:\d+|tpc)$")
_USER = re.compile(r"(?:space-uid-|[?&]uid=|u\.php\?.*?uid=?|/user/|/u/)(\d+)")
_QUOTED = re.compile(r"发[表布]于|發[表佈]於|wrote:")
# at the end of a post that is not the last, and at the beginning of the next
_JOINT = re.compile(
    r"^[\s(（【\[]*(?:未完待?续?[,，、\s]*(?:请|接|见|看|下|转)?\S{0,6}(?:楼|页|帖|贴|回复)?|(?:接|续|承)\S{0,4}(?:楼|页|帖|贴|上文|前文)|(?:下|转)\S{0,3}(?:楼|页|帖|贴)继?续?)[\s)）】\]。.…:：]*$"
)
NEAR = 3  # texts at the end of a post among which the line may be
MORE = 80  # characters of a further post of the starter that is more than thanks
REPLY = 300  # characters below which a post of another user is a reply; a longer one may be a text of its own


def may_be_thread(body: bytes) -> bool:
    """Whether a body names a post by its id, so that it is worth a look."""
    return b"postmessage_" in body or b'id="read_' in body


@dataclass(frozen=True, slots=True)
class _Post:
    message: HtmlElement
    around: HtmlElement
    user: str | None


def _size(element: HtmlElement) -> int:
    return len("".join("".join(map(str, element.itertext())).split()))


def _posts(root: HtmlElement) -> list[_Post]:
    """The posts of a page, each with the element that holds it and no other, and its user's number."""
    messages = [e for e in cast("Iterator[HtmlElement]", root.iter("td", "div")) if _MESSAGE.match(e.get("id") or "")]
    shared: set[HtmlElement] = set()
    seen: set[HtmlElement] = set()
    for message in messages:
        for above in message.iterancestors():
            (shared if above in seen else seen).add(above)
    out = []
    for message in messages:
        around = message
        for above in message.iterancestors():
            if above in shared or above.tag in ("body", "html"):
                break
            around = above
        users = (_USER.search(a.get("href") or "") for a in cast("Iterator[HtmlElement]", around.iter("a")))
        out.append(_Post(message, around, next((m[1] for m in users if m), None)))
    return out


def _without_quotes(post: _Post) -> list[HtmlElement]:
    """What the post quotes of others, taken out."""
    found = []
    for box in list(cast("Iterator[HtmlElement]", post.message.iter("div", "blockquote"))):
        quotes = box.tag == "blockquote" or "quote" in (box.get("class") or "").split()
        if quotes and box.getparent() is not None and _QUOTED.search("".join(map(str, box.itertext()))[:120]):
            box.drop_tree()
            found.append(box)
    return found


def _unmark(element: HtmlElement, last: bool) -> None:
    """Take out the line at the joint of two posts that says that the text goes on, or where it comes from."""
    texts = [
        (e, at)
        for e in element.iter()
        for at in ("text", "tail")
        if (e is not element or at == "text") and isinstance(e.tag, str)
    ]
    filled = [(e, at) for e, at in texts if (getattr(e, at) or "").strip()]
    # a signature may stand below it
    for e, at in filled[-NEAR:] if last else filled[:1]:
        if _JOINT.match(getattr(e, at)):
            setattr(e, at, None)


def keep_starter(documents: Sequence[Document]) -> list[list[HtmlElement]]:
    """Leave of the threads on an article's pages what their starter wrote, further posts appended to the first; per page what was taken out.

    Changes the documents. Pages of other sites are left as they are.
    """
    out: list[list[HtmlElement]] = [[] for _ in documents]
    starter: str | None = None
    for k, document in enumerate(documents):
        posts = _posts(document.root)
        if k == 0:
            starter = posts[0].user if posts else None
        if starter is None:
            return out
        first: _Post | None = None
        for post in posts:
            size = _size(post.message)
            if post.user == starter and (first is None and k == 0):
                first = post
                out[k] += _without_quotes(post)
            elif post.user == starter and size >= MORE:
                out[k] += _without_quotes(post)
                if first is None:
                    first = post
                    _unmark(post.message, last=False)
                    continue
                _unmark(first.message, last=True)
                _unmark(post.message, last=False)
                post.message.tag = "div"
                post.message.attrib.pop("id", None)
                post.message.tail = None
                if post.around is not post.message:
                    post.around.drop_tree()
                first.message.append(post.message)
            elif post.user is not None and size < REPLY:
                post.around.drop_tree()
                out[k].append(post.around)
        if len(posts) > 1 or out[k]:
            document.node = node_of(document.root)
    return out
