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

DOWNLOADER_MIDDLEWARES = {
    "crawler.middlewares.guard.GuardMiddleware": 10,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,  # ignores ports; the guard does not
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,  # fails where a header is wrong
    "crawler.middlewares.packed.PackedMiddleware": 590,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "crawler.middlewares.cookies.SpareCookiesMiddleware": 700,
    "scrapy.downloadermiddlewares.stats.DownloaderStats": None,  # counted by SiteCrawl
}
SPIDER_MIDDLEWARES = {
    # nothing is yielded by the spider, so these have nothing to do
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
}
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
EXTENSIONS = {
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.remote_control.RemoteControl": None,  # and loads a web server
    "scrapy.extensions.corestats.CoreStats": None,
    "scrapy.extensions.memusage.MemoryUsage": None,
    "scrapy.extensions.logstats.LogStats": None,
    "scrapy.extensions.feedexport.FeedExporter": None,
    "scrapy.extensions.logcount.LogCount": None,
    "scrapy.extensions.throttle.AutoThrottle": None,
    "scrapy.extensions.spiderstate.SpiderState": None,
}
