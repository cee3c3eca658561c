"""Whatever stands in a manifest, reading it raises nothing, and what is found is there."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from gpulint.facts.classification import classify
from gpulint.kube.kinds import container_fields, gpu_resources, known_kinds, pod_fields, pod_templates, pod_total
from gpulint.kube.quantity import parse
from gpulint.kube.selectors import LabelSet, pod_placement
from gpulint.kube.taints import Taint, parse_taints, parse_tolerations, tolerance
from gpulint.kube.tree import get, mapping

KEYS = """
apiVersion kind metadata spec template containers initContainers name image command args env ports resources
limits requests nvidia.com/gpu nodeSelector affinity nodeAffinity
requiredDuringSchedulingIgnoredDuringExecution nodeSelectorTerms matchExpressions matchFields key operator
values value effect tolerations nodeName replicas parallelism completions replicatedJobs workerGroupSpecs
tasks leaderWorkerTemplate leaderTemplate workerTemplate size predictor model workerSpec pytorchReplicaSpecs
mpiReplicaSpecs Worker Launcher jobTemplate labels annotations readinessProbe httpGet path
gpulint.dev/workload-class overhead restartPolicy services extraPodSpec mainContainer gpu gpuType items
components objects domain devices gpus deviceName resource instanceType trainer resourcesPerNode templates
""".split()  # noqa: SIM905 - eighty quoted words read worse
TEXTS = [
    "",
    "${X}",
    "{{ .x }}",
    "In",
    "NotIn",
    "Gt",
    "Exists",
    "Equal",
    "NoSchedule",
    "a",
    "1",
    "-0.5",
    "1e9999",
    "Job",
    "batch/v1",
    "\ud800",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=5)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)
documents = st.dictionaries(st.sampled_from(KEYS), data, max_size=6)
hostile = settings(derandomize=True, max_examples=150, deadline=None)


@hostile
@given(documents)
def test_pods_of_any_object(document: Mapping[str, object]) -> None:
    for group, kind in [*((kind.group, kind.kind) for kind in known_kinds()), ("example.com", "Thing")]:
        templates = pod_templates(group, kind, document)
        for template in templates:
            assert isinstance(get(document, template.spec), Mapping)
            assert template.replicas is None or template.replicas >= 0
            for container in template.containers:
                assert isinstance(get(document, container.path), Mapping)
                held = container_fields(container, document)
                assert all(
                    get(held, each.path) == each.value or each.value != each.value for each in gpu_resources(held)
                )
            assert isinstance(pod_fields(template, document), Mapping)
            total = pod_total(template, document, "nvidia.com/gpu")
            assert total is None or isinstance(total, int)
            assert classify(None, template, document, templates=templates).certainty


@hostile
@given(data, data, st.booleans())
def test_placement_on_any_node(spec: object, labels: object, closed: bool) -> None:
    placement = pod_placement(mapping(spec))
    for node in (LabelSet.of(labels, closed=closed), LabelSet.of_requirements(labels, closed=closed)):
        match = placement.matches(node)
        assert match.truth in ("yes", "no", "maybe")
        assert match.mismatch is None or match.mismatch.sentence
        assert placement.matches(node.union(LabelSet())).truth in ("maybe", match.truth)


@hostile
@given(data, data)
def test_any_taints_and_tolerations(tolerations: object, taints: object) -> None:
    for taint in (*parse_taints(taints), Taint("a", "1", "NoSchedule")):
        assert tolerance(parse_tolerations(tolerations), taint) in ("yes", "no", "maybe")


@hostile
@given(scalars)
def test_any_quantity(value: object) -> None:
    quantity = parse(value)
    assert quantity is None or abs(quantity.milli) <= 2**62
