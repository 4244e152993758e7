"""Crawler traps: calendars, endless lists, pages made for any address. Known by what they bring, not by their names. Pure.

Pages of one form (digits folded, see urls.template_of) are counted while they bring nothing: no text, or no link but to more of
their own kind. A form that goes on like this is asked last, so that it starves nothing, and what it leads to counts as no find:
from there on each step is one deeper, until max_depth. A page with text, or with a new link that names something else, sets its
form right again; so do articles, however short. Nothing is left out for its form alone: a short speech looks like a calendar's day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

LAST = 8  # pages in a row that bring nothing, after which their form is asked last
SOME_TEXT = 120  # characters: more than a calendar in its frame, less than a list of titles or the shortest preview
MOST_SHOWN = 50_000  # links that are remembered of a form
FEW = 3  # new links to its own kind: the next page, the next year


class Traps:
    """The forms of one site's addresses that bring nothing, while it is crawled.

    barren: pages in a row that brought nothing, by form; what is kept of it makes the same Traps again.
    """

    def __init__(self, barren: Mapping[str, int] | None = None) -> None:
        self.barren: dict[str, int] = dict(barren or {})
        self._shown: dict[str, set[str]] = {}  # by form, what its pages led to; not kept

    def last(self, template: str) -> bool:
        """Whether pages of this form go behind all others."""
        return self.barren.get(template, 0) >= LAST

    def bears(self, template: str, fresh: Collection[tuple[str, bool]]) -> bool:
        """Whether a page brings something: a new link to another form, by a title or to one that is no trap.

        fresh: of each link that was not known its form, and whether its name is as long as a title.
        """
        return any(other != template and (titled or not self.last(other)) for other, titled in fresh)

    def ends(self, template: str, other: str, titled: bool) -> bool:
        """Whether a link on a page of this form is not followed: from one barren form into another, and not named as with a title."""
        return not titled and self.last(template) and self.last(other)

    def seen(self, template: str, fresh: Collection[tuple[str, bool]], text: int, article: bool,
             shows: Collection[tuple[str, str, bool]] = ()) -> bool:  # fmt: skip
        """Note what a page that was read for the first time brought; whether that changed anything.

        fresh: as in `bears`. text: characters outside links and in titles. article: whether the page looks like one. shows: of each link, known
        or not, its key, its form, and whether it is named as with a title: a list whose articles are known from elsewhere shows what the pages before it did not,
        lists that are the same in another order do not.
        """
        bears = self.bears(template, fresh)
        before = self._shown.setdefault(template, set())
        told = {key for key, other, titled in shows if titled or (other != template and not self.last(other))}
        bears = bears or not told <= before
        repeats = not bears and any(titled for _, _, titled in shows)
        if len(before) < MOST_SHOWN:
            before |= told
        going_on = sum(other == template for other, _ in fresh)
        endless = bool(fresh) and not bears and going_on <= FEW
        if article or bears or (text >= SOME_TEXT and not endless and not repeats):
            return self.barren.pop(template, None) is not None
        if self.last(template):
            return False
        self.barren[template] = self.barren.get(template, 0) + 1
        return True
