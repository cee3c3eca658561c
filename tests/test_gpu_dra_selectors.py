"""Selectors of devices against what NVIDIA's DRA driver publishes."""

from __future__ import annotations

import pytest

from gpulint.gpu.dra import Device
from gpulint.gpu.dra_selectors import mismatch, selected_device

A = "device.attributes['gpu.nvidia.com']"
NAME = "'gpu.nvidia.com'"
C = "device.capacity['gpu.nvidia.com']"

MATCHES: dict[str, tuple[str, Device]] = {
    "what GPUs have": (f"{A}.productName.lowerAscii().matches('^.*a100.*$')", "gpu"),
    "in brackets": (f"{A}['productName'] == 'NVIDIA L40S'", "gpu"),
    "a profile of MIG devices": (f"{A}.profile == '1g.10gb+me'", "mig"),
    "of a part of a GPU instance": (f"{A}.profile == '1c.2g.10gb'", "mig"),
    "a capacity by quantity": (f"{C}.memory.isGreaterThan(quantity('20Gi'))", "gpu"),
    "a place of memory": (f"{C}.memorySlice3.compareTo(quantity('1')) == 0", "mig"),
    "a GPU that can be cut tells of its parts": (f"{C}.multiprocessors.isGreaterThan(quantity('90'))", "gpu"),
    "versions are compared": (f"{A}.cudaComputeCapability.isGreaterThan(semver('8.0.0'))", "gpu"),
    "a standard attribute": ("device.attributes['resource.kubernetes.io'].pcieRoot == 'pci0000:00'", "gpu"),
    "has": (f"has({A}.index) && {A}.index == 0", "gpu"),
    "in": (f"'index' in {A} && {A}.index == 0", "gpu"),
    "optional": (f"{A}.?index.orValue(0) == 0", "gpu"),
    "a bound name cannot be followed": (f"cel.bind(a, {A}, a.index == 0)", "gpu"),
    "another way to match": (f"{A}.type == 'gpu' || {A}.index == 0", "gpu"),
    "in parentheses": (f"({A}.index == 0 || ({A}.type == 'gpu'))", "gpu"),
    "not what is false": (f"!({A}.type == 'mig')", "gpu"),
    "another driver's domain": ("device.attributes['gpu.example.com'].index == 0", "other-gpu"),
    "a channel": ("device.attributes['compute-domain.nvidia.com'].id == 0", "channel"),
    "the domain of an unknown class": ("device.attributes['example.com'].size == 'big'", "unknown"),
    "either type of an own class": (f"{A}.profile == '1g.5gb'", "unknown"),
    "part of a name": (f"{A}.productName.contains('A100-SXM4')", "gpu"),
    "a name without brand": (f"{A}.productName == 'A100-SXM4-40GB'", "gpu"),
    "an architecture to come": (f"{A}.architecture == 'Rubin'", "gpu"),
    "no CEL": ("device.attributes[", "gpu"),
    "empty": ("", "gpu"),
    "a raw string": (f"{A}.uuid.matches(r'GPU-.*') && {A}.index == 0", "gpu"),
    "too deep to follow": ("(" * 50 + f"{A}.index == 0" + ")" * 50, "gpu"),
    "too long for the API server": (f"{A}.index == 0 && " + "true && " * 2000 + "true", "gpu"),
}


@pytest.mark.parametrize("case", MATCHES)
def test_a_device_may_match(case: str) -> None:
    assert mismatch(*MATCHES[case]) is None


NEVER: dict[str, tuple[str, Device, str, str]] = {
    "misspelt attribute": (f"{A}.productname == 'x'", "gpu", "productname", "productName"),
    "the label's word": (f"{A}.product == 'x'", "gpu", "product", "productName"),
    "removed attribute": (f"{A}.index == 0", "gpu", "index", ""),
    "inside a negation it is an error too": (f"!({A}.index == 0)", "gpu", "index", ""),
    "both ways closed": (f"{A}.index == 0 || {A}.minor == 0", "gpu", "index", ""),
    "one of the conditions": (f"{A}.type == 'gpu' && ({A}.index == 0 || {A}.index == 1)", "nvidia", "index", ""),
    "profile of a whole GPU": (f"{A}.profile == '1g.5gb'", "gpu", "profile", ""),
    "profile of what is whole by the same expression": (
        f"{A}.type == 'gpu' && {A}.profile == '1g.5gb'", "unknown", "profile", ""
    ),
    "domain of the class": ("device.attributes['mig.nvidia.com'].profile == '1g.5gb'", "mig", "'mig.nvidia.com'", NAME),
    "domain of a vendor, where the devices are NVIDIA's": (
        "device.driver == 'gpu.nvidia.com' && device.attributes['nvidia.com'].type == 'gpu'",
        "unknown", "'nvidia.com'", NAME,
    ),
    "driver by the name of the class": ("device.driver == 'mig.nvidia.com'", "unknown", "'mig.nvidia.com'", NAME),
    "type in another case": (f"{A}.type == 'GPU'", "nvidia", "'GPU'", "'gpu'"),
    "type of another class": (f"{A}.type == 'mig'", "gpu", "'mig'", ""),
    "the value first": (f"'MIG' == {A}.type", "nvidia", "'MIG'", "'mig'"),
    "profile in the spelling of resources": (f"{A}.profile == '1g.10gb.me'", "mig", "'1g.10gb.me'", "'1g.10gb+me'"),
    "profile that no GPU has": (f"{A}.profile == '1g.7gb'", "mig", "'1g.7gb'", ""),
    "name in the spelling of labels": (
        f"{A}.productName == 'Tesla-T4-SHARED'", "gpu", "'Tesla-T4-SHARED'", "'Tesla T4'"
    ),
    "begin of such a name": (f"{A}.productName.startsWith('NVIDIA-A100')", "gpu", "'NVIDIA-A100'", "'NVIDIA A100'"),
    "architecture of a label": (f"{A}.architecture == 'ada-lovelace'", "gpu", "'ada-lovelace'", "'Ada Lovelace'"),
    "version as text": (f"{A}.driverVersion == '570.1'", "gpu", "'570.1'", ".compareTo(semver('570.1.0')) == 0"),
    "version by its first digits": (f"{A}.driverVersion.startsWith('570')", "gpu", "startsWith", ""),
    "amount as number": (f"{C}.memory > 40", "gpu", "40", ".compareTo(quantity('40')) > 0"),
    "capacity that is none": (f"{C}.cores.isGreaterThan(quantity('1'))", "mig", "cores", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NEVER)
def test_no_device_matches(case: str) -> None:
    expression, device, token, suggestion = NEVER[case]

    found = mismatch(expression, device)

    assert found is not None
    assert expression[found.start : found.end] == token
    assert found.suggestion == suggestion


RELEASES = {
    "newest": (None, True),
    "before": ((25, 3), False),
    "of the year": ((25, 8), True),
    "numbered anew": ((0, 4), True),
}


@pytest.mark.parametrize("case", RELEASES)
def test_an_attribute_is_gone_since_a_release(case: str) -> None:
    release, gone = RELEASES[case]

    assert (mismatch(f"{A}.index == 0", "gpu", release) is not None) == gone


SELECTED: dict[str, tuple[list[str], Device, Device]] = {
    "the class decides": ([f"{A}.type == 'mig'"], "gpu", "gpu"),
    "by type": ([f"device.driver == 'gpu.nvidia.com' && {A}.type == 'mig'"], "unknown", "mig"),
    "in two expressions": (["device.driver == 'gpu.nvidia.com'", f"{A}.type == 'vfio'"], "unknown", "vfio"),
    "by driver only": (["device.driver == 'gpu.nvidia.com'"], "unknown", "nvidia"),
    "channels": (["'compute-domain.nvidia.com' == device.driver"], "unknown", "channel"),
    "one of two types": ([f"{A}.type == 'gpu' || {A}.type == 'mig'"], "unknown", "unknown"),
    "not that type": ([f"!({A}.type == 'gpu')"], "unknown", "unknown"),
    "another driver": (["device.driver == 'gpu.example.com'"], "unknown", "unknown"),
}


@pytest.mark.parametrize("case", SELECTED)
def test_what_is_left_of_a_class(case: str) -> None:
    expressions, of_class, wanted = SELECTED[case]

    assert selected_device(expressions, of_class) == wanted
