"""The question as every engine gets it: clauses of weighted terms, and nothing to parse."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """One stem that is looked for; what a document has of it counts times ``weight``.

    ``prefix`` is set for the word still being typed; ``completions`` are the stems it may become.
    Of those only the strongest in a document counts. ``covers`` has a bit for each word of the question
    that a document with the term answers to; none for words that say nothing about the concern.
    """

    word: str
    term: str
    weight: float = 1.0
    prefix: str = ""
    completions: tuple[str, ...] = ()
    covers: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why another word than the typed one was looked for; shown beside a hit that has it."""

    typed: str
    meant: str
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked for. An empty plan finds nothing."""

    clauses: tuple[Clause, ...]
    reasons: tuple[Reason, ...] = ()
    did_you_mean: str = ""

    def covers(self) -> int:
        """A bit for each word that can be answered to."""
        bits = 0
        for clause in self.clauses:
            bits |= clause.covers
        return bits

    def stems(self) -> frozenset[str]:
        """Every stem a match can be due to; used for marking."""
        return frozenset(clause.term for clause in self.clauses)

    def prefixes(self) -> tuple[str, ...]:
        return tuple(clause.prefix for clause in self.clauses if clause.prefix)
