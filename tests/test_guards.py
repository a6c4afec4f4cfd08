"""Guards that no new file can forget; each is built from a registry, each exception carries its rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from callcenter.celery import app as celery_app
from tenants.models import Tenant
from tenants.scope import ScopedManager, ScopeError

# Models without exactly one city, each with the rule that keeps cities apart all the same.
WITHOUT_ONE_CITY = {
    "audit.AuditEntry": "ids only; pages read one city's chain (selectors.trail_of)",
    "audit.ChainHead": "a counter, holds no content",
    "tenants.Tenant": "the city itself; access decorators check it",
    "accounts.User": "belongs to people; administration reads those with a role in the city",
    "accounts.Membership": "decides the scope, so it is read before there is one",
    "knowledge.Category": "names of themes, shared by all cities",
    "knowledge.Article": "shared or owned by one city; shown only through EffectiveArticle, editors check owner",
    "knowledge.Revision": "shared text has no city; editors' selectors check article owner and tenant",
    "knowledge.Notice": "stands in several cities at once; read through its rows of the cities in scope",
    "knowledge.NoticeReceipt": "one person's; written only for notices of a city in scope",
    "knowledge.WorkingCopy": "one person's unsaved form; read back by that person alone, for articles they may edit",
    "knowledge.Link": "an address and its status, no content of a city; pages read it through LinkUse, which has one",
    "knowledge.SearchTerm": "for all cities or one; read through the article",
    "calls.Connector": "a telephone system of the house, administrators only",
    "calls.TelephonyEvent": "raw events come before the city is known; read through their call",
    "calls.Presence": "belongs to a person, live only",
    "calls.BlockedCaller": "a number nobody is to be rung by; house-wide, administrators only",
    "calls.CallerIdRule": "which number outgoing calls show; house-wide, administrators only",
    "calls.RequestLog": "what telephone systems sent, encrypted; administrators only",
    "knowledge.SynonymRule": "words, no content of a city; for every city, written by editors with an audit entry",
    "knowledge.WordRule": "words, no content of a city; for every city, written by editors with an audit entry",
    "knowledge.SearchSettings": "one row with the version of the rules",
    "supervision.StaffMonth": "sums by city id from k agents on; a page reads the entries of its own cities only",
    "supervision.StaleDay": "ids and days that triggers write; the job and the figures' sources read it by city",
    "billing.Outbox": "what is still to be sent; jobs only, no page reads it across cities",
    "desktop.LiveEvent": "addressed to a user or to a city's desks; the stream filters by its ticket",
}


def our_models() -> Iterator[type[models.Model]]:
    for config in apps.get_app_configs():
        if getattr(config, "is_ours", False):
            yield from config.get_models()


def our_patterns(
    resolver: URLResolver | None = None, prefix: str = "", names: str = ""
) -> Iterator[tuple[str, str, URLPattern]]:
    """(route, full name, pattern) of every address."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            space = f"{names}{entry.namespace}:" if entry.namespace else names
            yield from our_patterns(entry, prefix + str(entry.pattern), space)
        else:
            yield prefix + str(entry.pattern), f"{names}{entry.name}", entry


def is_scoped(model: type[models.Model]) -> bool:
    return isinstance(model._default_manager, ScopedManager)


@pytest.mark.parametrize("model", list(our_models()), ids=lambda model: model._meta.label)
def test_model_is_scoped_or_listed(model: type[models.Model]) -> None:
    """A model outside the scope would show one city's rows to another."""
    label = model._meta.label
    if label in WITHOUT_ONE_CITY:
        assert not is_scoped(model), f"{label} is scoped now: take it off the list"
        return
    assert is_scoped(model), f"{label} needs a ScopedManager, or a rule in WITHOUT_ONE_CITY"
    field = model._default_manager.field  # type: ignore[attr-defined]
    if field == "tenant_id":
        assert model._meta.get_field("tenant").related_model is Tenant


def test_model_list_has_no_stale_entry() -> None:
    """A rule for a model that is gone hides the next one of that name."""
    labels = {model._meta.label for model in our_models()}
    assert set(WITHOUT_ONE_CITY) <= labels


@pytest.mark.django_db
@pytest.mark.parametrize("model", [m for m in our_models() if is_scoped(m)], ids=lambda model: model._meta.label)
def test_reading_without_scope_raises(model: type[models.Model]) -> None:
    """A query that forgot its scope must fail loudly, not show everything."""
    with pytest.raises(ScopeError):
        list(model._default_manager.all())


@pytest.mark.parametrize(
    ("route", "name", "pattern"), list(our_patterns()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_url_says_who_may_come_in(route: str, name: str, pattern: URLPattern) -> None:
    """A view without an access decorator would be open to every signed-in person."""
    assert hasattr(pattern.callback, "access"), f"/{route} ({name}) has no access decorator"
    kind, detail = pattern.callback.access
    if "<slug:city>" in route:
        assert kind == "in_city", f"/{route} names a city but does not check it"
    if kind == "in_city":
        assert "<slug:city>" in route
    if kind == "public":
        assert len(detail) > 10, f"/{route} is public without a reason"


def our_tasks() -> list[str]:
    celery_app.loader.import_default_modules()
    return sorted(name for name in celery_app.tasks if not name.startswith("celery."))


def test_task_names_its_queue() -> None:
    """A task on a queue that no worker listens to never runs."""
    for name in our_tasks():
        queue = getattr(celery_app.tasks[name], "queue", None)
        assert queue in settings.JOB_QUEUES, f"{name} must name one of {settings.JOB_QUEUES}"


def test_schedule_names_existing_tasks() -> None:
    """A typo in the schedule would leave months open for ever."""
    known = set(our_tasks())
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in known


def test_templates_carry_no_inline_script_or_style() -> None:
    """The Content-Security-Policy refuses them, so the page would break silently."""
    pattern = re.compile(
        r"<script(?![^>]*\b(?:src|type=\"application/json\"))|<style|\sstyle=|\son\w+=|hx-on|javascript:", re.I
    )
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        found = pattern.search(template.read_text())
        assert not found, f"{template.relative_to(settings.BASE_DIR)}: {found.group()!r}"


def test_nothing_third_party_is_committed() -> None:
    """Vendored files go stale and carry other people's licences."""
    import subprocess

    files = subprocess.run(
        ["git", "ls-files"], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    ).stdout.split()
    suspicious = [
        name for name in files if re.search(r"\.(min\.js|min\.css|woff2?|ttf|otf|whl|mo|sqlite3)$|node_modules/", name)
    ]
    assert suspicious == []


def test_lock_files_carry_hashes_and_no_index_address() -> None:
    """A lock without hashes, or with an address, does not install the same thing elsewhere."""
    for lock in sorted((settings.BASE_DIR / "requirements").glob("*.txt")):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"index-url|find-links|https?://", text), lock.name
    npm = (settings.BASE_DIR / "package-lock.json").read_text()
    assert '"integrity"' in npm
    assert '"resolved"' not in npm


def test_dependency_carries_its_reason() -> None:
    """Whoever carries this on must know why each package is here."""
    lines = (settings.BASE_DIR / "pyproject.toml").read_text().split("[tool.setuptools]")[0].splitlines()
    inside = [line for line in lines if re.match(r'\s+"[\w\[\],.-]+[<>=]', line)]
    assert len(inside) > 20
    assert [line for line in inside if "#" not in line] == []
