"""The trail can only grow, and shows when somebody wrote over it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from callcenter.audit.models import AuditEntry, ChainHead
from callcenter.audit.services import broken_links, record


def test_entries_follow_from_each_other(db) -> None:
    """Auditors must be able to trust that nothing is missing."""
    first = record(action="one", tenant_id=1)
    second = record(action="two", tenant_id=1, data={"a": 1})
    assert second.previous_hash == first.hash
    assert list(broken_links()) == []


def test_database_refuses_changes(db) -> None:
    """Not even a person with a database prompt can quietly rewrite the past."""
    entry = record(action="one", tenant_id=1)
    for statement in ("UPDATE audit_auditentry SET action = 'x'", "DELETE FROM audit_auditentry"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert AuditEntry.objects.get(pk=entry.pk).action == "one"


def test_cut_off_tail_is_noticed(db) -> None:
    """Removing the newest entries (with the triggers taken away) leaves the head behind."""
    record(action="one", tenant_id=1)
    ChainHead.objects.filter(chain=1).update(position=2)
    assert len(list(broken_links())) == 1


def test_entry_is_rolled_back_with_its_deed(db) -> None:
    """No entry may claim a deed that never happened."""

    @transaction.atomic
    def deed() -> None:
        record(action="one", tenant_id=1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deed()
    assert not AuditEntry.objects.exists()
