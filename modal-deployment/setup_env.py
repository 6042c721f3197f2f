#!/usr/bin/env python3
"""Makes `.venv` beside this file with the pinned packages.

`python3 setup_env.py [--without-model] [--check]`; `SETUP_VENV` puts it elsewhere.

Run it as often as you like: when nothing changed it ends at once. Two runs at the same time are safe. What an
earlier run left half made is made again.

`--check` changes nothing and says by its exit code whether what would be set up is there and works: with
`--without-model` whether everything but the model's packages is. Programs that cannot ask look for
`.venv/beacon-stamp`, which is written last and removed first.

Only the standard library is used, and only syntax that old Pythons can read, so that they can say what is
wrong.

Exit codes: 0 ready; 1 not ready (`--check` only); 2 wrong arguments; 3 no Python 3.11 or later;
4 packages could not be installed, most often because no package registry can be reached; 5 the virtual
environment could not be made, on Debian most often because python3-venv is missing.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path(os.environ.get("SETUP_VENV") or HERE / ".venv")
GROUPS = ("app", "modal", "model", "dev")
MINIMUM = (3, 11)
UV = "uv==0.13.9"

READY, NOT_READY, PYTHON_TOO_OLD, NOT_INSTALLED, NO_VENV = 0, 1, 3, 4, 5


class SetupError(Exception):
    """Ends the program with a message and a code of its own."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def main(arguments):
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Sets up the Python side of Beacon.")
    parser.add_argument(
        "--without-model",
        action="store_true",
        help="leave torch and transformers out: 5 GB less, fewer tests",
    )
    parser.add_argument("--check", action="store_true", help="only say whether everything is there")
    given = parser.parse_args(arguments)
    groups = [group for group in GROUPS if not (given.without_model and group == "model")]
    try:
        if is_ready(groups):
            say("ready: {}".format(VENV))
            return READY
        if given.check:
            say("not ready: run python3 {}".format(Path(__file__).name))
            return NOT_READY
        python = find_python()
        with locked():
            if not is_ready(groups):
                install(python, groups)
    except SetupError as error:
        say(str(error))
        return error.code
    say("ready: {}".format(VENV))
    return READY


def say(text):
    """Progress belongs to people."""
    sys.stderr.write("python setup: {}\n".format(text))
    sys.stderr.flush()


def venv_python():
    """The interpreter inside."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp(groups):
    """Changes with every pin."""
    digest = hashlib.sha256()
    for group in groups:
        digest.update(
            group.encode() + b"\0" + (HERE / "requirements" / (group + ".txt")).read_bytes() + b"\0"
        )
    return digest.hexdigest()


def is_ready(groups):
    """Whether the stamp is that of these groups, or of all groups, which include them."""
    try:
        found = (VENV / "beacon-stamp").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    # A system upgrade may have taken away the Python that the environment was made of.
    return found in (stamp(groups), stamp(GROUPS)) and works(str(venv_python()))


def find_python():
    """This Python if it is new enough, or a newer one by its usual name."""
    if sys.version_info[:2] >= MINIMUM:
        return sys.executable
    for minor in range(14, MINIMUM[1] - 1, -1):
        found = shutil.which("python3.{}".format(minor))
        if found and works(found):
            return found
    version = ".".join(str(part) for part in sys.version_info[:2])
    raise SetupError(
        PYTHON_TOO_OLD,
        "Python {}.{} or later is needed; this is {}, and no other is on the PATH".format(*MINIMUM, version),
    )


def works(python):
    """Version managers put names on the PATH behind which there may be nothing."""
    return runs(python, "-c", "")


def runs(*command):
    """Whether it ends with 0."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(python, groups):
    """Writes the stamp last, so that an interrupted run counts for nothing."""
    uv = shutil.which("uv")
    with contextlib.suppress(FileNotFoundError):
        (VENV / "beacon-stamp").unlink()
    if not can_install(uv):
        make_venv(python, uv)
    failed = "packages could not be installed; is a package registry reachable?"
    if uv is None:
        pip = [str(venv_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, UV], NOT_INSTALLED, failed)
        command = [str(venv_python()), "-m", "uv"]
    else:
        command = [uv]
    say("installing {}".format(", ".join(groups)))
    files = [part for group in groups for part in ("-r", str(HERE / "requirements" / (group + ".txt")))]
    run(
        [*command, "pip", "install", "--quiet", "--python", str(venv_python()), *files], NOT_INSTALLED, failed
    )
    partial = VENV / "beacon-stamp.partial"
    partial.write_text(stamp(groups) + "\n", encoding="utf-8")
    partial.replace(VENV / "beacon-stamp")


def can_install(uv):
    """An interpreter alone is not enough: where ensurepip is missing, `venv` leaves one behind and no pip."""
    python = str(venv_python())
    return works(python) and (uv is not None or runs(python, "-m", "pip", "--version"))


def make_venv(python, uv):
    """Leaves nothing behind when it fails."""
    say("making {}".format(VENV))
    remove_venv()
    make = (
        [uv, "venv", "--quiet", "--clear", "--python", python, str(VENV)]
        if uv
        else [python, "-m", "venv", "--clear", str(VENV)]
    )
    try:
        run(
            make,
            NO_VENV,
            "the virtual environment could not be made (on Debian, python3-venv may be missing)",
        )
    except BaseException:
        shutil.rmtree(str(VENV), ignore_errors=True)
        raise


def remove_venv():
    """Removes what is there, unless it is somebody's folder and no virtual environment."""
    if not VENV.is_dir():
        return
    ours = VENV == HERE / ".venv" or (VENV / "pyvenv.cfg").exists() or not any(VENV.iterdir())
    if not ours:
        raise SetupError(NO_VENV, "{} is there, and is no virtual environment".format(VENV))
    shutil.rmtree(str(VENV), ignore_errors=True)


def run(command, code, message):
    """Output goes to stderr: whoever calls this may keep stdout for itself."""
    try:
        result = subprocess.run(command, stdout=sys.stderr, check=False)
    except OSError as error:
        raise SetupError(code, "{} ({})".format(message, error))
    if result.returncode != 0:
        raise SetupError(code, message)


@contextlib.contextmanager
def locked():
    """Held by the operating system, so that it ends with the process that holds it."""
    path = VENV.parent / (VENV.name + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            yield
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another setup to end")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
