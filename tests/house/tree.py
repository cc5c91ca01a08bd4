"""The project's files as its repository sees them: tracked or about to be, nothing generated."""

import subprocess
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE = {".venv", ".venv-bench", ".cx", ".git", "__pycache__", "build", "dist", "mutants", "node_modules", "target"}


def files(*patterns: str) -> list[Path]:
    """Return the files whose path from the root matches one of *patterns*; `*` matches slashes too."""
    return [path for path in _all() if any(fnmatch(path.relative_to(ROOT).as_posix(), one) for one in patterns)]


def _all() -> list[Path]:
    # The checkout may belong to somebody else, as in a container: git then wants to be told that this is fine.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        # A source archive has no git: there, what starts with a dot or is cached was made by running it.
        parts = ((path, path.relative_to(ROOT).parts) for path in ROOT.rglob("*"))
        paths = [path for path, names in parts if not any(_made(name) for name in names)]
    return sorted(path for path in paths if path.is_file())


def _made(name: str) -> bool:
    return name in MADE or name.endswith(("_cache", ".egg-info"))
