"""Sites that failed: their last good rows are carried forward, with their own date, and everything else is published.

A site fails when it brings no speech although it had some, when its records cannot be read, or when a gate that judges single sites
refuses what it brings (releaserules.set_aside). Its rows stay as the parent version has them, and the manifest says since when and why
(`carried`). That is not for ever: after some weeks, until a person accepts it, or when every site fails at once, a publish is refused, since
then it is more likely our fault than theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from crawler.wording import counted
from publisher.history import Entry, carrying_accepted, failing_since
from publisher.manifest import Carried, Gate, Manifest

DAYS = 30
CARRIED_SITES = "carried_sites"  # the gate
LET_GO = "silent_sites"  # the gate whose acceptance lets the speeches of silent sites go


def failed_sites(
    before: Mapping[str, int],
    brought: Mapping[str, int],
    damaged: Mapping[str, str],
    fates: Mapping[str, Mapping[str, int]],
    *,
    aside: Mapping[str, str] | None = None,
    let_go: bool = False,
) -> dict[str, str]:
    """Which sites failed, and why.

    before: speeches by site in the parent version. brought: those that the records bring now, before corrections and takedowns, none that
    are only held. damaged: sites with records that cannot be read, and what is wrong with them. fates: of the pages in the
    records, by site and fate. aside: sites of which a gate refused what they bring, and why. let_go: a person accepted that silent sites go (LET_GO); then only damage is a failure.
    """
    found = dict(aside or {})
    found |= {site: f"its records cannot be read: {why}" for site, why in damaged.items() if before.get(site)}
    if not let_go:
        found |= {
            s: _silence(fates.get(s, {})) for s, n in before.items() if n and not brought.get(s) and s not in found
        }
    return dict(sorted(found.items()))


def _silence(fates: Mapping[str, int]) -> str:
    pages = {fate: n for fate, n in fates.items() if n}
    if not pages:
        return "it brought neither pages nor speeches"
    most = sorted(pages.items(), key=lambda x: (-x[1], x[0]))[:3]
    return f"it brought no speech: of its {counted(sum(pages.values()), 'page')} " + ", ".join(
        f"{n} {'is' if n == 1 else 'are'} {fate}" for fate, n in most
    )


def carried(failed: Mapping[str, str], rows: Mapping[str, int], parent: Manifest) -> dict[str, Carried]:
    """What the manifest says of the rows that stay. rows: how many of each failed site; parent: the version that they are taken from."""
    out = {}
    for site, why in sorted(failed.items()):
        if not rows.get(site):
            continue
        old = parent.carried.get(site)
        out[site] = Carried(
            rows=rows[site],
            as_of=old.as_of if old else parent.published_at,
            since=old.since if old else parent.version,
            why=why,
        )
    return out


def since_when(site: str, history: Sequence[Entry], before: Mapping[str, Carried], now: datetime) -> datetime:
    """Since when a site that fails now has failed: by the history; by the day its rows are from, where it was carried before (`before`:
    of the parent version) and the history does not go back to the beginning of that. A site that was well in the last run, of which nothing was
    new, begins to fail now, though the parent version carries it."""
    told = failing_since(history, site)
    if told is None and history:
        return now
    whole = any(site not in entry.get("failed", {}) for entry in history)
    if site in before and not whole:
        return before[site].as_of
    return datetime.fromisoformat(told) if told else now


def carried_sites(
    carried: Mapping[str, Carried],
    sites: Mapping[str, int],
    history: Sequence[Entry],
    now: datetime,
    *,
    before: Mapping[str, Carried] | None = None,
    days: int = DAYS,
) -> Gate:
    """Warns when rows are carried; fails when a site has failed for more than `days` days, and nobody accepted that since, or when all sites fail at once.

    sites, before: speeches by site, and `carried`, of the parent version. A version that was not made for weeks because nothing changed
    is no failure of a site: what counts is since when it fails.
    """
    since = {site: since_when(site, history, before or {}, now) for site in carried}
    age = {site: max(0, (now - at).days) for site, at in since.items()}
    old = [site for site in carried if age[site] > days and not carrying_accepted(history, site, CARRIED_SITES)]
    every = bool(carried) and {s for s, n in sites.items() if n} <= carried.keys()
    parts = [
        f"{s} ({counted(c.rows, 'speech')} as of {c.as_of.astimezone(UTC):%Y-%m-%d}: {c.why})"
        for s, c in carried.items()
    ]
    what = f"carried forward from the version before: {'; '.join(parts[:5])}"
    if every:
        what = f"every site failed at once; {what}"
    elif old:
        what = f"failed for more than {counted(days, 'day')}: {', '.join(old)}; {what}"
    return Gate(
        name=CARRIED_SITES,
        result="fail" if every or old else "warn" if carried else "pass",
        what=what if carried else "no site of the version before failed",
        figures={
            "rows": {s: c.rows for s, c in carried.items()},
            "why": {s: c.why for s, c in carried.items()},
            "days": age,
            "since": {s: at.isoformat() for s, at in since.items()},
        },
    )
