// What the data says of itself in English (publisher/documents/about.py, snippets.py, publisher/tables.py), in Chinese.
// A test holds the keys against the sentences as they are now.

export const TRANSLATIONS = {
  "Chinese speech pages (讲话稿): speeches, addresses and party lectures as document sites publish them, one row a speech, with what the page says of it, where it was read, and which texts are copies of each other.":
    "中文讲话稿网页：各文档网站刊载的讲话、致辞与党课，一篇一行，附网页所述信息、采集出处，以及哪些文本互为副本。",
  "The texts belong to their authors and to the sites that publish them; this dataset grants no rights in them. Whether and how you may use them depends on the law where you are and on the terms of each site.":
    "文本的权利归作者及刊载网站所有；本数据集不授予任何权利。能否使用、如何使用，取决于您所在地的法律和各网站的条款。",
  "Pages were fetched one after another from the sites named in sources.json, within robots.txt (RFC 9309) unless sources.json says otherwise for a site, with delays between requests, and kept as WARC records. Rules and a profile of each site take the speech out of the archived page; the same page and rules always give the same row. `provenance` names the response that a speech was read from by its digest.":
    "网页自 sources.json 所列网站逐页抓取，遵守 robots.txt（RFC 9309），除非 sources.json 对某网站另有说明；请求之间留有间隔，并以 WARC 记录保存。规则与各网站的特征档案从存档网页中取出讲话正文；同样的网页与规则总得到同样的行。`provenance` 以摘要值指明每篇讲话读自哪一次响应。",
  "Document sites copy from each other and change what they copy: names, places and numbers are often masked (XX, 某某), dates are the site's, not the speech's, and many texts are templates that nobody ever gave. Use `duplicates` to keep one copy.":
    "文档网站互相转载并改动：姓名、地名和数字常被隐去（XX、某某），日期是网站的而非讲话的，许多文本是从未有人讲过的范文。可用 `duplicates` 每篇只留一份。",
  "Many sites show only the beginning of a text; such rows have `is_preview`. `chars_declared` and `points_announced` tell, where a page does, how long the whole is.":
    "许多网站只显示文本开头；这样的行带有 `is_preview`。网页若有说明，`chars_declared` 与 `points_announced` 会给出全文的篇幅。",
  "Columns about the speech (speaker, place, occasion, kind) are read by rules from title and text, not checked by people; null means that nothing was found, not that there is nothing.":
    "关于讲话的字段（讲话人、地点、场合、文种）由规则从标题和正文读出，未经人工核对；空值表示没有找到，不表示不存在。",
  "The sites are no sample of anything: kinds of speech, regions and years are as unequal as the sites are.":
    "这些网站不构成任何抽样：文种、地区与年份的多寡随网站而定。",
  "Speeches name people in public office, and some texts hold telephone numbers, addresses or other personal data that the site published; from schema 1.2.0 on `personal_data` names the kinds that rules found in a text. Do not use the dataset to find or profile persons. A text that should not be here can be taken down: ask whoever publishes this dataset, naming `speech_id` or `page_url`; the next version is without it, and old versions can be re-issued without it.":
    "讲话中会提到公职人员，有些文本含有网站公开的电话号码、地址或其他个人信息；自结构版本 1.2.0 起，`personal_data` 列出规则在文本中发现的种类。请勿用本数据集查找个人或为其画像。不应出现的文本可以撤下：请联系本数据集的发布者，并注明 `speech_id` 或 `page_url`；下一版本将不含该文本，旧版本也可去除后重新发布。",
  "A version never changes. A new one is published when the content changed; `changes.parquet` and CHANGES.md say what changed against its parent. A version whose folder is gone leaves a tombstone that says why.":
    "版本一经发布不再改变。内容有变才发布新版本；`changes.parquet` 与 CHANGES.md 说明与上一版本相比的变动。文件夹已不在的版本会留下说明原因的标记。",
  "Jianghua's reader: verified, any version, one copy of each speech":
    "Jianghua 自带的读取器：校验文件，可选任一版本，每篇讲话只取一份",
  "pandas":
    "pandas",
  "Polars":
    "Polars",
  "DuckDB: one copy of each speech":
    "DuckDB：每篇讲话只取一份",
  "Arrow: every page checked":
    "Arrow：逐页校验",
  "Hugging Face datasets":
    "Hugging Face datasets",
  "Croissant":
    "Croissant",
  "pandas over HTTP: the parts that the manifest names":
    "通过 HTTP 用 pandas 读取：按清单列出的文件",
  "Polars over HTTP, from a server that gives ranges: only the columns that are used travel":
    "通过支持 Range 的 HTTP 服务器用 Polars 读取：只传输用到的列",
  "Spark":
    "Spark",
  "R":
    "R",
  "one row a speech; a compilation page gives one row a part":
    "一篇讲话一行；合集网页的每一篇各占一行",
  "stable id of the speech: made from site, canonical path and query, and part; never from the text":
    "讲话的固定编号：由网站、规范路径与查询、篇次生成，与正文无关",
  "address of the page as fetched; of an article split over pages its first page":
    "抓取时的网页地址；分页文章取第一页",
  "name of the site file":
    "网站文件的名称",
  "number of the speech on its page, from 1":
    "讲话在网页中的序号，从 1 起",
  "how many speeches the page holds":
    "该网页含有几篇讲话",
  "how many versions have changed this row, from 1; never falls":
    "有多少个版本改动过本行，从 1 起，只增不减",
  "title without decorations":
    "去掉修饰后的标题",
  "title as the page shows it":
    "网页显示的原题",
  "heading of the part in a compilation":
    "合集中该篇的小标题",
  "the speech: paragraphs joined by one newline, masks untouched, Unicode NFC":
    "讲话正文：段落以单个换行连接，隐名保持原样，Unicode NFC",
  "number of paragraphs in text":
    "正文段落数",
  "number of characters in text without white space":
    "正文字数，不计空白",
  "simplified, traditional, or mixed where the rarer has more than a tenth":
    "simplified（简体）、traditional（繁体），或 mixed（较少的一方超过十分之一）",
  "when the site says it published the page":
    "网站所称的发布时间",
  "which evidence published_at comes from":
    "published_at 依据的是哪种证据",
  "来源 as the page names it":
    "网页注明的来源",
  "author, uploader or editor as the page names one":
    "网页注明的作者、上传者或编辑",
  "breadcrumb of the page, without the title as last step":
    "网页的面包屑导航，不含末级标题",
  "the page's own keyword list, else its meta keywords":
    "网页自带的关键词，否则取 meta 关键词",
  "view counter of the page":
    "网页的浏览次数",
  "name of the site as the page shows it":
    "网页显示的网站名称",
  "since when the page answers 404 or 410; set only where the site file says `gone: keep`":
    "网页自何时起返回 404 或 410；仅在网站文件写明 `gone: keep` 时填写",
  "讲话 致辞 主持词 党课 发言 演讲 报告 其他":
    "文种：讲话 致辞 主持词 党课 发言 演讲 报告 其他",
  "form of address that opens the speech, without closing marks":
    "开头的称呼，不含末尾标点",
  "office of the speaker, e.g. 市委书记":
    "讲话人的职务，如市委书记",
  "name of the speaker, where the page gives one":
    "讲话人的姓名（网页给出时）",
  "国家 省 市 县 乡镇 村社区 单位 学校 企业":
    "行政层级：国家 省 市 县 乡镇 村社区 单位 学校 企业",
  "place that the speech belongs to, as named":
    "讲话所属地区，按原文写法",
  "what stands between 在 and 上的讲话 in the title":
    "标题中“在”与“上的讲话”之间的内容",
  "date of the event, where title or subtitle gives one":
    "活动日期（标题或副标题给出时）",
  "topics by rule, e.g. 疫情防控":
    "由规则判定的主题，如疫情防控",
  "numbered headings and points: level from 1, marker, heading, paragraph index from 0":
    "编号的标题与要点：level 从 1 起，marker 为序号，heading 为标题，paragraph 为段落序号（从 0 起）",
  "how much speaks for a speech: a document from `speech_threshold` (1) up is one, 5 is the most; null in a row of before this column":
    "有多像一篇讲话：达到 `speech_threshold`（1）即视为讲话，最高为 5；此字段出现之前的行为空",
  "the page shows only a beginning of the speech":
    "网页只显示了讲话的开头",
  "what says so: the marker seen, or points announced against found":
    "判断依据：看到的提示语，或预告要点数与实际要点数之差",
  "length of the whole text as the page declares it":
    "网页声明的全文篇幅",
  "points that the speaker announces (我讲三点意见)":
    "讲话人预告的要点数（我讲三点意见）",
  "points found in the text":
    "正文中找到的要点数",
  "masks in the text (XX, 某某, ××, 20xx …), all kinds together":
    "正文中隐名处的总数（XX、某某、××、20xx 等）",
  "masks by kind: what stood there where that is told (year date number censored deleted), else the sign (letters mou cross asterisk star figure blank)":
    "各类隐名处的数目：能判断原为何物时记其类（year date number censored deleted），否则记所用符号（letters mou cross asterisk star figure blank）",
  "what looks wrong: mojibake, one_paragraph, watermark, spun, ocr_noise, unsure_speech …":
    "可疑之处：mojibake（乱码）、one_paragraph（只有一段）、watermark（水印）、spun（洗稿）、ocr_noise（识别错误）、unsure_speech（不确定是讲话）等",
  "columns that a reviewed correction put right; empty where the row is as it was read":
    "经人工复核订正过的字段；未订正时为空",
  "kinds of personal data found in the text: mobile, id_number, email, qq, wechat; empty where none was found":
    "正文中发现的个人信息种类：mobile（手机）、id_number（身份证）、email（邮箱）、qq、wechat（微信）；未发现时为空",
  "a year in the title that the body contradicts":
    "标题中与正文矛盾的年份",
  "introduction by the site's editor that was cut off":
    "已移出正文的网站编者按",
  "SHA-256 of text (UTF-8), hex":
    "正文（UTF-8）的 SHA-256，十六进制",
  "SHA-256 of the text with masks, script, punctuation and white space folded":
    "折叠隐名、繁简、标点与空白后的正文 SHA-256",
  "the version in which this speech first appeared":
    "该讲话首次出现的版本",
  "speeches that have copies: one row a clustered speech":
    "有副本的讲话：每篇成组的讲话一行",
  "the speech":
    "该讲话",
  "shared by all copies of one speech; made from the smallest speech_id among them":
    "同一讲话的所有副本共用；由其中最小的 speech_id 生成",
  "the copy to keep when one is wanted: whole before preview, then the longest, then the earliest published":
    "若只留一份应留的那份：全文优先于开头，其次较长者，再次较早发布者",
  "Jaccard similarity of character 5-grams of the folded text with the representative's, from 0 to 1":
    "折叠后正文与代表文本的五字片段 Jaccard 相似度，0 至 1",
  "how the text relates to the representative's (the representative: to its nearest copy's): exact, mask_variant, script_variant or near":
    "与代表文本的关系（代表文本则为与其最近副本的关系）：exact（相同）、mask_variant（隐名不同）、script_variant（繁简不同）或 near（近似）",
  "speeches that stand in a longer one: a preview in the whole, a short speech in a long one; a relation, no cluster":
    "收录于更长文本中的讲话：全文中的开头、长文中的短篇；是一种关系，不是分组",
  "the shorter speech":
    "较短的讲话",
  "the longer speech; of several with the same folded text only the best":
    "较长的讲话；折叠后正文相同的几篇中只取最好的一篇",
  "share of the shorter one's character 5-grams that the longer one has, from .9 to 1":
    "较短者的五字片段有多大比例见于较长者，.9 至 1",
  "where a speech was read from: one row a response":
    "讲话读自何处：一次响应一行",
  "number of the response among those of the speech, from 1 (pages of a split article)":
    "该响应在本讲话各响应中的序号，从 1 起（分页文章的各页）",
  "address fetched":
    "抓取的地址",
  "when these bytes were first fetched":
    "首次抓取到这些字节的时间",
  "HTTP status":
    "HTTP 状态码",
  "charset that the bytes were decoded with":
    "解码所用的字符集",
  "WARC file, relative to var/archive":
    "WARC 文件，相对于 var/archive",
  "byte offset of the record's gzip member":
    "该记录所在 gzip 成员的字节偏移",
  "length of the gzip member in bytes":
    "该 gzip 成员的字节长度",
  "SHA-256 of the page's bytes, hex":
    "网页字节的 SHA-256，十六进制",
  "name and version of the extractor":
    "抽取程序的名称与版本",
  "digest of the rules":
    "规则的摘要值",
  "number of the site profile that was used":
    "所用网站特征档案的编号",
  "every URL that the crawler met, with its fate":
    "采集程序遇到的每个网址及其结果",
  "address of the page as met":
    "遇到时的网页地址",
  "canonical path and query: what identifies the page within its site":
    "规范路径与查询：在网站内标识该网页",
  "what became of it: speech, preview, list, soft_404, off_topic, error, disallowed …":
    "结果如何：speech、preview、list、soft_404、off_topic、error、disallowed 等",
  "the reason, for people":
    "原因（供人阅读）",
  "last HTTP status":
    "最近一次 HTTP 状态码",
  "title of the page, where it was read":
    "网页标题（读取过时）",
  "whether reading took it for a speech; null where nothing was read, and on further pages of an article":
    "读取时是否判为讲话；未读取的网页及文章的后续页为空",
  "how much speaks for a speech (see speeches); null where it did not come to the question":
    "有多像一篇讲话（见 speeches）；未作判断时为空",
  "how many speeches were taken from it":
    "从中取出了几篇讲话",
  "when the bytes that were read were first fetched":
    "首次抓取到所读字节的时间",
  "since when it answers 404 or 410":
    "自何时起返回 404 或 410",
  "tombstones of speeches that were published once and are no more; without text":
    "曾经发布、现已移除的讲话的标记，不含正文",
  "address of its page":
    "其网页的地址",
  "its last title":
    "其最后的标题",
  "gone (404 or 410, confirmed), soft_404, moved, part_gone (the page holds fewer speeches now), no_longer_a_speech, disallowed, correction (a reviewed one says that it is no speech), taken_down (on request), unknown":
    "gone（404 或 410，已确认）、soft_404、moved（已迁移）、part_gone（网页所含篇数减少）、no_longer_a_speech（不再是讲话）、disallowed（不允许抓取）、correction（人工复核认为不是讲话）、taken_down（应请求撤下）、unknown（不详）",
  "the first version without it":
    "不再含有它的第一个版本",
  "the last version with it":
    "含有它的最后一个版本",
  "the day that removed_in is named after (its midnight, UTC), whenever that day it was published; under schema 1.1.0 and before, the time":
    "removed_in 得名的那一天（UTC 零时），不论当天何时发布；结构版本 1.1.0 及更早为发布时刻",
  "the version in which it first appeared":
    "它首次出现的版本",
  "its last revision; goes on counting if the speech comes back":
    "其最后的修订次数；若重新出现则继续计数",
  "SHA-256 of its last text, by which it gets its id back; null where it was taken down or is not known":
    "其最后正文的 SHA-256，据此恢复原编号；被撤下或不详时为空",
};
