"""From what was typed to a plan. Any input is a legal query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from knowledge.search.analysis import Analyser, Word
from knowledge.search.fold import Token
from knowledge.search.plan import Clause, Plan, Reason
from knowledge.search.synonyms import Match, Synonyms

MAX_CHARACTERS = 400
MAX_WORDS = 24
MAX_COMPLETIONS = 400
PART_WEIGHT = 0.55
SYNONYM_WEIGHT = 0.8
TYPO_WEIGHT = (1.0, 0.75, 0.5)  # by distance
SEPARATED_WEIGHT = 0.8
PARTICLES = frozenset(
    ("ab", "an", "auf", "aus", "ein", "her", "hin", "mit", "nach", "um", "vor", "weg", "zu", "zuruck")
)
REACH = 8  # words between a verb and its particle
STOP_WEIGHT = 0.05


class Lexicon(Protocol):
    """What an engine knows about the indexed words."""

    def knows(self, stem: str) -> bool:
        """Whether any document has the stem."""

    def completions(self, prefix: str, limit: int) -> Sequence[str]:
        """Stems of the words of titles and search terms that begin so; of the text where those have none."""

    def corrections(self, word: str) -> Sequence[tuple[str, int]]:
        """Words of titles and search terms near a folded word, with their distance."""


@dataclass(frozen=True)
class Planner:
    analyser: Analyser
    synonyms: Synonyms

    def plan(self, query: str, lexicon: Lexicon) -> Plan:
        """Understand a query; the last word counts as unfinished unless something follows it."""
        query = query[:MAX_CHARACTERS]
        found = list(self.analyser.words(query))[:MAX_WORDS]
        if not found:
            return Plan(())
        only_stops = all(word.is_stop for _, word in found)
        unfinished = found[-1][0].end == len(query)
        clauses: list[Clause] = []
        reasons: list[Reason] = []
        corrected: list[tuple[Token, str]] = []
        stems = [word.stem for _, word in found]
        bits: list[int] = []
        for at, (token, word) in enumerate(found):
            is_last = unfinished and at == len(found) - 1
            counts = only_stops or not word.is_stop
            bits.append(1 << at if counts else 0)
            weight = 1.0 if counts else STOP_WEIGHT
            self._word(token, word, weight, bits[at], is_last, lexicon, clauses, reasons, corrected)
        self._separated_verbs(query, found, bits, lexicon, clauses)
        for first, size, match in self.synonyms.phrases_in(stems):
            self._synonym(match, sum(bits[first : first + size]), clauses, reasons)
        return Plan(tuple(clauses), tuple(reasons), _with_corrections(query, corrected))

    def _word(
        self,
        token: Token,
        word: Word,
        weight: float,
        covers: int,
        is_last: bool,
        lexicon: Lexicon,
        clauses: list[Clause],
        reasons: list[Reason],
        corrected: list[tuple[Token, str]],
    ) -> None:
        completions: tuple[str, ...] = ()
        if is_last and len(word.folded) > 1:
            completions = tuple(lexicon.completions(word.folded, MAX_COMPLETIONS))
        known = lexicon.knows(word.stem) or bool(completions)
        prefix = word.folded if completions else ""
        clauses.append(Clause(token.text, word.stem, weight, prefix, completions, covers))
        parts_known = False
        if word.parts and not word.is_stop:
            each = weight * PART_WEIGHT
            clauses.extend(Clause(token.text, part, each, covers=covers) for part in word.parts)
            parts_known = sum(lexicon.knows(part) for part in word.parts) * 2 >= len(word.parts)
        if known or word.is_stop:
            return
        seen: set[str] = set()
        for text, distance in lexicon.corrections(word.folded):
            right = self.analyser.word(text).stem
            # A compound nobody wrote whose parts are known is rather new than wrong: only one slip is believed.
            if right in seen or (parts_known and distance > 1):
                continue
            if not seen and not parts_known:
                corrected.append((token, text))
            seen.add(right)
            clauses.append(Clause(token.text, right, weight * TYPO_WEIGHT[distance], covers=covers))
            reasons.append(Reason(token.text, text, frozenset({right})))

    def _separated_verbs(
        self,
        query: str,
        found: Sequence[tuple[Token, Word]],
        bits: Sequence[int],
        lexicon: Lexicon,
        clauses: list[Clause],
    ) -> None:
        """``Wie melde ich meine Wohnung an``: the particle belongs to the verb, anmelden is meant."""
        for at, (token, particle) in enumerate(found):
            following = query[token.end : token.end + 1]
            closes = at == len(found) - 1 or (following and following in ",.;:?!")
            if particle.folded not in PARTICLES or not closes:
                continue
            for place in range(max(0, at - REACH), at):
                earlier, word = found[place]
                if word.is_stop:
                    continue
                joined = self.analyser.word(particle.folded + word.folded).stem
                if lexicon.knows(joined):
                    clauses.append(Clause(earlier.text, joined, SEPARATED_WEIGHT, covers=bits[place] | bits[at]))

    def _synonym(self, match: Match, covers: int, clauses: list[Clause], reasons: list[Reason]) -> None:
        typed, meant = match.typed, match.meant
        words = [word for _, word in self.analyser.words(meant) if not word.is_stop]
        if not words:
            return
        each = SYNONYM_WEIGHT / len(words) ** 0.5
        for word in words:
            clauses.append(Clause(typed, word.stem, each, covers=covers))
            clauses.extend(Clause(typed, part, each * PART_WEIGHT, covers=covers) for part in word.parts)
        reasons.append(Reason(typed, meant, frozenset(word.stem for word in words)))


def _with_corrections(query: str, corrected: Sequence[tuple[Token, str]]) -> str:
    if not corrected:
        return ""
    text = query
    for token, right in reversed(corrected):
        text = text[: token.start] + right + text[token.end :]
    return text.strip()
