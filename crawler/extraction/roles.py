"""Who speaks: office, name, administrative level and place, from the title, a line under it or the speaker's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from crawler.extraction.rules import Rule, rules

_SPEECH = r"(?:讲话|致辞|致词|发言|演讲|报告|主持|党课|述职|讲稿|表态|寄语|祝词|贺词|欢迎词|开幕词|闭幕词|汇报)"
# The usual family names, those of two characters by their first.
SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文习温俞岳章鲁葛韦殷樊牛洪柳祝翟聂焦管倪严欧阳司"
)
_NAME = rf"[{SURNAMES}](?:某{{1,2}}|[一-龥]{{1,2}}|[Xx×*]{{1,2}})"
_LEAD = r"^\s*(?:\d{4}年?度?|[〇一二三四五六七八九]{4}年|20[xX×*]{2}年)?(?:最新|优秀)?\s*"
# Words in which a surname begins no name.
_NO_NAME = re.compile(
    r"^(?:安全|高校|金融|文化|文明|石油|方案|万众|江南|江北|常委|常务|马上|白天|毛主|田间|党|程序|易地|何时|任职|任前|管理|祝贺|钱款|严格|温馨|雷锋|章程|金秋|高级|高中|高考|武装|史志|林业|水利|龙年|牛年|夏季|江苏|江西|黄石|唐山|石家)"
)
_BODY_LEAD = 4  # paragraphs in which a line with the speaker, or the speaker's own word, is looked for
_LEVEL_READ = 2000  # characters read for the level that a text names as its own


@cache
def _role() -> str:
    one = "(?:" + "|".join(r.pattern.pattern for r in rules("roles", "role")) + ")"
    return f"{one}(?:[、兼]{{1,2}}{one}){{0,2}}"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    role = _role()
    return (
        # 2022年度镇党委书记(王某某)(同志)在…上的讲话 · 局长在…
        re.compile(
            rf"{_LEAD}(?P<before>(?:中共)?[^在的,、:\s]{{0,12}}?)(?P<role>{role})\s*(?P<name>{_NAME}|[Xx×*]{{2,4}})?(?:同志)?\s*"
            rf"(?=在|于|关于|出席|就|对|的?(?:[^在上]{{0,8}}){_SPEECH}|[::])"
        ),
        # 开学典礼校长讲话 · 家长会班主任发言稿
        re.compile(
            rf"(?P<before>)(?P<role>{role})(?P<name>{_NAME})?的?(?:国旗下|新年|表态|开学|毕业|就职|任职|获奖)?{_SPEECH}"
        ),
    )


@cache
def _named() -> re.Pattern[str]:
    return re.compile(rf"{_LEAD}(?P<name>[{SURNAMES}](?:某{{1,2}}|[一-龥]{{1,2}}))(?P<title>同志)?在.{{2,60}}{_SPEECH}")


@cache
def _signature() -> re.Pattern[str]:
    """A line that holds nothing but office and name: (县委书记 王某某), 校长:李明."""
    return re.compile(
        rf"^[\s(]*(?:\d{{4}}年\d{{1,2}}月\d{{1,2}}日)?\s*(?:讲话人|发言人|主讲人|报告人|演讲人|致辞人)?\s*:?\s*(?P<before>(?:中共)?[^\s,。:;()]{{0,14}}?)(?P<role>{_role()})"
        rf"\s*[:,]?\s*(?P<name>{_NAME}|[Xx×*]{{2,4}})?\s*(?P<date>[\d年月日〇一二三四五六七八九十.Xx×*\-/\s]*)[)\s]*$"
    )


_DOUBLED = re.compile(r"^([省市州盟县区旗镇乡村])(?=(?:常务|第一)?副?\1)")


def _full_role(m: re.Match[str]) -> str:
    """The office without its place: 贵阳市市长 is a 市长."""
    return _DOUBLED.sub("", m["role"])


def _name(raw: str | None) -> str | None:
    """A name, unless it is nothing but a mask or begins a common word."""
    if not raw or _NO_NAME.match(raw) or not re.match(rf"[{SURNAMES}](?![Xx×*]+$)", raw):
        return None
    return raw


def _signed(views: Sequence[str], role: str) -> str | None:
    """The name that a line under the title puts to the office which the title gives without one."""
    for view in views[:_BODY_LEAD]:
        if len(view) <= 40 and not view.endswith(("!", "。")) and (m := _signature().match(view)) and m["name"]:
            return _name(m["name"]) if _full_role(m) == role else None
    return None


def speaker(titles: Sequence[str], views: Sequence[str]) -> tuple[str | None, str | None]:
    """(office, name) of the speaker; plain views. titles: part title before page title. Masked names (XXX) are no names."""
    role: str | None = None
    name: str | None = None
    for title in titles:
        for pattern in _patterns():
            if m := pattern.search(title):
                before = re.fullmatch(_NAME, m["before"])  # 李某某书记在…
                role, name = _full_role(m), _name(m["name"] or (m["before"] if before else None))
                return role, name or _signed(views, role)
        if (m := _named().search(title)) and (m["title"] or "某" in m["name"] or len(m["name"]) == 3):
            name = _name(m["name"])
            break
    for view in views[:_BODY_LEAD]:
        if (
            len(view) <= 40
            and not view.endswith(("!", "。"))
            and (m := _signature().match(view))
            and (m["name"] or "(" in view)
        ):
            return role or _full_role(m), name or _name(m["name"])
    for view in views[:_BODY_LEAD]:
        if "作为" not in view and "我是" not in view:
            continue
        head = view[:200]
        for m in re.finditer(r"(?:我是|我作为|作为)([^,。!?;:]{2,20})", head):
            own = head[m.start() : m.start() + 2] != "作为" or head[m.end() : m.end() + 2] == ",我"
            if own and (found := re.search(rf"{_role()}(?=$|{_NAME}$|[Xx×*某]+$|的?$)", m[1])):
                return found[0], name
    return role, name


def admin_level(role: str | None, title: str, text: str) -> str | None:
    """国家 省 市 县 乡镇 村社区 单位 学校 企业: of the speaker's office, else of the title, else of how the text names its own level."""
    for group, source in (("level_of_role", role), ("level_of_title", title)):
        if source:
            for rule in rules("roles", group):
                if rule.pattern.search(source):
                    return str(rule.value)
    text = text[:_LEVEL_READ]
    best, rule_of_best = 0, ""
    for rule in rules("roles", "level_of_text"):
        count = sum(map(text.count, _words(rule)))
        if count > best:
            best, rule_of_best = count, str(rule.value)
    return rule_of_best if best >= 2 else None


@cache
def _words(rule: Rule) -> tuple[str, ...]:
    """The alternatives of a pattern that is a plain list of words: counted as strings, which is quicker."""
    return tuple(rule.pattern.pattern.split("|"))


_PROVINCE = (
    "北京市|天津市|上海市|重庆市|河北省|山西省|辽宁省|吉林省|黑龙江省|江苏省|浙江省|安徽省|福建省|江西省|山东省|河南省|湖北省|湖南省|广东省|海南省|"
    "四川省|贵州省|云南省|陕西省|甘肃省|青海省|台湾省|内蒙古自治区|广西壮族自治区|西藏自治区|宁夏回族自治区|新疆维吾尔自治区|香港特别行政区|澳门特别行政区"
)
_PLACE_CHAR = r"(?:(?![全各我本该某每大会议的在和与了为是第年月日届到对向从把将被由于及或并使副正])[一-龥])"
_REGION = re.compile(
    rf"(?:^|[在,、:\s(“\"]|\d年度?)(?:中共|政协|共青团)?(?P<region>(?:{_PROVINCE})?(?:{_PLACE_CHAR}{{2,4}}(?:市|自治州|州|盟))?"
    rf"(?:{_PLACE_CHAR}{{1,6}}?(?:自治县|县|新区|区|旗|市))?(?:{_PLACE_CHAR}{{1,4}}?(?:镇|乡|街道))?)(?=$|[一-龥(])(?!长)"
)
_TAIL = re.compile(r"(?:省|市|州|盟|县|区|旗|镇|乡|街道|行政区)$")


def region(titles: Sequence[str]) -> str | None:
    """The place that a title names (贵阳市, 吉安市安福县); a masked place is none."""
    for title in titles:
        for m in _REGION.finditer(title):
            place = m["region"]
            if (
                len(place) >= 3
                and _TAIL.search(place)
                and not any(r.pattern.search(place) for r in rules("roles", "no_place"))
            ):
                return place
    return None
