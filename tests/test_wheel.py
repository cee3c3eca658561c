"""The built wheel, installed into a clean environment, does what the checkout does."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from gpulint.rule import rules_folder
from tests.test_cli import HALF

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_every_rule_and_data_file_and_no_test(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    rules = {f"gpulint/rules/{path.relative_to(ROOT / 'rules')}" for path in (ROOT / "rules").rglob("*.yaml")}
    kinds = ("yaml", "json", "html", "css", "js")
    data = {str(path.relative_to(ROOT)) for kind in kinds for path in (ROOT / "gpulint").rglob(f"*.{kind}")}
    assert rules
    assert rules | data | {"gpulint/py.typed"} <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True)
    work = tmp_path / "work"
    work.mkdir()
    (work / "half.yaml").write_text(HALF.format(amount="0.5"), encoding="utf-8")
    command = [str(home / "bin" / "gpulint"), "check", "--format", "concise"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("half.yaml:11:27: error[fractional-gpu] ")


def test_in_a_checkout_the_rules_beside_the_package_are_used() -> None:
    assert rules_folder() == ROOT / "rules"
