"""Templates ask only for what somebody gives them: an undefined name in a condition is silently false."""

from __future__ import annotations

import re

from django.conf import settings

GIVEN_BY_DJANGO = {"messages", "forloop", "redirect_field_value", "session_count"}  # allauth's two among them
WORDS = {"and", "or", "not", "in", "is", "True", "False", "None"}


def texts(pattern: str, *folders: str) -> dict[str, str]:
    return {
        path.relative_to(settings.BASE_DIR).as_posix(): path.read_text()
        for folder in folders
        for path in (settings.BASE_DIR / folder).rglob(pattern)
    }


def test_every_condition_asks_for_something_that_is_given() -> None:
    """A button would never show because the view that fed it was rewritten."""
    python = "\n".join(texts("*.py", "callcenter", "knowledge", "tenants", "billing").values())
    templates = texts("*.html", "templates")
    markup = "\n".join(templates.values())
    given = set(re.findall(r"""["'](\w+)["']\s*[:\]]""", python)) | set(re.findall(r"(\w+)=", python))
    given |= set(re.findall(r"(\w+)=", markup)) | set(re.findall(r" as (\w+)", markup)) | GIVEN_BY_DJANGO
    for names in re.findall(r"{%\s*for ([\w, ]+) in", markup):
        given |= {name.strip() for name in names.split(",")}
    asked = [
        (path, name)
        for path, text in templates.items()
        for condition in re.findall(r"{%\s*(?:if|elif)\s+(.*?)%}", text)
        for name in re.findall(r"(?<![\w.|:])([A-Za-z_]\w*)", re.sub(r"""["'].*?["']""", "", condition))
    ]
    assert len(asked) > 300, "the search itself found too little"
    assert sorted({(path, name) for path, name in asked if name not in given | WORDS}) == []
