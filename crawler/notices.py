"""Pages that are no pages: instead of what was asked for a site says, with status 200, that it is gone, that it is closed, that something in it is
broken, or that we are to show that we are people. Told by their words where hardly anything else stands on them. Pure.

What such a page means is the site's to say and ours to heed: one that wants to know who we are is as good as 429, one that is closed as
good as 503, an error of a database or the page of a host that has no site there any more as good as 500, one that has nothing there as good as 404,
one to log in is a detour. None of them is the page that was there before. One without a word and a link is none either: a script is to show it, or to
prove that a browser asks.
"""

from __future__ import annotations

import re
from typing import Literal

from crawler.extraction.rules import first_match

Notice = Literal["check", "closed", "broken", "blank", "gone", "login"]

MAX_BYTES = 200_000  # larger ones are pages
MOST_TEXT = 400  # characters outside links on a notice
MOST_TITLES = 2  # links on it that are named as with a title; a page that has gone may recommend others

_CHECK = re.compile(
    r"(?:访问|請求|请求|操作|刷新|浏览|瀏覽|搜索)(?:过于|過於|太过|太過|太|得太|次数过|频率过)(?:频繁|頻繁|快|多|高)|访问频率|(?:安全|人机|人機|真人|身份|滑动|滑動|滑块|图形|圖形)(?:验证|驗證|校验)|"
    r"请?(?:输入|填写|完成|通过|拖动|点击).{0,12}(?:验证码|驗證碼|验证|驗證|滑块).{0,10}(?:继续|繼續|访问|浏览|后再|以便|确认)|(?:检测|检查|檢測)到.{0,14}(?:异常|異常|机器人|爬虫)|(?:访问|流量|网络|行为)(?:异常|異常)|"
    r"(?:不是|并非|是否为?)机器人|unusual traffic|are (?:you )?(?:a )?human|not a robot|checking your browser|\bcaptcha\b|^\s*just a moment|"
    r"(?:请求|請求|访问|訪問|操作|行为|\bIP(?:地址)?)\S{0,24}已?被\S{0,12}(?:拦截|攔截|阻断|阻斷|封禁|封锁|拒绝|禁止)|疑似(?:黑客)?攻击|(?:网站|应用)防火墙|you have been blocked|attention required|access denied|请(?:先)?(?:开启|启用|打开)(?:浏览器的?)?\s?(?:JavaScript|Cookie)",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    r"(?:正在|升级|系统|网站|服务器?|站点|例行|停机|数据|日常|本站|设备|后台)\S{0,6}(?:维护|維護|割接|检修)|(?:系统|网站|站点|本站|服务器?)\S{0,6}升级|(?:网站|本站|站点|系统|服务)\S{0,8}(?:暂时|临时|已)?(?:关闭|關閉|停止访问|暂停访问|暂停服务)|"
    r"(?:服务器?|系统|网站)(?:繁忙|忙|暂时无法|暂时不可用|出错|出现错误)|under (?:maintenance|construction)|(?:temporarily|currently) (?:unavailable|closed|down)|be back (?:soon|shortly)|scheduled maintenance",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"(?:数据库|資料庫|database)\S{0,6}(?:连接|链接|连结|連接|服务器?)\S{0,4}(?:失败|失敗|出错|错误|异常|断开|connection)|(?:连接|链接)到?\s?(?:MySQL|数据库|sql ?server)\S{0,6}(?:失败|出错|错误|异常)|"
    r"(?:can ?not|can'?t|could not|unable to|error) (?:connect|establish)\w*\b.{0,30}(?:mysql|database|server)|too many connections|mysql server has gone away|sqlstate\[|sqlexception|"
    r"\b(?:80004005|800a[0-9a-f]{4}|80040e[0-9a-f]{2})\b|microsoft (?:ole db|vbscript|jet database)|应用程序中的服务器错误|server error in ['‘“]/|运行时错误|"
    r"(?:fatal|parse) error\b.{0,300}(?:\bon line\b|\.php\b)|http status 50\d|\b50[0234][\s:,-]{1,3}(?:internal|bad gateway|service|gateway|服务器|网关|错误)|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|"
    # what a host shows where a site is not, or not any more
    r"站点创建成功|没有找到站点|welcome to nginx|\bIIS ?(?:7|8|8\.5|10)?(?: windows)? server\b|apache tomcat/|\bit works!|(?:域名|domain(?: name)?)\S{0,10}\s?(?:出售|转让|已?过期|已?到期|is for sale|has expired)|"
    r"(?:虚拟主机|主机|空间|网站|站点|账户|帐户)\S{0,6}(?:已经?|被)(?:到期|过期|欠费|停用|暂停|停机)|(?:网站|域名)\S{0,20}未\S{0,16}备案|备案信息\S{0,6}(?:不准确|注销|失效)",
    re.IGNORECASE,
)
_NO_RECORD = re.compile(r"800a0bcd|\bBOF\b")  # an error, of a page that asks for an entry that is not there
_NOT_THERE = (
    r"(?:页面?|頁面?|网页|文章|文档|文檔|文稿|公文|作品|内容|內容|信息|资讯|資訊|文件|檔案|地址|链接|帖子?|主题|主題|稿件|资料|資料|数据|记录|新闻|本文|该文|此文)[^。，,!！]{0,12}"
    r"(?:不存在|不在了|(?:已经?|已經|现已)?被?(?:管理员|作者|发布者|系统)?(?:删除|刪除|移除|下架|撤稿|撤[下回销])|已经?被?(?:管理员|作者)?(?:屏蔽|隐藏|下线|移至?回收站|停止(?:展示|浏览|显示))|"
    r"(?:正在|尚未|未|没有)(?:通过)?审核|找不到|未找到|已(?:失效|过期|关闭))"
)
_GONE = re.compile(
    rf"{_NOT_THERE}|"
    # 没有了 says that there is no article before this one
    r"(?:没有(?!了)|沒有(?!了)|无法|未能?|找不到)(?:找到|打开|查到)?[^。，,!！]{0,14}(?:页面?|頁面?|网页|文章|文档|内容|信息|文件|地址|链接|记录)|(?:查[無无]|[无無]此)\S{0,4}(?:资料|資料|信息|資訊|文章|文档|文件|记录|紀錄|页面|頁面|内容|內容)|"
    r"链接(?:已经?)?(?:无效|失效)|(?:编号|参数|ID)(?:错误|有误|不存在)|\b404\b.{0,20}(?:not found|错误|页面)|not found on this server|object not found|(?:page|file|document|article) (?:was |is |has been )?(?:not found|removed|deleted)|no longer (?:available|exists?)|(?:does|do) not exist",
    re.IGNORECASE,
)
_DELETED = re.compile(_NOT_THERE)
_NO_RIGHT = re.compile(r"(?:尚未|未|还没有?|没有?|请先?|請先?|需要?|须|无|無)\S{0,4}(?:登录|登陆|登錄|登入|权限|權限)")


def may_be_notice(body: bytes) -> bool:
    """Whether a body is small enough that it is worth reading for what it says."""
    return 0 < len(body) <= MAX_BYTES


def notice_of(words: str, outside: int, titles: int, password: bool = False) -> Notice | None:
    """What a page says instead of what was asked for, None where it is a page.

    words: its title and all texts outside links. outside: characters of these. titles: its links that are named as with a title. password: it has a
    field for one.
    """
    if outside > MOST_TEXT:
        return None
    if titles <= MOST_TITLES:
        if _CHECK.search(words):
            return "check"
        if _CLOSED.search(words):
            return "closed"
        if _BROKEN.search(words) and not _NO_RECORD.search(words):
            return "broken"
        if password and first_match("structure", "login", words):
            # every page of a forum has a form to log in above it
            return "gone" if _DELETED.search(words) and not _NO_RIGHT.search(words) else "login"
    return "gone" if _GONE.search(words) or first_match("structure", "soft_404", words) else None
