"""From "Veröffentlichen" to every open desk, and findable there; from a notice ("Lage") to every open desk.

    python -m benchmarks.publishing --one-process                      embedded: SQLite, Whoosh, one process
    DATABASE_URL=postgres://… python -m benchmarks.publishing          two web processes and one for the streams

A reviewer presses the button by HTTP; the clock runs until the last of the open streams has the news, and until the
search answers with the new title. Target: 1 s with PostgreSQL, 2 s embedded. With DATABASE_URL the made-up rows stay.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.load import HOST, Figures, Seat, family, follow, line, prepare, serve, wait_until_ready

TOKEN = "b" * 32  # any secret does: cookie and header only have to agree
FINDABLE_WITHIN = 20.0


@dataclass
class Editors:
    """Two people of the city: one writes, the other publishes with this session."""

    city: str
    writer: Any
    session: str
    published: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    warned: list[float] = field(default_factory=list)


def editors_of(seats: list[Seat]) -> Editors:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from callcenter.accounts.models import Membership, Role, User
    from tenants.models import Tenant

    city = Tenant.objects.get(pk=seats[0].tenants[0])
    writer, reviewer = (
        User.objects.create(username=f"{name}-{city.slug}", name=name) for name in ("schreibt", "prueft")
    )
    Membership.objects.bulk_create(Membership(user=user, tenant=city, role=Role.EDITOR) for user in (writer, reviewer))
    session = SessionStore()
    session[SESSION_KEY] = str(reviewer.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = reviewer.get_session_auth_hash()
    session.save()
    return Editors(city.slug, writer, session.session_key)


def draft(editors: Editors, number: int) -> tuple[str, str]:
    """An article of the city in review; returns its id and a word that only it holds."""
    from knowledge import services
    from tenants.models import Tenant
    from tenants.scope import scoped

    city = Tenant.objects.get(slug=editors.city)
    word = f"Probewort{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}{int(time.time()) % 100000}"
    with scoped([city]):
        article = services.create_article(
            actor=editors.writer, title=f"{word} beantragen", owner=city, sections={"say": f"{word}: so geht es."}
        )
        services.submit_for_review(revision=article.revisions.get(), actor=editors.writer)
    return str(article.pk), word


async def ask(port: int, method: str, path: str, session: str, form: dict[str, str] | None = None) -> str:
    """One request; returns status line and body as text."""
    body = urlencode(form or {})
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\nHX-Request: true\r\n"
            f"Cookie: sessionid={session}; csrftoken={TOKEN}\r\nX-CSRFToken: {TOKEN}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        writer.write(head.encode())
        await writer.drain()
        return (await reader.read()).decode(errors="replace")
    finally:
        writer.close()


async def one_round(port: int, seats: list[Seat], figures: Figures, editors: Editors, number: int) -> None:
    article, word = await asyncio.to_thread(draft, editors, number)
    figures.told.clear()
    start = time.perf_counter()
    for seat in seats:
        seat.expected["article"] = start

    async def press() -> None:
        answer = await ask(port, "POST", f"/wissen/{editors.city}/artikel/{article}/veroeffentlichen/", editors.session)
        editors.published.append(time.perf_counter() - start)
        if " 302 " not in answer.split("\r\n", 1)[0]:
            figures.fail(answer.split("\r\n", 1)[0])

    async def search() -> None:
        while time.perf_counter() - start < FINDABLE_WITHIN:
            answer = await ask(port, "GET", f"/wissen/{editors.city}/?q={quote(word)}", editors.session)
            # Editors also find drafts by their title; only what a desk can show has its day of publication.
            if f"{word} beantragen" in answer and "hier nicht ver" not in answer:
                editors.found.append(time.perf_counter() - start)
                return
            await asyncio.sleep(0.05)
        figures.fail("not findable")

    await asyncio.gather(press(), search(), every_desk("article", seats, figures, editors.told))


async def warn(port: int, seats: list[Seat], figures: Figures, editors: Editors, number: int) -> None:
    """A notice by the same session, until the last desk has it."""
    figures.told.clear()
    start = time.perf_counter()
    for seat in seats:
        seat.expected["notice"] = start
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    form = {
        "text": f"Störung {number}: Bitte rufen Sie morgen an.",
        "severity": "warning",
        "cities": str(seats[0].tenants[0]),
        "valid_until": f"{tomorrow:%Y-%m-%dT%H:%M}",
    }
    answer = await ask(port, "POST", f"/wissen/{editors.city}/lage/", editors.session, form)
    if " 302 " not in answer.split("\r\n", 1)[0]:
        figures.fail(f"notice: {answer.split(chr(13), 1)[0]}")
    await every_desk("notice", seats, figures, editors.warned)


async def every_desk(kind: str, seats: list[Seat], figures: Figures, told: list[float]) -> None:
    """Wait for the last desk, and note when it was told."""
    start = time.perf_counter()
    while any(kind in seat.expected for seat in seats):
        if time.perf_counter() - start > FINDABLE_WITHIN:
            figures.fail(f"a desk was not told of the {kind}")
            return
        await asyncio.sleep(0.005)
    told.append(max(figures.told))


async def play(arguments: argparse.Namespace, stream_port: int, seats: list[Seat], editors: Editors) -> Figures:
    figures, ready = Figures(), asyncio.Semaphore(0)
    streams = [asyncio.create_task(follow(stream_port, seat, figures, ready)) for seat in seats]
    for _ in seats:
        await asyncio.wait_for(ready.acquire(), 60)
    for number in range(arguments.rounds + 1):
        await one_round(arguments.port, seats, figures, editors, number)
        await warn(arguments.port, seats, figures, editors, number)
        if number == 0:  # the first one loads what every process loads once
            for times in (editors.published, editors.told, editors.found, editors.warned):
                times.clear()
    for task in streams:
        task.cancel()
    print(line("the button", editors.published))
    print(line("last desk told", editors.told))
    print(line("findable", editors.found))
    print(line("notice on last desk", editors.warned))
    print(f"failed: {figures.failed or 'nothing'}")
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=50, help="open desks")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--port", type=int, default=8795)
    parser.add_argument("--one-process", action="store_true", help="pages and streams together, as `make run` does")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    with tempfile.TemporaryDirectory(prefix="callcenter-publishing-") as folder:
        os.environ["CALLCENTER_VAR"] = folder
        _token, seats = prepare(arguments.streams)
        editors = editors_of(seats)
        server = serve(arguments.port, workers=1 if arguments.one_process else 2)
        streamer = server if arguments.one_process else serve(arguments.port + 1, CALLCENTER_STREAM_ONLY="1")
        try:
            for port in {arguments.port, arguments.port + (streamer is not server)}:
                wait_until_ready(port)
            figures = asyncio.run(play(arguments, arguments.port + (streamer is not server), seats, editors))
        finally:
            for process in (server, streamer):
                for one in family(process.pid) if process.poll() is None else ():
                    os.kill(one, signal.SIGKILL)
                process.wait()
    limit = 2.0 if arguments.one_process else 1.0
    waited = (*editors.told, *editors.found, *editors.warned)
    late = [at for at in waited if at > limit]
    print(f"later than {limit:.0f} s: {len(late)} of {len(waited)}")
    return 1 if figures.failed or late else 0


if __name__ == "__main__":
    sys.exit(main())
