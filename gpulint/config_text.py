"""The configuration as text: a commented file to start with, and the settings that are in force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields

from gpulint.config import Config

STARTER = """\
# gpulint: all settings with their defaults. `gpulint config validate` checks this file, `gpulint rules` lists rules.

# select = ["ALL"]               # families, ids, globs
# ignore = []
# extend-select = []
# exclude = []                   # files to leave out, as in .gitignore
# respect-gitignore = true
# rules-folders = []             # rules of your own, in the form of the built-in ones
# fail-on = "error"              # error | warning | info | never
# min-severity = "info"
# min-confidence = "medium"      # high | medium | low: what is less sure is counted, not shown
# pedantic = false               # rules of taste as well
# baseline = ""                  # findings that are known: gpulint check --write-baseline FILE
# tenant-label = ""              # the label whose value is the tenant; without it the namespace is
# max-time-slices = 10           # for many-time-slices
# render = false                 # charts and overlays through local helm, kustomize or kubectl, offline

# [severity]                     # per rule
# training-on-shared-gpu = "warning"

# [[cluster]]                    # which files make up which cluster, and what else is true of it
# name = "prod"
# paths = ["clusters/prod", "base"]
# nodes = ["inventory/prod-nodes.yaml"]      # kubectl get nodes -o yaml
# complete = ["limits", "quotas", "queues"]  # all objects of these kinds are in the input
# admission-adds-tolerations = false         # ExtendedResourceToleration is on

# [[ignore-findings]]
# rule = "missing-limit-range"
# paths = ["sandbox/**"]
# object = "Namespace/playground"
# until = 2027-01-31
# reason = "retired in January"

# [labels]                       # labels by which you tell how GPUs are shared: label, value, strategy
# "nvidia.com/gpu-sharing" = { full = "none", mig = "mig", mps = "mps", time-slicing = "time-slicing" }

# [workload-class]               # where the guess is wrong: glob over namespace/kind/name
# "research/Job/prepare-*" = "batch"

# [versions]                     # what runs; without it the newest known
# kubernetes = "1.34"
# gpu-operator = "26.7"
"""


def effective(config: Config) -> str:
    """Every setting that is in force, as TOML that can be read again."""
    plain = {_KEYS.get(each.name, each.name.replace("_", "-")): getattr(config, each.name) for each in _settings()}
    head = f"# {config.file or 'no configuration: the defaults'}\n"
    if not config.renders:
        plain["render"] = config.render
    tables = [_table(key, value) for key, value in plain.items() if isinstance(value, Mapping) and value]
    lists = [text for key, value in plain.items() if _is_tables(value) for text in _tables(key, value)]
    simple = {
        key: value
        for key, value in plain.items()
        if key not in _TABLES and not isinstance(value, Mapping) and not _is_tables(value)
    }
    rows = [f"{key} = {_value(value)}\n" for key, value in simple.items()]
    return "\n".join([head + "".join(rows), *tables, *lists])


_KEYS = {"clusters": "cluster", "renders": "render"}
_TABLES = frozenset({"cluster", "ignore-findings"})
_NOT_SETTINGS = frozenset({"file", "text"})


def _settings() -> Iterator[Field[object]]:
    return (each for each in fields(Config) if each.name not in _NOT_SETTINGS)


def _is_tables(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and hasattr(value[0], "__dataclass_fields__")


def _table(key: str, value: Mapping[str, object]) -> str:
    return f"[{key}]\n" + "".join(f"{_name(name)} = {_value(each)}\n" for name, each in value.items())


def _tables(key: str, values: tuple[object, ...]) -> Iterator[str]:
    for each in values:
        rows = [f"[[{key}]]\n"]
        for name in fields(each):  # type: ignore[arg-type] # only dataclasses come here
            value = getattr(each, name.name)
            default = name.default if name.default is not MISSING else None
            if name.name != "line" and value != default and value not in ("", (), {}):
                rows.append(f"{name.name.replace('_', '-')} = {_value(value)}\n")
        yield "".join(rows)


def _name(name: str) -> str:
    return name if name and all(char.isascii() and (char.isalnum() or char in "-_") for char in name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)
