"""Scrapy settings. Each departure from a default says why."""

BOT_NAME = "jianghua"
SPIDER_MODULES = ["crawler.spiders"]
SPIDER_LOADER_CLASS = "crawler.spiders.loader.SiteSpiderLoader"  # every site file is a spider
SCHEDULER = "crawler.frontier.Frontier"  # Scrapy's queues lose what is in memory when the process is killed

# Politeness is in SiteCrawl, which knows robots.txt, Crawl-delay, Retry-After and the state of the run:
ROBOTSTXT_OBEY = False  # Scrapy's own reads 5xx and timeouts as "allow all" and knows no Crawl-delay
DOWNLOAD_DELAY = 0  # the frontier hands out a request when it may be made
DOWNLOAD_DELAY_JITTER = 0
CONCURRENT_REQUESTS = 64  # several sites side by side; each has its own limit
CONCURRENT_REQUESTS_PER_DOMAIN = 8
CONCURRENT_ITEMS = (
    1  # nothing is yielded; Scrapy starts as many tasks for each answer, 1.5 ms of a page at its default of 100
)
RETRY_ENABLED = False  # a retry is a row of the frontier, so that it survives a kill
METAREFRESH_ENABLED = False  # a refresh is a link
REDIRECT_ENABLED = False  # a redirect is an answer to keep; its target is a row of the frontier
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"  # the frontier knows each URL once; a filter ate pages that redirect to themselves

# What Scrapy has of its own is named whole instead of being switched off piece by piece: it loads also what is switched off, to know its
# class, and with that a web server, a telnet console and exporters for clouds, a sixth of the CPU time of a small crawl.
DOWNLOADER_MIDDLEWARES_BASE = {
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    # not there: offsite ignores ports, the guard does not; httpcompression fails where a header is wrong; robots.txt, retries, redirects,
    # refreshes are SiteCrawl's, as said above, and so are figures
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.middlewares.guard.GuardMiddleware": 10,
    "crawler.middlewares.packed.PackedMiddleware": 590,
    "crawler.middlewares.cookies.SpareCookiesMiddleware": 700,
}
SPIDER_MIDDLEWARES_BASE: dict[str, int] = {}  # nothing is yielded by the spider, so that these have nothing to do
TWISTED_DNS_RESOLVER = "crawler.middlewares.guard.GuardResolver"
DOWNLOAD_MAXSIZE = 10 * 1024 * 1024  # also after decompression: 809 bytes of brotli can become 1 GiB
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_FAIL_ON_DATALOSS = False  # the spider looks whether what came is whole
DOWNLOAD_HANDLERS = {"file": None, "ftp": None, "s3": None, "data": None}  # http and https only
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5",
    "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.3",
}
TELNETCONSOLE_ENABLED = False  # nobody may talk to a running crawl
REMOTE_CONTROL_ENABLED = (
    False  # since 2.19 Scrapy listens on loopback, runs the code that it is sent, and leaves files in the user's folder
)
LOG_LEVEL = "WARNING"  # progress and summary are for people; a line a page is for nobody
LOG_FORMATTER = "crawler.middlewares.silence.SilentFormatter"  # and needs not be made
WARN_ON_GENERATOR_RETURN_VALUE = False  # our callback is no generator; Scrapy would look at it with each answer
LOGSTATS_INTERVAL = 0
EXTENSIONS_BASE: dict[str, int] = {}
