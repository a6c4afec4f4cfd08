"""Words as the search understands them; no Django, no index."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from knowledge.search import nouns
from knowledge.search.analysis import Analyser, plain_text
from knowledge.search.decompound import Splitter
from knowledge.search.fallback import NoLexicon
from knowledge.search.fold import fold, tokens
from knowledge.search.highlight import mark
from knowledge.search.memory import planner
from knowledge.search.planner import Planner
from knowledge.search.speller import Speller, edit_distance
from knowledge.search.synonyms import Synonyms, read_pairs, shipped


@pytest.fixture
def analyser() -> Analyser:
    return planner(settings.VAR).analyser


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Straße", "STRASSE"),
        ("Führerschein", "fuehrerschein"),
        ("Pässe", "passe"),
        ("Kfz\u00adZulassung", "kfzzulassung"),
        ("Mu\u0308ll", "Müll"),
    ],
)
def test_fold_spellings_of_one_word_agree(left: str, right: str) -> None:
    """Whoever types ue for ü, or pastes a soft hyphen, would find nothing."""
    assert fold(left) == fold(right)


@pytest.mark.parametrize("word", ["neue", "Steuer", "Quelle", "Feuer", "Bauer"])
def test_fold_vowels_that_are_no_umlaut_stay(word: str) -> None:
    """``neue`` would become ``neu`` plus nothing, ``Steuer`` would meet other words."""
    assert fold(word) == word.lower()


def test_tokens_places_are_those_of_the_text() -> None:
    """The wrong letters would be marked in a hit."""
    text = "Kfz-Zulassung: „Straße“ (B)"
    assert [text[token.start : token.end] for token in tokens(text)] == ["Kfz", "Zulassung", "Straße", "B"]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("Personalausweisverlust", ("personal", "ausweis", "verlust")),
        ("Hundesteueranmeldung", ("hunde", "steuer", "anmeldung")),
        ("Schwerbehindertenausweis", ("schwer", "behinderten", "ausweis")),
        ("Wohnberechtigungsschein", ("wohn", "berechtigung", "schein")),
    ],
)
def test_split_compound_gives_its_parts(analyser: Analyser, word: str, parts: tuple[str, ...]) -> None:
    """``Ausweis`` would not find ``Personalausweisverlust``."""
    assert analyser.splitter.split(fold(word)) == parts


@pytest.mark.parametrize("word", ["Bescheinigung", "Verwaltung", "Unterlagen", "Genehmigung", "Information"])
def test_split_simple_word_stays_whole(analyser: Analyser, word: str) -> None:
    """Pieces of simple words would match what nobody asked for."""
    assert analyser.splitter.split(fold(word)) == ()


def test_analyser_without_noun_package_still_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the optional noun list would not search at all."""

    def missing(name: str) -> str:
        raise nouns.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(nouns.importlib.metadata, "version", missing)
    assert Splitter(nouns.compact_nouns(None)).split("hundesteuer") == ("hunde", "steuer")


def test_nouns_truncated_list_is_made_anew(tmp_path: Path) -> None:
    """A process killed while writing the list would leave a search that splits nothing."""
    first = nouns.compact_nouns(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text("ausweis\nhun", encoding="ascii")
    assert nouns.compact_nouns(tmp_path) == first


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("perso", "pesro", 1), ("ausweis", "ausweiß", 1), ("hund", "hand", 1), ("a", "abc", 2)],
)
def test_edit_distance_known_pairs(left: str, right: str, distance: int) -> None:
    """A swap of neighbours, the most frequent slip, would count as two errors."""
    assert edit_distance(left, right, 3) == distance


@given(
    st.text(string.ascii_lowercase[:4], min_size=1, max_size=9),
    st.text(string.ascii_lowercase[:4], min_size=1, max_size=9),
)
def test_edit_distance_agrees_with_the_textbook(left: str, right: str) -> None:
    """Corrections would be offered for words that are not near."""
    table = {(i, 0): i for i in range(len(left) + 1)} | {(0, j): j for j in range(len(right) + 1)}
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            cost = left[i - 1] != right[j - 1]
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + cost)
            if i > 1 and j > 1 and left[i - 1] == right[j - 2] and left[i - 2] == right[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    assert edit_distance(left, right, 20) == table[len(left), len(right)]


def test_speller_finds_slips_and_prefers_the_nearer_word() -> None:
    """``Personlausweis`` would find nothing."""
    speller = Speller(["personalausweis", "personal", "fuhrerschein"], [3, 9, 1])
    assert speller.corrections("personlausweis") == [("personalausweis", 1)]
    assert speller.corrections("furerschein") == [("fuhrerschein", 1)]
    assert speller.corrections("abc") == []


def test_synonyms_shipped_list_is_sound(analyser: Analyser) -> None:
    """A typing error in the list would stop the program at its first search."""
    found = [match.meant for _first, _size, match in shipped(analyser).phrases_in([analyser.word("Perso").stem])]
    assert found == ["Personalausweis"]


@pytest.mark.parametrize("line", ["a", "a >", "= b", "> c"])
def test_read_pairs_half_a_line_is_refused_with_its_number(line: str) -> None:
    """Nobody would learn which line of a synonym list is wrong."""
    with pytest.raises(ValueError, match="line 2"):
        list(read_pairs(f"# comment\n{line}"))


def test_plan_one_way_synonym_is_not_turned_round(analyser: Analyser) -> None:
    """Whoever asks for a waste container would get sofas."""
    synonyms = Synonyms(read_pairs("Sofa > Sperrmüll"), analyser)
    assert [match.meant for _first, _size, match in synonyms.phrases_in([analyser.word("Sofa").stem])] == ["Sperrmüll"]
    assert not list(synonyms.phrases_in([analyser.word("Sperrmüll").stem]))


@hypothesis_settings(deadline=None)  # the first call reads the noun list
@given(st.text(max_size=200))
def test_plan_any_text_is_a_query(text: str) -> None:
    """A pasted quote, emoji or control character would give an error page."""
    analyser = planner(settings.VAR).analyser
    plan = Planner(analyser, Synonyms([], analyser)).plan(text, NoLexicon())
    assert len(plan.clauses) < 400
    assert "".join(piece for piece, _ in mark(text, plan, analyser)) == text


def test_plan_ten_thousand_characters_stay_small(analyser: Analyser) -> None:
    """A pasted letter would stop the search for everybody."""
    plan = Planner(analyser, shipped(analyser)).plan("Personalausweis verloren " * 400, NoLexicon())
    assert len(plan.clauses) < 200


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Personalausweis beantragen", "ausweis", ["ausweis"]),
        ("Straßenreinigung", "strasse", ["Straßen"]),
        ("Führerschein umtauschen", "fuehrerschein", ["Führerschein"]),
        ("Hund anmelden (Hundesteuer)", "hunde", ["Hund", "Hunde"]),
        ("Meldebescheinigung", "wohnung", []),
    ],
)
def test_mark_shows_what_matched_as_readers_see_it(
    analyser: Analyser, text: str, query: str, marked: list[str]
) -> None:
    """The agent would not see at a glance why a hit is there."""
    plan = Planner(analyser, Synonyms([], analyser)).plan(query + " ", NoLexicon())
    pieces = mark(text, plan, analyser)
    assert [piece for piece, matched in pieces if matched] == marked
    assert "".join(piece for piece, _ in pieces) == text


def test_plain_text_markup_separates_words() -> None:
    """The last word of a paragraph and the first of the next would be indexed as one."""
    assert plain_text("<p>Antrag</p><p>Frist &amp; Gebühr</p>").split() == ["Antrag", "Frist", "&", "Gebühr"]
