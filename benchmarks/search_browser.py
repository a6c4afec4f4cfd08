"""From a key press to painted hits, in Chromium, on the desk as it is served.

    python -m benchmarks.search_browser                 5,000 articles, the embedded engines
    python -m benchmarks.search_browser --keys 200

A server of its own in a folder of its own, the demo with synthetic articles added to each city's; an agent opens a call
and types questions letter by letter. Measured in the page: from the key's own time stamp to the frame after the hits of
exactly those letters stand in the document. Letters overtaken by the next key are not painted and not counted.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]
PAUSE = 180  # ms between two keys: a quick typist

WATCH = """
() => {
  const input = document.getElementById("search"), hits = document.getElementById("hits");
  window.pressed = new Map(); window.painted = [];
  input.addEventListener("keydown", event => { window.lastKey = event.timeStamp; }, true);
  input.addEventListener("input", () => window.pressed.set(input.value.trim(), window.lastKey), true);
  new MutationObserver(() => {
    const query = hits.querySelector("[name=query]")?.value;
    const began = query && window.pressed.get(query);
    if (!began) return;
    window.pressed.delete(query);
    // The frame that shows it is finished when the next one begins.
    requestAnimationFrame(() => requestAnimationFrame(at => window.painted.push([query, at - began])));
  }).observe(hits, { childList: true });
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=300)
    options = parser.parse_args()
    if not Path(CHROMIUM).exists():
        print("No Chromium here: left out")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-browser-") as folder:
        environment = {**os.environ, "CALLCENTER_VAR": folder, "CALLCENTER_DEMO": "1"}
        fill = [sys.executable, "-m", "benchmarks.search_browser_fill", str(options.size)]
        subprocess.run([sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, check=True)
        subprocess.run(fill, cwd=ROOT, env=environment, check=True)
        port = free_port()
        serve = ["-m", "uvicorn", "callcenter.asgi:application", "--port", str(port), "--log-level", "warning"]
        environment["DJANGO_SETTINGS_MODULE"] = "callcenter.settings"
        server = subprocess.Popen([sys.executable, *serve], cwd=ROOT, env=environment)
        try:
            wait_for(port)
            measure(f"http://127.0.0.1:{port}", options.keys)
        finally:
            server.terminate()
            server.wait(10)
    return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer within a minute")


def measure(base: str, keys: int) -> None:
    from playwright.sync_api import sync_playwright

    from benchmarks.search_corpus import queries
    from knowledge.search.evaluation import percentile

    rng = random.Random(5)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(base_url=base, viewport={"width": 1440, "height": 900}, locale="de-DE").new_page()
        page.goto("/")
        page.locator("form[action*='/demo/agent/'] button").first.click()
        page.goto("/arbeitsplatz/")
        page.fill("input[name=extension]", "214")
        page.keyboard.press("Enter")
        page.goto("/arbeitsplatz/von-hand/")
        page.locator("button[name=line]").first.click()
        page.wait_for_selector("html.scripted")
        page.evaluate(WATCH)
        pressed = 0
        server: list[float] = []
        page.on("requestfinished", lambda request: server.append(took(request)) if "/suche/?" in request.url else None)
        for query in queries(500, seed=9):
            page.fill("#search", "")
            page.focus("#search")
            for letter in query.text:
                page.keyboard.type(letter)
                page.wait_for_timeout(PAUSE + rng.randrange(-40, 40))
                pressed += 1
            if pressed >= keys:
                break
        page.wait_for_timeout(1000)
        painted = page.evaluate("window.painted")
        browser.close()
    times = sorted(ms for _query, ms in painted)
    server.sort()
    print(
        f"\nkey press to painted hits: {len(times)} painted of {pressed} keys, p50 {percentile(times, 0.5):.0f} ms,"
        f" p95 {percentile(times, 0.95):.0f} ms; of this the request p50 {percentile(server, 0.5):.0f} ms,"
        f" p95 {percentile(server, 0.95):.0f} ms"
    )


def took(request) -> float:  # type: ignore[no-untyped-def]
    return float(request.timing["responseEnd"] - request.timing["requestStart"])


if __name__ == "__main__":
    raise SystemExit(main())
