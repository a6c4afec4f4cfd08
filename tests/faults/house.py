"""An installation of its own for a fault test: folder, database, real processes that can be killed."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.servers import OwnPostgres, OwnRedis, free_port
from tests.run import POSTGRES_URL, postgres_answers

ROOT = Path(__file__).resolve().parent.parent.parent
_prepared: dict[str, tuple[Path, str]] = {}  # by engine: a folder to copy, the connector's token


class House:
    """Runs commands and processes in one installation; everything is stopped by ``close``."""

    def __init__(
        self,
        folder: Path,
        engine: str = "sqlite",
        *,
        postgres: OwnPostgres | None = None,
        redis: OwnRedis | None = None,
        **environment: str,
    ) -> None:
        self.var = folder / "var"
        self.engine = "postgresql" if postgres else engine
        self.server = postgres.url() if postgres else POSTGRES_URL
        self.database = f"fault_{os.getpid()}_{re.sub(r'[^a-z0-9]', '', folder.name.lower())[-24:]}_{id(self) % 9973}"
        keep = {"PATH", "HOME", "LANG", "TMPDIR"}
        self.environment = {key: value for key, value in os.environ.items() if key in keep}
        self.environment["CALLCENTER_VAR"] = str(self.var)
        if redis:
            self.environment["REDIS_URL"] = redis.url
        if self.engine == "postgresql":
            self._on_server(f'CREATE DATABASE "{self.database}"')
            base = urllib.parse.urlsplit(self.server)
            self.environment["DATABASE_URL"] = base._replace(path=f"/{self.database}").geturl()
        self.environment |= environment
        self.processes: list[subprocess.Popen[str]] = []
        self.port = self.stream_port = 0
        self.token = ""

    def _on_server(self, statement: str) -> None:
        import psycopg

        address = urllib.parse.urlsplit(self.server)._replace(path="/postgres").geturl()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            for stream in (process.stdout, process.stdin):
                if stream is not None:
                    stream.close()
        if self.engine == "postgresql" and self.server == POSTGRES_URL:
            self._on_server(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    # --- commands -------------------------------------------------------------------------------

    def run(self, *arguments: str, timeout: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment | environment, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip

    def manage(self, *arguments: str, refused: bool = False) -> str:
        """Standard output of a command; standard error of one that is expected to refuse."""
        done = self.run("manage.py", *arguments)
        assert done.returncode == int(refused), f"{arguments} ended with {done.returncode}: {done.stderr[-2000:]}"
        return done.stderr if refused else done.stdout

    def inside(self, *arguments: str) -> Any:
        done = self.run("-m", "tests.faults.inside", *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    def prepare(self, calls: int = 0) -> None:
        """Two cities, an agreement, a connector; ``calls`` answered calls of October 2026.

        The installation without calls is made once for each engine and copied afterwards.
        """
        if calls or not self._copy_prepared():
            self.token = self.inside("prepare", str(calls))["token"]
            if not calls and (self.engine == "sqlite" or shutil.which("pg_dump")):
                self._keep_prepared()

    def _keep_prepared(self) -> None:
        kept = Path(tempfile.mkdtemp(prefix="callcenter-prepared-"))
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        shutil.copytree(self.var, kept / "var")
        if self.engine == "postgresql":
            self._tool("pg_dump", "--format=custom", "--compress=0", "--file", str(kept / "dump"))
        _prepared[self.engine] = (kept, self.token)

    def _copy_prepared(self) -> bool:
        if self.engine not in _prepared:
            return False
        kept, self.token = _prepared[self.engine]
        shutil.copytree(kept / "var", self.var, dirs_exist_ok=True)
        if self.engine == "postgresql":
            self._tool("pg_restore", "--no-owner", "--exit-on-error", str(kept / "dump"))
        return True

    def _tool(self, name: str, *arguments: str) -> None:
        address = self.environment["DATABASE_URL"].replace("postgres://", "postgresql://")
        subprocess.run([name, *arguments, "--dbname", address], check=True, timeout=60)

    # --- processes ------------------------------------------------------------------------------

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A process of the house; what it says on standard error is kept in a file, so that no pipe fills up."""
        with (self.var.parent / f"stderr-{len(self.processes)}").open("w+") as errors:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.environment | environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def serve(self) -> subprocess.Popen[str]:
        """The web process on a port of its own, ready."""
        self.port = self.port or free_port()
        return self._uvicorn(self.port)

    def serve_streams(self) -> subprocess.Popen[str]:
        """The process of live streams alone, as in production."""
        self.stream_port = self.stream_port or free_port()
        return self._uvicorn(self.stream_port, CALLCENTER_STREAM_ONLY="1")

    def _uvicorn(self, port: int, **environment: str) -> subprocess.Popen[str]:
        process = self.start(
            "-m", "uvicorn", "callcenter.asgi:application", "--host", "127.0.0.1", "--port", str(port),
            "--log-level", "critical", "--timeout-graceful-shutdown", "3", **environment,
        )  # fmt: skip
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert process.poll() is None, self.errors(process)[-2000:]
            try:
                if self._send(urllib.request.Request(f"http://127.0.0.1:{port}/health/ready"), 10)[0] == 200:
                    return process
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the web process does not answer")

    def errors(self, process: subprocess.Popen[str]) -> str:
        """What a process said on standard error."""
        return (self.var.parent / f"stderr-{self.processes.index(process)}").read_text()

    def worker(self, *arguments: str) -> subprocess.Popen[str]:
        """A Celery worker with one child on every queue."""
        return self.start(
            "-m", "celery", "--app", "callcenter", "worker", "--concurrency", "1", "--loglevel", "ERROR",
            "--queues", "default,billing,mail,search", "--without-mingle", "--without-gossip",
            "--hostname", f"w{len(self.processes)}@%h", *arguments,
        )  # fmt: skip

    def beat(self) -> subprocess.Popen[str]:
        number = len(self.processes)
        return self.start(
            "-m", "celery", "--app", "callcenter", "beat", "--loglevel", "ERROR", "--pidfile", "",
            "--schedule", str(self.var / f"celerybeat-schedule-{number}"),
        )  # fmt: skip

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep a lock of the database while the block runs."""
        import psycopg

        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            connection.execute(statement)  # type: ignore[arg-type]
            yield

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on the house's PostgreSQL database."""
        import psycopg

        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    # --- requests -------------------------------------------------------------------------------

    def get(self, path: str, timeout: float = 10) -> tuple[int, str]:
        return self._send(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"), timeout)

    def post(self, path: str, fields: dict[str, str], timeout: float = 10) -> tuple[int, str]:
        body = urllib.parse.urlencode(fields).encode()
        return self._send(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body), timeout)

    def event(self, event: str, call_id: str, *, dialled: str = "+492064660", timeout: float = 10) -> int:
        """Send one event as generic CTI; returns the status."""
        fields = {
            "event": event,
            "callId": call_id,
            "direction": "in",
            "from": "+491701234567",
            "to": dialled,
            "user": "21",
            "answeringNumber": "21",
            "cause": "normalClearing",
        }
        return self.post(f"/api/v1/cti/{self.token}", fields, timeout)[0]

    def _send(self, request: urllib.request.Request, timeout: float) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310  (loopback, http only)
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def calls(self) -> list[dict[str, Any]]:
        return json.loads(self.manage("list_calls", "--since", "2020-01-01", "--json"))


def eventually(what: Callable[[], object], seconds: float = 60, every: float = 0.2) -> None:
    """Wait until ``what`` is true; fails with its last value."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, f"still {value!r} after {seconds} s"
        time.sleep(every)


def children(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of the children that are alive."""
    try:
        return [int(one) for one in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def engines() -> Sequence[str]:
    return ("sqlite", "postgresql") if postgres_answers() else ("sqlite",)


@contextmanager
def house(folder: Path, engine: str = "sqlite", **options: Any) -> Iterator[House]:
    folder.mkdir(parents=True, exist_ok=True)
    opened = House(folder, engine, **options)
    try:
        yield opened
    finally:
        opened.close()
