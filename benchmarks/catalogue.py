"""What a visitor of the catalogue fetches and waits for, with 200,000 speeches.

    python benchmarks/catalogue.py [--speeches 200000] [--home HOME] [--json FILE]

Records with titles, places, kinds and topics of their own are published (or HOME, a home with a published dataset, is read and not
changed), the catalogue is built beside them, and Chromium looks at it from a plain server on loopback that knows Range:

1. `build`: seconds and peak memory of a first build, of one that finds nothing to do, and what the files take.
2. `first view`: bytes fetched by an empty browser until the dataset's page, and the list of speeches, stand there.
3. `search`: for each of some words, from a list that stands there: milliseconds from the last key to the new results in the page,
   and bytes fetched until the page rests; then a facet chosen. The quickest of three, since machines have other work; all are told.
4. `speech`: bytes fetched to open one.

Bytes are those of the answers' bodies and headers as they pass the socket, uncompressed by the server.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.publish import DAY, _folded, peak, row, write
from benchmarks.synthetic import _words, texts
from crawler.home import Home
from crawler.shards import bucket_of

WORDS = ("安全生产", "讲话", "会", "乡村振兴 动员", "2019年", "质量 县长", "没有这样的题目")
TRIES = 3  # the quickest is told: the machine has other work
KINDS = ("讲话", "致辞", "主持词", "党课", "发言", "演讲", "报告", "其他")
LEVELS = (("省", "省长"), ("市", "市委书记"), ("县", "县长"), ("乡镇", "镇长"), ("学校", "校长"), ("企业", "董事长"))
OCCASIONS = ("安全生产", "乡村振兴", "教育", "质量", "环境", "党建", "防汛抗旱", "招商引资", "文化", "医疗")
MEETINGS = ("工作会议", "动员大会", "推进会", "座谈会", "现场会", "表彰大会", "开幕式", "培训班", "年终总结会")


def lay_down(home: Home, n: int, sites: int = 40) -> None:
    """Records of n speeches as real sites have them: titles that repeat words but not themselves, some 3,000 places, skewed shares."""
    rng = np.random.default_rng(11)
    words = _words()[60:]
    towns = ["".join(words[i : i + 1]) for i in rng.integers(0, len(words), 3000)]
    waiting: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for i, (text, folded) in enumerate(_folded(texts(n))):
        site = int(sites * rng.random() ** 2)
        r = row(i, 1, text, rng, folded=folded)
        kind = KINDS[int(len(KINDS) * rng.random() ** 3)]
        level, role = LEVELS[int(rng.integers(len(LEVELS)))]
        place = f"{towns[int(len(towns) * rng.random() ** 2)]}{level[:1]}"
        topic = OCCASIONS[int(rng.integers(len(OCCASIONS)))]
        own = "".join(words[int(w)] for w in np.exp(rng.random(2) * np.log(len(words) - 1)))
        year = r["published_at"].year
        form = int(rng.integers(4))
        meeting = MEETINGS[int(rng.integers(len(MEETINGS)))]
        title = (
            f"{role}在{place}{year}年{topic}{own}{meeting}上的{kind}",
            f"在{own}{topic}{meeting}上的{kind}",
            f"{place}{role}{year}年度{topic}{kind}稿（{own}）",
            f"关于{own}的{kind}：{topic}{meeting}",
        )[form]
        name = f"site{site:03}"
        r |= {
            "site": name, "speech_id": f"{name}:{r['speech_id'].rpartition(':')[2]}", "page_url": f"http://{name}.example/a/{i}.html",
            "title": title, "title_raw": title, "doc_type": kind, "admin_level": level, "region": place, "topics": [topic],
            "speaker_role": role, "is_preview": bool(rng.random() < 0.08),
        }  # fmt: skip
        waiting.setdefault((name, bucket_of(f"/a/{i}.html")), []).append(r)
    for (name, bucket), rows in sorted(waiting.items()):
        write(home, name, bucket, rows, [DAY - timedelta(days=1)] * len(rows), "first")


@contextlib.contextmanager
def server(out: Path, datasets: Path) -> Iterator[tuple[str, list[int]]]:
    """A plain server in a process of its own, and before it a pipe that counts what passes to the browser."""
    from tests.catalogue.range_server import range_server

    counted = [0]
    with range_server(out, datasets) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
        listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=_accept, args=(listening, port, counted), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/", counted
        finally:
            listening.close()


def _accept(listening: socket.socket, port: int, counted: list[int]) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        for one, other, count in ((near, far, False), (far, near, True)):
            threading.Thread(target=_pass, args=(one, other, counted if count else [0]), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket, counted: list[int]) -> None:
    try:
        while data := one.recv(1 << 16):
            counted[0] += len(data)
            other.sendall(data)
    except OSError:
        pass
    finally:
        for s in (one, other):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


def measure_build(datasets: Path, out: Path) -> dict[str, Any]:
    """One build in this process."""
    from catalogue.build import build

    began = time.monotonic()
    result = build(datasets, out)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(time.monotonic() - began, 2),
        "cpu": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(peak()),
        "made": result.made,
        "written_mb": round(result.written_bytes / 1e6, 2),
    }


def look(address: str, counted: list[int]) -> dict[str, Any]:
    """What Chromium fetches and how long it takes."""
    from playwright.sync_api import sync_playwright

    program = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    out: dict[str, Any] = {"first view": {}, "search": {}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, path, there in (
            ("dataset", "#/speeches", "#quality .verdict"),
            ("browse", "#/speeches/browse", ".browse .entry-title"),
        ):
            page = browser.new_context().new_page()
            before, began = counted[0], time.monotonic()
            page.goto(address + path)
            page.wait_for_selector(there)
            page.wait_for_load_state("networkidle")
            out["first view"][name] = {
                "kB": round((counted[0] - before) / 1e3),
                "ms": round(1000 * (time.monotonic() - began)),
            }
        for words in WORDS:
            tries = [search(browser, address, words, counted) for _ in range(TRIES)]
            out["search"][words] = min(tries, key=lambda t: int(t["ms"])) | {"all ms": [t["ms"] for t in tries]}
        page = browser.new_context().new_page()
        page.goto(address + "#/speeches/browse?preview=none")
        page.wait_for_selector(".browse .entry-title")
        page.wait_for_load_state("networkidle")
        before, began = counted[0], time.monotonic()
        page.click(".browse .entry-title")
        page.wait_for_selector(".text")
        took = time.monotonic() - began
        page.wait_for_load_state("networkidle")
        out["speech"] = {
            "kB": round((counted[0] - before) / 1e3),
            "ms": round(1000 * took),
        }
        browser.close()
    return out


def search(browser: Any, address: str, words: str, counted: list[int]) -> dict[str, Any]:
    """One search in an empty browser, from a list that stands there."""
    context = browser.new_context()  # nothing kept of the search before
    page = context.new_page()
    page.goto(address + "#/speeches/browse")
    page.wait_for_selector(".browse .entry-title")
    page.wait_for_load_state("networkidle")
    before = counted[0]
    page.focus("#q")
    page.keyboard.insert_text(words[:-1])
    page.wait_for_timeout(30)
    # from the key to the element that has the new results: told by the page itself
    page.evaluate(
        """words => { window.told = new Promise(done => {
          document.querySelector('#q').addEventListener('input', () => (window.began = performance.now()), { once: true });
          new MutationObserver(() => { if (document.querySelector('.browse').dataset.asked === words) done(performance.now() - window.began); })
            .observe(document.querySelector('.browse'), { attributes: true, attributeFilter: ['data-asked'] }); }); }""",
        words,
    )
    page.keyboard.insert_text(words[-1])
    took = page.evaluate("() => window.told")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(200)
    searched = counted[0] - before
    found = page.inner_text(".count")
    facet = None
    if page.locator('[data-facet="kind"] input').count():
        before = counted[0]
        began = time.monotonic()
        page.locator('[data-facet="kind"] input').first.click()
        page.wait_for_selector(".chip")
        page.wait_for_selector(".entries:not([aria-busy])")
        facet = {
            "kB": round((counted[0] - before) / 1e3),
            "ms": round(1000 * (time.monotonic() - began)),
        }
    context.close()
    return {"ms": round(took), "kB": round(searched / 1e3), "found": found, "facet": facet}


def child(*arguments: str) -> Any:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeches", type=int, default=200_000)
    parser.add_argument("--home", type=Path, help="a home with a published dataset `speeches`; it is not changed")
    parser.add_argument("--keep", type=Path, help="make the home here, and use what is there of it")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--child", nargs=2, metavar=("DATASETS", "OUT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        say(json.dumps(measure_build(Path(given.child[0]), Path(given.child[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="jianghua-catalogue-") as scratch:
        home = Home.find(given.home or given.keep or Path(scratch) / "home")
        if not (home.datasets / "speeches/latest.json").exists():
            say(f"{given.speeches} speeches are made and published …")
            from publisher.release import publish

            lay_down(home, given.speeches)
            publish(home, now=DAY)
        pages = Path(scratch) / "pages"
        out: dict[str, Any] = {"build": child("--child", str(home.datasets), str(pages))}
        out["build again"] = child("--child", str(home.datasets), str(pages))
        line = json.loads((pages / "catalogue/catalogue.json").read_bytes())["datasets"][0]
        out["rows"] = line["rows"]
        out["files_kB"] = {
            p.name.partition("-")[0]: round(p.stat().st_size / 1e3, 1)
            for p in sorted((pages / "catalogue/data/speeches").iterdir())
        }
        say(json.dumps(out, ensure_ascii=False, indent=1))
        # from one folder, as a plain server has it
        with joined(home.datasets, Path(scratch)) as datasets:
            child("--child", str(datasets), str(datasets))
            with server(datasets, datasets) as (address, counted):
                out |= look(address, counted)
        say(json.dumps({k: out[k] for k in ("first view", "search", "speech")}, ensure_ascii=False, indent=1))
        if given.json:
            given.json.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")


@contextlib.contextmanager
def joined(datasets: Path, scratch: Path) -> Iterator[Path]:
    """A folder of its own with the datasets as links, so that a home that is only read stays as it is."""
    own = scratch / "datasets"
    own.mkdir()
    for path in datasets.iterdir():
        if (path / "latest.json").is_file():
            (own / path.name).symlink_to(path, target_is_directory=True)
    yield own


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
