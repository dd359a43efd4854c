"""How fluid the map is with many works: ``python benchmarks/map.py [--works 50000] [--output FILE.json]``.

Serves a synthetic library (``benchmarks/synthetic.py``) and visits it with Debian's Chromium, without a GPU:
bytes and seconds until the map is drawn, milliseconds of script a frame while it is moved at several zooms,
milliseconds to find the work under the pointer, and from a click on a topic to the new drawing. Chromium
rasterises after the script has run, so the rate of frames that were really shown is measured too. The
shipped library is visited in the same run, to compare.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from contest import report
from playwright.sync_api import Browser, Page, sync_playwright
from synthetic import make_library

from builders.screenshots import CHROMIUM, FLAGS, serve
from leximind.library.dataset import read_manifest
from leximind.settings import DISCOVERY_DIR, Settings

WIDE = {"width": 1280, "height": 900}
FRAMES = 60
ZOOMS = (1, 2, 4, 8, 16)
_FRAMES = """async ([zoom, frames]) => {
    const { chart } = lexiMind;
    Object.assign(chart.camera, { x: 0.05, y: 0.05, zoom });
    const took = [], shown = [];
    let last = performance.now();
    for (let i = 0; i < frames; i++) {
        chart.isMoving = true;
        chart.camera.move(6 * Math.cos(i / 9), 6 * Math.sin(i / 9));
        chart.repaint();
        took.push(chart.took);
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        shown.push(now - last);
        last = now;
    }
    const at = (list, share) => list.slice(5).sort((a, b) => a - b)[Math.floor((list.length - 5) * share)];
    return { points: chart.inView.length, script_median: at(took, 0.5), script_p95: at(took, 0.95),
             frame_median: at(shown, 0.5), frame_p95: at(shown, 0.95) };
}"""
_HITS = """() => {
    const { chart } = lexiMind;
    const { camera, points } = chart;
    const start = performance.now();
    let found = 0;
    for (let i = 0; i < 2000; i++) {
        const [x, y] = [(i * 7919) % camera.width, (i * 104729) % camera.height];
        const reach = 12 / (camera.scaleX * camera.zoom);
        found += points.near(camera.fromX(x), camera.fromY(y), reach, reach, () => true) >= 0;
    }
    return { milliseconds: (performance.now() - start) / 2000, found };
}"""


def visit(browser: Browser, folder: Path) -> dict[str, Any]:
    """What one library's map costs."""
    with serve(Settings(dataset=str(folder))) as address:
        tab = browser.new_page(viewport=WIDE)
        sizes: list[int] = []
        tab.on(
            "requestfinished",
            lambda request: (
                "component_server" in request.url and sizes.append(request.sizes()["responseBodySize"])
            ),
        )
        start = time.perf_counter()
        tab.goto(f"{address}?tab=map")
        _wait(tab)
        seconds = time.perf_counter() - start
        frames = {str(zoom): tab.evaluate(_FRAMES, [zoom, FRAMES]) for zoom in ZOOMS}
        tab.evaluate("Object.assign(lexiMind.chart.camera, {x: 0, y: 0, zoom: 1})")
        hits = tab.evaluate(_HITS)
        start = time.perf_counter()
        tab.click('.lm-map-keys a:has-text("Science")')
        tab.wait_for_function("lexiMind.chart.isFiltered")
        answer = time.perf_counter() - start
        tab.close()
    return {
        "works": read_manifest(folder)["n_works"],
        "kilobytes": round(sum(sizes) / 1024, 1),
        "seconds_to_map": round(seconds, 2),
        "seconds_to_filter": round(answer, 3),
        "hit": hits,
        "frames": frames,
    }


def _wait(tab: Page) -> None:
    tab.set_default_timeout(120_000)
    tab.wait_for_selector(".lm-map-state[hidden]", state="attached")
    tab.wait_for_function("lexiMind.chart?.took > 0")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the map in a browser.")
    parser.add_argument("--works", type=int, default=50_000)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    libraries = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for folder in (DISCOVERY_DIR, make_library(given.works)):
            libraries.append(visit(browser, folder))
        browser.close()
    report({"libraries": libraries}, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
