"""Manifests that are nearly right, whole runs over them, and every report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gpulint import linter
from gpulint.config import Config
from gpulint.rule import Rule
from tests.fuzzing import CASES, MANIFESTS, MINUTES, examine, fuzzed, rules

FOUND = sorted(CASES.glob("*.json"))


@pytest.fixture(autouse=True)
def rules_read_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    read = rules()

    def cached(config: Config, _root: Path | None = None) -> tuple[Rule, ...]:
        assert not config.rules_folders
        return read

    with monkeypatch.context() as patched:
        patched.setattr(linter, "all_rules", cached)
        yield


@fuzzed(150, MANIFESTS)
def test_any_manifest(files: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            examine(files, Path(folder))
        except BaseException:
            if MINUTES:  # hypothesis ends with the smallest one
                (CASES / "new.json").write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")
            raise


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.stem)
def test_what_failed_once(case: Path, tmp_path: Path) -> None:
    examine(json.loads(case.read_text(encoding="utf-8")), tmp_path)
