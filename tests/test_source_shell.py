"""What scripts do to nodes and to the operator's policy."""

import pytest

from gpulint.source import read_stdin, shell_commands

CASES: dict[str, tuple[str, list[str]]] = {
    "a command": ("kubectl label node a gpu=1\n", ["kubectl label node a gpu=1"]),
    "nodes": ("kubectl label nodes a gpu=1", ["kubectl label nodes a gpu=1"]),
    "resource and name in one": ("oc label node/a gpu=1", ["oc label node/a gpu=1"]),
    "flags before the verb": ("kubectl --context x label no a gpu=1", ["kubectl --context x label no a gpu=1"]),
    "lines that go on": ("kubectl label \\\n  node a \\\n  gpu=1\nls\n", ["kubectl label node a gpu=1"]),
    "Windows lines that go on": ("kubectl label \\\r\n  node a gpu=1\r\n", ["kubectl label node a gpu=1"]),
    "quotes": ("kubectl label node 'a b' \"gpu=1\"", ["kubectl label node a b gpu=1"]),
    "a quoted part": ("kubectl label node a gpu='1'", ["kubectl label node a gpu=1"]),
    "variables stay text": ('kubectl label node "$NODE" gpu=${N}', ["kubectl label node $NODE gpu=${N}"]),
    "a substitution is one word": (
        "kubectl label node $(hostname -s) gpu=1",
        ["kubectl label node $(hostname -s) gpu=1"],
    ),
    "comments": ("# kubectl label node a gpu=1\nls # kubectl label node b gpu=1\n", []),
    "a hash inside a word": ("kubectl label node a gpu=1#2", ["kubectl label node a gpu=1#2"]),
    "what leads in": ("if true; then sudo A=b kubectl label node a gpu=1; fi", ["kubectl label node a gpu=1"]),
    "a path to the client": ("/usr/bin/kubectl label node a gpu=1", ["/usr/bin/kubectl label node a gpu=1"]),
    "two commands on a line": (
        "kubectl label node a x=1 && kubectl label node b x=2 || true",
        ["kubectl label node a x=1", "kubectl label node b x=2"],
    ),
    "a patch of the operator's policy": (
        "oc patch clusterpolicies.nvidia.com/p -p '{\"a\": 1}'",
        ['oc patch clusterpolicies.nvidia.com/p -p {"a": 1}'],
    ),
    "a taint": ("kubectl taint nodes a gpu=1:NoSchedule", ["kubectl taint nodes a gpu=1:NoSchedule"]),
    "a pool of GKE": (
        "gcloud beta container node-pools create gpus --spot",
        ["gcloud beta container node-pools create gpus --spot"],
    ),
    "a pool of EKS": ("eksctl create nodegroup -n gpus", ["eksctl create nodegroup -n gpus"]),
    "a pool of AKS": ("az aks nodepool add -n gpus", ["az aks nodepool add -n gpus"]),
    "other commands of the same tools": ("gcloud auth login\neksctl delete nodegroup\naz aks nodepool list\n", []),
    "a patch of something else": ("kubectl patch deployment clusters -p '{}'", []),
    "another resource": ("kubectl label pod a gpu=1", []),
    "another verb": ("kubectl annotate node a label=1", []),
    "another client": ("podman label node a gpu=1", []),
    "a here-document": (
        "cat <<EOF\nkubectl label node a gpu=1\nEOF\nkubectl label node b gpu=1\n",
        ["kubectl label node b gpu=1"],
    ),
    "a here-document without end": ("cat <<'EOF'\nkubectl label node a gpu=1\n", []),
    "an unclosed quote": ("echo 'label\nkubectl label node a gpu=1\n", ["kubectl label node a gpu=1"]),
    "printed help": ("echo 'kubectl label node a gpu=1'", []),
}


@pytest.mark.parametrize(("script", "commands"), CASES.values(), ids=CASES.keys())
def test_commands(script: str, commands: list[str]) -> None:
    found = shell_commands(read_stdin(script, "a.sh"))
    assert [" ".join(word.text for word in command.words) for command in found] == commands


def test_words_have_places() -> None:
    script = "ls\nkubectl label node 'a' \\\n  gpu='1'\n"
    (command,) = shell_commands(read_stdin(script, "a.sh"))
    assert [script[word.start : word.end] for word in command.words] == ["kubectl", "label", "node", "'a'", "gpu='1'"]
