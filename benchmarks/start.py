"""How long from ``python app.py`` to the first page, against an empty Gradio page as the floor.

``python benchmarks/start.py [--rounds 5] [--output FILE.json]``: the two are started in turn; medians and
their ratio are printed.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMPTY = "import gradio as gr\nwith gr.Blocks() as page:\n    gr.HTML('empty')\npage.launch(ssr_mode=False)\n"
LIMIT = 120.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def seconds_to_first_page(command: list[str]) -> tuple[float, float]:
    """Seconds from starting a server to its first answer, and its resident memory then, in MB.

    Raises:
        RuntimeError: it stopped, or did not answer in two minutes.
    """
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    start = time.perf_counter()
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while time.perf_counter() - start < LIMIT and server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT) as answer:
                    answer.read(1)
                return time.perf_counter() - start, resident_megabytes(server.pid)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
        raise RuntimeError(f"{' '.join(command[:2])} gave no page within {LIMIT:.0f} s.")
    finally:
        server.terminate()
        server.wait(timeout=30)


def resident_megabytes(pid: int) -> float:
    """VmRSS of a process; 0 where there is no /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    commands = {"leximind": [sys.executable, "app.py"], "empty gradio page": [sys.executable, "-c", EMPTY]}
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            runs[name].append(seconds_to_first_page(command))
    medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in runs.items()}
    memory = {name: statistics.median(size for _, size in found) for name, found in runs.items()}
    ratio = medians["leximind"] / medians["empty gradio page"]
    for name in commands:
        print(f"{name:<18} {medians[name]:6.2f} s to the first page, {memory[name]:5.0f} MB then")
    print(f"ratio              {ratio:6.2f}")
    if given.output:
        report = {"seconds": medians, "megabytes": memory, "ratio": ratio, "rounds": given.rounds}
        given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
