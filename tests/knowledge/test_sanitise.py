"""What stands in an article is shown to every agent: nothing in it may run, and nothing may hide."""

from __future__ import annotations

import pytest

from knowledge.sanitise import SectionError, clean_section, clean_sections, paragraphs, plain, rich, text_of


@pytest.mark.parametrize(
    "html",
    [
        "<p>ok<script>fetch('/x')</script></p>",
        "<p onpointerenter=x()>ok</p>",
        '<p><a href="javascript:x()">ok</a></p>',
        '<p><a href="data:text/html,x">ok</a></p>',
        "<p>ok</p><svg><animate onbegin=x()></svg>",
        '<p style="background:url(x)">ok</p>',
        "<p>ok<iframe srcdoc='<p>x'></iframe></p>",
        "<p>ok</p><math><mi xlink:href='javascript:x()'>x</mi></math>",
        '<form action="/x"><button formaction="/y">ok</button></form>',
        "<details open ontoggle=x()>ok</details>",
        "<p>ok<!-- <p> --></p>",
        "<object data=x>ok</object><embed src=x>",
    ],
)
def test_rich_text_keeps_words_and_loses_what_could_run(html):
    """A pasted page would run its own code on every desk."""
    cleaned = rich(html)
    assert "ok" in cleaned
    for trace in (
        "script",
        "on",
        "style",
        "javascript:",
        "data:",
        "iframe",
        "srcdoc",
        "svg",
        "form",
        "object",
        "embed",
        "<!--",
    ):
        assert trace not in cleaned.replace("noopener", "").replace("button", ""), cleaned


def test_rich_text_keeps_the_structure_editors_use():
    """Lists and links would be gone after saving."""
    html = '<h2>Ablauf</h2><ul><li><strong>Eins</strong></li></ul><p><a href="https://example.org/a?b=1&amp;c=2">Link</a></p>'
    assert rich(html) == (
        "<h3>Ablauf</h3><ul><li><strong>Eins</strong></li></ul>"
        '<p><a href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer">Link</a></p>'
    )


@pytest.mark.parametrize("html", ["", "<p></p>", "<p><br></p>", "<p>\u200b</p>", "<p>&nbsp;</p>", " \ufeff "])
def test_rich_text_without_words_is_empty(html):
    """An empty box would stand in the article."""
    assert rich(html) == ""


def test_plain_text_loses_invisible_signs_and_keeps_umlauts():
    """A zero-width space inside a word would hide the article from the search."""
    assert plain(" Ge\u200bbühr\u00a0 37\u00ad,00 € \x00") == "Gebühr 37,00 €"
    assert plain("Gebu\u0308hr") == "Gebühr"


def test_text_of_parts_words_at_block_ends():
    """Two words would grow together in the index."""
    assert text_of("<ul><li>Ausweis</li><li>Foto &amp; Pass</li></ul>") == "Ausweis Foto & Pass"


def test_paragraphs_escapes_what_was_typed_as_text():
    assert paragraphs("a < b\nc\n\nd") == "<p>a &lt; b<br>c</p><p>d</p>"


def test_sections_keep_their_shapes():
    """A list entered as one long text would break the page that shows it."""
    cleaned = clean_sections(
        {
            "documents": ["Ausweis", " ", "<b>Foto</b><p>x</p>"],
            "fees": [{"value": " 37,00 € ", "label": "", "other": "x"}, {"value": "", "label": ""}],
            "say": "",
        }
    )
    assert cleaned == {"documents": ["Ausweis", "<b>Foto</b>x"], "fees": [{"value": "37,00 €", "label": ""}]}


@pytest.mark.parametrize(
    ("key", "value"), [("nope", "x"), ("say", ["x"]), ("documents", "x"), ("fees", ["x"]), ("hints", None)]
)
def test_section_of_another_shape_is_refused(key, value):
    with pytest.raises(SectionError):
        clean_section(key, value)
