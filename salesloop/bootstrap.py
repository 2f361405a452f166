"""Make the environment in ``.venv`` from the lock: ``python3 salesloop/bootstrap.py``; needs Python alone.

uv is used where it is installed, else pip. With nothing changed it ends at once. What is missing is said in one line.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV, LOCK = ROOT / ".venv", ROOT / "requirements.lock"
LEAST, ROOM_MB = (3, 11), 2000
_OFFLINE = ("Temporary failure in name", "Name or service not known", "Connection refused", "dns error", "NewConnectionError",
            "Max retries exceeded", "error sending request", "No route to host", "Network is unreachable")  # fmt: skip


def main() -> int:
    """Make or renew the environment and return an exit code: 0, or 2 with what is missing."""
    if sys.version_info[:2] < LEAST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return _missing(f"Python: found {found}; allowed: 3.11 or newer; next: install it, or make PYTHON=python3.12")
    wanted, stamp = _wanted(), VENV / "salesloop.stamp"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and _python().is_file():
        return 0
    room = shutil.disk_usage(ROOT).free // 2**20
    if room < ROOM_MB:
        return _missing(f"disk: found {room} MB free; allowed: {ROOM_MB} MB or more; next: make room and repeat")
    print("Making the environment in .venv (once; about a minute) ...", flush=True)
    stamp.unlink(missing_ok=True)
    problem = _make()
    if problem:
        return _missing(problem)
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def _wanted() -> str:
    """Return what the environment must have been made from: the lock, the Python, the place."""
    parts = (LOCK.read_bytes(), sys.version.encode(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make() -> str:
    """Make the environment and return what went wrong, nothing if all went well."""
    uv = shutil.which("uv")
    if uv:
        made = _run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(VENV)])
        install = [uv, "pip", "install", "-q", "--python", str(_python()), "--require-hashes", "-r", str(LOCK)]
    else:
        made = _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        install = [str(_python()), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
                   "-r", str(LOCK)]  # fmt: skip
    if made:
        hint = (
            "next: install your system's package python3-venv"
            if "ensurepip" in made
            else f"next: see above ({_last(made)})"
        )
        return f"environment: it could not be made; {hint}"
    failed = _run(install)
    if failed:
        return _why(failed)
    _find_the_package()
    return ""


def _run(command: list[str]) -> str:
    """Run a command and return what it said if it failed, else nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout or "no message") if done.returncode else ""


def _why(said: str) -> str:
    if "No space left" in said:
        return "disk: it is full; next: make room (about 2 GB) and repeat"
    if any(sign in said for sign in _OFFLINE):
        return "network: the package index cannot be reached; next: connect (or set your proxy) and repeat"
    if "hash" in said.lower() and "match" in said.lower():
        return "packages: a download does not have the locked hash; next: repeat; if it stays so, do not install it"
    return f"packages: they could not be installed; the installer's last line: {_last(said)}"


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "none"


def _find_the_package() -> None:
    """Let every Python of the environment, a notebook's kernel too, import the package from here."""
    where = _run_for([str(_python()), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    (Path(where) / "salesloop.pth").write_text(f"{ROOT}\n", encoding="utf-8")


def _run_for(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _missing(words: str) -> int:
    print(words, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
