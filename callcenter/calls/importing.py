"""Calls exported from another system: one row of text → checked values. Pure.

Columns: ``call_id, line, direction, offered_at, answered_at, ended_at, outcome, agent, topic``; times are ISO 8601
with offset; a cell is empty where the other system does not know.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from callcenter.calls.models import CallState, Direction, Outcome
from tenants.numbers import normalise_dialled

COLUMNS = ("call_id", "line", "direction", "offered_at", "answered_at", "ended_at", "outcome", "agent", "topic")
REQUIRED = ("call_id", "offered_at")


class BadRow(ValueError):
    """Why a row is refused, in English, for the command line."""


class BadFile(ValueError):
    """Why no row of the file can be read."""


@dataclass(frozen=True)
class ImportedCall:
    call_id: str
    line: str
    direction: str
    state: str
    outcome: str | None
    offered_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    agent: str
    topic: str

    @property
    def waited_s(self) -> int:
        until = self.answered_at or self.ended_at or self.offered_at
        return int((until - self.offered_at).total_seconds())

    @property
    def talked_s(self) -> int:
        return int((self.ended_at - self.answered_at).total_seconds()) if self.ended_at and self.answered_at else 0


def read_rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line number in the file, cells by column); comma or semicolon. Raises BadFile."""
    source = iter(lines)
    header = next(source, "").lstrip("\ufeff")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    if missing := [name for name in REQUIRED if name not in names]:
        raise BadFile(f"the header lacks {', '.join(missing)}; expected: {','.join(COLUMNS)}")
    reader = csv.reader(source, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num + 1, {"": str(error)}
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num + 1, {name: cell.strip() for name, cell in zip(names, cells, strict=False)}


def _moment(row: Mapping[str, str], name: str) -> datetime | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"{name} is no ISO 8601 time: {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise BadRow(f"{name} has no offset: {text[:40]!r}")
    return moment.astimezone(UTC)


def check_row(row: Mapping[str, str]) -> ImportedCall:
    """The row's values, checked against each other. Raises BadRow."""
    if "" in row and row[""] and not row.get("call_id"):
        raise BadRow(f"the row cannot be read: {row['']}")
    call_id = row.get("call_id", "")
    if not call_id or len(call_id) > 250:
        raise BadRow("call_id is missing or longer than 250 characters")
    direction = row.get("direction", "").lower() or Direction.IN.value
    if direction not in Direction.values:
        raise BadRow(f"direction must be in or out, not {direction[:20]!r}")
    offered, answered, ended = (_moment(row, name) for name in ("offered_at", "answered_at", "ended_at"))
    if offered is None:
        raise BadRow("offered_at is missing")
    if answered and answered < offered:
        raise BadRow("answered_at is before offered_at")
    if ended and ended < (answered or offered):
        raise BadRow("ended_at is before answered_at" if answered else "ended_at is before offered_at")
    if offered > datetime.now(UTC):
        raise BadRow("offered_at is in the future")
    outcome = _outcome(row.get("outcome", "").lower(), answered, ended)
    return ImportedCall(
        call_id=call_id,
        line=normalise_dialled(row.get("line", "")),
        direction=direction,
        state=(CallState.ENDED if ended else CallState.CONNECTED if answered else CallState.OFFERED).value,
        outcome=outcome,
        offered_at=offered,
        answered_at=answered,
        ended_at=ended,
        agent=row.get("agent", ""),
        topic=row.get("topic", ""),
    )


def _outcome(said: str, answered: datetime | None, ended: datetime | None) -> str | None:
    if said and said not in Outcome.values:
        raise BadRow(f"outcome must be one of {', '.join(Outcome.values)}, not {said[:20]!r}")
    if said == Outcome.ANSWERED and answered is None:
        raise BadRow("outcome is answered, but answered_at is missing")
    if said and said != Outcome.ANSWERED and answered:
        raise BadRow(f"outcome is {said}, but answered_at is given")
    if said:
        return said
    if answered:
        return Outcome.ANSWERED.value
    return Outcome.ABANDONED.value if ended else None
