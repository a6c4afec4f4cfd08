"""Analyser, synonyms and planner of this process: made at first use, shared by all threads."""

from __future__ import annotations

import threading
from pathlib import Path

from knowledge.search.analysis import Analyser
from knowledge.search.planner import Planner
from knowledge.search.steering import Steering
from knowledge.search.synonyms import shipped

_lock = threading.Lock()
_planners: dict[Path | None, Planner] = {}
_steered: dict[tuple[Path | None, str], Planner] = {}
STEERED_KEPT = 4  # versions: the one in force, and what an editor is trying out


def planner(folder: Path | None) -> Planner:
    """The planner with the noun list kept in ``folder``."""
    with _lock:
        found = _planners.get(folder)
        if found is None:
            analyser = Analyser(folder)
            found = _planners[folder] = Planner(analyser, shipped(analyser))
        return found


def steered(folder: Path | None, steering: Steering) -> Planner:
    """The planner as editors steer it; kept by the steering's stamp."""
    base = planner(folder)
    if not steering.stamp:
        return base
    with _lock:
        found = _steered.get((folder, steering.stamp))
        if found is None:
            analyser = base.analyser
            if steering.stop_words or steering.protected:
                analyser = analyser.with_words(stop_words=steering.stop_words, protected=steering.protected)
            found = Planner(analyser, shipped(analyser, steering.pairs))
            while len(_steered) >= STEERED_KEPT:
                del _steered[next(iter(_steered))]
            _steered[folder, steering.stamp] = found
        return found
