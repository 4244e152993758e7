"""A dataset to look at: speeches of several sites, kinds, levels and years, with copies, previews, and titles that try to break pages."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from publisher.release import publish_records
from tests.publisher.publisher_made import records, speech

SITES = {"wenmi": "文秘天地", "gongwen": "公文写作网", "dangjian": "党建资料库", "xiaoyuan": "校园文库"}
TOWNS = ("青河", "白石", "双桥", "柳林", "东湖", "南山", "北塘", "西岭", "清源", "长宁", "安平", "永和")
LEVELS = (("市", "市", "市委书记"), ("县", "县", "县长"), ("镇", "乡镇", "镇长"), ("区", "县", "区委书记"))
TOPICS = {
    "安全生产": ("安全生产工作会议", "隐患排查要横向到边、纵向到底，不留死角、不留盲区。", "压实企业主体责任，把事故消灭在萌芽状态。"),
    "乡村振兴": ("乡村振兴现场推进会", "产业兴旺是解决农村一切问题的前提。", "要让农民成为有吸引力的职业，让乡村成为安居乐业的家园。"),
    "教育": ("教育工作大会", "教育是民生之首，办好人民满意的教育是我们共同的心愿。", "要关心教师的工作与生活，让他们安心从教、热心从教。"),
    "生态环保": ("生态环境保护大会", "良好的生态环境是最公平的公共产品。", "坚决守住青山绿水，绝不以牺牲环境换取一时的增长。"),
    "党风廉政": ("党风廉政建设会议", "打铁必须自身硬，干部要经得起诱惑、守得住清贫。", "纪律面前人人平等，执行纪律没有例外。"),
    "防汛抗旱": ("防汛抗旱工作会议", "宁可十防九空，不可失防万一。", "预警信息必须第一时间送到村、到户、到人。"),
}  # fmt: skip
KINDS = ("讲话", "讲话", "讲话", "致辞", "主持词", "党课", "发言")
STOCK = (
    "同志们，今天这次会议的主要任务是总结前一阶段的工作，分析当前面临的形势，部署下一步的重点任务。",
    "一年来，在上级的正确领导下，全体干部群众齐心协力，各项工作取得了新的进展，成绩来之不易。",
    "在看到成绩的同时，我们也要清醒地认识到，工作中还存在不少问题和薄弱环节，必须高度重视。",
    "各级各部门要把思想统一到会议精神上来，把力量凝聚到完成任务上来。",
    "要深入基层，深入群众，多到困难多、矛盾集中的地方去，把情况摸清，把办法找准。",
    "要建立台账，明确责任人和完成时限，一件一件抓落实，一项一项见成效。",
    "主要领导要亲自抓、负总责，分管领导要具体抓、抓到位，形成一级抓一级的工作格局。",
    "要加强督促检查，对行动迟缓、敷衍应付的，要严肃批评；造成后果的，要追究责任。",
    "要注重调查研究，善于总结群众创造的经验，用身边的典型推动面上的工作。",
    "要关心基层干部，帮助他们解决实际困难，让实干的人有劲头、有奔头。",
)
WHO = (
    "各单位",
    "各乡镇",
    "党员干部",
    "职能部门",
    "各村（社区）",
    "包联干部",
    "广大职工",
    "学校和家庭",
    "企业负责人",
    "驻村工作队",
    "值班人员",
    "各支部",
)
HOW = (
    "立即",
    "持续",
    "分类",
    "逐户",
    "从严从实",
    "因地制宜",
    "抓早抓小",
    "一着不让",
    "稳妥有序",
    "带着感情",
    "对照清单",
    "盯住关键",
)
DOES = (
    "摸排",
    "推进",
    "整改",
    "完善",
    "兑现",
    "盘活",
    "修缮",
    "走访",
    "通报",
    "核验",
    "培育",
    "公开",
    "清理",
    "疏通",
    "评议",
)
WHAT = (
    "老旧小区的消防通道",
    "低收入农户的增收台账",
    "河道两岸的违规堆放",
    "惠农补贴的发放名册",
    "山塘水库的巡查记录",
    "留守儿童的关爱档案",
    "闲置厂房和集体土地",
    "窗口单位的服务承诺",
    "冷链物流的配套设施",
    "干部作风的突出问题",
    "教师轮岗的具体办法",
    "果蔬大棚的灌溉管网",
    "镇区主干道的照明",
    "应急物资的储备点",
    "农村厕所和垃圾转运站",
)
WHY = (
    "让群众看得见变化",
    "把好事办到心坎上",
    "不让一项工作掉队",
    "为明年开好局打下底子",
    "切实减轻基层负担",
    "堵住管理上的漏洞",
    "守住不出事的底线",
    "给老百姓一个明白账",
    "在比学赶超中见高低",
    "用实绩回应期待",
)
POINTS = ("提高认识，增强责任感和紧迫感", "突出重点，推动各项工作落到实处", "加强领导，确保任务圆满完成")
HOSTILE = (
    "<script>window.broken = 1</script>在全市大会上的讲话",
    '"><img src=x onerror="window.broken = 1">讲话稿',
    "javascript:window.broken=1 在会上的讲话",
    "在\u202e会上\u202c的讲话<svg onload=window.broken=1>{{7*7}}${window.broken=1}",
)
HOSTILE_URL = "javascript://wenmi.example/%0awindow.broken=1"
DAY = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def sentence(rng: random.Random) -> str:
    """One of some 300,000 sentences."""
    who, how, does, what, why = (rng.choice(x) for x in (WHO, HOW, DOES, WHAT, WHY))
    return rng.choice(
        (
            f"{who}要{how}{does}{what}，{why}。",
            f"对{what}，{who}必须{how}{does}，{why}。",
            f"{how}{does}{what}，是{who}{why}的关键一步。",
        )
    )


def body(rng: random.Random, topic: str, salutation: str) -> tuple[str, list[dict[str, Any]]]:
    """A text with three numbered points, and its outline."""
    _, *own = TOPICS[topic]
    paragraphs = [f"{salutation}：", rng.choice(STOCK[:2]) + rng.choice(STOCK[2:4])]
    outline = []
    for i, point in enumerate(POINTS):
        marker = "一二三"[i] + "、"
        outline.append({"level": 1, "marker": marker, "heading": point, "paragraph": len(paragraphs)})
        paragraphs.append(f"{marker}{point}。")
        for j in range(rng.randint(1, 2)):
            sub = f"（{'一二'[j]}）"
            text = (
                rng.choice(own)
                + "".join(sentence(rng) for _ in range(rng.randint(3, 6)))
                + rng.choice(STOCK[3:])
                + f"据统计，共涉及{rng.randint(3, 900)}个单位、{rng.randint(20, 9000)}人。"
            )
            outline.append({"level": 2, "marker": sub, "heading": own[j % 2][:12], "paragraph": len(paragraphs)})
            paragraphs.append(f"{sub}{own[j % 2][:12]}。{text}")
    paragraphs += ["同志们，任务已经明确，关键在于落实。让我们振奋精神，扎实工作，努力开创新的局面！", "谢谢大家。"]
    return "\n".join(paragraphs), outline


def rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Speeches 0 to count-1; every ninth is a copy of an earlier one on another site, every eleventh is cut off."""
    out: list[dict[str, Any]] = []
    for n in range(count):
        rng = random.Random(f"{seed} {n}")
        site = rng.choices(list(SITES), (5, 3, 2, 1))[0]
        town, (suffix, level, role) = rng.choice(TOWNS), rng.choice(LEVELS)
        topic, kind = rng.choice(list(TOPICS)), rng.choice(KINDS)
        occasion = TOPICS[topic][0]
        year = 2012 + int(14.8 * rng.random() ** 0.6)
        when = datetime(year, 1, 1, 2, tzinfo=UTC) + timedelta(days=rng.randrange(365), minutes=rng.randrange(500))
        title = f"{role}在{town}{suffix}{year}年{occasion}上的{kind}"
        text, outline = body(rng, topic, "同志们" if rng.random() < 0.8 else "各位领导、各位来宾")
        if n % 9 == 8:
            first = out[rng.randrange(len(out))]
            text, outline, title = first["text"], first["outline"], first["title"]
            town = first["region"][:-1]
            text = text.replace(town, "XX").replace("我们", "咱们", 1).replace("必须高度重视", "必须引起高度重视")
        columns: dict[str, Any] = {
            "title": title, "title_raw": f"{title} - {SITES[site]}", "outline": outline, "published_at": min(when, DAY), "doc_type": kind,
            "admin_level": level, "region": f"{town}{suffix}", "occasion": f"{year}年{occasion}", "topics": [topic], "speaker_role": role,
            "salutation": "同志们", "site_title": SITES[site], "event_date": date(year, 3, 5) if n % 4 == 0 else None,
        }  # fmt: skip
        if n % 11 == 10:
            lines = text.split("\n")[:5]
            text = "\n".join(lines)
            columns |= {
                "outline": [o for o in outline if o["paragraph"] < 5], "is_preview": True, "chars_declared": 2400,
                "preview_evidence": "余下全文请下载后阅读",
            }  # fmt: skip
        out.append(speech(site, n, text, **columns))
    return out


def hostile_rows() -> list[dict[str, Any]]:
    """Speeches whose page wanted to break whoever shows it."""
    found = [
        speech(
            "wenmi", 90_000 + i, f"{title}\n<b>正文</b>\n{title}",
            title=title, title_raw=title, region='<i>"青河', occasion=title, speaker_role="<u>书记</u>",
            outline=[{"level": 1, "marker": "<b>一、", "heading": title, "paragraph": 1}], topics=["<script>"],
        )
        for i, title in enumerate(HOSTILE)
    ]  # fmt: skip
    found[0]["page_url"] = HOSTILE_URL
    return found


def publish(datasets: Path, count: int = 240, versions: int = 2, hostile: bool = True, name: str = "speeches") -> Path:
    """Publish some versions of a dataset, each with some more speeches; gives its folder."""
    folder = datasets / name
    folder.mkdir(parents=True, exist_ok=True)
    every = rows(count)
    wild = hostile_rows() if hostile else []
    for v in range(versions):
        some = [dict(s) for s in every[: count - 7 * (versions - 1 - v)]]
        if v:
            some[3]["title"] += "（修订）"
            some = [s for i, s in enumerate(some) if i != 5]
        publish_records(folder, records(some + wild), now=DAY + timedelta(days=v))
    return folder
