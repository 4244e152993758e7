// Every word of the pages, in English and Chinese. What the data says of itself in English is translated in translations.js.

const WORDS = {
  name: ["Jianghua", "讲话"],
  tagline: ["Chinese speeches, as data", "中文讲话稿数据集"],
  skip: ["Skip to the content", "跳到正文"],
  home: ["All datasets", "全部数据集"],
  language: ["中文", "English"],
  languageLabel: ["用中文显示", "Show in English"],
  nav: ["Pages of the dataset", "数据集的各页"],
  about: ["About", "简介"],
  browse: ["Browse", "浏览"],
  pictures: ["Pictures", "图表"],
  versions: ["Versions", "版本"],
  load: ["Download", "下载"],
  columns: ["Columns", "字段"],
  foot: ["Made by Jianghua. Nothing on these pages is loaded from elsewhere.", "由 Jianghua 生成。本站不从别处加载任何内容。"],
  footVendor: ["Licences of the scripts", "脚本许可证"],
  loading: ["Loading …", "正在加载……"],
  failed: ["This could not be loaded", "无法加载"],
  noAnswer: ["The server does not answer. Check the connection, then try again.", "服务器没有应答。请检查网络后重试。"],
  failedWhat: ["The server said: {0}. Check the connection, then try again.", "服务器返回：{0}。请检查网络后重试。"],
  fileWrong: [
    "The file {0} is missing on the server, or damaged ({1}). Whoever runs it can find out with `jianghua verify` and make these pages anew with `jianghua catalogue build`.",
    "服务器上的文件 {0} 缺失或损坏（{1}）。请网站维护者用 `jianghua verify` 检查，并用 `jianghua catalogue build` 重新生成页面。",
  ],
  again: ["Try again", "重试"],
  newer: ["There is a newer version; this page shows it now.", "已有新版本，页面已更新。"],
  notFound: ["There is no such page", "没有这个页面"],
  notFoundWhat: ["The address may have been cut off when it was copied.", "链接可能在复制时被截断。"],
  noDataset: ["There is no dataset yet. `jianghua publish` makes the first version.", "还没有数据集。运行 `jianghua publish` 生成第一个版本。"],

  startTitle: ["Speeches to read, search and compute with", "可读、可查、可计算的讲话稿"],
  startLead: [
    "Chinese speech pages (讲话稿), collected politely, read exactly and published as versioned Parquet. Look before you download.",
    "礼貌采集、精确抽取、按版本发布为 Parquet 的中文讲话稿。先看，再下载。",
  ],
  datasets: ["Datasets", "数据集"],
  speechesN: ["{0} speech[es]", "{0} 篇讲话"],
  versionN: ["Version {0}", "版本 {0}"],
  open: ["Open", "打开"],

  speeches: ["speeches", "篇讲话"],
  sites: ["sites", "个来源网站"],
  speeches1: ["speech", "篇讲话"],
  speechesHead: ["speeches", "讲话"],
  sites1: ["site", "个来源网站"],
  characters: ["characters", "字"],
  period: ["period", "时间范围"],
  size: ["size", "大小"],
  version: ["version", "版本"],
  published: ["published {0}", "发布于 {0}"],
  searchTitles: ["Title, id or address", "搜索标题、编号或网址"],
  search: ["Search", "搜索"],
  newest: ["Newest speeches", "最新讲话"],
  newestAll: ["Browse all", "浏览全部"],
  whatItIs: ["What it is", "内容"],
  howMade: ["How it was made", "采集方式"],
  limits: ["Known limits", "已知局限"],
  licence: ["Licence", "许可"],
  personal: ["Personal data", "个人信息"],
  cite: ["How to cite", "引用"],
  citeWhy: ["Cite the version: another one has other rows.", "请注明版本：不同版本内容不同。"],
  quality: ["Quality", "质量"],
  qualityPage: ["All measures and checks", "全部指标与检查"],
  checks: ["{0} of {1} checks passed", "{1} 项检查中 {0} 项通过"],
  remarks: ["Remarks of the checks", "检查备注"],
  accepted: ["accepted: {0}", "已确认：{0}"],
  share_previews: ["show only a beginning", "仅有开头"],
  share_duplicates: ["have a copy elsewhere", "另有副本"],
  share_mojibake: ["garbled characters", "乱码"],
  share_boilerplate: ["boilerplate in the text", "夹杂网页套话"],
  medianLength: ["characters, median", "字（中位数）"],
  sourceSites: ["Where the speeches come from", "来源网站"],
  site: ["site", "网站"],
  address: ["address", "网址"],
  previews: ["previews", "仅开头"],
  asOf: ["as of {0}", "截至 {0}"],
  showAll: ["Show all {0}", "显示全部 {0} 项"],
  reissue: ["This version takes the place of {0}, without what was taken down.", "本版本取代 {0}，已删去被要求撤下的内容。"],

  found: ["{0} speech[es]", "{0} 篇讲话"],
  foundAbout: ["about {0} speech[es]", "约 {0} 篇讲话"],
  foundNone: ["Nothing was found", "没有找到"],
  foundNoneWhat: ["Search looks at titles. Use fewer words, or clear the filters.", "搜索只查标题。请减少词语，或清除筛选条件。"],
  byId: ["found by id", "按编号查到"],
  byUrl: ["found by address", "按网址查到"],
  filters: ["Filters", "筛选"],
  clear: ["Clear all", "清除全部"],
  remove: ["Remove filter: {0}", "移除筛选：{0}"],
  order: ["Order", "排序"],
  newestFirst: ["newest first", "最新在前"],
  oldestFirst: ["oldest first", "最早在前"],
  more: ["Show more", "显示更多"],
  facet_site: ["Site", "网站"],
  facet_kind: ["Kind", "文种"],
  facet_level: ["Administrative level", "行政层级"],
  facet_region: ["Place", "地区"],
  facet_topic: ["Topic", "主题"],
  facet_year: ["Year", "年份"],
  facet_preview: ["Length shown", "完整性"],
  facet_copies: ["Copies", "副本"],
  any: ["all", "不限"],
  wholeOnly: ["whole texts only", "仅全文"],
  previewOnly: ["beginnings only", "仅开头"],
  onePerCluster: ["one of each", "每篇只留一份"],
  copiesOnly: ["only those with copies", "仅有副本的"],
  unknown: ["not known", "不详"],
  undated: ["without a date", "无日期"],
  narrow: ["Find in {0}", "在{0}中查找"],
  moreValues: ["{0} more", "另有 {0} 项"],
  keys: ["Keys: / to search, ↑ ↓ to move, Enter to read", "快捷键：/ 搜索，↑ ↓ 移动，Enter 阅读"],
  chars: ["{0} characters", "{0} 字"],
  preview: ["beginning only", "仅开头"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  copyFailed: ["Select it by hand", "请手动选择"],
  copies: ["has copies", "有副本"],
  goneMark: ["page is gone", "原网页已失效"],
  results: ["Results", "结果"],

  speechMissing: ["This version has no such speech", "本版本没有这篇讲话"],
  speechMissingWhat: ["It may have been removed since; the versions tell what left.", "它可能已被移除；各版本页面说明了变动。"],
  outline: ["Outline", "提纲"],
  noOutline: ["No numbered points were found.", "未发现编号要点。"],
  facts: ["Facts", "信息"],
  fromTitle: ["Where it came from", "出处"],
  isPreview: ["Only the beginning of this speech", "仅有这篇讲话的开头"],
  isPreviewWhat: ["The site shows {0} characters and keeps the rest back.", "网站只显示了 {0} 字，其余未公开。"],
  isPreviewOf: ["The site shows {0} of {1} characters.", "网站只显示了 {1} 字中的 {0} 字。"],
  evidence: ["What says so: {0}", "依据：{0}"],
  f_date: ["Published", "发布时间"],
  f_event: ["Date of the event", "讲话日期"],
  f_kind: ["Kind", "文种"],
  f_speaker: ["Speaker", "讲话人"],
  f_salutation: ["Salutation", "称呼"],
  f_level: ["Level", "层级"],
  f_region: ["Place", "地区"],
  f_occasion: ["Occasion", "场合"],
  f_topics: ["Topics", "主题"],
  f_source: ["Source named", "网页注明来源"],
  f_author: ["Author named", "网页注明作者"],
  f_chars: ["Length", "篇幅"],
  f_flags: ["Remarks", "质量标记"],
  f_personal: ["Personal data", "个人信息"],
  f_revision: ["Revision", "修订次数"],
  f_first: ["First in version", "首见版本"],
  f_corrected: ["Put right by people", "人工订正"],
  f_id: ["Id", "编号"],
  f_part: ["Part", "篇次"],
  partOf: ["{0} of {1} on its page", "本页 {1} 篇中的第 {0} 篇"],
  editorIntro: ["Introduction by the site's editor, cut off", "网站编者按（已移出正文）"],
  titleRaw: ["Title as the page shows it", "网页原题"],
  address_: ["Address", "网址"],
  fetched: ["First fetched", "首次抓取"],
  goneSince: ["The page is gone since {0}", "原网页自 {0} 起失效"],
  provenance: ["The record of each response", "每次响应的记录"],
  provenanceWhat: ["Read straight from the table provenance.", "直接读自 provenance 表。"],
  textSha: ["SHA-256 of the text", "正文 SHA-256"],
  shaGood: ["matches the text above", "与上文一致"],
  shaBad: ["is not that of the text above", "与上文不符"],
  permalink: ["Copy link", "复制链接"],
  copiesTitle: ["Copies of this speech", "这篇讲话的副本"],
  copiesWhat: ["{0} pages have this speech. Compare two side by side to see what differs.", "共有 {0} 个网页刊载这篇讲话。可并排比较差异。"],
  thisOne: ["this one", "本篇"],
  chosen: ["the one to keep", "推荐保留"],
  alike: ["alike", "相似度"],
  speech: ["speech", "讲话"],
  relation: ["how", "关系"],
  reason_exact: ["the same text", "完全相同"],
  reason_mask_variant: ["other masks", "隐名不同"],
  reason_script_variant: ["other script", "繁简不同"],
  reason_near: ["nearly the same", "近似"],
  compare: ["Compare", "比较"],
  insideTitle: ["It stands in a longer text", "收录于更长的文本"],
  insideWhat: ["{0} of it", "占本篇 {0}"],
  older: ["Older", "较早一篇"],
  newer_: ["Newer", "较新一篇"],
  compareTitle: ["Side by side", "并排比较"],
  compareLead: ["Marked: what only this side has.", "标出的部分为该侧独有。"],
  compareFolded: ["Marked: what only this side has; script, width, quotation marks and white space aside.", "标出的部分为该侧独有；不计繁简、全半角、引号与空白。"],
  compareAlike: ["The texts differ only in script, width, quotation marks or white space.", "两篇文本仅繁简、全半角、引号或空白不同。"],
  compareExact: ["Mark these too", "也标出这些差异"],
  compareFold: ["Leave script, width, quotation marks and white space aside", "不计繁简、全半角、引号与空白"],
  compareSame: ["Both texts are the same, character by character.", "两篇文本逐字相同。"],
  compareBack: ["Back to the speech", "返回讲话"],
  onlyHere: ["only on this side", "仅此侧有"],

  picturesTitle: ["The dataset in pictures", "图说数据集"],
  byYear: ["Speeches by year", "各年篇数"],
  byMonth: ["Speeches by month of publication", "按发布月份"],
  byMonthWhat: ["{0} speeches without a date are left out.", "另有 {0} 篇无日期，未计入。"],
  byLength: ["Length of the texts", "按篇幅"],
  byLengthWhat: ["Characters without white space; each bar ends at 1.4 times where it begins.", "不计空白的字数；每柱的上限约为下限的 1.4 倍。"],
  bySite: ["By site", "按网站"],
  byKind: ["By kind", "按文种"],
  byLevel: ["By administrative level", "按行政层级"],
  byTopic: ["By topic", "按主题"],
  byTopicWhat: ["A speech may have several.", "一篇可有多个主题。"],
  byRegion: ["By place", "按地区"],
  asTable: ["As a table", "以表格显示"],
  month: ["month", "月份"],
  count: ["speeches", "篇数"],
  ofThemPreviews: ["of them beginnings", "其中仅开头"],
  value: ["value", "取值"],
  lengthRange: ["characters", "字数"],
  whole: ["whole", "全文"],

  versionsTitle: ["Versions", "版本"],
  versionsLead: ["A version never changes. A new one is made when the content changed.", "版本一经发布不再改变；内容有变才有新版本。"],
  growth: ["Growth", "增长"],
  date: ["date", "日期"],
  added: ["added", "新增"],
  changed: ["changed", "修改"],
  removed: ["removed", "移除"],
  rows: ["rows", "行数"],
  latest: ["latest", "最新"],
  first: ["the first version: all of it is new", "首个版本，全部为新增"],
  examples: ["{0} of {1}", "{1} 项中的 {0} 项"],
  reason_gone: ["its page is gone", "原网页已失效"],
  reason_soft_404: ["its page says “not found”", "原网页显示“页面不存在”"],
  reason_moved: ["its page has moved", "原网页已迁移"],
  reason_part_gone: ["its page holds fewer speeches now", "原网页所含篇数减少"],
  reason_no_longer_a_speech: ["no speech any more", "不再是讲话"],
  reason_disallowed: ["robots.txt forbids its page", "robots.txt 不允许抓取"],
  reason_correction: ["a reviewed correction says that it is none", "经复核不是讲话"],
  reason_taken_down: ["taken down on request", "应请求撤下"],
  reason_unknown: ["reason not known", "原因不详"],
  addedTitle: ["Added", "新增"],
  changedTitle: ["Changed", "修改"],
  removedTitle: ["Removed", "移除"],
  changesFiles: ["All of them", "完整列表"],
  noExamples: ["No speech changed; other tables did.", "讲话没有变动，其他表有变动。"],
  goneVersions: ["Versions that are gone", "已不提供的版本"],
  yanked: ["taken down", "已撤下"],
  retired: ["retired", "已退役"],
  useInstead: ["use {0} instead", "请改用 {0}"],
  table: ["table", "表"],
  feed: ["Follow the versions (Atom)", "订阅版本更新（Atom）"],
  schema: ["schema {0}", "结构版本 {0}"],

  loadTitle: ["Download and load", "下载与读取"],
  loadLead: ["Version {0}: {1} in {2} file[s]. Each file has its SHA-256, and the reader checks it.", "版本 {0}：{2} 个文件，共 {1}。每个文件都有 SHA-256，读取时会校验。"],
  snippets: ["Load it", "读取代码"],
  snippetsWhat: ["Code to copy. Each reads just this version.", "可直接复制的代码，只读取本版本。"],
  wholeVersion: ["The whole version, verified, and resumed after a break", "下载整个版本：校验完整，可断点续传"],
  withCurl: ["Without Jianghua: curl and sha256sum", "不用 Jianghua：curl 与 sha256sum"],
  files: ["Documents of the version", "版本文档"],
  parts: ["Files of the tables", "数据表文件"],
  file: ["file", "文件"],
  bytes: ["size", "大小"],
  sha: ["SHA-256", "SHA-256"],
  download: ["Download", "下载"],
  downloadSample: ["A sample: 100 speeches", "样本：100 篇"],
  partsN: ["{0} file[s], {1}, {2} row[s]", "{0} 个文件，{1}，{2} 行"],

  columnsTitle: ["Data dictionary", "数据字典"],
  columnsLead: ["Every column of every table, as schema {0} has it. ● marks what the publisher fills in from the version before.", "结构版本 {0} 的全部表与字段。● 表示由发布程序沿用上一版本填写。"],
  column: ["column", "字段"],
  type: ["type", "类型"],
  nullable: ["may be null", "可空"],
  meaning: ["meaning", "含义"],
  key: ["Key: {0}", "主键：{0}"],
  yes: ["yes", "是"],
};

const NAMES = ["en", "zh"];
const TAGS = { en: "en", zh: "zh-Hans" };
let language = "en";
let translated = null;

/** The languages there are, and the one in use. */
export const languages = NAMES;
export const current = () => language;

/** The language that somebody chose before, else that of the browser. */
export function remembered() {
  let kept = null;
  try {
    kept = localStorage.getItem("jianghua-language");
  } catch {
    /* not allowed here: the browser's language will do */
  }
  if (NAMES.includes(kept)) return kept;
  return (navigator.languages ?? [navigator.language]).some((l) => /^zh/i.test(l)) ? "zh" : "en";
}

/** Use a language from now on, and remember it where that is allowed. */
export async function use(name, remember = false) {
  language = NAMES.includes(name) ? name : "en";
  document.documentElement.lang = TAGS[language];
  if (remember) {
    try {
      localStorage.setItem("jianghua-language", language);
    } catch {
      /* then it is for this visit alone */
    }
  }
  if (language === "zh") translated ??= (await import("./translations.js")).TRANSLATIONS;
}

/** A word in the language in use; {0} and so on are filled in. */
export function t(key, ...values) {
  const found = WORDS[key];
  if (!found) throw new Error(`no word: ${key}`);
  const text = found[NAMES.indexOf(language)];
  // of one thing the ending between brackets is left out: {0} file[s]
  const agreeing = text.replace(/(\{(\d)\}[^{[]*)\[(\w+)\]/g, (_, before, n, ending) => before + (String(values[Number(n)]) === "1" ? "" : ending));
  return agreeing.replace(/\{(\d)\}/g, (_, n) => values[Number(n)]);
}

/** Whether there is such a word. */
export const knows = (key) => Object.hasOwn(WORDS, key);

/** What the data says of itself in English, in the language in use where it is translated. */
export function said(english) {
  return (language === "zh" && translated?.[english]) || english;
}

/** The `lang` of a text that `said` gave. */
export function langOf(english) {
  return language === "zh" && !translated?.[english] ? "en" : null;
}

export function number(n) {
  return new Intl.NumberFormat(TAGS[language]).format(n);
}

/** A large number, short. */
export function short(n) {
  if (n < 10000) return number(n);
  return new Intl.NumberFormat(TAGS[language], { notation: "compact", maximumFractionDigits: 1 }).format(n);
}

export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1%";
  return new Intl.NumberFormat(TAGS[language], { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

export function bytes(n) {
  for (const [limit, unit] of [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ])
    if (n >= limit) return `${new Intl.NumberFormat(TAGS[language], { maximumFractionDigits: n >= 100 * limit ? 0 : 1 }).format(n / limit)} ${unit}`;
  return `${n} B`;
}

/** A day since 1970 as a date. */
export function day(n) {
  return n === null || n === undefined ? t("undated") : iso(n * 86400000).slice(0, 10);
}

function iso(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString();
}

/** A moment as date and minute, UTC. */
export function moment(value) {
  const text = iso(value instanceof Date ? value.getTime() : typeof value === "bigint" ? Number(value) : typeof value === "number" ? value : Date.parse(value));
  return text === "?" ? "?" : `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}
