"""Four processes that search in a closed loop while a fifth writes, and what one of them holds in memory."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue

FORK = multiprocessing.get_context("fork")
Search = Callable[[str], object]


@dataclass
class Crowd:
    """Latencies in milliseconds over all searching processes; ``private_mb`` is the largest of them."""

    p50: float
    p95: float
    per_second: float
    private_mb: float


def crowd(
    opener: Callable[[], Search],
    writer: Callable[[], Callable[[int], None]],
    texts: Sequence[str],
    *,
    processes: int = 4,
    seconds: float = 6.0,
    writes_per_second: float = 2.0,
) -> Crowd:
    """``opener`` and ``writer`` run in the child, so that each process has its own handles."""
    results: Queue[tuple[list[float], float]] = FORK.Queue()
    start = FORK.Barrier(processes + 2)
    stop = FORK.Event()

    def search(number: int) -> None:
        before = private_mb()
        ask = opener()
        for text in texts:
            ask(text)
        start.wait()
        times: list[float] = []
        at = number
        while not stop.is_set():
            began = time.perf_counter()
            ask(texts[at % len(texts)])
            times.append((time.perf_counter() - began) * 1000)
            at += 1
        results.put((times, private_mb() - before))

    def write() -> None:
        put = writer()
        start.wait()
        number = 0
        while not stop.is_set():
            put(number)
            number += 1
            stop.wait(1 / writes_per_second)

    children = [FORK.Process(target=search, args=(number,)) for number in range(processes)]
    children.append(FORK.Process(target=write))
    for child in children:
        child.start()
    start.wait()
    time.sleep(seconds)
    stop.set()
    collected = [results.get(timeout=120) for _ in range(processes)]
    for child in children:
        child.join(60)
    times = sorted(each for some, _ in collected for each in some)
    return Crowd(
        times[len(times) // 2],
        times[int(len(times) * 0.95)],
        len(times) / seconds,
        max(memory for _, memory in collected),
    )


def private_mb() -> float:
    """Memory that this process shares with nobody, in MB."""
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) / 1024
