"""How long a click takes, alone and with fifty visitors, beside an app that reads all rows for each query.

``python benchmarks/app.py [--works 100000] [--visitors 50] [--seconds 30] [--rounds 5] [--output FILE.json]``
on a synthetic library (``synthetic.py``):

* one click: from the address to the finished HTML, as the page's own event does it, for searches and filters
  asked for the first time; beside the naive app, which runs a regular expression over all rows, filters them
  one by one and writes the cards;
* cold start: from ``python app.py`` to the first answer, and whether the cards stand in it;
* visitors: each clicks, waits for the answer and thinks for a second or so, first as threads in this process,
  then over HTTP against the real server in another one.

The visitors share the machine with the server: what processor time they take is printed, and they are limited
to one click a think time each, so that a slow server lowers the load instead of piling it up.
"""

import argparse
import asyncio
import html
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
from contest import report
from machine import measure_memory
from search_quality.run import read_questions
from start import LIMIT, ROOT, free_port
from synthetic import make_library

from leximind.labels import TOPICS
from leximind.service import Service
from leximind.settings import Settings
from leximind.ui.app import answer
from leximind.ui.stage import NOTHING_ASKED

THINK = 1.0
"""Mean seconds between an answer and the next click of a visitor, from half to one and a half of it."""

WARM = 15.0
"""Seconds in which the server loads the model and fills its caches, not counted."""

N_CLICKS = 60
FEELS = ("fear", "love", "curiosity", "sadness", "admiration", "amusement")
Params = dict[str, str]


def wander(seed: int) -> Iterator[Params]:
    """What a visitor asks for, click after click: a search, filters on it, another page, then the next."""
    rng = random.Random(seed)
    queries = [question.query for question in read_questions()]
    while True:
        view = {"q": rng.choice(queries)} if rng.random() < 0.7 else {}
        yield view
        steps = [
            {"topic": rng.choice(TOPICS)},
            {"kind": rng.choice(("book", "paper"))},
            {"feel": rng.choice(FEELS)},
            {"from": str(rng.randrange(1600, 2000, 50))},
            {"sort": rng.choice(("title", "newest", "oldest"))},
        ]
        for step in rng.sample(steps, rng.randrange(1, 4)):
            view = view | step
            yield view
        if rng.random() < 0.5:
            yield view | {"page": "2"}


class Naive:
    """All rows in a list, read from the first to the last for each query."""

    def __init__(self, service: Service) -> None:
        names = ["id", "title", "authors", "description", "summary", "kind", "topic", "tone", "year"]
        self._rows = service.library.table.select(names).to_pylist()

    def show(self, params: Params) -> str:
        words = re.findall(r"\w+", params.get("q", ""))
        pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE) if words else None
        found = []
        for row in self._rows:
            if any(params.get(name) not in (None, row[name]) for name in ("kind", "topic")):
                continue
            if "feel" in params and params["feel"] not in row["tone"]:
                continue
            if "from" in params and (row["year"] or -9999) < int(params["from"]):
                continue
            text = f"{row['title']} {' '.join(row['authors'])} {row['description']} {row['summary']}"
            score = len(pattern.findall(text)) if pattern else 1
            if score:
                found.append((score, row))
        found.sort(key=lambda pair: -pair[0])
        cards = [
            f"<li><h3>{html.escape(row['title'])}</h3><p>{html.escape(', '.join(row['authors']))}</p>"
            f"<p>{html.escape(row['summary'])}</p><p>{row['topic']} {', '.join(row['tone'][:3])}</p></li>"
            for _, row in found[:24]
        ]
        return f"<p>{len(found)} works</p><ol>{''.join(cards)}</ol>"


def summarize(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    middle, late, last = (float(value) * 1000 for value in np.quantile(seconds, (0.5, 0.95, 1.0)))
    return {"p50": middle, "p95": late, "max": last, "n": len(seconds)}


def click(service: Service, params: Params) -> str:
    """The page that an address gives, as the browser's event asks for it."""
    return str(answer(service, dict(params), NOTHING_ASKED)[0])


def time_clicks(service: Service, rounds: int) -> dict[str, Any]:
    """Clicks that nobody made before; the naive app makes the same, but fewer of them."""
    naive, ways = Naive(service), wander(0)
    click(service, {"q": "warm up"})
    times: dict[str, list[float]] = {"search": [], "filter": [], "naive": [], "ours at the same": []}
    for number in range(N_CLICKS):
        params = next(ways)
        start = time.perf_counter()
        page = click(service, params)
        taken = time.perf_counter() - start
        if "lm-stage" not in page or "lm-problem" in page:
            raise RuntimeError(f"{params} gave no page: {page[:300]}")
        times["search" if set(params) == {"q"} else "filter"].append(taken)
        if number < rounds * 2:
            start = time.perf_counter()
            naive.show(params)
            times["naive"].append(time.perf_counter() - start)
            times["ours at the same"].append(taken)
    found: dict[str, Any] = {name: summarize(seconds) for name, seconds in times.items()}
    found["ratio"] = found["naive"]["p50"] / found["ours at the same"]["p50"]
    return found


def visit_in_threads(service: Service, n_visitors: int, seconds: float) -> dict[str, float]:
    """Every visitor is a thread of this process."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    def visit(seed: int) -> None:
        rng, ways = random.Random(seed), wander(seed)
        time.sleep(rng.random() * THINK)
        while time.perf_counter() < end:
            start = time.perf_counter()
            click(service, next(ways))
            times.append(time.perf_counter() - start)
            time.sleep(THINK * rng.uniform(0.5, 1.5))

    threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(1, n_visitors + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return summarize(times) | {"per_second": len(times) / seconds}


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """The real server in a process of its own, with what its first answer was like."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "LEXIMIND_DATASET": str(folder),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        page = ""
        while not page and time.perf_counter() - start < LIMIT and server.poll() is None:
            try:
                page = httpx.get(address, timeout=LIMIT).text
            except httpx.TransportError:
                time.sleep(0.02)
        if not page:
            raise RuntimeError(f"app.py gave no page within {LIMIT:.0f} s.")
        first = {"seconds": time.perf_counter() - start, "has_cards": "lm-card" in page}
        yield {"address": address, "pid": server.pid, "first_page": first}
    finally:
        server.terminate()
        server.wait(timeout=30)


def answers_addresses(event: dict[str, Any]) -> bool:
    """Whether an event of the page's configuration is the one that links and forms on Discover ask."""
    names = {name for _, name in event["targets"]}
    return len(event["targets"]) > 1 and names == {"submit"}


async def visit_over_http(address: str, n_visitors: int, seconds: float) -> list[float]:
    """Every visitor sends what the browser sends."""
    times: list[float] = []
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        config = (await client.get("/config")).json()
        (event,) = [event for event in config["dependencies"] if answers_addresses(event)]
        fixed = {"fn_index": event["id"], "trigger_id": event["targets"][0][0], "data": []}

        async def visit(seed: int, end: float) -> None:
            rng, ways = random.Random(seed), wander(seed)
            await asyncio.sleep(rng.random() * THINK)
            turn = 0
            while time.perf_counter() < end:
                turn += 1
                told = {"search": "?" + urlencode(next(ways)), "turn": turn, "saved": [], "seen": []}
                asked = fixed | {"session_hash": f"visitor{seed}", "event_data": told}
                start = time.perf_counter()
                got = await client.post("/gradio_api/run/predict", json=asked)
                got.raise_for_status()
                if "lm-stage" not in got.text:
                    raise RuntimeError(f"{told['search']} gave no page: {got.text[:300]}")
                if end - start < seconds:  # the first seconds load the model and fill its caches
                    times.append(time.perf_counter() - start)
                await asyncio.sleep(THINK * rng.uniform(0.5, 1.5))

        end = time.perf_counter() + WARM + seconds
        await asyncio.gather(*(visit(seed, end) for seed in range(1, n_visitors + 1)))
    return times


def time_server(folder: Path, n_visitors: int, seconds: float) -> dict[str, Any]:
    """A cold start, then the visitors."""
    with serving(folder) as server:
        before = resource.getrusage(resource.RUSAGE_SELF)
        times = asyncio.run(visit_over_http(server["address"], n_visitors, seconds))
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "first_page": server["first_page"],
            "http": summarize(times) | {"per_second": len(times) / seconds},
            "visitors_share_of_a_processor": spent / (WARM + seconds),
            "megabytes": measure_memory(server["pid"]).get("now", 0.0),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description="Time clicks, alone and with many visitors.")
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    folder = make_library(given.works)
    service = Service.from_settings(Settings(dataset=str(folder)))
    if service.note:
        raise RuntimeError(service.note)
    found: dict[str, Any] = {"works": given.works, "visitors": given.visitors}
    found["clicks"] = time_clicks(service, given.rounds)
    found["threads"] = visit_in_threads(service, given.visitors, given.seconds)
    found |= time_server(folder, given.visitors, given.seconds)
    report(found, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
