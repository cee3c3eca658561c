"""ConfigMaps that installers name, and configurations that a DaemonSet does not take."""

from __future__ import annotations

import pytest

from gpulint.facts.operator.reference import Reference, references, unread_configs
from tests.linked import SLICED, WHOLE, document, linked, policy, settings
from tests.test_graph_installers import MAP, daemon_set, env, release

LAYOUTS = "version: v1\nmig-configs:\n  all-disabled:\n    - devices: all\n      mig-enabled: false\n"


def only(files: dict[str, str], complete: tuple[str, ...] = ()) -> Reference:
    (found,) = references(linked(files, complete=complete))
    return found


def in_namespace(namespace: str, name: str = "settings", content: str = SLICED) -> str:
    return document("ConfigMap", name, metadata={"namespace": namespace}, data={"any": content})


STATUS: dict[str, tuple[str, tuple[str, str, str]]] = {
    "there": (policy() + settings(any=SLICED), ("found", "medium", "settings")),
    "in the right namespace": (
        release("gpu-operator", {"devicePlugin": {"config": {"name": "settings"}}}) + in_namespace("gpus"),
        ("found", "medium", "settings"),
    ),
    "elsewhere": (
        release("gpu-operator", {"devicePlugin": {"config": {"name": "settings"}}}) + in_namespace("kube-system"),
        ("elsewhere", "medium", "settings"),
    ),
    "in a namespace that is filled in later": (
        release("gpu-operator", {"devicePlugin": {"config": {"name": "settings"}}}) + in_namespace("${NAMESPACE}"),
        ("found", "medium", "settings"),
    ),
    "nearly the same name": (policy() + settings("setting", any=SLICED), ("absent", "medium", "setting")),
    "another name, in a policy": (policy() + settings("slices", any=SLICED), ("absent", "medium", "slices")),
    "another name, in a chart": (
        release("nvidia-device-plugin", {"config": {"name": "settings"}}) + settings("slices", any=SLICED),
        ("absent", "low", "slices"),
    ),
    "several others": (
        policy() + settings("slices", any=SLICED) + settings("quarters", any=SLICED),
        ("absent", "medium", ""),
    ),
    "other ConfigMaps only": (policy() + settings("setting", notes="buy more"), ("absent", "low", "")),
    "nothing": (policy(), ("absent", "low", "")),
}


@pytest.mark.parametrize(("text", "expected"), STATUS.values(), ids=STATUS.keys())
def test_status(text: str, expected: tuple[str, str, str]) -> None:
    found = only({"all.yaml": text})
    assert (found.status, found.confidence, found.similar) == expected


def test_a_complete_input_makes_it_sure() -> None:
    assert only({"all.yaml": policy()}, ("device-plugin-configs",)).confidence == "high"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"a.yaml": policy(), "kustomization.yaml": "configMapGenerator: [{name: settings}]"}, id="generated"
        ),
        pytest.param({"a.yaml": policy(), "make.sh": "kubectl label node a b=c # settings\n"}, id="a script"),
        pytest.param(
            {
                "a.yaml": policy(config="prod-settings") + settings(any=SLICED),
                "kustomization.yaml": "namePrefix: prod-",
            },
            id="a prefix",
        ),
        pytest.param({"a.yaml": policy() + settings("${NAME}", any=SLICED)}, id="a name that is filled in later"),
    ],
)
def test_what_may_be_made_elsewhere_is_found(files: dict[str, str]) -> None:
    assert only(files).status == "found"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(policy(config=""), id="no name"),
        pytest.param(policy(config="${CONFIG}"), id="a placeholder"),
        pytest.param(
            release("gpu-operator", {"migManager": {"config": {"name": "default-mig-parted-config"}}}), id="own"
        ),
        pytest.param(
            release("gpu-operator", {"migManager": {"enabled": False, "config": {"name": "layouts"}}}),
            id="switched off",
        ),
    ],
)
def test_what_refers_to_nothing(text: str) -> None:
    assert list(references(linked({"all.yaml": text}))) == []


def test_the_manager_of_mig_has_its_own() -> None:
    text = release("gpu-operator", {"migManager": {"config": {"name": "layouts"}}}) + settings(
        "layout", **{"config.yaml": LAYOUTS}
    )
    found = only({"all.yaml": text})
    assert (found.role, found.status, found.similar, found.confidence) == ("mig", "absent", "layout", "medium")


# --- configurations that a DaemonSet does not take --------------------------------------------------------------------

BARE = daemon_set()
FROM = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
KEYED = {"env": [{"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "any"}}}]}
VOLUME = {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/config"}]}
UNREAD: dict[str, tuple[str, list[str]]] = {
    "beside it": (BARE + settings(any=SLICED), ["unused"]),
    "as variables": (daemon_set(container=FROM) + settings(any=SLICED), ["variables"]),
    "as one variable": (daemon_set(container=KEYED) + settings(any=SLICED), ["variables"]),
    "mounted": (daemon_set(container=MOUNT, **VOLUME) + settings(any=SLICED), ["mounted"]),
    "a volume that is not mounted": (daemon_set(**VOLUME) + settings(any=SLICED), ["unused"]),
    "a file is named": (
        daemon_set(container={**MOUNT, "env": env(CONFIG_FILE="/config/any")}, **VOLUME) + settings(any=SLICED),
        [],
    ),
    "a file of the node is named": (
        daemon_set(container={"args": ["--config-file=/etc/plugin.yaml"]}) + settings(any=SLICED),
        [],
    ),
    "without sharing": (BARE + settings(any=WHOLE), []),
    "in another namespace": (BARE + in_namespace("gpus"), []),
    "somebody else names it": (BARE + policy() + settings(any=SLICED), []),
    "somebody else may take it": (BARE + release("nvidia-device-plugin") + settings(any=SLICED), []),
}


@pytest.mark.parametrize(("text", "ways"), UNREAD.values(), ids=UNREAD.keys())
def test_what_the_plugin_never_reads(text: str, ways: list[str]) -> None:
    assert [each.how for each in unread_configs(linked({"all.yaml": text}))] == ways


def test_the_folder_is_told() -> None:
    (found,) = unread_configs(linked({"all.yaml": daemon_set(container=MOUNT, **VOLUME) + settings(any=SLICED)}))
    assert (found.mounted_at, found.key, found.place.field()) == (
        "/config",
        "any",
        "spec.template.spec.volumes[0].configMap.name",
    )
    assert MAP == {"configMap": {"name": "slices"}}
