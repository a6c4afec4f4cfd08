"""Open streams, telephony events and page requests against a server of its own, on one machine.

    python -m benchmarks.load --streams 500 --events 40 --pages 30 --seconds 600

As in production there are two processes, pages and streams; ``--one-process`` is the embedded way. One of the agents is
a real Chromium with the real desk, before which a small proxy stands as in production; ``--no-browser`` leaves it out.
Prints latencies (POST → message at the agent's stream, POST → ring on the browser's screen, webhook, pages), what got
lost, memory, CPU and database connections, each beside its target; exit code 1 when something was lost or a target
missed. With DATABASE_URL it uses that database (made-up rows stay in it); else a SQLite file of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

HOST = "127.0.0.1"
KINDS = {"newCall": "ring", "answer": "connected", "hangup": "ended"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--no-first-run"]
SEES_RINGS = """
const known = new Set();
new MutationObserver(() => {
  for (const ring of document.querySelectorAll("[data-ring]")) {
    if (known.has(ring.dataset.ring)) continue;
    known.add(ring.dataset.ring);
    window.ringSeen(ring.dataset.ring);
  }
}).observe(document, { subtree: true, childList: true });
"""


@dataclass
class Seat:
    """One agent: where they sit, what their stream is waiting for."""

    user_id: int
    username: str
    extension: str
    tenants: list[int]
    session: str = ""
    expected: dict[str, float] = field(default_factory=dict)
    last: str = ""
    is_browser: bool = False
    rung: float = 0.0


@dataclass
class Figures:
    told: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    connections: int = 0
    stream_mb: float = 0.0
    webhook: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    reconnects: int = 0

    def fail(self, what: str) -> None:
        self.failed[what] = self.failed.get(what, 0) + 1


def prepare(streams: int) -> tuple[str, list[Seat]]:
    """A city, a connector and agents who are ready; returns the connector's token and the seats."""
    import django

    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.utils import timezone

    from callcenter.accounts.models import Membership, Role, User
    from callcenter.calls.models import Presence, PresenceState
    from callcenter.calls.services import add_connector
    from tenants.models import Line, Tenant
    from tenants.scope import all_cities

    call_command("migrate", verbosity=0, interactive=False)
    mark = f"{int(time.time())}"
    # The browser's desk is idle again before its next call: no rule of the city keeps it in wrap-up.
    city = Tenant.objects.create(
        slug=f"load-{mark}", name="Load", official_name="Load", greeting="Guten Tag", wrap_up_seconds=2
    )
    with all_cities("benchmark"):
        Line.objects.create(tenant=city, number=f"load-{mark}", label="Load")
    _, token = add_connector(name=f"Load {mark}")
    users = User.objects.bulk_create(
        User(username=f"load-{mark}-{number}", name=f"Load {number}") for number in range(streams)
    )
    Membership.objects.bulk_create(Membership(user=user, tenant=city, role=Role.AGENT) for user in users)
    now = timezone.now()
    Presence.objects.bulk_create(
        Presence(user=user, state=PresenceState.READY, extension=f"{mark}{n}", since=now, seen_at=now)
        for n, user in enumerate(users)
    )
    seats = []
    for number, user in enumerate(users):
        seat = Seat(user.pk, user.username, f"{mark}{number}", [city.pk])
        if number < 20:
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.save()
            seat.session = session.session_key
        seats.append(seat)
    return token, seats


async def request(port: int, head: str, body: bytes = b"") -> int:
    """One HTTP/1.1 request on a connection of its own; returns the status."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(head.encode() + body)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        while await reader.read(65536):
            pass
        return status
    finally:
        writer.close()


async def follow(port: int, seat: Seat, figures: Figures, ready: asyncio.Semaphore) -> None:
    """One agent's stream; comes back with its last id when it is cut."""
    from django.core import signing

    first = True
    while True:
        ticket = signing.dumps({"user": seat.user_id, "tenants": seat.tenants}, salt="desktop.stream", compress=True)
        try:
            reader, writer = await asyncio.open_connection(HOST, port, limit=2**16)
            address = f"/arbeitsplatz/strom?ticket={quote(ticket)}&after={seat.last}"
            cookie = f"Cookie: sessionid={seat.session}\r\n" if seat.session else ""
            writer.write(f"GET {address} HTTP/1.1\r\nHost: {HOST}:{port}\r\n{cookie}\r\n".encode())
            status = (await reader.readline()).split()[1]
            if status != b"200":
                figures.fail(f"stream {status.decode()}")
                raise OSError("refused")
            kind = ""
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    kind = line[7:].strip().decode()
                    if first and kind == "beat":
                        first = False
                        ready.release()
                elif line.startswith(b"id: "):
                    seat.last = line[4:].strip().decode()
                elif line.startswith(b"data: "):
                    sent = seat.expected.pop(kind, None)
                    if sent is not None:
                        figures.told.append(time.perf_counter() - sent)
        except OSError:
            pass
        figures.reconnects += 1
        await asyncio.sleep(random.uniform(0.1, 0.5))


async def ring(port: int, token: str, seats: asyncio.Queue[Seat], figures: Figures, spacing: float) -> None:
    """One call: ring, answer, hangup at one agent's extension."""
    seat = await seats.get()
    call_id = f"load-{random.getrandbits(60)}"
    for event, kind in KINDS.items():
        said = {"event": event, "direction": "in", "callId": call_id, "from": "0203 555" + str(random.randrange(10**5))}
        said |= {"to": "load", "user": [seat.extension]} if event == "newCall" else {"answeringNumber": seat.extension}
        body = json.dumps(said).encode()
        head = (
            f"POST /api/v1/cti/{token} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        seat.expected[kind] = start
        if kind == "ring":
            seat.rung = start
        try:
            status = await request(port, head, body)
        except (OSError, IndexError, ValueError):
            status = 0
        figures.webhook.append(time.perf_counter() - start)
        if status != 200:
            figures.fail(f"webhook {status}")
            seat.expected.pop(kind, None)
        await asyncio.sleep(spacing)
    await asyncio.sleep(3)
    if not seat.is_browser:
        for kind in list(seat.expected):
            figures.fail(f"lost {kind}")
    elif seat.rung:
        figures.fail("lost ring in the browser")
    seat.expected.clear()
    seat.rung = 0.0
    seats.put_nowait(seat)


# --- a real browser, with a proxy before it as in production --------------------------------------
async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


@asynccontextmanager
async def proxy(port: int, pages: int, streams: int) -> AsyncIterator[None]:
    """One address for the browser: the stream's path to the stream process, everything else to the pages."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            is_stream = head[0].split(b" ")[1].startswith(b"/arbeitsplatz/strom?")
            lines = [line for line in head[:-2] if not line.lower().startswith(b"connection:")]
            there, back = await asyncio.open_connection(HOST, streams if is_stream else pages)
            back.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))

    async with await asyncio.start_server(serve_one, HOST, port):
        yield


@asynccontextmanager
async def browser_at(port: int, seat: Seat, figures: Figures) -> AsyncIterator[None]:
    """The desk of this agent in Chromium; each ring on its screen is a figure."""
    from playwright.async_api import async_playwright

    seen: set[str] = set()

    def ring_seen(source: object, call: str) -> None:
        if call not in seen and seat.rung:
            figures.shown.append(time.perf_counter() - seat.rung)
            seat.rung = 0.0
        seen.add(call)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(locale="de-DE")
        address = f"http://{HOST}:{port}"
        await context.add_cookies([{"name": "sessionid", "value": seat.session, "url": address}])
        await context.expose_binding("ringSeen", ring_seen)
        await context.add_init_script(SEES_RINGS)
        page = await context.new_page()
        await page.goto(f"{address}/arbeitsplatz/")
        await page.wait_for_selector("html.scripted")
        await page.wait_for_timeout(1500)  # the shared worker opens its stream
        yield
        await browser.close()


async def page(port: int, seat: Seat, figures: Figures) -> None:
    address = random.choice(["/arbeitsplatz/klingeln/", "/arbeitsplatz/", "/rueckrufe/"])
    cookie = f"Cookie: sessionid={seat.session}"
    head = f"GET {address} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n{cookie}\r\n\r\n"
    start = time.perf_counter()
    try:
        status = await request(port, head)
    except (OSError, IndexError, ValueError):
        status = 0
    figures.pages.append(time.perf_counter() - start)
    if status not in (200, 302):
        figures.fail(f"page {status}")


async def every(rate: float, seconds: float, start: object) -> None:
    """Start a coroutine ``rate`` times a second, whatever the server does."""
    running: set[asyncio.Task[None]] = set()
    begin = time.perf_counter()
    for number in range(int(rate * seconds)):
        delay = begin + number / rate - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.create_task(start())  # type: ignore[operator]
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running, timeout=30)


def family(pid: int) -> list[int]:
    """The process and its children (uvicorn's workers)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def memory_mb(pid: int) -> float:
    """Resident megabytes of the process and its children together."""
    texts = [Path(f"/proc/{one}/status").read_text() for one in family(pid)]
    return sum(int(text.split("VmRSS:")[1].split()[0]) for text in texts) / 1024


def memory(server: int, streamer: int) -> str:
    """Resident and private megabytes of the process (embedded) or of both."""
    if server == streamer:
        return f"one process {memory_mb(server):.0f} MB"
    return f"web {memory_mb(server):.0f} MB, streams {memory_mb(streamer):.0f} MB"


def cpu_seconds(pid: int) -> float:
    stats = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in family(pid)]
    return sum(int(parts[11]) + int(parts[12]) for parts in stats) / os.sysconf("SC_CLK_TCK")


def connections() -> str:
    from django.db import connection

    if connection.vendor != "postgresql":
        return "–"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return str(cursor.fetchone()[0])


def line(name: str, times: list[float]) -> str:
    if not times:
        return f"{name:<28} none"
    found = sorted(times)

    def at(share: float) -> float:
        return found[min(len(found) - 1, int(share * len(found)))] * 1000

    parts = f"p50 {at(0.5):6.0f}  p95 {at(0.95):6.0f}  p99 {at(0.99):6.0f}  max {at(1):6.0f} ms"
    return f"{name:<16} n={len(found):<7} {parts}"


async def watch(streamer: int, figures: Figures) -> None:
    """The most connections and the most memory during the run, looked at every few seconds."""
    while True:
        held = await asyncio.to_thread(connections)
        figures.connections = max(figures.connections, int(held) if held.isdigit() else 0)
        figures.stream_mb = max(figures.stream_mb, memory_mb(streamer))
        await asyncio.sleep(5)


def share_of(times: list[float], share: float) -> float:
    """A percentile in milliseconds; 0 without values."""
    found = sorted(times)
    return found[min(len(found) - 1, int(share * len(found)))] * 1000 if found else 0.0


def verdict(figures: Figures, *, on_postgresql: bool, embedded: bool) -> bool:
    """Prints every target beside what was measured; whether all were met."""
    told_p95 = 100 if on_postgresql else 300
    rows = [
        ("POST → stream p95", share_of(figures.told, 0.95), told_p95, "ms"),
        ("webhook p99", share_of(figures.webhook, 0.99), 200, "ms"),
        ("pages p95", share_of(figures.pages, 0.95), 300, "ms"),
    ]
    if on_postgresql:
        rows.insert(1, ("POST → stream p99", share_of(figures.told, 0.99), 250, "ms"))
        rows.append(("database connections", figures.connections, 20, ""))
    if not embedded:
        rows.append(("stream process", figures.stream_mb, 150, "MB"))
    for name, measured, target, unit in rows:
        print(f"{name:<22} {measured:7.0f} {unit:<3} target {target:>4}  {'met' if measured <= target else 'MISSED'}")
    print(f"{'lost or failed':<22} {sum(figures.failed.values()):7} {'':<3} target    0  ", end="")
    print("met" if not figures.failed else "MISSED")
    return not figures.failed and all(measured <= target for _name, measured, target, _unit in rows)


async def play(arguments: argparse.Namespace, server: int, streamer: int, token: str, seats: list[Seat]) -> Figures:
    """``server`` answers pages and events, ``streamer`` holds the streams (process ids; the same one when embedded)."""
    figures, ready = Figures(), asyncio.Semaphore(0)
    port, stream_port = arguments.port, arguments.port + (streamer != server)
    streams = []
    followed = [seat for seat in seats if not seat.is_browser]
    for number, seat in enumerate(followed):
        streams.append(asyncio.create_task(follow(stream_port, seat, figures, ready)))
        if number % 50 == 49:
            await asyncio.sleep(0.2)
    for _ in followed:
        await asyncio.wait_for(ready.acquire(), 60)
    held = await asyncio.to_thread(connections)
    print(f"{len(seats)} streams open: {memory(server, streamer)}, database connections {held}", flush=True)
    free: asyncio.Queue[Seat] = asyncio.Queue()
    for seat in seats:
        free.put_nowait(seat)
    paged = [seat for seat in followed if seat.session]
    watcher = asyncio.create_task(watch(streamer, figures))
    async with AsyncExitStack() as stack:
        for seat in seats:
            if seat.is_browser:
                await stack.enter_async_context(proxy(arguments.port + 2, port, stream_port))
                await stack.enter_async_context(browser_at(arguments.port + 2, seat, figures))
        before, begin = cpu_seconds(server), time.perf_counter()
        await asyncio.gather(
            every(arguments.events / 3, arguments.seconds, lambda: ring(port, token, free, figures, arguments.spacing)),
            every(arguments.pages, arguments.seconds, lambda: page(port, random.choice(paged), figures)),
        )
    watcher.cancel()
    share = (cpu_seconds(server) - before) / (time.perf_counter() - begin)
    print(line("POST → stream", figures.told))
    print(line("POST → screen", figures.shown))
    print(line("webhook", figures.webhook))
    print(line("pages", figures.pages))
    print(f"failed or lost: {figures.failed or 'nothing'}; streams cut: {figures.reconnects}")
    held = await asyncio.to_thread(connections)
    print(f"{memory(server, streamer)}; web at {share:.0%} of one core; database connections: {held}")
    for task in streams:
        task.cancel()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--events", type=float, default=40, help="telephony events a second")
    parser.add_argument("--pages", type=float, default=30, help="page requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--spacing", type=float, default=1.5, help="seconds between a call's events")
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--workers", type=int, default=2, help="processes for pages and events")
    parser.add_argument("--no-browser", action="store_true", help="without the real Chromium")
    parser.add_argument("--one-process", action="store_true", help="pages and streams together, as `make run` does")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    with tempfile.TemporaryDirectory(prefix="callcenter-load-") as folder:
        os.environ.setdefault("CALLCENTER_VAR", folder)
        token, seats = prepare(arguments.streams)
        if CHROMIUM is None and not arguments.no_browser:
            raise SystemExit("Chromium is missing: apt-get install chromium, or --no-browser")
        seats[0].is_browser = not arguments.no_browser
        workers = 1 if arguments.one_process else arguments.workers
        server = serve(arguments.port, workers=workers)
        streamer = server if arguments.one_process else serve(arguments.port + 1, CALLCENTER_STREAM_ONLY="1")
        try:
            for port in {arguments.port, arguments.port + (streamer is not server)}:
                wait_until_ready(port)
            figures = asyncio.run(play(arguments, server.pid, streamer.pid, token, seats))
            begin = time.perf_counter()
            streamer.send_signal(signal.SIGTERM)
            streamer.wait(15)
            print(f"streams down {time.perf_counter() - begin:.1f} s after SIGTERM")
        finally:
            for process in (server, streamer):
                for one in family(process.pid) if process.poll() is None else ():
                    os.kill(one, signal.SIGKILL)
                process.wait()
    from django.db import connection

    met = verdict(figures, on_postgresql=connection.vendor == "postgresql", embedded=arguments.one_process)
    return 0 if met else 1


def serve(port: int, *, workers: int = 1, **environment: str) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "uvicorn", "callcenter.asgi:application", "--host", HOST),
        *("--port", str(port), "--log-level", "warning", "--timeout-graceful-shutdown", "3"),
        *(("--workers", str(workers)) if workers > 1 else ()),
    ]
    return subprocess.Popen(command, env={**os.environ, **environment})


def wait_until_ready(port: int) -> None:
    for _ in range(200):
        try:
            if (
                asyncio.run(request(port, f"GET /health/ready HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"))
                == 200
            ):
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


if __name__ == "__main__":
    sys.exit(main())
