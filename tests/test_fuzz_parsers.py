"""What reads plain data or one string, given anything: no exception, and a problem points at what is there."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from gpulint.gpu import device_plugin, dra, dra_selectors, mig, mig_parted, operator
from gpulint.gpu.catalog import gpus
from gpulint.gpu.resources import classify
from gpulint.kube.kinds import known_kinds, pod_templates
from gpulint.kube.pools import declarations, read_labels, read_taints, scaled
from gpulint.kube.quantity import parse
from gpulint.kube.selectors import LabelSet, matches, pool_requirements, selector_requirements
from gpulint.kube.taints import near_miss, parse_taints, parse_tolerations, untolerated
from gpulint.manifest import manifests
from gpulint.source import read_stdin, shell_commands
from tests.fuzzing import fuzzed

KEYS = st.sampled_from(
    """
    version flags migStrategy failOnInitError plugin gfd deviceListStrategy resources gpus mig pattern name rename sharing
    timeSlicing mps replicas devices renameByDefault failRequestsGreaterThanOne imex channelIDs required health noGFD
    mig-configs device-filter mig-enabled mig-devices all 1g.5gb 3g.20gb custom
    operator toolkit driver dcgm devicePlugin migManager mig strategy config default data create gfd env value image
    enabled nodeSelector tolerations affinity gpu-operator nvidia-device-plugin map mofed cdi ccManager
    apiVersion kind sharing strategy timeSlicingConfig interval mpsConfig defaultActiveThreadPercentage
    defaultPinnedDeviceMemoryLimit defaultPerDevicePinnedMemoryLimit iommu backendPolicy
    key operator values effect value matchLabels matchExpressions spec template metadata labels taints limits capacity
    instanceTypes machineType count accelerators guestAccelerators requirements
    """.split()  # noqa: SIM905 - a hundred quoted words read worse
)
TEXTS = st.sampled_from(
    """
    v1 v2 single mixed none envvar envvar,volume-mounts volume-mounts all nvidia.com/gpu nvidia.com/mig-1g.5gb
    nvidia.com/gpu.shared *gpu* [ mig.nvidia.com/x GPU-1 0 0:0 0,1 MIG-1/2/3 1g.5gb 7g.40gb+me 1c.3g.20gb 0x20B010DE
    0x20B010DE:0x1 true false yes ${X} {{.x}} In NotIn Exists DoesNotExist Gt Lt NoSchedule NoExecute Equal TimeSlicing MPS
    GpuConfig MigDeviceConfig VfioDeviceConfig ComputeDomainChannelConfig resource.nvidia.com/v1beta1 Default Long
    10Gi 1e3 100m 5% gpu.nvidia.com default empty named
    """.split()  # noqa: SIM905
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, 1e308])
    | st.floats()
    | TEXTS
    | st.text(max_size=6)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3) | TEXTS, inner, max_size=6),
    max_leaves=30,
)
MAPPINGS = st.dictionaries(KEYS, DATA, max_size=8)
PIECES = st.lists(
    TEXTS | KEYS | st.text(max_size=4) | st.sampled_from(list("./:-+*,[]() \n\t'\"\\=<>&|!")), max_size=12
)
STRINGS = PIECES.map("".join)
SELECTORS = st.lists(
    st.sampled_from(
        """
        device.attributes['gpu.nvidia.com'].type == 'gpu' 'mig' device.driver && || ! ( ) productName matches( in [ ]
        device.capacity['gpu.nvidia.com'].memory .compareTo( quantity('40Gi') ) >= 0 < profile 'x' "x" semver( .
        architecture cudaComputeCapability true false 1 , ? :
        """.split()  # noqa: SIM905
    )
    | st.text(max_size=3),
    max_size=14,
).map(" ".join)


@fuzzed(60, DATA | MAPPINGS)
def test_device_plugin_configuration(data: object) -> None:
    device_plugin.looks_like(data)
    device_plugin.parse(data)


@fuzzed(60, DATA | MAPPINGS)
def test_mig_parted_file(data: object) -> None:
    mig_parted.looks_like(data)
    found = mig_parted.parse(data)
    if isinstance(data, Mapping) and not found.unknown:
        mig_parted.parse({"version": "v1", "mig-configs": {"a": [data], "b": data}})


@fuzzed(60, DATA | MAPPINGS)
def test_policy_and_chart_values(data: object) -> None:
    operator.unknown_policy_fields(data)
    operator.policy_refusals(data, complete=True)
    operator.chart_of(data)
    operator.embedded_charts(data)
    for chart in ("gpu-operator", "nvidia-device-plugin"):
        operator.unknown_values(chart, data)
        operator.rejected_values(chart, data)


@fuzzed(60, DATA | MAPPINGS)
def test_opaque_parameters(data: object) -> None:
    dra.parameters(data, dra.GPU_DRIVER)
    dra.parameters(data, dra.DOMAIN_DRIVER)
    if isinstance(data, Mapping):
        dra.parameters({**data, "apiVersion": "resource.nvidia.com/v1beta1", "kind": "GpuConfig"}, dra.GPU_DRIVER)


@fuzzed(100, SELECTORS | STRINGS)
def test_selector_of_devices(expression: object) -> None:
    text = str(expression)
    for device in ("gpu", "mig", "vfio", "unknown"):
        dra_selectors.mismatch(text, device)
        dra_selectors.selected_device([text], device)


@fuzzed(150, STRINGS, st.dictionaries(STRINGS | st.just("1g.10gb"), st.integers(-1, 9), max_size=3))
def test_profiles_resources_and_filters(text: str, counts: Mapping[str, int]) -> None:
    mig.parse_profile(text)
    mig.resource_spelling(text)
    mig.profile_of_resource(text)
    mig.suggest_profile(text)
    classify(text)
    mig_parted.read_filter(text)
    operator.breaks_daemonset(text)
    parse(text)
    for gpu in gpus()[:12]:
        assert mig.fits(gpu, counts) == (not mig.why_not(gpu, counts))
        mig.room_for(gpu, counts)
        mig.closest_layout(gpu, counts)


@fuzzed(75, MAPPINGS, DATA, DATA)
def test_objects_of_every_kind(data: Mapping[str, object], labels: object, taints: object) -> None:
    for kind in known_kinds():
        pod_templates(kind.group, kind.kind, data)
    for group, kind_name in (("", "Node"), ("karpenter.sh", "NodePool"), ("machine.openshift.io", "MachineSet")):
        declarations(group, kind_name, data)
        scaled(group, kind_name, data)
    read_labels(labels, ())
    read_taints(taints)
    known = LabelSet.of(labels, closed=True)
    for requirements in (selector_requirements(labels), pool_requirements(labels)):
        assert matches(requirements, known) in ("yes", "no", "maybe")
    tolerations = parse_tolerations(labels)
    untolerated(parse_taints(taints), tolerations)
    for taint in parse_taints(taints):
        near_miss(tolerations, taint)


@fuzzed(75, MAPPINGS)
def test_lists_and_wrappers(data: Mapping[str, object]) -> None:
    import json

    for document in read_stdin(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [data]}, default=str)
    ).documents():
        for manifest in manifests(document):
            manifest.ref()
            manifest.place("spec", "template", 0).location()


@fuzzed(100, STRINGS)
def test_shell_scripts(text: str) -> None:
    source = read_stdin(f"kubectl label node gpu-1 {text}\nkubectl taint nodes --all {text}", "a.sh")
    for command in shell_commands(source):
        for word in command.words:
            assert 0 <= word.start <= word.end <= len(source.text)
