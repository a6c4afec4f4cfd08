"""A file given to the browser: looked at first, read in only then, in the background."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from os import fstat
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import Role, User
from knowledge.importing.apply import Result, note_refusals, run_import
from knowledge.importing.formats import READERS, detect
from knowledge.importing.records import UnreadableFile
from knowledge.models import ImportRun, ImportState
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import all_cities, assert_in_scope, scoped

log = logging.getLogger(__name__)

LARGEST = 250 * 1024 * 1024  # bytes
AT_ONCE = 2 * 1024 * 1024  # bytes that are looked through while the browser waits
KEEP_PREVIEWS = timedelta(days=1)


def path_of(run: ImportRun) -> Path:
    """Where the uploaded file waits; the name says nothing of its content."""
    folder = settings.VAR / "imports"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / str(run.pk)


def preview(*, upload: UploadedFile, tenant: Tenant, actor: User) -> ImportRun:
    """Keep the file and say what reading it in would do; nothing of the knowledge base changes."""
    assert_in_scope(tenant)
    if (upload.size or 0) > LARGEST:
        raise KnowledgeRefusal(_("Die Datei ist größer als 250 MB. Lesen Sie sie mit import_knowledge ein."))
    _forget_old_previews()
    run = ImportRun(tenant=tenant, file_name=(upload.name or "")[:200], actor=actor, state=ImportState.PREVIEW)
    with path_of(run).open("wb") as kept:
        for chunk in upload.chunks():
            kept.write(chunk)
    if (upload.size or 0) > AT_ONCE:
        run.state = ImportState.CHECKING
        with transaction.atomic():
            run.save()
            transaction.on_commit(lambda: _tasks().look_through.delay(str(run.pk)))
        return run
    try:
        _look(run, lambda _result, _percent: None)
    except UnreadableFile as problem:
        path_of(run).unlink()
        raise KnowledgeRefusal(_unreadable(problem)) from None
    run.save()
    return run


def look_through(run_id: uuid.UUID) -> None:
    """The job behind the preview of a large file."""
    waiting = _waiting(run_id, ImportState.CHECKING)
    if waiting is None:
        return
    run, actor = waiting
    with scoped(actor.tenant_ids(Role.EDITOR)):
        try:
            _look(run, lambda result, percent: _note_progress(run, result, percent))
            run.state, run.percent = ImportState.PREVIEW, 100
        except UnreadableFile as problem:
            run.state, run.error = ImportState.FAILED, _unreadable(problem)[:250]
        except Exception as problem:
            log.exception("looking through import %s broke off", run.pk)
            run.state, run.error = ImportState.FAILED, str(problem)[:250]
        run.save()
    if run.state == ImportState.FAILED:
        path_of(run).unlink(missing_ok=True)


def _look(run: ImportRun, progress: Callable[[Result, int], None]) -> None:
    """Fill the run with what reading its file in would do. Raises UnreadableFile."""
    with path_of(run).open("rb") as file:
        run.format = detect(file)
        result = run_import(
            entries=READERS[run.format](file),
            tenant=run.tenant,
            format_name=run.format,
            file_name=run.file_name,
            actor=run.actor,
            dry_run=True,
            progress=lambda so_far: progress(so_far, _percent(file)),
        )
    run.created, run.changed, run.unchanged = result.created, result.changed, result.unchanged
    run.titles = {key: titles[:200] for key, titles in result.titles.items()}
    note_refusals(run, result)


def _unreadable(problem: UnreadableFile) -> str:
    return _("Die Datei lässt sich nicht lesen: %(reason)s") % {"reason": problem}


def _percent(file: BinaryIO) -> int:
    """How much of the file the reader has taken."""
    return min(100, file.tell() * 100 // max(1, fstat(file.fileno()).st_size))


def _note_progress(run: ImportRun, result: Result, percent: int) -> None:
    ImportRun.objects.filter(pk=run.pk).update(
        created=result.created,
        changed=result.changed,
        unchanged=result.unchanged,
        refused_count=len(result.refused),
        percent=percent,
    )


def _waiting(run_id: uuid.UUID, state: str) -> tuple[ImportRun, User] | None:
    """The run a job is for and who asked for it, if it still waits for that job."""
    with all_cities("a job looks up its own run"):
        run = ImportRun.objects.select_related("tenant", "actor").get(pk=run_id)
    return (run, run.actor) if run.state == state and run.actor is not None else None


def _tasks() -> ModuleType:
    from knowledge import tasks

    return tasks


def start(*, run: ImportRun) -> None:
    """Read the file in, in the background; starting twice is starting once."""
    with transaction.atomic():
        fresh = ImportRun.objects.select_for_update().get(pk=run.pk)
        if fresh.state != ImportState.PREVIEW:
            return
        fresh.state = ImportState.RUNNING
        fresh.started_at = timezone.now()
        fresh.created = fresh.changed = fresh.unchanged = fresh.refused_count = fresh.percent = 0
        fresh.save()
        transaction.on_commit(lambda: _tasks().read_in.delay(str(run.pk)))


def read_in(run_id: uuid.UUID) -> None:
    """The job behind ``start``: what came of it stands in the run, also when it breaks off."""
    waiting = _waiting(run_id, ImportState.RUNNING)
    if waiting is None:
        return
    run, actor = waiting
    with scoped(actor.tenant_ids(Role.EDITOR)):
        try:
            with path_of(run).open("rb") as file:
                run_import(
                    entries=READERS[run.format](file),
                    tenant=run.tenant,
                    format_name=run.format,
                    file_name=run.file_name,
                    actor=run.actor,
                    run=run,
                    progress=lambda result: _note_progress(run, result, _percent(file)),
                )
        except Exception as problem:
            # Whatever broke: the page must say that it broke, and the log why.
            log.exception("import %s broke off", run.pk)
            ImportRun.objects.filter(pk=run.pk).update(state=ImportState.FAILED, error=str(problem)[:250])
    path_of(run).unlink(missing_ok=True)


def _forget_old_previews() -> None:
    with all_cities("previews nobody confirmed belong to nobody any more"):
        for run in ImportRun.objects.filter(state=ImportState.PREVIEW, started_at__lt=timezone.now() - KEEP_PREVIEWS):
            path_of(run).unlink(missing_ok=True)
            run.delete()
