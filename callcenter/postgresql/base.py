"""While PostgreSQL is away, who asks is told at once; while it only restarts, they wait for it.

A pool makes everybody wait its whole timeout for a server that is not there, request after request, until
every thread of the process stands still. So: when no connection came within the pool's timeout, the server is
asked once whether it is there. If not, this process refuses at once from then on, and asks again at most once a
second. A server that is there but has no connection left is waited for a second time.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

ASK_EVERY = 1.0  # seconds
PATIENCE = 1  # seconds libpq waits for an answer; it knows whole seconds only


class ServerAway(psycopg.OperationalError):
    """The database server does not answer; nobody has waited for it."""


class Absence:
    """What this process knows of the server's absence; shared by its threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known = False
        self.asked_at = 0.0

    def note(self) -> None:
        with self.lock:
            self.known, self.asked_at = True, time.monotonic()

    def is_over(self, ask: Any) -> bool:
        """Whether the server is there again; ``ask`` is called at most once a second, by one thread."""
        with self.lock:
            if not self.known:
                return True
            if time.monotonic() - self.asked_at < ASK_EVERY:
                return False
            self.asked_at = time.monotonic()
        if not ask():
            return False
        with self.lock:
            self.known = False
        return True


_absences: dict[tuple[object, ...], Absence] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """With a pool only; without one libpq itself refuses at once."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.pool:
            return super().get_new_connection(conn_params)
        settings = self.settings_dict
        absence = _absences.setdefault((settings["HOST"], settings["PORT"], settings["NAME"]), Absence())
        if absence.known:
            if not absence.is_over(lambda: self._answers(conn_params)):
                raise ServerAway("the database server is away")
            self._new_pool()  # the old one would try to connect again at ever longer intervals
        try:
            return super().get_new_connection(conn_params)
        except PoolTimeout:
            if self._answers(conn_params):
                return super().get_new_connection(conn_params)
            absence.note()
            raise

    def _answers(self, conn_params: dict[str, Any]) -> bool:
        """Whether the server takes connections, or would if it had one left."""
        names = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey")
        known = {name: conn_params[name] for name in names if name in conn_params}
        try:
            psycopg.connect(**known, connect_timeout=PATIENCE, application_name="callcenter-probe").close()
        except psycopg.OperationalError as error:
            # A failed connection attempt brings its state in the text only; "too many clients" is an answer.
            said = str(error)
            return "too many" in said or "remaining connection slots" in said
        return True

    def _new_pool(self) -> None:
        pool = self._connection_pools.pop(self.alias, None)  # type: ignore[attr-defined]
        if pool is not None:
            pool.close(timeout=0)
