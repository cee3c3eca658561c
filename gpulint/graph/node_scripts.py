"""What scripts do to nodes: `kubectl label`, `kubectl taint`, and the command lines that create pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpulint import untrusted
from gpulint.frozen import frozen
from gpulint.graph.node_group import GKE_ACCELERATOR, INSTANCE_TYPE, Label, NodeGroup, with_hardware
from gpulint.kube.pools import read_labels, read_taints
from gpulint.kube.selectors import LabelSet
from gpulint.kube.taints import Taint
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place
from gpulint.source import ShellCommand, Source, Word, shell_commands

_CLIENTS = frozenset({"kubectl", "oc", "k3s"})
_FLAGS_WITH_VALUE = frozenset(
    {
        "-l",
        "--selector",
        "--context",
        "--kubeconfig",
        "-n",
        "--namespace",
        "--cluster",
        "--user",
        "-s",
        "--server",
    }
)
_NODES = ("node", "nodes", "no")


@frozen
class LabelLine:
    """One `kubectl label node NAME… key=value…` of a script."""

    source: Source
    names: tuple[Word, ...]
    """Empty when the nodes are chosen by a selector or `--all`."""
    labels: tuple[tuple[str, Label], ...]
    removed: frozenset[str]
    """Keys that it takes away: `key-`."""
    overwrite: bool


@frozen
class TaintLine:
    """One `kubectl taint nodes NAME… key=value:Effect…` of a script."""

    source: Source
    names: tuple[Word, ...]
    """Empty when the nodes are chosen by a selector or `--all`."""
    taints: tuple[Taint, ...]
    removed: tuple[Taint, ...]
    """Taints that it takes away; an empty effect stands for all effects."""


def label_lines(source: Source) -> Iterator[LabelLine]:
    """The node labels that a script sets with kubectl or oc."""
    for command in shell_commands(source):
        line = _label_line(source, command)
        if line and (line.labels or line.removed):
            yield line


def taint_lines(source: Source) -> Iterator[TaintLine]:
    """The taints that a script sets or removes with kubectl or oc."""
    for command in shell_commands(source):
        found = _node_command(command, "taint")
        if found is None:
            continue
        targets, _ = found
        written = [word.text for word in targets if ":" in word.text or word.text.endswith("-")]
        set_ = [each for each in written if not each.endswith("-")]
        removed = [each.removesuffix("-") for each in written if each.endswith("-")]
        names = tuple(word for word in targets if word.text not in written and "=" not in word.text)
        yield TaintLine(source, names, read_taints(set_), tuple(_removed(each) for each in removed))


def created_groups(source: Source) -> Iterator[NodeGroup]:
    """The pools that a script creates with gcloud, eksctl or az."""
    for command in shell_commands(source):
        tool = command.words[0].text.rpartition("/")[2]
        texts = [word.text for word in command.words]
        for maker in _MAKERS:
            if tool == maker.tool and _follow(texts, maker.verb):
                options = _options(source, command.words)
                if any(options.words(each) for each in (maker.types, maker.labels, (maker.accelerator,))):
                    yield _created(maker, options)


def _removed(written: str) -> Taint:
    key, _, effect = written.partition(":")
    return Taint(key.partition("=")[0], "", effect)


# --- kubectl ----------------------------------------------------------------------------------------------------------


def _label_line(source: Source, command: ShellCommand) -> LabelLine | None:
    found = _node_command(command, "label")
    if found is None:
        return None
    targets, overwrite = found
    names = tuple(word for word in targets if "=" not in word.text and not word.text.endswith("-"))
    labels = tuple(_shell_label(source, word) for word in targets if "=" in word.text)
    removed = frozenset(
        word.text.removesuffix("-") for word in targets if word.text.endswith("-") and "=" not in word.text
    )
    return LabelLine(source, names, labels, removed, overwrite)


def _node_command(command: ShellCommand, verb: str) -> tuple[list[Word], bool] | None:
    """The words after `kubectl VERB nodes` without flags, and whether it may overwrite; None for other commands."""
    words = list(command.words)
    tool = next((i for i, word in enumerate(words) if word.text.rpartition("/")[2] in _CLIENTS), None)
    if tool is None:
        return None
    rest, overwrite = [], False
    arguments = iter(words[tool + 1 :])
    for word in arguments:
        if word.text in _FLAGS_WITH_VALUE:
            next(arguments, None)
        elif word.text.startswith("-"):
            overwrite = overwrite or word.text in {"--overwrite", "--overwrite=true"}
        else:
            rest.append(word)
    rest = [word for word in rest if word.text != "kubectl"]
    if len(rest) < 2 or rest[0].text != verb:
        return None
    targets = rest[1:]
    if targets[0].text in _NODES:
        return targets[1:], overwrite
    return (targets, overwrite) if targets[0].text.startswith(tuple(f"{each}/" for each in _NODES)) else None


def _shell_label(source: Source, word: Word) -> tuple[str, Label]:
    key, _, value = word.text.partition("=")
    return key, Label(value, Place.at(source, word.start, word.end))


# --- command lines that create pools ----------------------------------------------------------------------------------


@frozen
class _Maker:
    """A command that creates a pool, and its options."""

    tool: str
    verb: tuple[str, ...]
    called: str
    name: tuple[str, ...]
    """Empty where the name is the first argument."""
    cluster: tuple[str, ...]
    types: tuple[str, ...]
    labels: tuple[str, ...]
    taints: tuple[str, ...] = ()
    accelerator: str = ""
    count: tuple[str, ...] = ()
    """Empty where it counts per zone."""
    most: tuple[str, ...] = ()
    growing: str = ""
    """The flag that lets it grow."""
    named: tuple[str, ...] = ()
    """The labels whose value is the name."""


_MAKERS = (
    _Maker(
        tool="gcloud",
        verb=("node-pools", "create"),
        called="gcloud node pool",
        name=(),
        cluster=("--cluster",),
        types=("--machine-type", "-m"),
        labels=("--node-labels",),
        taints=("--node-taints",),
        accelerator="--accelerator",
        most=("--total-max-nodes",),
        named=("cloud.google.com/gke-nodepool",),
    ),
    _Maker(
        tool="eksctl",
        verb=("create", "nodegroup"),
        called="eksctl node group",
        name=("--name", "-n"),
        cluster=("--cluster",),
        types=("--instance-types", "--node-type", "-t"),
        labels=("--node-labels",),
        count=("--nodes", "-N"),
        most=("--nodes-max", "-M"),
        named=("alpha.eksctl.io/nodegroup-name",),
    ),
    _Maker(
        tool="eksctl",
        verb=("create", "cluster"),
        called="eksctl node group",
        name=("--nodegroup-name",),
        cluster=("--name", "-n"),
        types=("--instance-types", "--node-type", "-t"),
        labels=("--node-labels",),
        count=("--nodes", "-N"),
        most=("--nodes-max", "-M"),
        named=("alpha.eksctl.io/nodegroup-name",),
    ),
    _Maker(
        tool="az",
        verb=("nodepool", "add"),
        called="az node pool",
        name=("--name", "--nodepool-name", "-n"),
        cluster=("--cluster-name",),
        types=("--node-vm-size", "-s"),
        labels=("--labels",),
        taints=("--node-taints",),
        count=("--node-count", "-c"),
        most=("--max-count",),
        growing="--enable-cluster-autoscaler",
        named=("kubernetes.azure.com/agentpool", "agentpool"),
    ),
)
"""`gcloud container node-pools create`, `eksctl create` and `az aks nodepool add`, from their references."""
_GKE_KEYS = {
    "type": GKE_ACCELERATOR,
    "count": "cloud.google.com/gke-accelerator-count",
    "gpu-partition-size": "cloud.google.com/gke-gpu-partition-size",
    "gpu-sharing-strategy": "cloud.google.com/gke-gpu-sharing-strategy",
    "max-shared-clients-per-gpu": "cloud.google.com/gke-max-shared-clients-per-gpu",
}
"""Keys of gcloud's `--accelerator`, and the labels that GKE makes of them."""


@frozen
class _Options:
    """The arguments of a command."""

    source: Source
    values: dict[str, tuple[Word, ...]]
    """By option: the words after it."""
    rest: tuple[Word, ...]
    """Words before the first option."""
    command: Word

    def words(self, names: Sequence[str]) -> tuple[Word, ...]:
        return next((self.values[name] for name in names if name in self.values), ())

    def text(self, names: Sequence[str]) -> str:
        return ",".join(word.text for word in self.words(names))

    def number(self, names: Sequence[str]) -> int:
        written = self.text(names)
        return untrusted.number(written) if written.isdecimal() else -1

    def place(self, words: Sequence[Word]) -> Place:
        word = words[0] if words else self.command
        return Place.at(self.source, word.start, word.end)


def _options(source: Source, words: Sequence[Word]) -> _Options:
    values: dict[str, tuple[Word, ...]] = {}
    rest: list[Word] = []
    option = ""
    for word in words[1:]:
        name, equals, value = word.text.partition("=")
        if word.text.startswith("-") and len(word.text) > 1:
            option = name
            values[option] = (Word(value, word.start, word.end),) if equals else ()
            option = "" if equals else option
        elif option:
            values[option] = (*values[option], word)
        else:
            rest.append(word)
    return _Options(source, values, tuple(rest), words[0])


def _created(maker: _Maker, options: _Options) -> NodeGroup:
    named = options.words(maker.name) if maker.name else options.rest[len(maker.verb) :]
    named = tuple(word for word in named if word.text not in maker.verb)
    name = named[0].text if named else ""
    labels = {key: Label(name, options.place(named)) for key in maker.named if name}
    for word in options.words(maker.labels):
        written = read_labels(word.text, ())
        labels |= {key: Label(each.text, options.place([word])) for key, each in written.items()}
    labels |= dict(_accelerator(options, maker))
    types = [each for each in options.text(maker.types).split(",") if each]
    if len(types) == 1 and not is_placeholder(types[0]):
        labels[INSTANCE_TYPE] = Label(types[0], options.place(options.words(maker.types)))
    count, most = options.number(maker.count), options.number(maker.most)
    fixed = bool(maker.growing) and maker.growing not in options.values
    return with_hardware(
        NodeGroup(
            name=name,
            kind=maker.called,
            place=options.place(named),
            source=options.source,
            labels=labels,
            possible=LabelSet.of({key: label.value for key, label in labels.items()}),
            taints=read_taints(options.text(maker.taints)),
            cluster=options.text(maker.cluster),
            identity=frozenset(maker.named),
            count=count,
            most=count if fixed and most < 0 else most,
        ),
        types,
    )


def _accelerator(options: _Options, maker: _Maker) -> Iterator[tuple[str, Label]]:
    words = options.words([maker.accelerator])
    for key, written in read_labels(",".join(word.text for word in words), ()).items():
        if key in _GKE_KEYS and written.text:
            yield _GKE_KEYS[key], Label(written.text, options.place(words))


def _follow(texts: Sequence[str], words: Sequence[str]) -> bool:
    return any(tuple(texts[index : index + len(words)]) == tuple(words) for index in range(len(texts)))
