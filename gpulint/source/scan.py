"""What can be said of a text without parsing it: where its documents are, what they are, whether they can matter.

Parsing is the most expensive thing a run does and most files of a repository have nothing to do with GPUs, so
everything here is plain string search.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gpulint.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU_MARKERS = ("gpu", "nvidia", "amd.com/", "mig-", "migstrategy", "cuda", "accelerator", "gaudi", "resourceclaim")
"""Lower-case words of which at least one is in every manifest that has to do with GPUs."""

_DEVICE_MARKERS = (
    "aws.amazon.com/neuron",
    "cambricon.com/",
    "enflame.com/",
    "furiosa.ai/",
    "google.com/tpu",
    "huawei.com/",
    "hygon.com/",
    "iluvatar.",
    "kunlunxin.com/",
    "metax-tech.com/",
    "npu.intel.com/",
    "qualcomm.com/",
    "rebellions.ai/",
    "tenstorrent.com/",
)
"""Domains of accelerators that none of these words is in; they stand beside `limits` or `requests`."""

_SETTINGS = re.compile(
    r"/dev/(?:shm|dri|kfd)\b|ENABLE_CULLING|manageJobsWithoutQueueName|labelPolicy|gang-schedul|postBuild"
)
"""What decides about GPU workloads without naming a GPU: devices of the node, patches and settings of controllers."""

STRUCTURAL_KINDS = frozenset(
    {
        "AWSMachinePool",
        "AWSMachineTemplate",
        "AWSManagedMachinePool",
        "AzureMachineTemplate",
        "AzureManagedMachinePool",
        "ClusterAutoscaler",
        "ClusterConfig",
        "ClusterQueue",
        "ClusterResourceQuota",
        "Cohort",
        "ComputeClass",
        "ContainerNodePool",
        "DeviceClass",
        "EC2NodeClass",
        "ElasticQuota",
        "GCPMachineTemplate",
        "HorizontalPodAutoscaler",
        "InitConfiguration",
        "JoinConfiguration",
        "KubeadmConfig",
        "KubeadmConfigTemplate",
        "LimitRange",
        "LocalQueue",
        "MachineAutoscaler",
        "MachineDeployment",
        "MachinePool",
        "MachineSet",
        "ManagedClustersAgentPool",
        "Namespace",
        "Node",
        "NodeFeature",
        "NodeFeatureRule",
        "NodeOverlay",
        "NodePool",
        "PodDisruptionBudget",
        "PriorityClass",
        "Provisioner",
        "Queue",
        "ROSAMachinePool",
        "ResourceClaim",
        "ResourceClaimTemplate",
        "ResourceFlavor",
        "ResourceQuota",
        "ResourceSlice",
        "RuntimeClass",
        "ScaledObject",
        "Topology",
        "WorkloadPriorityClass",
    }
)
"""Kinds that decide about GPU workloads without naming a GPU."""

IGNORED_KINDS = frozenset(
    {"APIResourceSchema", "ClusterServiceVersion", "CustomResourceDefinition", "GrafanaDashboard", "PackageManifest"}
)
"""Kinds that quote manifests or schemas, and are large."""

KUSTOMIZE_GROUP = "kustomize.config.k8s.io/"
_STRUCTURAL_GROUPS = (
    "kind.x-k8s.io/",
    "k3d.io/",
    KUSTOMIZE_GROUP,
)
"""Groups whose kinds have names that others have as well."""

_REFERRING_GROUPS = (
    "argoproj.io/",
    "inference.llmaz.io/",
    "infrastructure.opendatahub.io/",
    "kaito.sh/",
    "kubeai.org/",
    "kubeflow.org/",
    "mlops.seldon.io/",
    "ome.io/",
    "serving.kserve.io/",
    "trainer.kubeflow.org/",
)
"""Groups whose objects may get GPUs by what they name: an instance type, a profile, a runtime, another workload."""

_REFERENCE = re.compile(
    r"runtime|baseRefs|hardware-?profile|instanceType|modelClaim|podConfig|resourceProfile|serverConfig|ServiceConfig"
    r"|workloadRef",
    re.IGNORECASE,
)

_EMPTY = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+|---(?=\s|\Z)|\.\.\.(?=\s|\Z)|%[^\n]*+)*+")
_SCALAR = re.compile(r"""[ \t]*(?:[&!][^\s]+[ \t]+)*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#&*!|>{}\[\]][^\n]{0,400}))""")
_COMMENT = re.compile(r"[ \t]+#[^\n]*|[ \t\r]+$")
_ITEM = re.compile(r"^([ ]*)- ", re.M)
_STRUCTURAL_MEMBER = re.compile(r"""kind["']?:[ \t]*["']?(?:""" + "|".join(sorted(STRUCTURAL_KINDS)) + r")\b")
_WORD_AT_LINE_START = re.compile(r"""^[ \t]*(?:- )?["']?(apiVersion|kind)["']?[ \t]*:""", re.M)
_CHART_WORDS = (
    b"devicePlugin",
    b"migManager",
    b"gpu-operator",
    b"nvidia-device-plugin",
    b"migStrategy",
    b"timeSlicing",
)
_CHART_KEY = re.compile(
    r"^[ \t]*(?:devicePlugin|migManager|gpu-operator|nvidia-device-plugin|migStrategy|sharing|timeSlicing"
    r"|mig-configs)[ \t]*:",
    re.M,
)
_CONFIG_VERSION = re.compile(r"""\bversion["']?:[ \t]*\\?["']?v1\b""")
"""All that a device-plugin configuration for whole GPUs says of itself."""
_SECTION_KEY = re.compile(
    r"""(?:^|[\s{,])["']?(?:limits|requests|guarantees|extra_resource_(?:limits|guarantees))["']?:""", re.M
)
_EXTENDED_KEY = re.compile(r"""[\w-]\.[a-z]+/[\w.-]+["']?[ \t]*:""")
_RAW_KEY = re.compile(r"^(version|sharing|flags|resources|mig-configs|imex|health)[ \t]*:", re.M)


@frozen
class Header:
    """What stands at the top level of a document; empty strings where it was not seen."""

    api_version: str
    kind: str


def chunks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end offsets of the documents of a text; chunks that hold nothing but comments are left out.

    A line that starts with `---` can stand in no block scalar and no quoted scalar, so nothing needs to be parsed. The
    chunk holds its own marker: `--- {a: b}` is a document.
    """
    start = 0
    for end in _boundaries(text):
        directive = _directive(text, start, end)
        content_end = end if directive is None else directive
        if _has_content(text, start, content_end):
            yield start, content_end
        start = end if directive is None else directive


def header(text: str) -> Header:
    """Read kind and identity off the top-level keys of a document."""
    first = _first_content(text)
    if first >= len(text):
        return Header("", "")
    if text[first] == "{":
        return _flow_header(text, first)
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    if indent.strip():  # `--- key: value`
        return Header("", "")
    api_version = _top_level(text, indent, "apiVersion")
    kind = _top_level(text, indent, "kind")
    return Header(api_version, kind)


def identity(text: str) -> tuple[str, str]:
    """Name and namespace off `metadata`, best effort."""
    first = _first_content(text)
    if first >= len(text):
        return "", ""
    if text[first] == "{":
        return _flow_identity(text)
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    return _block_identity(text, indent)


def has_marker(text: str) -> bool:
    """Whether a text can speak of GPUs."""
    lowered = text.lower()
    if any(marker in lowered for marker in GPU_MARKERS):
        return True
    return ("limits" in lowered or "requests" in lowered) and any(marker in lowered for marker in _DEVICE_MARKERS)


def can_matter(text: str, seen: Header) -> bool:
    """Whether a document with this header can matter to a linter of GPU manifests."""
    if seen.kind in IGNORED_KINDS:
        return False
    if not seen.kind or not seen.api_version:
        return looks_like_raw_config(text) or looks_like_chart_values(text)
    if seen.kind in STRUCTURAL_KINDS or seen.api_version.startswith(_STRUCTURAL_GROUPS) or has_marker(text):
        return True
    if _SETTINGS.search(text) or (seen.api_version.startswith(_REFERRING_GROUPS) and _REFERENCE.search(text)):
        return True
    if seen.kind == "ConfigMap" and _CONFIG_VERSION.search(text):
        return True
    return seen.kind.endswith("List") and _STRUCTURAL_MEMBER.search(text) is not None


def looks_like_manifest(text: str) -> bool:
    """Whether both `apiVersion` and `kind` stand at the start of some line: a manifest that is broken at its head."""
    return len({match[1] for match in _WORD_AT_LINE_START.finditer(text)}) == 2


def looks_like_raw_config(text: str) -> bool:
    """Whether a document without a kind looks like a file of the device plugin or of mig-parted."""
    keys = {match[1] for match in _RAW_KEY.finditer(text)}
    if "mig-configs" in keys or ("sharing" in keys and "replicas" in text):
        return True
    return len(keys) >= 2 and "version" in keys and ("timeSlicing" in text or has_marker(text))


def looks_like_chart_values(text: str) -> bool:
    """Whether a document without a kind may hold values of the charts that install the device plugin."""
    return _CHART_KEY.search(text) is not None


def looks_like_requests(text: str) -> bool:
    """Whether a text without a kind may ask for accelerators, as values of charts do."""
    return _SECTION_KEY.search(text) is not None and _EXTENDED_KEY.search(text) is not None and has_marker(text)


def bytes_can_hold_requests(data: bytes) -> bool:
    """The same as a first test on the bytes of a file."""
    lowered = data.lower()
    return b"/" in data and (b"limits" in lowered or b"requests" in lowered or b"guarantees" in lowered)


def bytes_can_hold_documents(data: bytes) -> bool:
    """A first, coarse test on the bytes of a file: is there any document worth counting?"""
    if b"apiVersion" in data or b"mig-configs" in data:
        return True
    if (b"sharing" in data and b"replicas" in data) or (b"migStrategy" in data and b"version" in data):
        return True
    return any(word in data for word in _CHART_WORDS)


def count_objects(text: str, seen: Header) -> int:
    """Kubernetes objects in a document: the members of a List, else one."""
    if not seen.kind or not seen.api_version or seen.api_version.startswith(KUSTOMIZE_GROUP):
        return 0
    if not seen.kind.endswith("List"):
        return 1
    items = text.find("items:")
    first = _ITEM.search(text, items) if items >= 0 else None
    if first is None:
        return 1
    return text.count("\n" + first[1] + "- ", items)


def _boundaries(text: str) -> Iterator[int]:
    """Where a document starts at a `---` line, and the end of the text."""
    position = text.find("\n---")
    while position >= 0:
        after = text[position + 4 : position + 5]
        if not after or after in " \t\r\n":
            yield position + 1
        position = text.find("\n---", position + 4)
    yield len(text)


def _directive(text: str, start: int, end: int) -> int | None:
    """Where the directives begin that belong to the document after `end`: after `...`, or after nothing at all."""
    if text.find("%", start, end) < 0:
        return None
    marker = text.rfind("\n...", start, end)
    begin = start if marker < 0 else text.find("\n", marker + 1, end) + 1
    if begin <= 0 or text.find("%", begin, end) < 0:
        return None
    match = _EMPTY.match(text, begin, end)
    empty = match is not None and match.end() == end
    return begin if empty and end < len(text) and not text.startswith("---", begin) else None


def _has_content(text: str, start: int, end: int) -> bool:
    match = _EMPTY.match(text, start, end)
    return match is None or match.end() < end


def _first_content(text: str) -> int:
    match = _EMPTY.match(text)
    return match.end() if match else 0


def _top_level(text: str, indent: str, key: str) -> str:
    """The scalar value of a top-level key in block style."""
    for spelling in (key + ":", f'"{key}":', f"'{key}':", key + " :"):
        at = _line_with(text, indent + spelling)
        if at >= 0:
            return _scalar(text, at)
    return ""


def _line_with(text: str, prefix: str) -> int:
    """The offset after `prefix` at the start of a line, or -1."""
    if text.startswith(prefix):
        return len(prefix)
    at = text.find("\n" + prefix)
    return at if at < 0 else at + 1 + len(prefix)


def _scalar(text: str, at: int) -> str:
    match = _SCALAR.match(text, at)
    if match is None:
        return ""
    if match[3] is not None:
        return _COMMENT.sub("", match[3]).strip()
    return match[1] or match[2] or ""


_INLINE_NAME = re.compile(r"""[{,]\s*["']?(name|namespace)["']?\s*:\s*["']?([^\s"',}]+)""")


def _block_identity(text: str, indent: str) -> tuple[str, str]:
    at = _line_with(text, indent + "metadata:")
    if at < 0:
        return "", ""
    line_end = text.find("\n", at)
    line = text[at : line_end if line_end >= 0 else len(text)]
    if "{" in line:
        inline = {match[1]: match[2] for match in _INLINE_NAME.finditer(line)}
        return inline.get("name", ""), inline.get("namespace", "")
    found: dict[str, str] = {}
    child = ""
    position = line_end
    while 0 <= position < len(text):
        next_line = text.find("\n", position + 1)
        row = text[position + 1 : next_line if next_line >= 0 else len(text)]
        content = row.lstrip(" \t")
        depth = row[: len(row) - len(content)]
        if content.strip() and not content.startswith("#"):
            if len(depth) <= len(indent):
                break
            child = child or depth
            key, colon, _ = content.partition(":")
            if depth == child and colon and key in ("name", "namespace"):
                found.setdefault(key, _scalar(content, len(key) + 1))
        position = next_line
    return found.get("name", ""), found.get("namespace", "")


_FLOW_VALUE = r"""["']?{key}["']?\s*:\s*["']?([^\s"',}}\]]+)"""
_FLOW_KIND = re.compile(_FLOW_VALUE.format(key="kind"))
_FLOW_API_VERSION = re.compile(_FLOW_VALUE.format(key="apiVersion"))
_FLOW_METADATA = re.compile(r"""["']?metadata["']?\s*:\s*(\{[^{}]*)""")
_FLOW_INDENT = re.compile(r"\{[ \t]*\r?\n([ \t]+)\S")


def _flow_header(text: str, first: int) -> Header:
    """Kind and version of a document in JSON or flow style: by its indentation, else the first that occur."""
    indented = _FLOW_INDENT.match(text, first)
    if indented is not None:
        lines = [f'{indented[1]}"{key}":' for key in ("apiVersion", "kind")]
        places = [_line_with(text, line) for line in lines]
        if min(places) >= 0:
            return Header(*(_scalar(text, at) for at in places))
    api_version, kind = _FLOW_API_VERSION.search(text, first), _FLOW_KIND.search(text, first)
    if api_version is None or kind is None:
        return Header("", "")
    return Header(api_version[1], kind[1])


def _flow_identity(text: str) -> tuple[str, str]:
    metadata = _FLOW_METADATA.search(text)
    if metadata is None:
        return "", ""
    found = {match[1]: match[2] for match in _INLINE_NAME.finditer(metadata[1])}
    return found.get("name", ""), found.get("namespace", "")
