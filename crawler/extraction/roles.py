"""Who speaks: office, name, administrative level and place, from the title, a line under it or the speaker's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from crawler.extraction.rules import Rule, any_of, first_match, rules

_SPEECH = r"(?:讲话|致辞|致词|发言|演讲|报告|主持|党课|述职|讲稿|表态|寄语|祝词|贺词|欢迎词|开幕词|闭幕词|汇报)"
# The usual family names, those of two characters by their first.
SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文习温俞岳章鲁葛韦殷樊牛洪柳祝翟聂焦管倪严欧阳司"
    "陶甘裴涂齐路霍施童詹左项邢苗梅盛柴庄娄闫颜纪伍凌季毕耿申舒向覃牟卞窦湛冉邬褚符卜蒲桑滕阮游鲍关骆辛安翁阚冼华费曲"
)
# Whole family names of two characters, behind which a given name of one or two follows.
_DOUBLE = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|宇文|长孙|司徒|司空|夏侯|端木|申屠|东方|南宫|西门|百里|呼延"
_NAME = rf"(?:(?:{_DOUBLE})[一-龥]{{1,2}}|[{SURNAMES}](?:某{{1,2}}|[一-龥]{{1,2}}|[Xx×*]{{1,2}}| +[一-龥](?![一-龥])))"
_ANONYMOUS = r"[Xx×*]{2,4}|某{2,3}"  # stands where a name stood
_LEAD = r"^\s*(?:\d{4}年?度?|[〇一二三四五六七八九]{4}年|20[xX×*]{2}年)?(?:最新|优秀)?\s*"
# Words in which a surname begins no name.
_NO_NAME = re.compile(
    r"^(?:安全|高校|金融|文化|文明|石油|方案|万众|江南|江北|常委|常务|马上|白天|毛主|田间|安徽|安排|关于|关键|关心|关爱|纪念|纪检|纪律|施工|华东|华北|华南|向上|游客|符合|项目|费用|左右|凌晨|季度|毕业|申请|路线|齐心|童年|曲折|辛勤|庄严|盛大|颜色|党|程序|易地|何时|任职|任前|管理|祝贺|钱款|严格|温馨|雷锋|章程|金秋|高级|高中|高考|武装|史志|林业|水利|龙年|牛年|夏季|江苏|江西|黄石|唐山|石家)"
)
_LABEL = r"(?:(?:讲话|发言|主讲|报告|演讲|致辞|致词|主持|宣讲|汇报|述职|竞聘|授课)(?:人|者|嘉宾)|讲述者|主讲)"  # before who speaks
_SPEECH_WORD = re.compile(_SPEECH)
_TITLE_END = re.compile(
    r"(?:\(|——|—|\s)(?P<end>[^()]{4,24})\)?\s*$"
)  # who speaks, in brackets or behind a dash at the end of a title
_BODY_LEAD = 4  # paragraphs in which a line with the speaker, or the speaker's own word, is looked for
_LEVEL_READ = 2000  # characters read for the level that a text names as its own


@cache
def _role() -> str:
    one = "(?:" + "|".join(r.source for r in rules("roles", "role")) + ")"
    return f"{one}(?:(?:[、兼]{{1,2}}|兼任)[一-龥]{{0,5}}?{one}){{0,3}}"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    role = _role()
    return (
        # 2022年度镇党委书记(王某某)(同志)在…上的讲话 · 局长在…
        re.compile(
            rf"{_LEAD}(?P<before>(?:中共)?[^在的,、:\s]{{0,12}}?)(?P<role>{role})\s*(?P<name>{_NAME}|{_ANONYMOUS})?(?:同志)?\s*"
            rf"(?=在|于|关于|出席|就|对|的?(?:[^在上]{{0,8}}){_SPEECH}|[::])"
        ),
        # 开学典礼校长讲话 · 家长会班主任发言稿
        re.compile(
            rf"(?P<before>)(?P<role>{role})(?P<name>{_NAME})?的?(?:国旗下|新年|表态|开学|毕业|就职|任职|获奖)?{_SPEECH}"
        ),
    )


@cache
def _named() -> re.Pattern[str]:
    return re.compile(rf"{_LEAD}(?P<name>{_NAME})(?P<title>同志)?[在于].{{2,60}}{_SPEECH}")


@cache
def _signature() -> re.Pattern[str]:
    """A line that holds nothing but office and name: (县委书记 王某某), 校长:李明."""
    return re.compile(
        rf"^[\s(]*(?:\d{{4}}年\d{{1,2}}月\d{{1,2}}日)?\s*(?:{_LABEL})?\s*:?\s*(?P<before>(?:中共)?[^\s,。:;()]{{0,14}}?)(?P<role>{_role()})"
        rf"\s*[:,]?\s*(?P<name>{_NAME}|{_ANONYMOUS})?\s*(?P<date>[\d年月日〇一二三四五六七八九十.Xx×*\-/\s]*)[)\s]*$"
    )


# where who speaks is from, before a bare name: 石板沟村 石大山
_UNIT = r"[一-龥]{2,12}(?:[省市县区乡镇村局厅院校厂所站]|公司|集团|小学|中学|大学|医院|政府|街道|社区)"


@cache
def _lone() -> re.Pattern[str]:
    """A line under the title that holds nothing but a name, perhaps with the day: 李明, (2023年5月4日 李明同志), 发言人:李明."""
    day = r"(?:[\d〇零一二三四五六七八九十]{1,4}[年月日./\-]){2,3}\d{0,2}"
    return re.compile(
        rf"^[\s(]*(?:{day}\s*)?(?:{_UNIT}\s+)?(?P<label>{_LABEL}\s*:\s*)?(?P<name>{_NAME})(?:同志|先生|女士)?\s*(?:[\s(]{day})?[)\s]*$"
    )


_BARE_OFFICE = re.compile(
    r"(?:常务)?副?(?:书记|[省市州县区镇乡村部局厅院校园所处科站队厂行台会社馆]长|主席|主任|总?经理|董事长|总裁|老师)$"
)
_DOUBLED = re.compile(r"^([省市州盟县区旗镇乡村局厅处科所站队厂校院园行社馆部])(?=(?:常务|第一)?副?\1)")


def _full_role(m: re.Match[str]) -> str:
    """The office without its place: 贵阳市市长 is a 市长, 驻村第一书记 a 第一书记."""
    role = m["role"]
    if role.startswith("村") and m.string[: m.start("role")].endswith("驻"):
        role = role[1:]
    return _DOUBLED.sub("", role)


def _name(raw: str | None) -> str | None:
    """A name, unless it is nothing but a mask or begins a common word."""
    if not raw or _NO_NAME.match(raw) or not re.match(rf"(?:[{SURNAMES}]|{_DOUBLE})(?![Xx×*]+$)", raw):
        return None
    return raw.replace(" ", "")


def _signed(views: Sequence[str], role: str) -> str | None:
    """The name that a line under the title puts to the office which the title gives without one."""
    for view in views[:_BODY_LEAD]:
        if len(view) <= 40 and not view.endswith(("!", "。")) and (m := _signature().match(view)) and m["name"]:
            return _name(m["name"]) if _full_role(m) == role else None
    return None


def _named_alone(views: Sequence[str], under: int) -> str | None:
    """The name that stands alone on a line: under the title (the first `under` views), or anywhere at the beginning behind 发言人:."""
    for k, view in enumerate(views[: max(under, _BODY_LEAD)]):
        if len(view) <= 40 and (m := _lone().match(view)) and (k < under or m["label"]):
            return _name(m["name"])
    return None


def speaker(titles: Sequence[str], views: Sequence[str], under: int = 0) -> tuple[str | None, str | None]:
    """(office, name) of the speaker; plain views. titles: part title before page title. Masked names (XXX) are no names.

    under: how many of the views are lines under the title and no part of the body.
    """
    role: str | None = None
    name: str | None = None
    for title in titles:
        if (m := _TITLE_END.search(title)) and (found := _signature().match(m["end"])) and found["name"]:
            return _full_role(found), _name(found["name"])  # 在…上的讲话(市委书记 李明)
        if (m := re.match(rf"{_LEAD}(?P<name>{_NAME})(?:同志)?:\s*(?=在|关于)", title)) and _SPEECH_WORD.search(title):
            name = _name(m["name"])
            break
        for pattern in _patterns():
            if m := pattern.search(title):
                # 李某某书记在…, but 高新区党工委书记
                before = re.fullmatch(_NAME, m["before"]) if _BARE_OFFICE.match(m["role"]) else None
                role, name = _full_role(m), _name(m["name"] or (m["before"] if before else None))
                return role, name or _signed(views, role) or _named_alone(views, under)
        if (m := _named().search(title)) and (m["title"] or "某" in m["name"] or len(m["name"]) == 3):
            name = _name(m["name"])
            break
    for k, view in enumerate(views[:_BODY_LEAD]):
        if (
            len(view) <= 40
            and not view.endswith(("!", "。"))
            and (m := _signature().match(view))
            and (m["name"] or "(" in view or k < under)
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
    return role, name or _named_alone(views, under)


def is_signature(view: str) -> bool:
    """Whether a line under a title tells who speaks by office."""
    return len(view) <= 40 and _signature().match(view) is not None


def admin_level(role: str | None, title: str, text: str) -> str | None:
    """国家 省 市 县 乡镇 村社区 单位 学校 企业: of the speaker's office, else of the title, else of how the text names its own level."""
    for group, source in (("level_of_role", role), ("level_of_title", title)):
        if source and (found := first_match("roles", group, source)):
            return str(found[0].value)
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
    return tuple(rule.source.split("|"))


_PROVINCE = (
    "北京市|天津市|上海市|重庆市|河北省|山西省|辽宁省|吉林省|黑龙江省|江苏省|浙江省|安徽省|福建省|江西省|山东省|河南省|湖北省|湖南省|广东省|海南省|"
    "四川省|贵州省|云南省|陕西省|甘肃省|青海省|台湾省|内蒙古自治区|广西壮族自治区|西藏自治区|宁夏回族自治区|新疆维吾尔自治区|香港特别行政区|澳门特别行政区"
)
_PLACE_CHAR = r"(?:(?![全各我本该某每大会议的在和与了为是第年月日届到对向从把将被由于及或并使副正])[一-龥])"
_REGION = re.compile(
    rf"(?:^|[在,、:\s(“\"]|\d年度?)(?:中国共产党|中共|政协|共青团)?(?P<region>(?:{_PROVINCE})?(?:{_PLACE_CHAR}{{2,4}}(?:市|自治州|州|盟))?"
    rf"(?:{_PLACE_CHAR}{{1,6}}?(?:自治县|县|新区|区|旗|市))?(?:{_PLACE_CHAR}{{1,4}}?(?:镇|乡|街道))?(?:{_PLACE_CHAR}{{2,4}}?村(?=党|支|总支|村?委|两委|书记|主任|第一|驻))?)(?=$|[一-龥(])(?!长)"
)
_TAIL = re.compile(r"(?:省|市|州|盟|县|区|旗|镇|乡|村|街道|行政区)$")


def region(titles: Sequence[str]) -> str | None:
    """The place that a title names (贵阳市, 吉安市安福县); a masked place is none."""
    for title in titles:
        for m in _REGION.finditer(title):
            place = m["region"]
            if len(place) >= 3 and _TAIL.search(place) and any_of("roles", "no_place").search(place) is None:
                return place
    return None
