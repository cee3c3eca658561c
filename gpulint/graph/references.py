"""Pods of objects that are made of what other objects hold: runtimes, shared templates, profiles.

Where the input does not tell which object is meant, the object's own word stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from gpulint import untrusted
from gpulint.gpu.catalog import by_instance_type
from gpulint.graph.pod import Pod
from gpulint.graph.scaling import may_be_same
from gpulint.graph.scope import nearest
from gpulint.kube.kinds import UNKNOWN, Container, PodTemplate, kind_of, pod_templates
from gpulint.kube.tree import Path, get, integer, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place, api_group

Templates: TypeAlias = tuple[PodTemplate, ...]

_GPU: Final = "nvidia.com/gpu"
_STEP_LABEL: Final = "trainer.kubeflow.org/trainjob-ancestor-step"
_SERVER: Final = "kserve-container"
"""The container that KServe puts the model into (pkg/constants InferenceServiceContainerName)."""
_MODEL_FIELDS = frozenset({"modelFormat", "name", "protocolVersion", "runtime", "storage", "storageUri"})
"""Fields of KServe's model that are none of a container, and its name, which stays the runtime's."""
_PROFILE_NAME = "opendatahub.io/hardware-profile-name"
_PROFILE_NAMESPACE = "opendatahub.io/hardware-profile-namespace"
_PROFILE_GROUPS = ("infrastructure.opendatahub.io", "dashboard.opendatahub.io")


class References:
    """Which objects the objects of a scope are made of."""

    def __init__(self, manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> None:
        """Take the objects of the scope; `namespaces` maps a file to its kustomization's."""
        self._namespaces = namespaces
        self._by_name: dict[tuple[str, str, str], list[Manifest]] = {}
        self._charts: list[Manifest] = []
        for each in manifests:
            self._by_name.setdefault((each.group, each.kind, each.name), []).append(each)
            if each.kind == "HelmRelease":
                self._charts.append(each)
        self._resolvers: Mapping[tuple[str, str], Callable[[Manifest, Templates], Sequence[Pod] | None]] = {
            ("argoproj.io", "Rollout"): self._rollout,
            ("kubeai.org", "Model"): self._model,
            ("kubeflow.org", "Notebook"): self._with_profile,
            ("kubeflow.org", "Workspace"): self._workspace,
            ("mlops.seldon.io", "Server"): self._server,
            ("ome.io", "InferenceService"): self._engine,
            ("serving.kserve.io", "InferenceService"): self._inference_service,
            ("serving.kserve.io", "LLMInferenceService"): self._llm_service,
            ("trainer.kubeflow.org", "TrainJob"): self._train_job,
            ("workloads.x-k8s.io", "RoleBasedGroup"): self._roles,
            ("workloads.x-k8s.io", "RoleBasedGroupSet"): self._roles,
        }

    def pods_of(self, manifest: Manifest, templates: Templates) -> list[Pod]:
        """The pods of an object, of whatever they are made."""
        resolve = self._resolvers.get((manifest.group, manifest.kind))
        found = resolve(manifest, templates) if resolve else None
        if found is not None:
            return list(found)
        return [_with_instance(Pod(manifest, template)) for template in templates]

    # --- who is meant -------------------------------------------------------------------------------------------------

    def _find(
        self, of: Manifest, groups: Sequence[str], kind: str, name: str, namespace: str | None = ""
    ) -> Manifest | None:
        """The object of that name; None when there is none, or the folders do not tell which.

        `namespace`: that of the object that refers to it when empty, None where the kind has none.
        """
        if not name or is_placeholder(name):
            return None
        own = namespace or self._namespace(of)
        named = [each for group in groups for each in self._by_name.get((group, kind, name), ())]
        fitting = [each for each in named if namespace is None or may_be_same(own, self._namespace(each))]
        meant = nearest(of.folder(), fitting, lambda each: each.folder())
        return meant.items[0] if meant.items and not meant.tied else None

    def _runtime(self, of: Manifest, group: str, name: str) -> Manifest | None:
        """A serving runtime: of the namespace, else of the cluster."""
        if (group, "ServingRuntime", name) in self._by_name:
            return self._find(of, (group,), "ServingRuntime", name)
        return self._find(of, (group,), "ClusterServingRuntime", name, None)

    def _namespace(self, manifest: Manifest) -> str:
        return manifest.namespace or self._namespaces.get(manifest.document.source.path, "")

    # --- training -----------------------------------------------------------------------------------------------------

    def _train_job(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """A TrainJob and its runtime (kubeflow/trainer pkg/runtime/framework/plugins/jobset/builder.go)."""
        reference = mapping(manifest.get("spec", "runtimeRef"))
        kind = text(reference.get("kind")) or "ClusterTrainingRuntime"
        group = text(reference.get("apiGroup")) or "trainer.kubeflow.org"
        namespace = None if kind.startswith("Cluster") else ""
        runtime = self._find(manifest, (group,), kind, text(reference.get("name")), namespace)
        own = next(iter(templates), None)
        if runtime is None or own is None:
            return None
        return [_step(manifest, own, runtime, template) for template in _templates(runtime)] or None

    # --- serving ------------------------------------------------------------------------------------------------------

    def _inference_service(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """KServe: the model over the runtime's container, the predictor over its pod (MergeRuntimeContainers,
        MergePodSpec of pkg/controller/v1beta1/inferenceservice/utils)."""
        runtime = self._runtime(
            manifest, "serving.kserve.io", text(manifest.get("spec", "predictor", "model", "runtime"))
        )
        lower = {each.role: each for each in _templates(runtime)} if runtime else {}
        pods = []
        for template in templates:
            below = lower.get("runtime" if template.role == "predictor" else template.role)
            pod = _served(manifest, template, runtime, below) if runtime and below else None
            pods.append(self._profiled(pod or Pod(manifest, template), manifest))
        return pods

    def _llm_service(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """KServe lays the configurations that it names over each other, then itself over them."""
        names = [text(each.get("name")) for _, each in mappings(manifest.get("spec", "baseRefs"))]
        found = [self._find(manifest, ("serving.kserve.io",), "LLMInferenceServiceConfig", name) for name in names]
        bases = [each for each in found if each is not None]
        if not bases or len(bases) < len(names):
            return None
        all_layers = [(each, template) for each in (*bases, manifest) for template in _templates(each)]
        kind = kind_of(manifest.group, manifest.kind)
        pods = []
        for role in dict.fromkeys(template.role for _, template in all_layers):
            layers = [(each, template) for each, template in all_layers if template.role == role]
            own = next((each for each in templates if each.role == role), None)
            lowest = layers[0][1]
            pods.append(_layered(_made_by(own, lowest) if own else replace(lowest, kind=kind), layers))
        return pods

    def _engine(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """OME: the engine and the decoder over those of the runtime."""
        runtime = self._runtime(manifest, "ome.io", text(manifest.get("spec", "runtime", "name")))
        if runtime is None:
            return None
        lower = {each.role: each for each in _templates(runtime)}
        return [
            _layered(_made_by(own, lower[own.role]), [(runtime, lower[own.role]), (manifest, own)])
            if own.role in lower
            else Pod(manifest, own)
            for own in templates
        ]

    def _server(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """Seldon: the pod spec of the server over that of its ServerConfig."""
        config = self._find(
            manifest, ("mlops.seldon.io",), "ServerConfig", text(manifest.get("spec", "serverConfig")), None
        )
        base = next(iter(_templates(config)), None) if config else None
        if config is None or base is None:
            return None
        layers = [(config, base), *((manifest, own) for own in templates)]
        return [_layered(_made_by(templates[0], base) if templates else _made_for(manifest, base), layers)]

    def _roles(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """RoleBasedGroup: a role names a template of the same object and patches it."""
        by_path = {each.path: each for each in templates}
        return [_role(manifest, each, by_path) for each in templates]

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _rollout(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """Argo Rollouts: the template of another workload instead of its own."""
        reference = mapping(manifest.get("spec", "workloadRef"))
        group = api_group(text(reference.get("apiVersion")))[0] or "apps"
        target = self._find(manifest, (group,), text(reference.get("kind")), text(reference.get("name")))
        if templates or target is None:
            return None
        return [Pod(target, _made_for(manifest, each)) for each in _templates(target)]

    def _with_profile(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        return [self._profiled(Pod(manifest, template), manifest) for template in templates]

    def _profiled(self, pod: Pod, manifest: Manifest) -> Pod:
        """With what Open Data Hub's webhook sets of the HardwareProfile that an annotation names.

        opendatahub-io/opendatahub-operator internal/webhook/hardwareprofile/mutating.go: selectors and tolerations
        replace the pod's, counts are for containers that have none.
        """
        annotations = mapping(manifest.get("metadata", "annotations"))
        name, namespace = text(annotations.get(_PROFILE_NAME)), text(annotations.get(_PROFILE_NAMESPACE))
        profile = self._find(manifest, _PROFILE_GROUPS, "HardwareProfile", name, namespace)
        if profile is None:
            return pod
        for at in (("spec", "scheduling", "node"), ("spec",)):
            for key in ("nodeSelector", "tolerations"):
                value = profile.get(*at, key)
                if value:
                    pod = pod.with_field(None, (key,), value, profile.place(*at, key))
        main = [each for each in pod.template.containers if not each.init]
        if manifest.kind != "Notebook" or len(main) != 1:
            return pod
        return _with_counts(pod, main[0], profile)

    def _workspace(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """Kubeflow Notebooks 2: one of the pod configurations of its WorkspaceKind."""
        kind = self._find(manifest, ("kubeflow.org",), "WorkspaceKind", text(manifest.get("spec", "kind")), None)
        own = next(iter(templates), None)
        if kind is None or own is None or own.instance is None:
            return None
        chosen = [each for each in _templates(kind) if each.role == own.instance.name]
        return [Pod(kind, _made_by(own, each)) for each in chosen[:1]] or None

    def _model(self, manifest: Manifest, templates: Templates) -> list[Pod] | None:
        """KubeAI: so many times the resources of a profile that the values of its chart define."""
        own = next(iter(templates), None)
        if own is None or own.instance is None:
            return None
        name, _, count = own.instance.name.partition(":")
        defining = [each for each in self._charts if isinstance(each.get(*_PROFILES, name), Mapping)]
        meant = nearest(manifest.folder(), defining, lambda each: each.folder())
        if not name or meant.tied or not meant.items or not (count or "1").isdecimal():
            return None
        return [_profile(Pod(manifest, own), meant.items[0], (*_PROFILES, name), untrusted.number(count or "1"))]


_PROFILES: Path = ("spec", "values", "resourceProfiles")


def _templates(manifest: Manifest) -> Templates:
    return tuple(pod_templates(manifest.group, manifest.kind, manifest.data))


def _made_by(own: PodTemplate, template: PodTemplate) -> PodTemplate:
    """A template of another object as one that the kind of `own` makes pods of."""
    return replace(
        template,
        kind=own.kind,
        role=own.role or template.role,
        replicas=own.replicas,
        replicas_path=None,
        most=own.most,
        per_replica=own.per_replica,
        total=own.total,
        alternative=False,
    )


def _made_for(manifest: Manifest, template: PodTemplate) -> PodTemplate:
    """A template of another object as one that `manifest` makes its replicas of."""
    written = manifest.get("spec", "replicas")
    replicas = 1 if written is None else integer(written)
    kind = kind_of(manifest.group, manifest.kind)
    return replace(
        template, kind=kind, replicas=replicas, replicas_path=None, most=replicas, per_replica=1, embeds=False
    )


def _layered(made: PodTemplate, layers: Sequence[tuple[Manifest, PodTemplate]]) -> Pod:
    """A template with others over it; `made` is the first of them, as something makes pods of it."""
    (holder, _), *others = layers
    pod = Pod(holder, made)
    for over, template in others:
        pod = pod.with_pod_spec(mapping(over.get(*template.spec)), over.place(*template.spec))
        for container in template.containers:
            known = next((each for each in pod.template.containers if each.path[-1] == container.path[-1]), None)
            if known is not None and isinstance(container.path[-1], str):  # one that has a field of its own
                pod = pod.with_fields(known, mapping(over.get(*container.path)), over.place(*container.path))
    return pod


def _step(manifest: Manifest, own: PodTemplate, runtime: Manifest, template: PodTemplate) -> Pod:
    """One job of a training runtime as a TrainJob runs it."""
    job = template.role
    labels = mapping(get(runtime.data, (*template.path[:-2], "metadata", "labels")))
    trains = labels.get(_STEP_LABEL) == "trainer"
    by_mpi = runtime.get("spec", "mlPolicy", "mpi") is not None  # the nodes are divided among launcher and workers
    replicas = None if by_mpi else own.replicas if trains and own.replicas is not None else template.replicas
    made = replace(
        template,
        kind=own.kind,
        role="trainer" if trains and not by_mpi else job,
        replicas=replicas,
        replicas_path=None,
        most=replicas,
    )
    pod = Pod(runtime, made)
    also_launcher = runtime.get("spec", "mlPolicy", "mpi", "runLauncherAsNode") is True
    for container in made.containers:
        if container.name == "node" or (container.name == "launcher" and also_launcher):
            pod = _trained(pod, container, manifest)
    for fields, place in _overrides(manifest, job):
        pod = pod.with_pod_spec(fields, place)
    return pod


def _trained(pod: Pod, container: Container, manifest: Manifest) -> Pod:
    trainer: Path = ("spec", "trainer")
    for field, at in ((key, (*trainer, key)) for key in ("image", "command", "args")):
        if manifest.get(*at) is not None:
            pod = pod.with_field(container, (field,), manifest.get(*at), manifest.place(*at))
    at = (*trainer, "resourcesPerNode")
    resources = mapping(manifest.get(*at))
    if resources.get("limits") is not None or resources.get("requests") is not None:
        pod = pod.with_field(container, ("resources",), resources, manifest.place(*at))
    env = manifest.get(*trainer, "env")
    return pod.with_fields(container, {"env": env}, manifest.place(*trainer)) if env is not None else pod


def _overrides(manifest: Manifest, job: str) -> list[tuple[Mapping[str, object], Place]]:
    """Pod specs that a TrainJob lays over the pods of a job, in the forms of all versions."""
    found: list[Path] = []
    for index, each in mappings(manifest.get("spec", "podSpecOverrides")):
        found += [("spec", "podSpecOverrides", index)] if _targets(each, job) else []
    for index, each in mappings(manifest.get("spec", "podTemplateOverrides")):
        found += [("spec", "podTemplateOverrides", index, "spec")] if _targets(each, job) else []
    for index, each in mappings(manifest.get("spec", "runtimePatches")):
        at: Path = ("spec", "runtimePatches", index, "trainingRuntimeSpec", "template", "spec", "replicatedJobs")
        for number, patched in mappings(get(each, at[3:])):
            found += [(*at, number, "template", "spec", "template", "spec")] if patched.get("name") == job else []
    return [(mapping(manifest.get(*at)), manifest.place(*at)) for at in found]


def _targets(override: Mapping[str, object], job: str) -> bool:
    targets = sequence(override.get("targetJobs"))
    return not targets or any(mapping(each).get("name") == job for each in targets)


def _served(manifest: Manifest, own: PodTemplate, runtime: Manifest, below: PodTemplate) -> Pod | None:
    """A predictor over its runtime; None where the runtime does not have KServe's container."""
    pod = Pod(runtime, _made_by(own, below))
    server = pod.named(_SERVER)
    if server is None:
        return None
    for container in own.containers:
        if container.path[:-1] == own.spec:  # the model, or a framework's field
            place = manifest.place(*container.path)
            fields = {
                key: value for key, value in mapping(manifest.get(*container.path)).items() if key not in _MODEL_FIELDS
            }
            added = sequence(fields.pop("args", ()))
            pod = pod.with_fields(server, fields, place)
            behind = len(sequence(pod.container(server).get("args")))
            for index, word in enumerate(added):
                pod = pod.with_field(server, ("args", behind + index), word, place.below("args", index))
    inline = {container.path[-1] for container in own.containers if container.path[:-1] == own.spec}
    pod_spec = {key: value for key, value in mapping(manifest.get(*own.spec)).items() if key not in inline}
    return pod.with_pod_spec(pod_spec, manifest.place(*own.spec))


def _role(manifest: Manifest, own: PodTemplate, by_path: Mapping[Path, PodTemplate]) -> Pod:
    if own.path[-1:] != ("templateRef",):
        return Pod(manifest, own)
    name = text(manifest.get(*own.path, "name"))
    top = own.path[: own.path.index("roles")]
    shared = mappings(manifest.get(*top, "roleTemplates"))
    index = next((index for index, each in shared if each.get("name") == name), None)
    base = by_path.get((*top, "roleTemplates", index, "template")) if index is not None else None
    if base is None:
        return Pod(manifest, own)
    at = (*own.path, "patch", "spec")
    pod = Pod(manifest, replace(_made_by(own, base), path=own.path))
    return pod.with_pod_spec(mapping(manifest.get(*at)), manifest.place(*at))


def _with_counts(pod: Pod, container: Container, profile: Manifest) -> Pod:
    held = mapping(pod.container(container).get("resources"))
    for index, each in mappings(profile.get("spec", "identifiers")):
        name, count = text(each.get("identifier")), each.get("defaultCount")
        stated = any(name in mapping(held.get(section)) for section in ("limits", "requests"))
        if name and count is not None and not stated:
            place = profile.place("spec", "identifiers", index, "defaultCount")
            pod = pod.with_field(container, ("resources", "limits", name), count, place)
    return pod


def _profile(pod: Pod, chart: Manifest, at: Path, count: int) -> Pod:
    profile, (main, *_) = mapping(chart.get(*at)), pod.template.containers
    for section in ("limits", "requests"):
        for name, value in mapping(profile.get(section)).items():
            amount = integer(untrusted.number(value) if isinstance(value, str) and value.isdecimal() else value)
            total = UNKNOWN if amount is None else amount * count
            pod = pod.with_field(main, ("resources", section, name), total, chart.place(*at, section, name))
    rest = {key: value for key, value in profile.items() if key not in {"imageName", "limits", "requests"}}
    return pod.with_fields(None, rest, chart.place(*at))


def _with_instance(pod: Pod) -> Pod:
    """With the GPUs that an instance type stands for: the pod gets all of its node."""
    instance = pod.template.instance
    found = by_instance_type(instance.name) if instance is not None and not instance.profile else None
    if instance is None or found is None:
        return pod
    main = pod.template.containers[0]
    if mapping(get(pod.container(main), ("resources", "limits"))):
        return pod
    return pod.with_field(main, ("resources", "limits", _GPU), found[1], pod.holder.place(*instance.path))
