"""Why a page could not be had, in words for people: what Scrapy, Twisted and OpenSSL raise is told by its kind. Pure."""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 200  # characters
REFUSED, LOST, CUT = "connection refused", "the connection was lost", "the answer was cut short"
# By the name of the kind, because each of them is raised under several packages' names.
WORDS = {
    "DownloadCancelledError": "larger than allowed",
    "TimeoutError": "timed out",
    "DownloadTimeoutError": "timed out",
    "TCPTimedOutError": "timed out",
    "ConnectionRefusedError": REFUSED,
    "DownloadConnectionRefusedError": REFUSED,
    "DNSLookupError": "the name of the host cannot be resolved (DNS)",
    "CannotResolveHostError": "the name of the host cannot be resolved (DNS)",
    "NoRouteError": "no way to the host",
    "ConnectionLost": LOST,
    "ConnectionAborted": LOST,
    "ConnectionDone": "the connection was closed before the answer was whole",
    "ResponseDataLossError": CUT,
    "PotentialDataLoss": CUT,
    "_DataLoss": CUT,
    "ParseError": "the answer is no HTTP",
    "UnsupportedURLSchemeError": "the address is neither http nor https",
}


def words(error: BaseException | None) -> str:
    """What went wrong: the first kind that is known of the error and of what it was raised for, else its own words in one line."""
    if error is None:
        return "no reason is known"
    chain = list(_chain(error))
    for e in chain:
        if (known := WORDS.get(type(e).__name__)) is not None:
            return known
    for e in chain:
        if type(e).__module__.startswith(("OpenSSL", "service_identity")):
            return f"no secure connection: {_of_tls(e)}"[:LONGEST]
    own = " ".join(str(chain[-1]).split()) or type(chain[-1]).__name__
    kind = type(error).__name__
    return (own if kind in ("ForbiddenAddress", "IgnoreRequest") else f"{own} ({kind})")[:LONGEST]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for, the outermost first; `reasons` are Twisted's Failures, whose `value` is the error."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        e = waiting.pop(0)
        if isinstance(e, BaseException) and id(e) not in seen:
            seen.add(id(e))
            yield e
            waiting += [getattr(r, "value", r) for r in getattr(e, "reasons", None) or ()]
            waiting.append(e.__cause__)


def _of_tls(error: BaseException) -> str:
    """The reasons of OpenSSL, whose errors hold lists of (library, function, reason)."""
    told = error.args[0] if error.args else None
    if isinstance(told, list) and told and all(isinstance(x, tuple) and x for x in told):
        return ", ".join(str(x[-1]) for x in told)
    return " ".join(str(error).split()) or type(error).__name__
