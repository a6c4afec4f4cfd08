"""Settings of the suite: the product's own, writing into a folder of this process alone."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="callcenter-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["CALLCENTER_VAR"] = _folder
os.environ["CALLCENTER_DEMO"] = "1"
os.environ.pop("REDIS_URL", None)

from callcenter.settings import *  # noqa: E402, F403

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in real life: the browser tests' server has threads and connections of its own.
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405
