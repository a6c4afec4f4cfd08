"""The editor's form: what was typed is what is saved, and two people never overwrite each other."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from knowledge.columns import INHERIT, OMIT, OWN, Column, from_revision, merge, read_form
from knowledge.models import Revision
from tenants.models import Tenant

BERLIN = ZoneInfo("Europe/Berlin")
CITY = Tenant(pk=2, slug="dinslaken", name="Dinslaken")
SHARED = {"say": "Gern.", "fees": [{"value": "132,00 €", "label": ""}], "description": "<p>Eins</p><p>Zwei</p>"}


def column(sections=None, *, tenant=CITY, **options) -> Column:
    head = Revision(title="" if tenant else "Hund", sections=sections) if sections is not None else None
    return from_revision(
        key=tenant.slug if tenant else "shared",
        tenant=tenant,
        head=head,
        token="t",
        may_write=True,
        has_title=tenant is None,
        zone=BERLIN,
        terms=[],
        shared=SHARED if tenant else None,
        **options,
    )


def as_form(column: Column, **changes) -> QueryDict:
    """What a browser sends for the column as it is shown, with some fields changed."""
    data = QueryDict(mutable=True)
    for name in ("token", "title", "note"):
        data[f"{column.key}.{name}"] = getattr(column, name)
    data[f"{column.key}.seen-title"] = column.seen_title
    data[f"{column.key}.seen-validity"] = column.seen_validity
    for cell in column.cells.values():
        data[f"{cell.name}.seen"] = cell.seen
        data[f"{cell.name}.mode"] = cell.mode
        if cell.section.shape == "items":
            data.setlist(cell.name, cell.rows)
        elif cell.section.shape == "facts":
            data.setlist(f"{cell.name}.value", [row["value"] for row in cell.rows])
            data.setlist(f"{cell.name}.label", [row["label"] for row in cell.rows])
        else:
            data[cell.name] = str(cell.value).replace("\n", "\r\n")
    for name, value in changes.items():
        data[f"{column.key}.{name.replace('__', '.')}"] = value
    return data


@pytest.mark.parametrize("sections", [None, {}, {"say": "x"}, {"hints": "", "documents": ["a", "b"]}, SHARED])
@pytest.mark.parametrize("tenant", [None, CITY])
def test_form_sent_as_shown_touches_nothing(sections, tenant):
    """Opening and saving an article would make a new version each time."""
    if tenant is None and sections and "hints" in sections:
        sections = {key: value for key, value in sections.items() if value}
    shown = column(sections, tenant=tenant)
    sent = read_form(shown, as_form(shown))
    assert not sent.touched
    assert sent.sections == (sections or {})


def test_city_cell_says_what_it_inherits_overrides_and_lacks():
    """An editor could not see which text a caller from the city gets."""
    shown = column({"fees": [{"value": "96,00 €", "label": ""}], "description": ""})
    assert (shown.cells["say"].mode, shown.cells["say"].inherited_text) == (INHERIT, "Gern.")
    assert shown.cells["fees"].mode == OWN
    assert shown.cells["description"].mode == OMIT
    assert shown.cells["legal"].is_missing
    assert not shown.cells["say"].is_missing


def test_override_is_added_left_out_and_taken_back():
    shown = column({"fees": [{"value": "96,00 €", "label": ""}]})
    sent = read_form(shown, as_form(shown, fees__mode=INHERIT, say__mode=OWN, say="Moin.", description__mode=OMIT))
    assert sent.sections == {"say": "Moin.", "description": ""}
    assert {key for key, cell in sent.cells.items() if cell.touched} == {"fees", "say", "description"}


def test_own_text_left_empty_inherits():
    """A slip of the mouse would hide the shared text from every caller of the city."""
    shown = column({})
    assert read_form(shown, as_form(shown, say__mode=OWN)).sections == {}


def test_shared_change_is_flagged_where_a_city_has_its_own_text():
    """A new shared fee would leave the city's old one standing unseen."""
    shown = column({"fees": [{"value": "96,00 €", "label": ""}]}, shared_changes=frozenset({"fees", "say"}))
    assert shown.cells["fees"].shared_changed
    assert not shown.cells["say"].shared_changed


def test_merge_keeps_both_sides_changes():
    """The second of two editors would wipe out what the first one wrote."""
    before = column({"say": "A", "summary": "S", "hints": "<p>h</p>"}, tenant=None)
    mine = read_form(before, as_form(before, say="B mein", summary="S neu"))
    theirs = column({"say": "C dein", "summary": "S", "hints": "<p>anders</p>"}, tenant=None)
    merged = merge(mine, theirs)
    assert merged.conflict
    assert merged.sections == {"say": "B mein", "summary": "S neu", "hints": "<p>anders</p>"}
    assert merged.cells["say"].theirs is not None
    assert merged.cells["summary"].theirs is None
    assert merged.cells["hints"].adopted
    again = read_form(theirs, as_form(merged))
    assert {key for key, cell in again.cells.items() if cell.touched} == {"say", "summary"}
