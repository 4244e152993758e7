"""What all layouts share: addresses, lists, helpers for markup. A layout turns articles into the HTML of one kind of site."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape
from typing import ClassVar

from crawler.sample.model import Article, Edition, Shelf

SOFT_404 = "抱歉，您要查看的文档不存在，或者已经被作者删除。"
ABOUT = (
    "{t}创办于一间十二平方米的出租屋，起初只想给写材料的同行省一点查资料的时间。",
    "本站文档由网友上传或根据公开资料整理，只供学习交流，不作商业用途。",
    "如果您认为某篇文档侵犯了您的权益，请写信到 service@example.invalid，我们会在两个工作日内处理。",
)
ADVERT = (
    "同志们、朋友们：还在为开会前一晚没有稿子着急吗？",
    "加入{t}年费会员，二十万份讲话、致辞、党课随意下载，平均每天不到三毛钱。",
    "现在开通再送公文格式模板一套，名额有限，先到先得！",
)


def text_of(value: str) -> str:
    """Text made safe for HTML."""
    return escape(value, quote=False)


class Layout:
    """Base of the layouts: override what a kind of site does in its own way.

    charset: of the bytes; content_type: what the header claims, be it true or not; validators: `both`, `etag`, `modified`
    or `none`; dynamic: pages hold tokens and counters that change with each request; shows: which facts its pages tell.
    """

    charset: ClassVar[str] = "utf-8"
    content_type: ClassVar[str] = "text/html; charset=utf-8"
    validators: ClassVar[str] = "both"
    dynamic: ClassVar[bool] = False
    page_size: ClassVar[int] = 8
    precision: ClassVar[str] = "second"  # of the dates shown: second, minute or day
    shows: ClassVar[frozenset[str]] = frozenset({"published_at", "source", "author", "breadcrumb", "keywords"})
    home_name: ClassVar[str] = "首页"
    soft_404_path: ClassVar[str] = "/404.html"
    about_path: ClassVar[str] = "/about.html"
    advert_path: ClassVar[str] = "/vip.html"
    login_path: ClassVar[str] = "/login.html"
    robots: ClassVar[str | None] = None
    sitemap_host: ClassVar[str | None] = None  # None: no sitemap
    # links on the home page that lead elsewhere: (path, text, number of the article it redirects to; None: it is dead)
    odd_links: ClassVar[tuple[tuple[str, str, int | None], ...]] = ()

    # addresses ------------------------------------------------------------------------------
    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        """The address of an article."""
        raise NotImplementedError

    def page_path(self, path: str, k: int) -> str:
        """The address of page k (from 1) of an article split over pages."""
        return path if k == 1 else path.replace(".html", f"_{k}.html")

    def list_path(self, category: str, k: int = 1) -> str:
        """The address of page k of a category's list."""
        return f"/{category}/" if k == 1 else f"/{category}/list_{k}.html"

    def tag_path(self, keyword: str) -> str | None:
        """The address of a keyword's page, None where the site has none."""
        return None

    # facts ----------------------------------------------------------------------------------
    def breadcrumb(self, article: Article) -> list[str]:
        """The steps that the page shows."""
        return [self.home_name, article.category[1]]

    # markup ---------------------------------------------------------------------------------
    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        """A whole page around `main`."""
        raise NotImplementedError

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        """The page k of an article."""
        raise NotImplementedError

    def items(self, shelf: Shelf, rows: Sequence[tuple[Article, Edition]]) -> str:
        """The entries of a list page."""
        return (
            "<ul>"
            + "".join(f"<li>{self.link(a, e)} <span>{a.published_at:%Y-%m-%d}</span></li>" for a, e in rows)
            + "</ul>"
        )

    def listing(self, shelf: Shelf, category: tuple[str, str], k: int, pages: int) -> str:
        """A list page."""
        rows = [x for x in shelf.alive() if x[0].category == category][(k - 1) * shelf.page_size : k * shelf.page_size]
        steps = [
            f"<b>{i}</b>" if i == k else f'<a href="{self.list_path(category[0], i)}">{i}</a>'
            for i in range(1, pages + 1)
            if abs(i - k) < 6 or i in (1, pages)
        ]
        if k < pages:
            steps.append(f'<a href="{self.list_path(category[0], k + 1)}">下一页</a>')
        main = f'<h2>{category[1]}</h2>{self.items(shelf, rows)}<div class="turn">{" ".join(steps)}</div>'
        return self.frame(shelf, f"{category[1]} - 第{k}页", main)

    def home(self, shelf: Shelf) -> str:
        """The home page: newest articles and every category."""
        boxes = []
        for category in shelf.categories:
            rows = [x for x in shelf.alive() if x[0].category == category][:6]
            boxes.append(
                f'<div class="box"><h3><a href="{self.list_path(category[0])}">{category[1]}</a></h3>{self.items(shelf, rows)}</div>'
            )
        links = " ".join(
            f'<a href="{escape(p)}">{t}</a>'
            for p, t in (
                (self.about_path, "关于本站"),
                (self.advert_path, "会员服务"),
                (self.login_path, "登录"),
                (self.soft_404_path, "老版入口"),
                *((path, text) for path, text, _ in self.odd_links),
            )
        )
        return self.frame(shelf, "首页", "".join(boxes) + f'<p class="links">{links}</p>')

    def plain(self, shelf: Shelf, title: str, paragraphs: Sequence[str]) -> str:
        """A page of running text that is no document."""
        body = "".join(f"<p>{text_of(p.format(t=shelf.title))}</p>" for p in paragraphs)
        return self.frame(shelf, title, f"<h1>{title}</h1>{body}")

    def login(self, shelf: Shelf) -> str:
        """The login page."""
        form = '<form method="post"><p>账号：<input name="user"></p><p>密码：<input type="password" name="pass"></p><p><button>登录</button> 没有账号？免费注册</p></form>'
        return self.frame(shelf, "会员登录", form)

    # helpers --------------------------------------------------------------------------------
    def link(self, a: Article, e: Edition) -> str:
        """A link to an article."""
        return f'<a href="{escape(a.path)}">{text_of(e.title_raw)}</a>'

    def others(self, shelf: Shelf, a: Article | None, n: int, salt: str = "") -> list[tuple[Article, Edition]]:
        """Other articles of the site: the same ones for the same page, as long as they live, and none that came later.

        What stands on every page (a is None) names only articles without a history: real side columns live long, and a
        page whose bytes stay is what conditional requests are for.
        """
        old = [
            x
            for x in shelf.alive()
            if x[0].editions[0][0] == 1
            and not x[0].disallowed
            and x[0] is not a
            and (a is not None or len(x[0].editions) == 1)
        ]
        rng = random.Random(f"{shelf.name}|{a.number if a else 0}|{salt}")
        # drawn by number, so that a page that goes does not change the lists of all the others
        order = {x[0].number: x for x in old}
        highest = max((x.number for x in shelf.articles if x.editions[0][0] == 1), default=1)
        picked: dict[int, tuple[Article, Edition]] = {}
        for _ in range(6 * n):
            number = rng.randint(1, highest)
            if number in order:
                picked.setdefault(number, order[number])
            if len(picked) == n:
                break
        return list(picked.values())

    def neighbours(
        self, shelf: Shelf, a: Article
    ) -> tuple[tuple[Article, Edition] | None, tuple[Article, Edition] | None]:
        """The articles before and behind by number."""
        by_number = {x.number: (x, e) for x, e in shelf.alive() if not x.disallowed}
        return by_number.get(a.number - 1), by_number.get(a.number + 1)

    def pager(self, a: Article, k: int) -> str:
        """上一页 1 2 3 下一页 of an article split over pages."""
        if a.split == 1:
            return ""
        steps = [f'<a href="{escape(self.page_path(a.path, k - 1))}">上一页</a>'] if k > 1 else []
        for i in range(1, a.split + 1):
            steps.append(f"<b>{i}</b>" if i == k else f'<a href="{escape(self.page_path(a.path, i))}">{i}</a>')
        if k < a.split:
            steps.append(f'<a href="{escape(self.page_path(a.path, k + 1))}">下一页</a>')
        return " ".join(steps)
