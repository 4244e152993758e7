"""Release rules: each passes, warns and fails; against the parent, against the history; sites carried forward; who waits for whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.errors import UsageError
from publisher import gates, releaserules, rules
from publisher.carrying import carried, carried_sites, failed_sites
from publisher.checks import names
from publisher.chinese import gates as chinese
from publisher.gates import RefusedError, WaitingError, confirmed, waits
from publisher.manifest import Carried, Gate, Manifest, TableEntry
from publisher.quality import EDGES, Counts, Measures
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.releaserules import ALL, MAY_GO, RULES, Run, entry, judge, refusal, release_gates, swing
from tests.publisher.publisher_made import records, speech

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ROWS = 1000


def counts(rows: int = ROWS, **more: Any) -> Counts:
    return Counts(rows=rows, lengths={20: rows}) if not more else replace(counts(rows), **more)


def run_of(now: Counts, before: Counts | None, **more: Any) -> Run:
    parent = None if before is None else Measures({"a": before})
    facts: dict[str, Any] = {"sites": {"a": before.rows} if before else {}, "brought": {"a": now.rows}, "added": 1}
    return Run(NOW, Measures({"a": now}), parent, **(facts | more))


def results(run: Run, history: Sequence[Mapping[str, Any]] = ()) -> dict[str, str]:
    return {g.name: g.result for g in release_gates(run, history) if g.result != "pass"}


def gate(run: Run, name: str, history: Sequence[Mapping[str, Any]] = ()) -> Gate:
    return next(g for g in release_gates(run, history) if g.name == name)


def at(value: float, rule: str, rows: int = ROWS) -> Counts:
    """Counts in which the rule's value is `value` above a base."""
    n = round(rows * value)
    match rule:
        case "previews" | "mojibake" | "boilerplate":
            return counts(rows, **{rule: n + rows // 50})
        case "nulls":
            return counts(rows, nulls={"published_at": n + rows // 50})
        case _:
            return counts(rows)


SHARES = [r for r in RULES if r.of is not None]


@pytest.mark.parametrize("rule", SHARES, ids=lambda r: r.name)
def test_a_share_passes_warns_and_fails_by_its_rise_over_the_parent(rule: Any) -> None:
    base = at(0, rule.name)
    assert results(run_of(at(rule.warn - 0.001, rule.name), base)) == {}
    assert results(run_of(at(rule.warn + 0.001, rule.name), base)) == {rule.name: "warn"}
    assert results(run_of(at(rule.fail, rule.name), base)) == {rule.name: "warn"}
    assert results(run_of(at(rule.fail + 0.001, rule.name), base)) == {rule.name: "fail"}
    assert results(run_of(base, at(rule.fail + 0.1, rule.name))) == {}, "what falls is no harm"
    told = gate(run_of(at(rule.fail + 0.001, rule.name), base), rule.name)
    assert told.what.startswith(f"{rule.what} rose: a")
    assert "2.0 % before" in told.what


@pytest.mark.parametrize("name", sorted(MAY_GO))
def test_a_fact_that_a_new_template_may_leave_out_is_told_and_refuses_nothing(name: str) -> None:
    assert results(run_of(counts(nulls={name: ROWS}), counts())) == {"nulls": "warn"}
    assert results(run_of(counts(nulls={name: ROWS, "published_at": ROWS}), counts())) == {"nulls": "fail"}


@pytest.mark.parametrize("rule", SHARES, ids=lambda r: r.name)
def test_small_sites_do_not_warn_by_chance(rule: Any) -> None:
    assert results(run_of(at(0.9, rule.name, rows=10), at(0, rule.name, rows=10))) == {}
    assert results(run_of(at(0.9, rule.name, rows=12), at(0, rule.name, rows=12))) == {rule.name: "fail"}


def test_ten_speeches_more_are_enough_whatever_share_they_are() -> None:
    for rows in range(20, 200):
        assert "previews" in results(run_of(counts(rows, previews=10), counts(rows)))
        assert "previews" not in results(run_of(counts(rows, previews=9), counts(rows)))


def test_lengths_pass_warn_and_fail_by_their_distance() -> None:
    def at_length(octaves: int, share: float, rows: int = ROWS) -> Counts:
        moved = round(rows * share)
        return counts(rows, lengths={20: rows - moved, 20 - 2 * octaves: moved})

    base = counts()
    assert results(run_of(at_length(1, 0.25), base)) == {}
    assert results(run_of(at_length(1, 0.26), base)) == {"lengths": "warn"}
    assert results(run_of(at_length(2, 0.5), base)) == {"lengths": "warn"}
    assert results(run_of(at_length(2, 0.51), base)) == {"lengths": "fail"}
    assert results(run_of(at_length(-2, 0.51), base)) == {"lengths": "fail"}
    assert results(run_of(at_length(3, 1, rows=49), counts(49))) == {}
    assert EDGES[20] == 1024


def test_duplicates_pass_warn_and_fail_over_all_sites() -> None:
    for found, result in ((140, "pass"), (160, "warn"), (299, "warn"), (301, "fail")):
        run = run_of(counts(), counts(), duplicates=found, duplicates_before=100)
        assert gate(run, "duplicates").result == result
    assert gate(run_of(counts(30), counts(30), duplicates=12, duplicates_before=3), "duplicates").result == "pass"
    assert "duplicates" not in {g.name for g in release_gates(run_of(counts(), counts()))}


def test_copies_that_come_with_a_new_site_are_told_with_what_a_new_name_does() -> None:
    run = run_of(counts(), counts(), duplicates=700, duplicates_before=100)
    assert "renamed" not in gate(run, "duplicates").what
    named = {f"b{i}": counts() for i in range(6)}
    for n, told in ((1, "b0;"), (5, "b0, b1, b2, b3, b4;"), (6, "b0, b1, b2, b3, b4 and more;")):
        came = dict(list(named.items())[:n])
        more = replace(run, now=Measures(run.now.sites | came), duplicates=700 * (n + 1))
        found = gate(more, "duplicates")
        assert f"new since the version before: {told} a site that was renamed" in found.what
        assert not re.search("[a-z]{3}", chinese()(found.what))


def test_a_first_version_is_compared_with_nothing_but_very_bad_shares_are_told() -> None:
    assert results(run_of(at(0.02, "mojibake"), None)) == {}
    assert results(run_of(at(0.04, "mojibake"), None)) == {"mojibake": "warn"}
    assert results(run_of(at(0.5, "mojibake", rows=10), None)) == {}
    assert {g.name for g in release_gates(run_of(counts(), None))} == {r.name for r in RULES}


def test_a_site_that_is_new_is_not_compared_and_does_not_spoil_all_sites() -> None:
    run = run_of(counts(), counts())
    both = Measures({"a": counts(), "b": counts(previews=ROWS)})
    assert results(replace(run, now=both)) == {}
    # many small rises that no site shows by itself
    few = {f"s{n}": counts(100) for n in range(20)}
    now = Measures({s: replace(c, previews=7) for s, c in few.items()})
    told = gate(replace(run, now=now, parent=Measures(few)), "previews")
    assert (told.result, list(told.figures["rose"])) == ("warn", [ALL])


# ---------------------------------------------------------------------------------------------- history


def history_of(values: Sequence[float], rule: str = "previews", **more: Any) -> list[dict[str, Any]]:
    return [
        entry(run_of(at(v, rule), None), "published", f"v{n}", [], False)
        | {"at": (NOW - timedelta(days=len(values) - n)).isoformat()}
        | more
        for n, v in enumerate(values)
    ]


def daily(values: Sequence[float], rule: str = "previews", confirm: Sequence[int] = ()) -> list[str]:
    """The result of the rule on each day of a site whose value goes so, every version published."""
    history: list[dict[str, Any]] = []
    out: list[str] = []
    for n, value in enumerate(values):
        run = run_of(at(value, rule), at(values[n - 1], rule) if n else None)
        found = gate(run, rule, history)
        out.append(found.result)
        history.append(entry(run, "published", f"v{n}", [found], n in confirm))
    return out


def test_a_site_that_always_swings_stops_warning() -> None:
    found = daily([0.1, 0.4] * 12)
    assert "fail" in found[:6]
    assert set(found[6:]) == {"pass"}
    assert daily([*[0.1, 0.4] * 6, 0.1, 0.95])[-1] == "fail", "more than it ever swings"


def test_a_site_that_swings_stops_warning_though_somebody_confirms_each_time() -> None:
    found = daily([0.1, 0.14, 0.1, 0.2] * 6, confirm=range(24))
    assert set(found[8:]) == {"pass"}


def test_a_steady_site_warns_at_once_and_until_it_is_usual_or_confirmed() -> None:
    steady = [0.1] * 12 + [0.2] * 12
    found = daily(steady)
    assert set(found[:12]) == {"pass"}
    assert found[12] == "warn"
    assert (found[13], found[-1]) == ("warn", "pass")
    assert set(daily(steady, confirm=[12])[13:]) == {"pass"}


def test_one_day_unlike_the_others_does_not_blunt_the_rule() -> None:
    found = daily([0.1] * 8 + [0.4] + [0.1] * 4 + [0.2])
    assert (found[8], found[-1]) == ("fail", "warn")


def test_a_slow_rise_is_seen_against_the_median() -> None:
    found = daily([0.01 * n for n in range(20)])
    assert found[1] == "pass"
    assert found[-1] == "warn"


def test_refused_runs_are_never_what_is_usual() -> None:
    bad = [*history_of([0.0] * 6), *history_of([0.3] * 15, outcome="refused")]
    run = run_of(at(0.3, "previews"), at(0.0, "previews"))
    assert gate(run, "previews", bad).result == "fail"
    assert (
        gate(run, "previews", [*history_of([0.0] * 6), *history_of([0.3] * 15)]).result == "fail"
    )  # the parent is as it was


def test_swing() -> None:
    assert swing([0.1] * 9) == 0
    assert swing([0.1] * 5 + [0.5] * 5) == 0
    assert swing([0.1] * 5 + [0.5] + [0.1] * 5) == 0
    assert swing([0.1, 0.5] * 5) == pytest.approx(0.4)
    assert swing([]) == swing([1.0]) == 0


def test_new_speeches_are_judged_by_themselves() -> None:
    big = counts(100_000, mojibake=100)
    new = Measures({"a": counts(40, mojibake=20)})
    run = run_of(big + counts(40, mojibake=20), big, new=new)
    told = gate(run, "mojibake")
    assert told.result == "warn"
    assert "new speeches of a 50.0 % (0.1 % before)" in told.what
    assert results(replace(run, new=Measures({"a": counts(29, mojibake=20)}))) == {}
    assert results(replace(run, new=Measures({"a": counts(40, mojibake=3)}))) == {}, "few by number"
    previews = replace(big, previews=20_000)
    by_chance = run_of(previews, previews, new=Measures({"a": counts(120, previews=36)}))
    assert results(by_chance) == {}
    assert results(replace(by_chance, new=Measures({"a": counts(120, previews=60)}))) == {"previews": "warn"}


def test_judge_says_what_it_compared_with() -> None:
    verdict = judge(RULES[0], 0.5, 100, 0.1)
    assert (verdict.subject, verdict.result, verdict.before, verdict.usual) == (ALL, "fail", 0.1, None)


# ---------------------------------------------------------------------------------------------- nothing new


def test_nothing_new_is_never_silently_fine() -> None:
    run = run_of(counts(), counts(), added=0, changed=3)
    first = gate(run, "nothing_new")
    assert (first.result, first.what, first.figures["runs"]) == ("warn", "no new speech", 1)
    history: list[dict[str, Any]] = []
    for day, added in ((20, 5), (4, 0), (3, 0)):
        made = replace(run, at=NOW - timedelta(days=day), added=added)
        history.append(entry(made, "published" if added else "unchanged", None, [], False))
    history.append(refusal(NOW - timedelta(days=1), {}))
    third = gate(run, "nothing_new", history)
    assert third.what == "no new speech, 3 runs in a row since 2026-11-18; the last new ones came on 2026-11-02"
    assert (third.figures["runs"], third.figures["since"][:10], third.figures["changed"]) == (3, "2026-11-18", 3)
    assert gate(replace(run, added=2), "nothing_new", history).result == "pass"


# ---------------------------------------------------------------------------------------------- sites


def test_which_sites_failed_and_why() -> None:
    before = {"a": 10, "b": 5, "c": 3, "d": 0, "e": 7}
    brought = {"a": 9, "c": 3}
    fates = {"b": {"login": 4, "gone": 1, "list": 0}, "a": {"speech": 9}}
    damaged = {"c": "no whole Parquet file", "d": "damaged"}
    found = failed_sites(before, brought, damaged, fates)
    assert found == {
        "b": "it brought no speech: of its 5 pages 4 are login, 1 is gone",
        "c": "its records cannot be read: no whole Parquet file",
        "e": "it brought neither pages nor speeches",
    }
    assert set(failed_sites(before, brought, damaged, fates, let_go=True)) == {"c"}
    assert failed_sites(before, before, {}, {}) == {}


def manifest(day: int, carried: Mapping[str, Carried] | None = None) -> Manifest:
    return Manifest(
        dataset="speeches",
        version=f"v{day}",
        sequence=day,
        schema_version="1.2.0",
        published_at=NOW - timedelta(days=100 - day),
        parent=None,
        tables={"speeches": TableEntry(rows=1, parts=())},
        sites={"a": 10, "b": 5},
        carried=dict(carried or {}),
    )


def test_carried_rows_keep_the_date_of_the_version_that_they_come_from() -> None:
    first = carried({"b": "silent"}, {"b": 5}, manifest(1))
    assert first == {"b": Carried(rows=5, as_of=manifest(1).published_at, since="v1", why="silent")}
    second = carried({"b": "damaged", "c": "x"}, {"b": 5}, manifest(2, first))
    assert second == {"b": Carried(rows=5, as_of=manifest(1).published_at, since="v1", why="damaged")}


def failing(days: Sequence[int], site: str = "b") -> list[dict[str, Any]]:
    quiet = refusal(NOW - timedelta(days=200), {})
    return [quiet, *(refusal(NOW - timedelta(days=d), {site: "silent"}) for d in days)]


def test_a_failed_site_is_carried_with_a_warning_and_not_for_ever() -> None:
    old = Carried(rows=5, as_of=NOW - timedelta(days=90), since="v1", why="silent")
    sites = {"a": 10, "b": 5}
    assert carried_sites({}, sites, [], NOW).result == "pass"
    told = carried_sites({"b": old}, sites, [], NOW)
    assert told.result == "warn"
    assert told.what == "carried forward from the version before: b (5 speeches as of 2026-08-24: silent)"
    # the version was old because nothing had changed; the site failed only now
    assert told.figures["days"] == {"b": 0}
    assert carried_sites({"b": old}, sites, failing([30, 12, 1]), NOW).result == "warn"
    late = carried_sites({"b": old}, sites, failing([31, 12, 1]), NOW)
    assert late.result == "fail"
    assert late.what.startswith("failed for more than 30 days: b; carried")
    assert carried_sites({"b": old}, sites, failing([6, 2]), NOW, days=5).result == "fail"
    # the history was deleted: the parent version knows
    assert carried_sites({"b": old}, sites, [], NOW, before={"b": old}).result == "fail"
    assert carried_sites({"b": old}, sites, failing([2])[1:], NOW, before={"b": old}).result == "fail"
    assert carried_sites({"b": old}, sites, failing([2]), NOW, before={"b": old}).result == "warn"


def test_all_sites_at_once_are_our_fault_rather_than_theirs() -> None:
    one = Carried(rows=5, as_of=NOW, since="v1", why="silent")
    told = carried_sites({"a": one, "b": one}, {"a": 5, "b": 5, "c": 0}, [], NOW)
    assert told.result == "fail"
    assert told.what.startswith("every site failed at once")
    assert carried_sites({"b": one}, {"b": 5}, [], NOW).result == "fail"


def test_silent_sites_are_carried_or_let_go_by_name() -> None:
    run = run_of(counts(), counts(), sites={"a": 10, "b": 5}, brought={"a": 10})
    assert results(run) == {"silent_sites": "fail"}
    one = Carried(rows=5, as_of=NOW, since="v1", why="silent")
    run = replace(run, failed={"b": "silent"}, carried={"b": one})
    assert results(run) == {"carried_sites": "warn"}
    late = release_gates(run, failing([50, 3]), days=40)
    assert {g.name for g in late if g.result == "fail"} == {"carried_sites"}


def test_rows_lost_pass_warn_and_fail() -> None:
    def lost(n: int, reason: str = "unknown", of: int = 200, added: int = 0) -> dict[str, str]:
        run = run_of(counts(of - n), counts(of), sites={"a": of}, lost=[("a", reason)] * n, added_by={"a": added})
        return {k: v for k, v in results(run).items() if k.startswith("rows")}

    assert lost(2) == {}
    assert lost(3) == {"rows_lost": "warn"}
    assert lost(21) == {"rows_lost": "fail"}
    assert lost(4, of=5) == {"rows_lost": "warn"}
    assert lost(150, "correction") == lost(150, "taken_down") == {}
    assert lost(40, "gone") == {}
    assert lost(150, "moved", added=152) == lost(150, "moved", added=149) == {}, "they are there under another address"
    assert lost(150, "moved", added=100) == {"rows_lost": "fail"}
    assert lost(30, added=30) == {"rows_lost": "fail"}
    assert lost(150, "gone") == {"rows_gone": "fail"}
    assert lost(150, "gone", added=148) == {}, "a site with new addresses"
    assert lost(41, "gone") == {"rows_gone": "warn"}
    assert lost(101, "gone") == {"rows_gone": "fail"}
    assert lost(9, "gone", of=10) == {"rows_gone": "warn"}
    assert lost(40, "soft_404") == {}, "its page says that it is not there: as good as 404"
    assert lost(41, "soft_404") == {"rows_gone": "warn"}
    assert lost(101, "soft_404") == {"rows_gone": "fail"}


def test_a_change_of_schema_is_told() -> None:
    for change, result in (("none", "pass"), ("minor", "pass"), ("major", "warn")):
        run = run_of(counts(), counts(), schema=("1.1.0", change))
        assert gate(run, "schema_change").result == result


# ---------------------------------------------------------------------------------------------- people


def test_a_warning_waits_for_a_person_where_it_was_told_to() -> None:
    passed, warned, quiet = (
        Gate(name=n, result=r, what="w")  # type: ignore[arg-type]
        for n, r in (("rows", "pass"), ("previews", "warn"), ("nothing_new", "warn"))
    )
    assert waits([passed, warned], "wait", None)
    assert not waits([passed, warned], "publish", None)
    assert not waits([passed, warned], "wait", "looked at it")
    assert not waits([passed, quiet], "wait", None), "holding back what changed would bring nothing new"
    assert confirmed([warned], "looked at it") == "looked at it"
    assert confirmed([passed], "looked at it") is None
    assert confirmed([warned], None) is None
    error = WaitingError([passed, warned, quiet], where="datasets/speeches")
    assert error.waiting
    assert error.exit_code == 1
    assert "previews: w" in str(error)
    assert "nothing_new" not in str(error)
    assert '--confirm "REASON"' in str(error)


def test_a_refusal_waits_when_all_that_failed_may_be_accepted() -> None:
    lost, broken = (Gate(name=n, result="fail", what="w") for n in ("rows_lost", "schema"))
    assert RefusedError([lost], where="x").waiting
    assert not RefusedError([lost, broken], where="x").waiting
    assert not RefusedError([broken], where="x").waiting
    accepted = gates.accepted([lost, broken], {"rows_lost": "y", "schema": "y"})
    assert [g.accepted for g in accepted] == ["y", None]


@pytest.mark.parametrize(
    ("mark", "made"), [("rules", rules.listed()), ("release rules", releaserules.listed())], ids=["rows", "releases"]
)
def test_the_docs_tell_every_rule(mark: str, made: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "gates.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(
        f"<!-- {mark}: made by publisher.{'' if mark == 'rules' else 'release'}rules.listed() -->\n"
    )
    assert rest.partition(f"<!-- end of {mark} -->")[0] == made, "write the output of listed() between the marks"


def test_every_gate_of_a_publish_has_a_known_name(tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "speeches"
    day = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    rows = [speech("a", n) for n in range(6)]
    for n in range(2):
        result = publish_records(folder, records(rows[: 5 + n]), now=day + timedelta(days=n))
        assert {g.name for g in result.gates} <= names()
    with pytest.raises(UsageError, match="there is no gate 'rows_lots'"):
        publish_records(folder, records(rows), now=day, accept={"rows_lots": "a slip"})


STATES = st.lists(st.sampled_from(["told", "untold", "second", "gone"]), min_size=6, max_size=6)


@given(st.lists(STATES, min_size=2, max_size=3))
@example([["told"] * 6, ["untold", "second", *["told"] * 4]])  # what the parent had is lost
@example(
    [["gone", "gone", *["told"] * 4], ["untold", "second", *["told"] * 4]]
)  # what is new never had it, has another
@example([["untold", "second", *["told"] * 4], ["untold", *["second"] * 5]])  # the parent had not all of it
@settings(max_examples=5, deadline=None)
def test_speeches_without_provenance_are_told_whatever_the_parent_knew(days: list[list[str]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "speeches"
        for day, states in enumerate(days):
            found = records([speech("s", 9), *(speech("s", n) for n, state in enumerate(states) if state != "gone")])
            kept = []
            for row in found["provenance"].to_pylist():
                n = next((n for n in range(6) if speech("s", n)["speech_id"] == row["speech_id"]), None)
                if n is None or states[n] != "untold":  # the first answer is the one that is looked for first
                    kept.append(row | {"ordinal": 2 if n is not None and states[n] == "second" else 1})
            found["provenance"] = pa.Table.from_pylist(kept, schema=found["provenance"].schema)
            accept = {"rows_lost": "test", "rows_gone": "test"}
            made = publish_records(folder, found, now=NOW + timedelta(days=day), accept=accept)
            if made.version is None:
                continue
            whole = open_dataset(folder)
            told = next(g for g in made.gates if g.name == "provenance")
            true = gates.provenance(whole.arrow("speeches"), whole.arrow("provenance"))
            assert (told.result, told.what, told.figures["missing"]) == (
                true.result,
                true.what,
                true.figures["missing"],
            )
