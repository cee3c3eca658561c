"""What values of charts ask for."""

from __future__ import annotations

from gpulint.facts.request.request import Request
from gpulint.facts.request.value_request import value_requests
from tests.linked import linked

JUPYTERHUB = """\
singleuser:
  extraResource:
    limits: {}
    guarantees:
      nvidia.com/gpu: 1
  profileList:
    - display_name: MIG
      kubespawner_override:
        extra_resource_limits: {"nvidia.com/mig-1g.5gb": "1"}
"""
SERVER = """\
server:
  nodeSelector: {gpu: "true"}
  resources:
    requests: {nvidia.com/gpu: 2, memory: 1Gi}
    limits: {nvidia.com/gpu: 0.5}
"""


def asked(files: dict[str, str]) -> list[Request]:
    return list(value_requests(linked(files)))


def spoken(files: dict[str, str]) -> list[tuple[str, str, str, str]]:
    return [(each.workload.label, each.resource, each.request.text, each.limit.text) for each in asked(files)]


def test_a_values_file() -> None:
    (found,) = asked({"app/values-prod.yaml": SERVER})
    assert (found.request.milli, found.limit.milli, found.fraction.stated) == (2000, 500, True)
    assert found.pod_confidence == "medium"
    assert found.limit.place.location().line == 5
    assert found.candidates.shared == "unknown"


def test_what_the_spawner_of_jupyterhub_calls_limits_and_requests() -> None:
    label = "values file jupyterhub-values.yaml"
    assert spoken({"jupyterhub-values.yaml": JUPYTERHUB}) == [
        (label, "nvidia.com/gpu", "1", ""),
        (label, "nvidia.com/mig-1g.5gb", "", "1"),
    ]


def test_a_limit_in_another_values_file_beside_it() -> None:
    files = {
        "app/values.yaml": "server: {resources: {limits: {nvidia.com/gpu: 1}}}\n",
        "app/values-prod.yaml": "server:\n  resources:\n    requests: {nvidia.com/gpu: 1}\n",
    }
    assert [each.limit.stated for each in asked(files)] == [True]


def test_values_in_the_text_of_an_application() -> None:
    application = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: notebooks, namespace: argocd}
spec:
  sources:
    - path: apps
    - chart: jupyterhub
      helm:
        values: |
          singleuser:
            extraResource:
              guarantees: {nvidia.com/gpus: 1}
"""
    (found,) = asked({"app.yaml": application})
    assert (found.workload.label, found.suggestion) == ("Application notebooks", "nvidia.com/gpu")
    assert found.name_place.location().line == 12
    assert found.name_place.location().column == 28


def test_files_that_do_not_call_themselves_values() -> None:
    assert asked({"app/settings.yaml": SERVER}) == []


def test_an_amount_that_is_filled_in_later() -> None:
    (found,) = asked({"values.yaml": SERVER.replace("0.5", "'${GPUS}'")})
    assert (found.limit.stated, found.limit.known, found.fraction.stated) == (True, False, False)
