"""The two walls between cities, each taken down by itself: what is left must hold alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from django.conf import settings
from django.db import connection

from tenants import rls
from tenants.scope import ScopedManager


@contextmanager
def first_wall_down() -> Iterator[None]:
    """Scoped managers hand out every row, whatever scope is open; only the database is left."""
    kinds = {ScopedManager, *(type(model._default_manager) for model in rls.walled_models())}
    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(mock.patch.object(kind, "get_queryset", lambda self: self.every_row()))
        yield


@contextmanager
def application_role() -> Iterator[None]:
    """The rest of the transaction runs as the role of docs/admin/postgresql-roles.sql, which ends with it."""
    roles = (settings.BASE_DIR / "docs" / "admin" / "postgresql-roles.sql").read_text()
    with connection.cursor() as cursor:
        cursor.execute(re.sub(r"callcenter_(owner|app)", r"callcenter_test_\1", roles))
        cursor.execute("SET LOCAL ROLE callcenter_test_app")
    with connection.execute_wrapper(rls.Wall(connection)):
        yield
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
