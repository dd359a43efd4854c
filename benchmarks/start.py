"""How long from starting a server to its first page and its first live answer, and what memory that takes.

``python benchmarks/start.py [--rounds 5] [--output FILE.json]``: medians of

- ``leximind``: ``python app.py``;
- ``plain gradio app``: ``plain_app.py``, which answers the same with the same weights through
  ``transformers``; it loads its model before it serves, as such pages do;
- ``empty gradio page``: the floor for the first page; it has no live answer.

They are started in turn. The page is asked for until it comes; then at once the endpoint ``analyze`` is
called over HTTP with a text of 200 words. Memory is what the process holds then (resident), and what it
held at most so far.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contest import report
from live import make_texts
from machine import measure_memory

ROOT = Path(__file__).resolve().parent.parent
EMPTY = "import gradio as gr\nwith gr.Blocks() as page:\n    gr.HTML('empty')\npage.launch(ssr_mode=False)\n"
PLAIN = str(ROOT / "benchmarks" / "plain_app.py")
LIMIT = 120.0
PAGE, ANSWER = "first page", "first live answer"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def time_start(command: Sequence[str], text: str) -> dict[str, dict[str, float]]:
    """Seconds from starting a server to its first page, and with a text to its answer; memory after each.

    Raises:
        RuntimeError: it stopped, did not answer in two minutes, or answered with an error.
    """
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    address = f"http://127.0.0.1:{port}"
    start = time.perf_counter()
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def look() -> dict[str, float]:
        seconds = time.perf_counter() - start
        memory = measure_memory(server.pid)
        return {"seconds": seconds} | {f"{name}_megabytes": size for name, size in memory.items()}

    try:
        while time.perf_counter() - start < LIMIT and server.poll() is None:
            try:
                with urllib.request.urlopen(address, timeout=LIMIT) as answer:
                    answer.read(1)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
                continue
            found = {PAGE: look()}
            if text:
                ask(address, text)
                found[ANSWER] = look()
            return found
        raise RuntimeError(f"{' '.join(command[:2])} gave no page within {LIMIT:.0f} s.")
    finally:
        server.terminate()
        server.wait(timeout=30)


def ask(address: str, text: str) -> dict[str, Any]:
    """What the endpoint ``analyze`` of a Gradio server answers.

    Raises:
        RuntimeError: it answers with an error.
    """
    body = json.dumps({"data": [text]}).encode()
    headers = {"Content-Type": "application/json"}
    place = f"{address}/gradio_api/call/analyze"
    with urllib.request.urlopen(urllib.request.Request(place, body, headers), timeout=LIMIT) as answer:
        number = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{place}/{number}", timeout=LIMIT) as answer:
        events = answer.read().decode()
    kind, data = events.strip().split("\n\n")[-1].split("\n", 1)
    said = json.loads(data.removeprefix("data: ")) if kind == "event: complete" else None
    if not said or "summary" not in said[0]:
        raise RuntimeError(f"analyze gave no answer: {events[:300]}")
    return dict(said[0])


def compare(rounds: int) -> dict[str, Any]:
    """All in turn; medians, and ratios to ours."""
    from plain import Plain

    from leximind.inference.analyzer import LexiMind
    from leximind.settings import MODEL_DIR

    text = make_texts(200)[0]
    runs: dict[str, list[dict[str, dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        Plain.export(LexiMind.from_pretrained(MODEL_DIR)).save(Path(folder))
        commands = {
            "leximind": ([sys.executable, "app.py"], text),
            "plain gradio app": ([sys.executable, PLAIN, folder], text),
            "empty gradio page": ([sys.executable, "-c", EMPTY], ""),
        }
        for _ in range(rounds):
            for name, command in commands.items():
                runs.setdefault(name, []).append(time_start(*command))
    medians = {
        name: {
            moment: {key: statistics.median(turn[moment][key] for turn in turns) for key in turns[0][moment]}
            for moment in turns[0]
        }
        for name, turns in runs.items()
    }
    ours = medians["leximind"]
    ratios = {
        name: {moment: found[moment]["seconds"] / ours[moment]["seconds"] for moment in found}
        for name, found in medians.items()
        if name != "leximind"
    }
    return {"rounds": rounds, "starts": medians, "ratios": ratios}


def main() -> int:
    parser = argparse.ArgumentParser(description="Time a cold start.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    report(compare(given.rounds), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
