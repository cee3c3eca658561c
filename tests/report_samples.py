"""Reports that the tests of the formats share."""

from __future__ import annotations

from dataclasses import replace

from gpulint.finding import Finding, Location, NotAnalysed, ObjectRef, Related, Report, RuleInfo, Summary

TRAIN = """\
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata:
  name: llm-training
  namespace: tenant-alpha
spec:
  containers:
    - name: trainer
      resources:
        limits:
          nvidia.com/gpu: 8
"""
SHARING = """\
data:
  config.yaml: |
    sharing:
      timeSlicing:
        resources:
          - name: nvidia.com/gpu
            replicas: 4
"""

SHARED = RuleInfo(
    id="training-on-shared-gpu",
    title="Training workload can land on shared GPUs",
    family="sharing",
    severity="error",
    confidence="high",
    since="0.1",
    why="Time-slicing gives no memory isolation.\nTraining takes all of it.\n\nSecond paragraph.\n",
    fix="Select nodes without sharing:\n\n    nodeSelector:\n      nvidia.com/gpu.sharing-strategy: none\n",
    references=("https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus", "https://example.org/2"),
)
HOST_PATH = RuleInfo(
    id="gpu-device-host-path",
    title="Pod mounts GPU device files from the node",
    family="isolation",
    severity="warning",
    confidence="medium",
    since="0.1",
    why="A mount of /dev/nvidia0 passes by the device plugin.",
    fix="Request `nvidia.com/gpu` instead.",
    references=(),
)
NOTEBOOK = RuleInfo(
    id="notebook-on-full-gpu",
    title="Notebook holds a whole GPU",
    family="sharing",
    severity="info",
    confidence="low",
    since="0.2",
    why="An idle notebook keeps its GPU.",
    fix="Take a MIG slice.",
    references=("https://example.org/notebooks",),
)

JOB = ObjectRef("kubeflow.org", "v1", "PyTorchJob", "tenant-alpha", "llm-training")

SHARED_FINDING = Finding(
    rule="training-on-shared-gpu",
    family="sharing",
    severity="error",
    confidence="high",
    message="PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs",
    location=Location("manifests/train.yaml", 11, 27, 11, 28),
    object=JOB,
    field='spec.containers[0].resources.limits["nvidia.com/gpu"]',
    help=SHARED.fix,
    fingerprint="3f9c",
    related=(Related(Location("operator/time-slicing.yaml", 7, 23, 7, 24), "each GPU is cut in 4 slices here"),),
)
HOST_PATH_FINDING = Finding(
    rule="gpu-device-host-path",
    family="isolation",
    severity="warning",
    confidence="medium",
    message="hostPath '/dev/nvidia[0]' goes around the device plugin",
    location=Location("manifests/train.yaml", 6, 1, 11, 28),
    object=JOB,
    field="spec",
    help="",
    fingerprint="77aa",
)
NOTEBOOK_FINDING = Finding(
    rule="notebook-on-full-gpu",
    family="sharing",
    severity="info",
    confidence="low",
    message="notebook holds 1 whole GPU",
    location=Location("notebooks/a b#ü.yaml", 1, 1, 1, 5),
    object=None,
    field="",
    help="Take a MIG slice.",
    fingerprint="",
    suppression="inline",
    suppression_reason="agreed with the team",
)

REPORT = Report(
    version="0.1.0",
    findings=(HOST_PATH_FINDING, SHARED_FINDING),
    summary=Summary(
        files=6,
        objects=14,
        gpu_workloads=3,
        pools=2,
        errors=1,
        warnings=1,
        infos=0,
        hidden=3,
        suppressed=0,
        not_analysed=(NotAnalysed("chart/templates/job.yaml", "helm-template"),),
    ),
    rules=(HOST_PATH, NOTEBOOK, SHARED),
    texts={"manifests/train.yaml": TRAIN, "operator/time-slicing.yaml": SHARING},
)
SUPPRESSED_SHOWN = replace(
    REPORT,
    findings=(*REPORT.findings, NOTEBOOK_FINDING),
    summary=replace(
        REPORT.summary,
        suppressed=1,
        not_analysed=(
            NotAnalysed("chart/templates/job.yaml", "helm-template"),
            NotAnalysed("secrets [1].yaml", "encrypted", "SOPS"),
        ),
    ),
)
CLEAN = Report(
    version="0.1.0",
    findings=(),
    summary=Summary(1, 1, 1, 0, 0, 0, 0, 0, 0, ()),
    rules=(HOST_PATH, NOTEBOOK, SHARED),
    texts={},
)

HOSTILE = "x\x1b[31m\x9b1m\r\n::error::pwned\n##[add-mask]y\u202egnp.\u2028\x07\udc80[click](https://evil)|`<b>`"
"""Terminal escapes of both kinds, line breaks, workflow commands, reordering, a surrogate, Markdown and HTML."""


def hostile_report() -> Report:
    """Every text of it that a manifest or a file name can set is hostile."""
    path = f"::warning::{HOSTILE}.yaml"
    location = Location(path, 1, 3, 1, 6)
    finding = Finding(
        rule="training-on-shared-gpu",
        family="sharing",
        severity="error",
        confidence="medium",
        message=HOSTILE,
        location=location,
        object=ObjectRef(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        field=HOSTILE,
        help=HOSTILE,
        fingerprint="1",
        related=(Related(location, HOSTILE),),
    )
    hidden = replace(finding, suppression="inline", suppression_reason=HOSTILE)
    summary = Summary(1, 1, 0, 0, 1, 0, 0, 0, 1, (NotAnalysed(path, "broken", HOSTILE),))
    return Report("0.1.0", (finding, hidden), summary, (SHARED,), {path: HOSTILE.replace("\n", " ")})
