"""``make bench``: ours beside the peer in one run, each as a table with ratios.

Every benchmark is a module of its own (``python -m benchmarks.search --help``) and writes below a
folder of its own, never into the checkout's ``var/``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

BENCHMARKS = ("search", "close")


def main() -> int:
    wanted = sys.argv[1:] or list(BENCHMARKS)
    code = 0
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as folder:
        for name in wanted:
            print(f"\n=== {name}", flush=True)
            environment = {**os.environ, "CALLCENTER_VAR": folder, "DJANGO_SETTINGS_MODULE": "callcenter.settings"}
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            code = subprocess.run(command, env=environment, check=False).returncode or code
    return code


if __name__ == "__main__":
    sys.exit(main())
