"""Opaque parameters as NVIDIA's DRA driver decodes and validates them."""

from __future__ import annotations

import pytest

from gpulint.gpu.dra import DOMAIN_DRIVER, GPU_DRIVER, Parameters, parameters

VERSION = "resource.nvidia.com/v1beta1"


def read(
    sharing: object = None, *, kind: object = "GpuConfig", version: object = VERSION, **more: object
) -> Parameters:
    value = {"apiVersion": version, "kind": kind, **more}
    found = parameters(value if sharing is None else {**value, "sharing": sharing}, GPU_DRIVER)
    assert found is not None
    return found


def mps(**settings: object) -> dict[str, object]:
    return {"strategy": "MPS", "mpsConfig": settings}


TAKEN = {
    "nothing chosen": read(),
    "null is nothing": read(kind="VfioDeviceConfig", iommu=None),
    "time-slicing without settings is defaulted": read({"strategy": "TimeSlicing"}),
    "every interval": read({"strategy": "TimeSlicing", "timeSlicingConfig": {"interval": "Medium"}}),
    "the bounds of the percentage": read(mps(defaultActiveThreadPercentage=0)),
    "a percentage that JSON makes of 100.0": read(mps(defaultActiveThreadPercentage=100.0)),
    "exactly one mebibyte": read(mps(defaultPinnedDeviceMemoryLimit="1Mi")),
    "bytes": read(mps(defaultPinnedDeviceMemoryLimit=2097152)),
    "an exponent": read(mps(defaultPinnedDeviceMemoryLimit="2e6")),
    "devices by index and by UUID": read(
        mps(defaultPerDevicePinnedMemoryLimit={"0": "1Gi", "GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c": "2G"})
    ),
    "several users": read(mps(multiUser=True)),
    "MIG devices drop settings of MPS under time-slicing": read(
        {"strategy": "TimeSlicing", "mpsConfig": {"multiUser": False}}, kind="MigDeviceConfig"
    ),
    "passed through": read(kind="VfioDeviceConfig", iommu={"backendPolicy": "PreferIommuFD", "enableAPIDevice": True}),
    "still to be filled in": read("${SHARING}"),
    "a strategy that is filled in": read({"strategy": "${STRATEGY}"}),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_the_driver_takes(case: str) -> None:
    assert TAKEN[case].problems == ()


REFUSED = {
    "no kind": (read(kind=None), [("", "have no kind")]),
    "no version": (read(version=None), [("", "have no apiVersion")]),
    "an earlier group": (read(version="gpu.resource.nvidia.com/v1alpha1"), [("apiVersion", "knows no")]),
    "kind in another case": (read(kind="gpuConfig"), [("kind", "takes no 'gpuConfig'")]),
    "kind of the other driver": (read(kind="ComputeDomainChannelConfig"), [("kind", "takes no")]),
    "metadata": (read(metadata={"name": "x"}), [("metadata", "has no field 'metadata'")]),
    "no strategy": (read({}), [("sharing", "names no strategy")]),
    "sharing is a word": (read("MPS"), [("sharing", "must be a mapping")]),
    "strategy in another case": (read({"strategy": "mps"}), [("sharing.strategy", "no sharing strategy 'mps'")]),
    "settings of the other": (
        read({"strategy": "TimeSlicing", "mpsConfig": {}}),
        [("sharing.mpsConfig", "no mpsConfig with strategy TimeSlicing")],
    ),
    "empty block": (
        read({"strategy": "TimeSlicing", "timeSlicingConfig": {}}),
        [("sharing.timeSlicingConfig", "has no interval")],
    ),
    "interval of null": (
        read({"strategy": "TimeSlicing", "timeSlicingConfig": {"interval": None}}),
        [("sharing.timeSlicingConfig", "has no interval")],
    ),
    "misspelt field": (
        read({"strategy": "TimeSlicing", "timeSlicingConfig": {"intervall": "Long"}}),
        [("sharing.timeSlicingConfig.intervall", "has no field")],
    ),
    "time slices of a MIG device": (
        read({"strategy": "TimeSlicing", "timeSlicingConfig": {"interval": "Long"}}, kind="MigDeviceConfig"),
        [("sharing.timeSlicingConfig", "has no field")],
    ),
    "percentage beyond": (
        read(mps(defaultActiveThreadPercentage=101)),
        [("sharing.mpsConfig.defaultActiveThreadPercentage", "from 0 to 100, not 101")],
    ),
    "percentage in quotes": (
        read(mps(defaultActiveThreadPercentage="50")),
        [("sharing.mpsConfig.defaultActiveThreadPercentage", "not '50'")],
    ),
    "limit below one mebibyte": (
        read(mps(defaultPinnedDeviceMemoryLimit="1023Ki")),
        [("sharing.mpsConfig.defaultPinnedDeviceMemoryLimit", "less than 1Mi")],
    ),
    "limit that is none": (
        read(mps(defaultPinnedDeviceMemoryLimit="10GB")),
        [("sharing.mpsConfig.defaultPinnedDeviceMemoryLimit", "'10GB' is no amount")],
    ),
    "device by name, and too little for it": (
        read(mps(defaultPerDevicePinnedMemoryLimit={"gpu-0": "1k"})),
        [
            ("sharing.mpsConfig.defaultPerDevicePinnedMemoryLimit.gpu-0", "neither the index"),
            ("sharing.mpsConfig.defaultPerDevicePinnedMemoryLimit.gpu-0", "less than 1Mi"),
        ],
    ),
    "users in words": (read(mps(multiUser="yes")), [("sharing.mpsConfig.multiUser", "true or false")]),
    "backend": (
        read(kind="VfioDeviceConfig", iommu={"backendPolicy": "legacy"}),
        [("iommu.backendPolicy", "no backendPolicy 'legacy'")],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_driver_refuses(case: str) -> None:
    found, wanted = REFUSED[case]

    assert [".".join(map(str, each.path)) for each in found.problems] == [path for path, _ in wanted]
    for problem, (_, said) in zip(found.problems, wanted, strict=True):
        assert said in problem.message


def test_suggestions_are_what_the_driver_takes() -> None:
    found = read({"strategy": "timeslicing", "timeSlicingConfig": {"interval": "LONG"}}, kind="GpuConfig")

    assert [problem.suggestion for problem in found.problems] == ["TimeSlicing", "Long"]


def test_parameters_of_other_drivers_are_theirs() -> None:
    assert parameters({"kind": "GpuConfig"}, "gpu.example.com") is None
    assert parameters("${PARAMETERS}", GPU_DRIVER) is None


def test_parameters_of_compute_domains_have_kinds_of_their_own() -> None:
    found = parameters({"apiVersion": VERSION, "kind": "ComputeDomainChannelConfig", "domainID": "x"}, DOMAIN_DRIVER)

    assert found is not None
    assert found.problems == ()
    assert found.strategy == ""


MALFORMED: tuple[object, ...] = (
    None,
    3,
    [],
    "text",
    {"kind": [], "apiVersion": {}},
    {"kind": "GpuConfig", "sharing": {"strategy": {}}},
)


@pytest.mark.parametrize("value", MALFORMED)
def test_malformed_parameters_are_problems_and_no_errors(value: object) -> None:
    found = parameters(value, GPU_DRIVER)

    assert found is not None
    assert found.problems
