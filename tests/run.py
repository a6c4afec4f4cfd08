"""``make test``: the suite on SQLite and, where it answers, on PostgreSQL.

What is missing on this machine (PostgreSQL, Redis, Chromium) is named at the end; with CI=true
it is a failure. Extra arguments go to pytest: ``python -m tests.run -k billing``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

POSTGRES_URL = os.environ.get("CALLCENTER_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/callcenter")
REDIS_ADDRESS = ("127.0.0.1", 6379)


def postgres_answers() -> bool:
    import dj_database_url
    import psycopg

    config = dj_database_url.parse(POSTGRES_URL)
    try:
        psycopg.connect(
            host=config["HOST"], port=config["PORT"] or 5432, user=config["USER"], password=config["PASSWORD"] or None,
            dbname="postgres", connect_timeout=3,
        ).close()  # fmt: skip
    except psycopg.OperationalError:
        return False
    return True


def redis_answers() -> bool:
    try:
        with socket.create_connection(REDIS_ADDRESS, timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def suite(name: str, arguments: list[str], environment: dict[str, str]) -> int:
    print(f"\n=== {name}", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "worksteal", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    arguments = sys.argv[1:]
    missing = []
    if not shutil.which("chromium"):
        missing.append("Chromium (Debian: apt-get install chromium): the browser tests did not run")
    with_redis = redis_answers()
    if not with_redis:
        missing.append("Redis on 127.0.0.1:6379: the tests of queues on Redis did not run")
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
    if with_redis:
        environment["CALLCENTER_TEST_REDIS"] = "redis://127.0.0.1:6379/15"
    # What takes its time has a command of its own: `make test-faults`, `make test-a11y`, `make test-matrix`.
    quick = ["-m", "not a11y and not mirrored and not (fault and slow)"]
    # The browser has an event loop in the test's thread, which other tests must not meet: a run of its own.
    rest = arguments or [*quick, "--ignore=tests/e2e"]
    code = suite("SQLite", rest, environment)
    if not arguments and shutil.which("chromium"):
        code = suite("browser", [*quick, "tests/e2e"], environment) or code
    if postgres_answers():
        if not all(shutil.which(tool) for tool in ("pg_dump", "pg_restore", "psql")):
            missing.append("PostgreSQL's client tools (Debian: postgresql-client): backups were tested on SQLite only")
        # The browser sees the same pages on either engine; once is enough.
        code = suite("PostgreSQL", rest, {**environment, "DATABASE_URL": POSTGRES_URL}) or code
    else:
        missing.append(f"PostgreSQL at {POSTGRES_URL.split('@')[-1]}: the suite ran on SQLite only")
    for line in missing:
        print(f"MISSING: {line}")  # noqa: T201
    if missing and os.environ.get("CI"):
        print("With CI=true a missing part is a failure.")  # noqa: T201
        return code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
