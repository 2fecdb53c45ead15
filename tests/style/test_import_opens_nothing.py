"""Importing a module opens no file for writing, no socket, no database and no process.

Always runs in a process of its own, under Python's audit hook, with every module of ours. Never
relies on reading the source: what a library does on our behalf counts as well.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"

PROGRAM = """
import importlib, json, os, pkgutil, sys
WATCHED = ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir",
           "os.remove", "os.rename")
importing, seen, broken = [""], [], []
def hook(event, args):
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    is_kernel_cache = "__pycache__" in str(args[:1])  # Numba looks whether it can keep one there
    if (writes or event in WATCHED) and not is_kernel_cache:
        seen.append([importing[0], event, str(args[:1])])
import tidegate
sys.addaudithook(hook)
for found in pkgutil.walk_packages(tidegate.__path__, "tidegate.", onerror=lambda name: None):
    if found.name.endswith(".__main__"):
        continue
    importing[0] = found.name
    try:
        importlib.import_module(found.name)
    except Exception as error:
        broken.append([found.name, repr(error)])
print(json.dumps({"seen": seen, "broken": broken}))
"""


def test_nothing_is_opened_at_import_time() -> None:
    environment = dict(os.environ, PYTHONPATH=str(SOURCE), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"seen": [], "broken": []}
