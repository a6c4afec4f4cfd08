"""Many rows at once, without a model instance for each: three to four times as fast as ``bulk_create``.

For made-up and imported history only: no signals, no ``save``; the database's constraints hold all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models

from tenants.rls import is_in_force

Row = Mapping[str, Any]  # by column attribute (``call_id``); what is missing takes the field's default


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def _same(value: Any) -> Any:
    return value


def _converter(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """How a value is written on this database, as the field itself would."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.JSONField):
        return lambda value: json.dumps(value, ensure_ascii=False)
    if connection.vendor == "sqlite":
        if isinstance(target, models.UUIDField):
            return lambda value: value.hex
        if isinstance(target, models.DateTimeField):
            return _utc_text
        if isinstance(target, models.DateField):
            return lambda value: value.isoformat()
    return _same


def insert_rows(model: type[models.Model], rows: Iterable[Row]) -> None:
    """Insert the rows, which are plain values; needs an open transaction to be all or nothing."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    columns = [(field.attname, field.get_default(), _converter(field)) for field in fields]

    def values(row: Row) -> tuple[Any, ...]:
        said = (row.get(name, default) for name, default, _ in columns)
        return tuple(
            None if value is None else convert(value) for value, (_, _, convert) in zip(said, columns, strict=True)
        )

    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(quote(str(field.column)) for field in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not is_in_force(connection):
            with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(values(row))
        else:  # SQLite, and PostgreSQL behind row-level security, which refuses COPY
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(map(values, rows)))  # noqa: S608
