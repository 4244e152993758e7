"""The Site model: a site is a file of 10 to 30 lines of YAML. Parse, validate, explain errors with file and line.

Where site files are looked for, first match wins: `$JIANGHUA_HOME/sites/NAME.yaml`, `crawler/sites/NAME.yaml`.
A `platform` names a file in `platforms/` beside them, which holds what sites of one CMS share, over `generic`, which holds
what all share; a site's own lists stand before the platform's, its own single values replace them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

import yaml
from cssselect import SelectorError
from lxml.cssselect import CSSSelector
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.mistakes import NAME, said, telling
from crawler.wording import counted

BUILT_IN = Path(__file__).parent / "sites"
PLATFORMS = BUILT_IN / "platforms"
UNFILLED = ".invalid"  # RFC 2606: a host that can never exist marks a start URL still to be filled in


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as e:
        raise ValueError(f"not a regular expression ({e})") from None
    return value


def _selector(value: str) -> str:
    try:
        CSSSelector(value)
    except SelectorError as e:
        raise ValueError(f"not a CSS selector ({e})") from None
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https address")
    return value


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


LONGEST = timedelta(days=365_250)  # of what a file may say; a date so much later is still one that can be written
DEEPEST, MOST_NODES = 50, 200_000  # levels and values of a YAML file, what aliases repeat counted each time


def _duration(value: object) -> object:
    """`30m`, `6h`, `1d`, `2w` or `0` as a timedelta."""
    if value == 0 or value == "0":
        return timedelta(0)
    if isinstance(value, str) and (m := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip())):
        seconds = float(m[1]) * _UNITS[m[2]]
        if seconds > LONGEST.total_seconds():
            raise ValueError("is longer than a thousand years")
        return timedelta(seconds=seconds)
    if isinstance(value, timedelta):
        return value
    raise ValueError("not a duration; write 0, 30m, 6h, 1d or 2w")


Pattern = Annotated[str, AfterValidator(_pattern)]
Selector = Annotated[str, AfterValidator(_selector)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Follow(_Part):
    """Which links are followed and what they are. Patterns are regular expressions searched in path and query.

    Without `lists` and `articles` every page in scope is followed and its kind is told from its content. With them only what fits is
    followed, unless `others: follow` says that they tell kinds and leave nothing out.
    """

    lists: tuple[Pattern, ...] = ()
    articles: tuple[Pattern, ...] = ()
    pages: tuple[Pattern, ...] = ()
    sitemaps: tuple[str, ...] = ("auto",)
    ignore: tuple[Pattern, ...] = ()
    others: Literal["skip", "follow"] = "skip"
    max_depth: int = Field(default=50, ge=1)

    @property
    def everything(self) -> bool:
        """Whether pages that fit no pattern are followed too."""
        return self.others == "follow" or not (self.lists or self.articles)


class Politeness(_Part):
    """How the site is treated. delay in seconds between two requests to a host; daily_budget in requests."""

    delay: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    concurrency: int = Field(default=1, ge=1, le=8)
    daily_budget: int | None = Field(default=None, ge=1)
    contact: str | None = None
    robots: Literal["obey", "ignore"] = "obey"


class Reading(_Part):
    """Where things stand on the site's pages (CSS selectors, tried in order), and phrases of this site to cut.

    All optional: general reading must do well without.
    """

    title: tuple[Selector, ...] = ()
    date: tuple[Selector, ...] = ()
    source: tuple[Selector, ...] = ()
    author: tuple[Selector, ...] = ()
    breadcrumb: tuple[Selector, ...] = ()
    keywords: tuple[Selector, ...] = ()
    body: tuple[Selector, ...] = ()
    drop: tuple[Selector, ...] = ()
    cut: tuple[Pattern, ...] = ()


class Refetch(_Part):
    """How often pages are looked at again, and what happens to speeches of pages that are gone."""

    lists: Duration = timedelta(0)
    young: Duration = timedelta(days=1)
    old: Duration = timedelta(days=30)
    young_for: Duration = timedelta(days=30)
    gone: Literal["remove", "keep"] = "remove"


class Expect(_Part):
    """What a crawl should bring; used by gates and alarms."""

    items_min: int = Field(default=1, ge=0)
    speech_share_min: float = Field(default=0.0, ge=0, le=1)


class Site(_Part):
    """One site, as its file says (platform merged in)."""

    name: Annotated[str, Field(pattern=NAME)]
    title: str
    start: tuple[HttpUrl, ...] = Field(min_length=1)
    allowed: tuple[str, ...] = ()
    groups: tuple[Annotated[str, Field(pattern=NAME)], ...] = ()
    platform: str = "generic"
    language: str = "zh"
    terms: HttpUrl | None = None
    follow: Follow = Follow()
    politeness: Politeness = Politeness()
    reading: Reading = Reading()
    refetch: Refetch = Refetch()
    expect: Expect = Expect()
    _replica: bool = PrivateAttr(default=False)

    @field_validator("terms")
    @classmethod
    def _terms_in_scope(cls, value: str | None, info: ValidationInfo) -> str | None:
        hosts = {urlsplit(u).netloc.lower() for u in info.data.get("start", ())} | {
            h.lower() for h in info.data.get("allowed", ())
        }
        if value is not None and hosts and urlsplit(value).netloc.lower() not in hosts:
            raise ValueError("on a host that is not the site's; add that host to `allowed`")
        return value

    @property
    def replica(self) -> bool:
        """Whether somebody pointed the site at a replica by hand: then its host may be a local one."""
        return self._replica

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of the first start URL: the site's main host."""
        parts = urlsplit(self.start[0])
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts in scope, each as `host` or `host:port` (a host is host and port)."""
        return frozenset(urlsplit(u).netloc.lower() for u in self.start) | {h.lower() for h in self.allowed}

    @property
    def unfilled(self) -> bool:
        """True while the start URL is only a mark to fill in."""
        return (urlsplit(self.start[0]).hostname or "").endswith(UNFILLED)

    def at(self, base: str) -> Site:
        """The same site on a replica: `base` (`http://127.0.0.1:8103`) takes the place of the site's main host.

        Raises UsageError when `base` is not an http address.
        """
        try:
            _http_url(base)
        except ValueError as e:
            raise UsageError(f"--at: {e}", where=base, remedy="give it like http://127.0.0.1:8103") from None
        new, old = urlsplit(base), urlsplit(self.origin)
        start = tuple(
            urlunsplit((new.scheme, new.netloc, p.path or "/", p.query, ""))
            for p in map(urlsplit, self.start)
            if p.netloc == old.netloc
        )
        terms = urlsplit(self.terms) if self.terms and urlsplit(self.terms).netloc == old.netloc else None
        moved = urlunsplit((new.scheme, new.netloc, terms.path or "/", terms.query, "")) if terms else None
        replica = self.model_copy(update={"start": start, "allowed": (), "terms": moved})
        replica._replica = True
        return replica

    def key(self, url: str) -> str:
        """What identifies a URL within the site: canonical path and query; `//host` in front on another host.

        http and https are one: a site that moves to https keeps its keys. So are /Show.asp?ID=7 and /show.asp?id=7: servers that run
        such pages do not tell them apart, and those who write links to them do not either.
        """
        parts = urlsplit(url)
        path = without_case((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        netloc = parts.netloc.lower()
        return path if netloc == urlsplit(self.start[0]).netloc.lower() else f"//{netloc}{path}"

    @property
    def reading_digest(self) -> str:
        """Digest of what extraction takes from the site file; a change of it means reading again."""
        facts = {
            "name": self.name,
            "title": self.title,
            "language": self.language,
            "reading": self.reading.model_dump(),
            "gone": self.refetch.gone,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def without_case(path: str) -> str:
    """Path and query of a page of a server that knows no case (ASP, ASP.NET), path and names of fields in small letters; any other
    as it is."""
    head, mark, query = path.partition("?")
    if not head[-5:].lower().endswith((".asp", ".aspx", ".ashx")):
        return path
    if not query:
        return head.lower() + mark
    fields = (q.partition("=") for q in query.split("&"))
    return head.lower() + mark + "&".join(name.lower() + equals + value for name, equals, value in fields)


# ---------------------------------------------------------------------------------------------- files


class _LineLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice (YAML would silently keep the last), and tells the line of a value that is none."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError) as e:  # 2023-13-04 looks like a date
            what = str(e)
        except (KeyError, AttributeError):  # !!bool and !!timestamp before what is none
            what = f"it does not fit {node.tag.replace('tag:yaml.org,2002:', '!!')}"
        raise yaml.constructor.ConstructorError(None, None, f"{node.value!r:.80} is no value: {what}", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # `<<: *name` brings the keys of another place; those that stand here win
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> tuple[Any, dict[tuple[str | int, ...], int]]:
    """The value of a YAML file and the line (from 1) of each key and item by its path.

    Raises JianghuaError naming file and line when the file cannot be read or parsed.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        if isinstance(e, FileNotFoundError):
            raise JianghuaError("there is no such file", where=str(path), remedy="check its name") from None
        raise JianghuaError(
            f"cannot read the file: {os.strerror(e.errno) if e.errno else e}",
            where=str(path),
            remedy="check its name and permissions",
        ) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise JianghuaError("the file is not UTF-8", where=f"{path}:{line}", remedy="save it as UTF-8") from None
    lines: dict[tuple[str | int, ...], int] = {}
    values = 0

    def wrong(what: str, n: yaml.Node) -> yaml.YAMLError:
        return yaml.constructor.ConstructorError(None, None, what, n.start_mark)

    def walk(n: yaml.Node, at: tuple[str | int, ...]) -> None:
        nonlocal values
        values += 1
        if len(at) > DEEPEST:
            raise wrong(f"more than {DEEPEST} levels, or a value that holds itself by an alias", n)
        if values > MOST_NODES:
            raise wrong(f"more than {MOST_NODES:,} values, those counted that aliases repeat", n)
        lines.setdefault(at, n.start_mark.line + 1)
        if isinstance(n, yaml.MappingNode):
            for k, v in n.value:
                lines[(*at, str(k.value))] = k.start_mark.line + 1
                walk(v, (*at, str(k.value)))
        elif isinstance(n, yaml.SequenceNode):
            for i, v in enumerate(n.value):
                walk(v, (*at, i))

    try:
        loader = _LineLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, lines
        walk(node, ())
        value = loader.construct_document(node)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        at: int | None = mark.line + 1 if mark else None
        if isinstance(e, yaml.reader.ReaderError) and isinstance(e.position, int):
            at = text.count("\n", 0, e.position) + 1
        raise JianghuaError(
            f"not valid YAML: {getattr(e, 'problem', None) or getattr(e, 'reason', None) or e}",
            where=f"{path}:{at}" if at else str(path),
            remedy="mend the indentation or the quoting at that line",
        ) from None
    except RecursionError:
        raise JianghuaError(
            "not valid YAML: brackets within brackets, some hundreds of them", where=str(path), remedy="mend the file"
        ) from None
    return value, lines


def explain(
    error: ValidationError,
    path: Path,
    lines: Mapping[tuple[str | int, ...], int],
    what: str,
    allowed: Mapping[tuple[str, ...], Iterator[str] | list[str]] | None = None,
    remedy: str = "mend the named keys; docs/sites.md lists every key with an example",
) -> JianghuaError:
    """A pydantic error as an error for people: file, line, key and remedy of the first (and all further) mistakes."""
    mistakes = []
    first = 1
    for i, e in enumerate(telling(error.errors())):
        loc = tuple(x for x in e["loc"] if isinstance(x, str | int))
        at = loc
        while at not in lines and at:
            at = at[:-1]
        line = lines.get(at, 1)
        if i == 0:
            first = line
        # in a file that is a list of entries the line says which of them
        key = ".".join(str(x) for x in (loc[1:] if isinstance(next(iter(loc), None), int) else loc)) or (
            "entry" if loc else "file"
        )
        if e["type"] == "extra_forbidden":
            known = sorted(allowed.get(tuple(str(x) for x in loc[:-1]), [])) if allowed else []
            text = f"unknown key '{key}'" + (f" (known here: {', '.join(known)})" if known else "")
        elif e["type"] == "missing":
            text = f"'{key}' is missing"
        else:
            text = f"'{key}': {said(e)}"
        mistakes.append(f"line {line}: {text}")
    return JianghuaError(
        f"{what} has {counted(len(mistakes), 'mistake')}: " + "; ".join(mistakes),
        where=f"{path}:{first}",
        remedy=remedy,
    )


def known_keys(model: type[BaseModel], at: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    """The keys that a model and the models inside it know, by the path they stand at."""
    keys = {at: list(model.model_fields)}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys |= known_keys(field.annotation, (*at, name))
    return keys


def _merge(own: Any, shared: Any) -> Any:
    if isinstance(own, dict) and isinstance(shared, dict):
        return {
            k: _merge(own[k], shared[k]) if k in own and k in shared else own.get(k, shared.get(k))
            for k in {**shared, **own}
        }
    if isinstance(own, list) and isinstance(shared, list):
        return [*own, *(x for x in shared if x not in own)]
    return own


def require_yaml(path: Path, what: str) -> None:
    """Raises JianghuaError for NAME.yml: whoever wrote such a file would wait in vain for what it asks for."""
    if path.suffix == ".yml":
        raise JianghuaError(
            f"the name of a {what} file ends in .yaml", where=str(path), remedy=f"rename it to {path.stem}.yaml"
        )


def files_in(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name; also NAME.yml, so that `require_yaml` tells of it. Nothing where there is no folder."""
    return sorted(
        (p for end in ("*.yml", "*.yaml") for p in folder.glob(end) if not p.name.startswith(".")), key=lambda p: p.name
    )


def parse_site(path: Path) -> Site:
    """The site of a file, its platform merged in. Raises JianghuaError with file, line and remedy."""
    require_yaml(path, "site")
    value, lines = load_yaml(path)
    if not isinstance(value, dict):
        raise JianghuaError(
            "a site file must hold keys and values",
            where=f"{path}:1",
            remedy="see docs/sites.md for an example",
        )
    platform = value.get("platform", "generic")
    candidates = [path.parent / "platforms" / f"{platform}.yaml", PLATFORMS / f"{platform}.yaml"]
    found = next((p for p in candidates if p.is_file()), None)
    if found is None:
        known = ", ".join(sorted(p.stem for p in PLATFORMS.glob("*.yaml")))
        raise JianghuaError(
            f"unknown platform '{platform}'",
            where=f"{path}:{lines.get(('platform',), 1)}",
            remedy=f"use one of: {known}",
        )
    try:  # the site's own mistakes are told with its own lines, before anything is merged
        site = Site.model_validate(value)
    except ValidationError as e:
        raise explain(e, path, lines, "the site file", known_keys(Site)) from None
    if site.name != path.stem:
        raise JianghuaError(
            f"'name: {site.name}' does not fit the file's name",
            where=f"{path}:{lines.get(('name',), 1)}",
            remedy=f"name the file {site.name}.yaml or write name: {path.stem}",
        )
    shared, shared_lines = load_yaml(found)
    generic, _ = load_yaml(PLATFORMS / "generic.yaml")
    try:
        return Site.model_validate(_merge(_merge(value, shared or {}), generic))
    except ValidationError as e:
        raise explain(e, found, shared_lines, "the platform file", known_keys(Site)) from None


def site_files(home: Home) -> dict[str, Path]:
    """Every site file by name, own ones over built-in ones."""
    files = {p.stem: p for p in sorted(BUILT_IN.glob("*.yaml"))}
    files |= {p.stem: p for p in reversed(files_in(home.own_sites))}  # of NAME.yaml and NAME.yml the first counts
    return dict(sorted(files.items()))


def load_site(name: str, home: Home) -> Site:
    """The site called `name`. Raises UsageError when there is none, JianghuaError when its file has mistakes."""
    files = site_files(home)
    if name not in files:
        raise UsageError(
            f"unknown site '{name}'",
            where=f"looked in {home.own_sites} and the built-in sites",
            remedy=f"use one of: {', '.join(files)}; or add {home.own_sites / (name + '.yaml')}",
        )
    return parse_site(files[name])


def site_groups(home: Home) -> dict[str, list[str]]:
    """The sites of each group, by what the site files say (`groups: [province]`); a file that is broken elsewhere counts too.

    A file that is no YAML at all says nothing; whoever crawls that site is told.
    """
    found: dict[str, list[str]] = {}
    for name, path in site_files(home).items():
        try:
            value, _ = load_yaml(path)
        except JianghuaError:
            continue
        groups = value.get("groups") if isinstance(value, dict) else None
        for group in groups if isinstance(groups, list) else ():
            found.setdefault(str(group), []).append(name)
    return found
