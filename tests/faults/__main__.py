"""``make test-faults``: every row of the fault list, and a table of what became of each.

In-process tests run on PostgreSQL where it answers; tests with processes of their own take both engines.
Extra arguments go to pytest: ``python -m tests.faults -k redis``.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.faults.summary import WANTED
from tests.run import POSTGRES_URL, postgres_answers


def main() -> int:
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
    environment[WANTED] = "1"
    if postgres_answers():
        environment["DATABASE_URL"] = POSTGRES_URL
    command = [sys.executable, "-m", "pytest", "-q", "-m", "fault", "--tb=short", "--durations=5", *sys.argv[1:]]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
