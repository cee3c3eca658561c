"""Which files are found, and what their place in the tree makes of them."""

import os
from pathlib import Path

import pytest

from gpulint.finding import NotAnalysed
from gpulint.source import discover, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repo"


def write(root: Path, *paths: str, text: str = "a: 1\n") -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def found(root: Path, *paths: str, exclude: tuple[str, ...] = (), respect_gitignore: bool = True) -> list[str]:
    starts = [root / path for path in paths] or [root]
    inputs, _ = discover(starts, root=root, exclude=exclude, respect_gitignore=respect_gitignore)
    return [each.path for each in inputs]


def roles(root: Path) -> dict[str, str]:
    return {each.path: each.role for each in discover([root], root=root)[0]}


def test_yaml_json_and_scripts_are_found_sorted(root: Path) -> None:
    write(root, "b.yml", "a/x.yaml", "c.json", "d.sh", "README.md", "e.yaml~", "f.tpl", "a/Kustomization")
    assert found(root) == ["a/Kustomization", "a/x.yaml", "b.yml", "c.json", "d.sh"]


def test_hidden_folders_are_read_but_not_those_of_tools(root: Path) -> None:
    write(root, ".github/a.yaml", ".git/a.yaml", "x/node_modules/a.yaml", ".venv/a.yaml", "vendor/a.yaml")
    assert found(root) == [".github/a.yaml", "vendor/a.yaml"]


def test_each_file_once(root: Path) -> None:
    write(root, "a/x.yaml")
    assert found(root, ".", "a", "a/x.yaml", "a/../a/x.yaml") == ["a/x.yaml"]


def test_named_files_are_read_whatever_they_are_called(root: Path) -> None:
    write(root, "a.yaml.tmpl")
    assert found(root, "a.yaml.tmpl") == ["a.yaml.tmpl"]


def test_named_files_are_read_whatever_is_excluded(root: Path) -> None:
    write(root, "a.yaml")
    write(root, ".gitignore", text="*.yaml\n")
    assert found(root, "a.yaml", exclude=("a.yaml",)) == ["a.yaml"]


EXCLUDES = {
    "a file name anywhere": (("x.yaml",), ["a/y.yaml", "y.yaml"]),
    "a folder": (("a/",), ["x.yaml", "y.yaml"]),
    "a path from the root": (("/x.yaml",), ["a/x.yaml", "a/y.yaml", "y.yaml"]),
    "a glob": (("**/a/*.yaml",), ["x.yaml", "y.yaml"]),
    "an exception": (("*.yaml", "!y.yaml"), ["a/y.yaml", "y.yaml"]),
}


@pytest.mark.parametrize(("exclude", "left"), EXCLUDES.values(), ids=EXCLUDES.keys())
def test_exclude(root: Path, exclude: tuple[str, ...], left: list[str]) -> None:
    write(root, "x.yaml", "y.yaml", "a/x.yaml", "a/y.yaml")
    assert found(root, exclude=exclude) == left


def test_exclude_is_relative_to_the_root_not_to_the_start(root: Path) -> None:
    write(root, "a/b/x.yaml", "a/b/y.yaml")
    assert found(root, "a/b", exclude=("/a/b/x.yaml",)) == ["a/b/y.yaml"]


def test_gitignore(root: Path) -> None:
    write(root, "x.yaml", "y.yaml", "build/x.yaml", "a/x.yaml")
    write(root, ".gitignore", text="/x.yaml\nbuild/\n")
    assert found(root) == ["a/x.yaml", "y.yaml"]
    assert found(root, respect_gitignore=False) == ["a/x.yaml", "build/x.yaml", "x.yaml", "y.yaml"]


def test_nested_gitignore_counts_in_its_folder_and_wins(root: Path) -> None:
    write(root, "a/x.yaml", "a/y.yaml", "b/x.yaml", "b/y.yaml")
    write(root, ".gitignore", text="x.yaml\n")
    write(root, "a/.gitignore", text="!x.yaml\ny.yaml\n")
    assert found(root) == ["a/x.yaml", "b/y.yaml"]


def test_gitignore_above_the_start_counts(root: Path) -> None:
    write(root, "a/b/x.yaml", "a/b/y.yaml")
    write(root, ".gitignore", text="/a/b/x.yaml\n")
    assert found(root, "a/b") == ["a/b/y.yaml"]


def test_gitignore_above_the_root_counts_within_the_repository(root: Path) -> None:
    write(root, "a/x.yaml", "a/y.yaml", ".git/HEAD")
    write(root, ".gitignore", text="x.yaml\n")
    write(root.parent, ".gitignore", text="y.yaml\n")
    assert found(root / "a") == ["y.yaml"]


def test_unreadable_pattern_of_a_gitignore_is_skipped_as_git_does(root: Path) -> None:
    write(root, "x.yaml", "y.yaml")
    write(root, ".gitignore", text="!\nx.yaml\n")
    assert found(root) == ["y.yaml"]


CHART_ROLES = {
    "chart/Chart.yaml": "chart",
    "chart/values.yaml": "helm-values",
    "chart/values-prod.yaml": "helm-values",
    "chart/ci/gpu.yaml": "helm-values",
    "chart/templates/job.yaml": "helm-template",
    "chart/templates/tests/pod.yaml": "helm-template",
    "chart/crds/crd.yaml": "manifests",
    "chart/files/values.yaml": "manifests",
    "chart/charts/sub/Chart.yaml": "chart",
    "chart/charts/sub/templates/job.yaml": "helm-template",
    "chart/charts/sub/values.yaml": "helm-values",
    "templates/job.yaml": "manifests",
    "values.yaml": "manifests",
    "overlay/kustomization.yaml": "kustomization",
    "overlay/Kustomization": "kustomization",
    "label.sh": "shell",
}


def test_roles_by_place(root: Path) -> None:
    write(root, *CHART_ROLES)
    assert roles(root) == CHART_ROLES


@pytest.mark.parametrize("start", ["chart/templates", "chart/templates/job.yaml"])
def test_a_start_inside_a_chart_knows_the_chart(root: Path, start: str) -> None:
    write(root, "chart/Chart.yaml", "chart/templates/job.yaml")
    inputs, _ = discover([root / start], root=root)
    assert [(each.path, each.role) for each in inputs] == [("chart/templates/job.yaml", "helm-template")]


def test_links_into_what_is_read_anyway_are_left_out(root: Path) -> None:
    write(root, "a/x.yaml")
    (root / "y.yaml").symlink_to(root / "a" / "x.yaml")
    (root / "b").symlink_to(root / "a")
    inputs, not_analysed = discover([root], root=root)
    assert [each.path for each in inputs] == ["a/x.yaml"]
    assert not_analysed == []


def test_links_out_of_the_root(root: Path) -> None:
    write(root.parent, "other/x.yaml")
    write(root, "z.yaml")
    (root / "y.yaml").symlink_to(root.parent / "other" / "x.yaml")
    (root / "b").symlink_to(root.parent / "other")
    inputs, not_analysed = discover([root], root=root)
    assert [each.path for each in inputs] == ["y.yaml", "z.yaml"]
    assert [(each.path, each.reason) for each in not_analysed] == [("b", "symlink")]


def test_links_in_a_circle_are_told(root: Path) -> None:
    write(root, "x.yaml")
    (root / "y.yaml").symlink_to(root / "z.yaml")
    (root / "z.yaml").symlink_to(root / "y.yaml")
    (root / "loop").symlink_to(root)
    inputs, not_analysed = discover([root], root=root)
    assert [each.path for each in inputs] == ["x.yaml", "y.yaml", "z.yaml"]
    assert [read(each).problems[0].kind for each in inputs[1:]] == ["symlink", "symlink"]
    assert not_analysed == []


def test_a_root_that_is_reached_by_a_link(root: Path) -> None:
    write(root, "a/x.yaml")
    link = root.parent / "link"
    link.symlink_to(root)
    inputs, _ = discover([root / "a"], root=link)
    assert [each.path for each in inputs] == ["a/x.yaml"]


def test_a_start_outside_the_root(root: Path) -> None:
    write(root, "x.yaml")
    write(root.parent, "other/y.yaml")
    inputs, _ = discover([root.parent / "other"], root=root)
    assert [each.path for each in inputs] == ["../other/y.yaml"]


def test_a_start_that_does_not_exist_is_told(root: Path) -> None:
    write(root, "x.yaml")
    assert discover([root / "y.yaml"], root=root) == ([], [NotAnalysed("y.yaml", "not-found")])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_in_a_folder_is_not_waited_for(root: Path) -> None:
    write(root, "x.yaml")
    os.mkfifo(root / "pipe.yaml")
    assert found(root) == ["x.yaml"]


def test_relative_starts_are_relative_to_the_working_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "a/x.yaml", "b/y.yaml")
    monkeypatch.chdir(root / "a")
    inputs, _ = discover(["."], root=root)
    assert [each.path for each in inputs] == ["a/x.yaml"]
