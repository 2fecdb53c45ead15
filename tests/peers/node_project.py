"""Node and the packages of a peer: found, installed once into a cache outside the repository.

Always: what is installed is what package-lock.json names, by its digests, and no package's script
runs. Never: anything is written into the repository.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

NODE_MAJOR_MIN = 20
INSTALL_S = 600
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT", "ENOTCACHED")


class NodeMissing(Exception):
    """There is no Node to run a peer with, or no way to its packages; the message says which."""


def node() -> str:
    """The program. Raises NodeMissing."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        raise NodeMissing("Node and npm are not installed: a real Vendure was not run")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    major = int(version.stdout.lstrip("v").partition(".")[0])
    if major < NODE_MAJOR_MIN:
        raise NodeMissing(f"Node {major} is too old for Vendure, which needs {NODE_MAJOR_MIN}")
    return found


def cache_folder() -> Path:
    """Where peers are kept; TIDEGATE_PEERS names another place."""
    named = os.environ.get("TIDEGATE_PEERS")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "tidegate" / "peers"


def installed(project: Path) -> Path:
    """A folder with the project's programs and its packages. Raises NodeMissing, RuntimeError."""
    node()
    digest = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = cache_folder() / f"{project.name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{project.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once: one installs, the other waits
        if not folder.is_dir():
            _install(project, folder)
        for program in project.glob("*.js"):
            shutil.copyfile(program, folder / program.name)
    return folder


def _install(project: Path, folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(project / name, partial / name)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=partial, capture_output=True, text=True, timeout=INSTALL_S, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        end = done.stderr.strip()[-400:]
        if any(word in done.stderr for word in OFFLINE):
            raise NodeMissing(f"the packages of {project.name} could not be fetched: {end}")
        raise RuntimeError(f"npm ci for {project.name} failed: {end}")
    partial.rename(folder)
