"""A large XZuFi feed through ``import_knowledge``, beside reading it as one tree: peak memory of each process.

    python -m benchmarks.feed                        200 MB, looked through (--dry-run)
    python -m benchmarks.feed --megabytes 20 --write drafts are written, and read in once more

The issue's limit is 300 MB for a feed of 200 MB; above it the exit status is 1. The peer is the standard library's
``ElementTree.parse``, which holds the whole message. Feeds are made up and deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 300  # MB of a feed's process
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<x:m xmlns:x="http://xoev.de/schemata/xzufi/2_2_0" xzufiVersion="2.2">\n'
)
SENTENCE = "Diese Leistung gilt für alle, die in der Stadt gemeldet sind. Bringen Sie bitte die Unterlagen mit. "
MODULE = (
    '<x:modulText><x:inhalt languageCode="de">{text}</x:inhalt>'
    "<x:leikaTextmodul><code>{code}</code></x:leikaTextmodul></x:modulText>"
)
CITY = (
    "from tenants.models import Tenant; Tenant.objects.get_or_create(slug='stadt', defaults="
    "{'name': 'Stadt', 'official_name': 'Stadt', 'greeting': 'Guten Tag.'})"
)
# A process of its own, so that the peak is the child's alone.
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(code)"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write the drafts, and read the feed in again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callcenter-feed-") as folder:
        os.environ["CALLCENTER_VAR"] = folder
        feed = Path(folder) / "feed.xml"
        count = make(feed, options.megabytes)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        subprocess.run([sys.executable, "manage.py", "shell", "-v0", "-c", CITY], check=True)
        command = [sys.executable, "manage.py", "import_knowledge", str(feed), "--tenant", "stadt"]
        runs = {"ours, dry run": [*command, "--dry-run"]}
        if options.write:
            runs |= {"ours, drafts written": command, "ours, once more": command}
        tree = f"import xml.etree.ElementTree as tree; tree.parse({str(feed)!r})"
        runs["ElementTree.parse"] = [sys.executable, "-c", tree]
        print(f"{options.megabytes} MB, {count} services")
        peaks = {}
        for name, arguments in runs.items():
            began = time.monotonic()
            peaks[name] = peak(arguments)
            print(f"{name:<24}{peaks[name]:>8} MB {time.monotonic() - began:>8.1f} s")
        ours = max(value for name, value in peaks.items() if name.startswith("ours"))
        print(f"ratio {ours / peaks['ElementTree.parse']:.2f}, limit {LIMIT} MB")
    return int(ours > LIMIT)


def make(path: Path, megabytes: int) -> int:
    """Write a feed of about that size; returns how many services it holds."""
    text = f"&lt;p&gt;{SENTENCE * 50}&lt;/p&gt;"
    body = "".join(MODULE.format(text=text, code=code) for code in ("06", "09", "11", "16"))
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        while file.tell() < megabytes << 20:
            title = MODULE.format(text=f"Leistung {count}", code="03")
            number = f'<x:id schemeAgencyID="L1">{count}</x:id>'
            file.write(f"<x:schreibe><x:leistung>{number}{title}{body}</x:leistung></x:schreibe>\n")
            count += 1
        file.write("</x:m>\n")
    return count


def peak(arguments: list[str]) -> int:
    """MB of memory the process had at its peak."""
    measured = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    return int(measured.stdout)


if __name__ == "__main__":
    sys.exit(main())
