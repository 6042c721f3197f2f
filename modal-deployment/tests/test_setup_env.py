"""The setup, with programs that only pretend to install."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP = "setup_env.py"

# Stands in for uv: notes what it is asked, and makes a Python where one is expected.
FAKE_UV = """#!{python}
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "log"), "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if os.path.exists(os.path.join(here, "fail-" + sys.argv[1])):
    sys.exit(1)
if sys.argv[1] == "venv":
    folder = os.path.join(sys.argv[-1], "bin")
    os.makedirs(folder, exist_ok=True)
    os.symlink("{python}", os.path.join(folder, "python"))
"""

# Stands in for a Python without uv beside it. Where `fail-ensurepip` is, `venv` does as on Debian: it leaves
# an interpreter behind, no pip, and ends with 1.
FAKE_PYTHON = """#!{python}
import os, shutil, sys
here = os.path.dirname(os.path.abspath(__file__))
module = sys.argv[2] if sys.argv[1] == "-m" else ""
with open("{log}", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if module == "venv":
    folder = os.path.join(sys.argv[-1], "bin")
    os.makedirs(folder)
    open(os.path.join(sys.argv[-1], "pyvenv.cfg"), "w").close()
    shutil.copy(os.path.abspath(__file__), os.path.join(folder, "python"))
    if os.path.exists(os.path.join(here, "fail-ensurepip")):
        sys.exit("ensurepip is not available")
    open(os.path.join(folder, "pip"), "w").close()
if module == "pip" and not os.path.exists(os.path.join(here, "pip")):
    sys.exit("No module named pip")
"""


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "SETUP_VENV"}


class Checkout:
    """A copy of what the setup reads, and a PATH with the pretender on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        shutil.copy(ROOT / SETUP, folder)
        shutil.copytree(ROOT / "requirements", folder / "requirements")
        uv = self.bin / "uv"
        uv.write_text(FAKE_UV.format(python=sys.executable), encoding="utf-8")
        uv.chmod(0o755)

    def setup(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(self.folder / SETUP), *arguments],
            env={**environment(), "PATH": str(self.bin), **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    def setup_without_uv(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """By a Python that only pretends, too."""
        python = self.bin / "python3"
        python.write_text(FAKE_PYTHON.format(python=sys.executable, log=self.bin / "log"), encoding="utf-8")
        python.chmod(0o755)
        (self.bin / "uv").unlink(missing_ok=True)
        return self._setup_told(f"sys.executable = {str(python)!r}", *arguments)

    def setup_by_an_old_python(self) -> "subprocess.CompletedProcess[str]":
        return self._setup_told("sys.version_info = (3, 10, 0, 'final', 0)")

    def _setup_told(self, lie: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same program, told something about its Python."""
        script = (
            f"import sys, runpy; {lie}; sys.argv = {['setup_env.py', *arguments]!r};"
            f"runpy.run_path({str(self.folder / SETUP)!r}, run_name='__main__')"
        )
        return subprocess.run(
            [sys.executable, "-c", script],
            env={**environment(), "PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def log(self) -> list[str]:
        log = self.bin / "log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def fail(self, command: str) -> None:
        (self.bin / f"fail-{command}").touch()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_installs_every_pinned_file_once(checkout: Checkout) -> None:
    assert checkout.setup("--check").returncode == 1
    assert checkout.setup().returncode == 0
    assert [line.split()[0] for line in checkout.log] == ["venv", "pip"]
    assert [name for name in ("app", "modal", "model", "dev") if f"{name}.txt" in checkout.log[1]] == [
        "app",
        "modal",
        "model",
        "dev",
    ]
    assert checkout.setup().returncode == 0
    assert checkout.setup("--check").returncode == 0
    assert len(checkout.log) == 2


def test_leaves_the_model_out_when_asked_and_adds_it_later(checkout: Checkout) -> None:
    assert checkout.setup("--without-model").returncode == 0
    assert "model.txt" not in checkout.log[1]
    assert checkout.setup("--check").returncode == 1
    assert checkout.setup().returncode == 0
    assert "model.txt" in checkout.log[2]
    # What is there is more than enough now.
    assert checkout.setup("--without-model", "--check").returncode == 0


def test_installs_again_when_a_pin_has_changed(checkout: Checkout) -> None:
    checkout.setup()
    with (checkout.folder / "requirements" / "dev.txt").open("a", encoding="utf-8") as pins:
        pins.write("# another pin\n")
    assert checkout.setup("--check").returncode == 1
    assert checkout.setup().returncode == 0
    assert [line.split()[0] for line in checkout.log] == ["venv", "pip", "pip"]


def test_two_runs_at_once_install_once(checkout: Checkout) -> None:
    codes: list[int] = []
    runs = [threading.Thread(target=lambda: codes.append(checkout.setup().returncode)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert codes == [0, 0, 0]
    assert [line.split()[0] for line in checkout.log] == ["venv", "pip"]


def test_says_when_packages_cannot_be_installed_and_tries_again_next_time(checkout: Checkout) -> None:
    checkout.fail("pip")
    failed = checkout.setup()
    assert failed.returncode == 4
    assert "registry" in failed.stderr
    assert checkout.setup("--check").returncode == 1
    (checkout.bin / "fail-pip").unlink()
    assert checkout.setup().returncode == 0


def test_says_when_there_can_be_no_virtual_environment(checkout: Checkout) -> None:
    checkout.fail("venv")
    failed = checkout.setup()
    assert failed.returncode == 5
    assert "virtual environment" in failed.stderr


def test_installs_without_uv_too(checkout: Checkout) -> None:
    assert checkout.setup_without_uv().returncode == 0
    assert [line.split()[1] for line in checkout.log if line.startswith("-m")] == ["venv", "pip", "uv"]
    assert checkout.setup_without_uv("--check").returncode == 0


def test_leaves_no_half_made_environment_behind_and_works_once_what_was_missing_is_there(
    checkout: Checkout,
) -> None:
    checkout.fail("ensurepip")
    failed = checkout.setup_without_uv()
    assert failed.returncode == 5
    assert "python3-venv" in failed.stderr
    assert not checkout.venv.exists()
    assert checkout.setup_without_uv("--check").returncode == 1
    (checkout.bin / "fail-ensurepip").unlink()
    assert checkout.setup_without_uv().returncode == 0


def test_makes_an_environment_again_in_which_nothing_can_be_installed(checkout: Checkout) -> None:
    checkout.setup_without_uv()
    # As a setup leaves it that was killed between the interpreter and pip.
    (checkout.venv / "bin" / "pip").unlink()
    (checkout.venv / "beacon-stamp").unlink()
    assert checkout.setup_without_uv().returncode == 0
    assert len([line for line in checkout.log if line.startswith("-m venv")]) == 2


@pytest.mark.parametrize("argument", ["--check", "--without-model"])
def test_is_not_ready_when_the_python_it_was_made_of_is_gone(checkout: Checkout, argument: str) -> None:
    checkout.setup()
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    assert checkout.setup("--check", "--without-model").returncode == 1
    assert checkout.setup(argument).returncode == (1 if argument == "--check" else 0)
    assert checkout.setup("--check", "--without-model").returncode == (1 if argument == "--check" else 0)


def test_touches_no_folder_that_is_none_of_its_own(checkout: Checkout) -> None:
    mine = checkout.folder / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    refused = checkout.setup(SETUP_VENV=str(mine))
    assert refused.returncode == 5
    assert "no virtual environment" in refused.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_says_when_python_is_too_old(checkout: Checkout) -> None:
    result = checkout.setup_by_an_old_python()
    assert result.returncode == 3
    assert "Python 3.11 or later is needed; this is 3.10" in result.stderr
    assert checkout.log == []


def test_keeps_stdout_for_whoever_calls_it(checkout: Checkout) -> None:
    assert checkout.setup().stdout == ""
