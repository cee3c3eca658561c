"""Which documents can matter although no word of them speaks of GPUs."""

import pytest

from gpulint.source.scan import can_matter, header

DOCUMENTS: dict[str, tuple[str, bool]] = {
    "an instance type": ("apiVersion: kaito.sh/v1beta1\nkind: Workspace\nresource: {instanceType: Standard_X}\n", True),
    "nodes of one's own": ("apiVersion: kaito.sh/v1beta1\nkind: Workspace\nresource: {labelSelector: {}}\n", False),
    "a runtime": ("apiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nspec: {runtimeRef: {name: x}}\n", True),
    "a template of a runtime": (
        "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nspec: {tolerations: []}\n",
        True,
    ),
    "a service with all that it needs": (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nspec: {predictor: {sklearn: {}}}\n",
        False,
    ),
    "a profile": ("apiVersion: kubeai.org/v1\nkind: Model\nspec: {resourceProfile: big:1}\n", True),
    "another workload": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {workloadRef: {kind: Deployment, name: x}}\n",
        True,
    ),
    "a device of the node": ("apiVersion: v1\nkind: Pod\nspec: {volumes: [{hostPath: {path: /dev/dri}}]}\n", True),
    "what Flux fills in": (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {postBuild: {}}\n",
        True,
    ),
    "such words in another kind": ("apiVersion: apps/v1\nkind: Deployment\nspec: {note: instanceType}\n", False),
}


@pytest.mark.parametrize(("text", "matters"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_names_gpus_elsewhere(text: str, matters: bool) -> None:
    assert can_matter(text, header(text)) is matters
