"""Which sets of MIG profiles fit one GPU."""

from __future__ import annotations

import pytest

from gpulint.gpu import catalog, mig, stock
from gpulint.gpu.mig import MigProfile


def gpu(gpu_id: str) -> catalog.Gpu:
    found = catalog.by_id(gpu_id)
    assert found is not None
    return found


# Sets to which nothing can be added, without media extensions; names of the A100 40 GB.
SEVEN_SLICES = """
7x1g.5gb
1x2g.10gb 5x1g.5gb
2x2g.10gb 3x1g.5gb
3x2g.10gb 1x1g.5gb
1x3g.20gb 4x1g.5gb
1x3g.20gb 1x2g.10gb 2x1g.5gb
1x3g.20gb 2x2g.10gb
2x3g.20gb
1x4g.20gb 3x1g.5gb
1x4g.20gb 1x2g.10gb 1x1g.5gb
1x4g.20gb 1x3g.20gb
1x7g.40gb
1x1g.10gb 6x1g.5gb
2x1g.10gb 4x1g.5gb
3x1g.10gb 2x1g.5gb
4x1g.10gb
1x2g.10gb 1x1g.10gb 4x1g.5gb
1x2g.10gb 2x1g.10gb 2x1g.5gb
1x2g.10gb 3x1g.10gb
2x2g.10gb 1x1g.10gb 2x1g.5gb
2x2g.10gb 2x1g.10gb
3x2g.10gb 1x1g.10gb
1x3g.20gb 1x1g.10gb 2x1g.5gb
1x3g.20gb 2x1g.10gb
1x3g.20gb 1x2g.10gb 1x1g.10gb
1x4g.20gb 1x1g.10gb 2x1g.5gb
1x4g.20gb 2x1g.10gb
1x4g.20gb 1x2g.10gb 1x1g.10gb
"""
FOUR_SLICES = """
4x1g.6gb
1x2g.12gb 2x1g.6gb
2x2g.12gb
1x4g.24gb
"""
TWELVE_UNITS = """
4x1g.24gb
1x2g.48gb 2x1g.24gb
2x2g.48gb
1x4g.96gb
"""


def layouts(table: str) -> set[frozenset[tuple[str, int]]]:
    parts = [[part.partition("x") for part in line.split()] for line in table.strip().splitlines()]
    return {frozenset((name, int(count)) for count, _, name in line) for line in parts}


def plain_maximal(gpu_id: str) -> set[frozenset[tuple[str, int]]]:
    """Maximal layouts of profiles without attributes, found without those that have some."""
    product = gpu(gpu_id)
    plain = [name for name in product.profiles if name.endswith("gb")]
    found = set()
    for layout in mig._layouts(product):
        counts = dict(layout)
        if set(counts) <= set(plain) and not any(
            mig.fits(product, {**counts, name: counts.get(name, 0) + 1}) for name in plain
        ):
            found.add(frozenset(counts.items()))
    return found


@pytest.mark.parametrize(
    ("gpu_id", "table"),
    [("a100-40gb", SEVEN_SLICES), ("a30", FOUR_SLICES), ("rtx-pro-6000-blackwell", TWELVE_UNITS)],
)
def test_maximal_layouts_without_attributes(gpu_id: str, table: str) -> None:
    assert plain_maximal(gpu_id) == layouts(table)


def test_number_of_valid_sets_of_seven_slices() -> None:
    every = [dict(layout) for layout in mig._layouts(gpu("a100-40gb"))]
    without_me = [layout for layout in every if "1g.5gb+me" not in layout]
    assert len(without_me) == 77
    assert len([layout for layout in without_me if "1g.10gb" not in layout]) == 37


@pytest.mark.parametrize("gpu_id", ["a100-40gb", "a30", "rtx-pro-6000-blackwell", "rtx-pro-4500-blackwell"])
def test_nothing_can_be_added_to_a_maximal_layout(gpu_id: str) -> None:
    product = gpu(gpu_id)
    found = mig.maximal_layouts(product)
    assert found
    for layout in found:
        assert mig.fits(product, layout)
        assert mig.room_for(product, layout) == ()
    assert [dict(layout) for layout in found] == [dict(layout) for layout in mig.maximal_layouts(product)]


def test_every_seven_slice_product_packs_alike() -> None:
    shapes = set()
    for product in catalog.gpus():
        if product.memory_units == 8:
            kinds = [(p.compute_slices, p.memory_slices, p.max_instances) for p in product.profiles.values()]
            shapes.add((tuple(kinds), len(mig.maximal_layouts(product))))
    assert len(shapes) == 1


FITS = [
    ("two 3g leave no room for a 1g", "a100-40gb", {"3g.20gb": 2, "1g.5gb": 1}, False),
    ("two 3g", "h200-141gb", {"3g.71gb": 2}, True),
    ("4g beside 3g", "h200-141gb", {"4g.71gb": 1, "3g.71gb": 1}, True),
    ("two 4g", "h200-141gb", {"4g.71gb": 2}, False),
    ("eight 1g", "a100-40gb", {"1g.5gb": 8}, False),
    ("memory slice 7 cannot start a 1g", "a100-40gb", {"1g.5gb": 7, "1g.5gb+me": 1}, False),
    ("media extensions on one of seven", "a100-40gb", {"1g.5gb": 6, "1g.5gb+me": 1}, True),
    ("media extensions twice", "a100-40gb", {"1g.5gb+me": 2}, False),
    ("media extensions on a 1g and a 2g", "a30", {"1g.6gb+me": 1, "2g.12gb+me": 1}, False),
    ("a 2g cannot start at 6", "a100-40gb", {"2g.10gb": 4}, False),
    ("three 2g and the last 1g", "a100-40gb", {"2g.10gb": 3, "1g.5gb": 1}, True),
    ("three 2g and two 1g", "a100-40gb", {"2g.10gb": 3, "1g.5gb": 2}, False),
    ("the profile of an 80 GB board", "h200-141gb", {"1g.20gb": 1}, False),
    ("seven doubled 1g", "h100-80gb", {"1g.20gb": 7}, False),
    (
        "all media engines beside instances without",
        "rtx-pro-6000-blackwell",
        {"1g.24gb+me.all": 1, "1g.24gb-me": 3},
        True,
    ),
    ("all media engines beside a plain one", "rtx-pro-6000-blackwell", {"1g.24gb+me.all": 1, "1g.24gb": 1}, False),
    ("graphics and plain", "rtx-pro-6000-blackwell", {"2g.48gb+gfx": 1, "1g.24gb": 2}, True),
    ("halves", "rtx-pro-4500-blackwell", {"1g.16gb": 2}, True),
    ("a half beside the whole", "rtx-pro-4500-blackwell", {"1g.16gb": 1, "2g.32gb": 1}, False),
    ("compute instances share one GPU instance", "a100-40gb", {"1c.3g.20gb": 3, "4g.20gb": 1}, True),
    ("compute instances need a second one", "a100-40gb", {"1c.3g.20gb": 4, "4g.20gb": 1}, False),
    ("a zero count", "a100-40gb", {"7g.40gb": 1, "1g.5gb": 0}, True),
    ("nothing", "a100-40gb", {}, True),
    ("no MIG", "tesla-t4", {"1g.5gb": 1}, False),
    ("nothing on a GPU without MIG", "tesla-t4", {}, True),
    ("unknown profiles", "b100", {"1g.23gb": 7}, True),
]


@pytest.mark.parametrize(("name", "gpu_id", "counts", "expected"), FITS, ids=[name for name, *_ in FITS])
def test_fits(name: str, gpu_id: str, counts: dict[str, int], expected: bool) -> None:
    assert mig.fits(gpu(gpu_id), counts) is expected, name


REASONS = [
    ("h200-141gb", {"1g.20gb": 7}, "H200 141GB has no profile '1g.20gb'"),
    ("a100-40gb", {"1g.5gb": 8}, "A100 40GB holds at most 7 instances of '1g.5gb', not 8"),
    ("a100-40gb", {"7g.40gb": 2}, "A100 40GB holds at most 1 instance of '7g.40gb', not 2"),
    ("a100-40gb", {"3g.20gb": 2, "1g.5gb": 1}, "they take 9 memory slices, and A100 40GB has 8"),
    ("a30", {"1g.6gb+me": 1, "2g.12gb+me": 1}, "only one instance of a GPU can have the media extensions"),
    ("tesla-t4", {"1g.5gb": 1}, "Tesla T4 has no MIG"),
]


@pytest.mark.parametrize(("gpu_id", "counts", "reason"), REASONS)
def test_why_not(gpu_id: str, counts: dict[str, int], reason: str) -> None:
    assert mig.why_not(gpu(gpu_id), counts) == reason


def test_why_not_of_engines_and_placements() -> None:
    engines = mig.why_not(gpu("rtx-pro-6000-blackwell"), {"1g.24gb+me.all": 1, "1g.24gb": 1})
    assert engines.startswith("they claim 5 NVDEC engines")
    assert mig.why_not(gpu("h200-141gb"), {"1g.18gb": 6, "2g.35gb": 1}).startswith("no placement on H200")


CLOSEST = [
    ("an 80 GB profile on the H200", "h200-141gb", {"1g.20gb": 7}, {"1g.18gb": 7}),
    ("a made-up 4g", "h200-141gb", {"4g.80gb": 1, "1g.20gb": 3}, {"4g.71gb": 1, "1g.18gb": 3}),
    ("one too many", "a100-40gb", {"1g.5gb": 8}, {"1g.5gb": 7}),
    ("no room for the last", "a100-40gb", {"3g.20gb": 2, "1g.5gb": 1}, {"3g.20gb": 2}),
    ("too many of a known profile", "h100-80gb", {"1g.20gb": 7}, {"1g.20gb": 4}),
    ("names of early boards", "gb200", {"1g.24gb": 7}, {"1g.23gb": 7}),
    ("attributes are kept", "h200-141gb", {"1g.10gb+me": 1, "1g.10gb": 6}, {"1g.18gb+me": 1, "1g.18gb": 6}),
    ("a slice count that the product lacks", "a30", {"3g.20gb": 2}, {"2g.12gb": 2}),
    ("a malformed name", "a100-40gb", {"1g.5gb.me": 1}, {"1g.5gb+me": 1}),
    (
        "what fits stays",
        "a100-80gb",
        {"3g.40gb": 1, "2g.20gb": 1, "1g.10gb": 2},
        {"3g.40gb": 1, "2g.20gb": 1, "1g.10gb": 2},
    ),
    ("no MIG", "tesla-t4", {"1g.5gb": 7}, {}),
    ("no profile at all", "a100-40gb", {"slice": 7}, {}),
]


@pytest.mark.parametrize(("name", "gpu_id", "counts", "expected"), CLOSEST, ids=[name for name, *_ in CLOSEST])
def test_closest_layout(name: str, gpu_id: str, counts: dict[str, int], expected: dict[str, int]) -> None:
    found = mig.closest_layout(gpu(gpu_id), counts)
    assert found == expected, name
    assert mig.fits(gpu(gpu_id), found)


def test_room_for_more() -> None:
    assert mig.room_for(gpu("a100-40gb"), {"3g.20gb": 1}) == (
        "3g.20gb",
        "4g.20gb",
        "1g.10gb",
        "2g.10gb",
        "1g.5gb",
        "1g.5gb+me",
    )
    assert mig.room_for(gpu("a100-40gb"), {"3g.20gb": 2}) == ()
    assert mig.room_for(gpu("tesla-t4"), {}) == ()


PROFILES = [
    ("1g.5gb", MigProfile(1, 1, 5)),
    ("7g.141gb", MigProfile(7, 7, 141)),
    ("1g.5gb+me", MigProfile(1, 1, 5, ("me",))),
    ("1g.24gb+me.all", MigProfile(1, 1, 24, ("me.all",))),
    ("1g.24gb-me", MigProfile(1, 1, 24, (), ("me",))),
    ("1c.2g.10gb", MigProfile(1, 2, 10)),
    ("2g.10gb+me,gfx", MigProfile(2, 2, 10, ("gfx", "me"))),
    ("99g.1gb", MigProfile(99, 99, 1)),
    ("1g.5gb.me", None),
    ("1G.5GB", None),
    ("mig-1g.5gb", None),
    ("MIG 1g.5gb", None),
    ("all-1g.5gb", None),
    ("1g.5gb+me+gfx", None),
    ("1g.5gb+", None),
    ("1g.5gb+me-gfx", None),
    ("1g.5gb+me,me", None),
    ("1g.5gb+1me", None),
    ("1g.5gb+.me", None),
    ("1g.5gb+me.", None),
    ("1g.5gb ", None),
    ("1g.5", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), PROFILES)
def test_parse_profile(text: str, expected: MigProfile | None) -> None:
    assert mig.parse_profile(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1g.5gb.me", "1g.5gb+me"),
        ("1g.24gb.me.all", "1g.24gb+me.all"),
        ("1g.24gb-me", "1g.24gb-me"),
        ("mig-1g.5gb", "1g.5gb"),
        ("MIG 1g.5gb", "1g.5gb"),
        ("1G.5GB", "1g.5gb"),
        ("all-1g.5gb", "1g.5gb"),
        ("nvidia.com/mig-3g.20gb", "3g.20gb"),
        ("1g5gb", "1g.5gb"),
        ("1c-3g.20gb", "1c.3g.20gb"),
        ("large", ""),
    ],
)
def test_suggest_profile(text: str, expected: str) -> None:
    assert mig.suggest_profile(text) == expected


@pytest.mark.parametrize(
    "profile", ["1g.5gb", "1g.10gb+me", "1g.24gb+me.all", "4g.96gb+gfx", "1g.24gb-me", "1c.3g.20gb"]
)
def test_resource_spelling_there_and_back(profile: str) -> None:
    name = mig.resource_name(profile)
    assert "+" not in name
    assert mig.profile_of_resource(name.removeprefix("nvidia.com/mig-")) == profile


def test_compute_instances() -> None:
    names = mig.compute_instance_profiles(gpu("a100-40gb"))
    assert "1c.3g.20gb" in names
    assert "3c.3g.20gb" not in names
    assert mig.is_compute_instance(gpu("a100-40gb"), "1c.3g.20gb")
    assert not mig.is_compute_instance(gpu("a100-40gb"), "3g.20gb")
    assert not mig.is_compute_instance(gpu("a100-40gb"), "1c.3g.40gb")


# The file that the GPU Operator ships: configuration, instances, device filter, products that hold them.
STOCK = [
    ("all-1g.5gb", {"1g.5gb": 7}, "", "a100-40gb a800-40gb"),
    ("all-1g.5gb.me", {"1g.5gb+me": 1}, "", "a100-40gb a800-40gb"),
    ("all-2g.10gb", {"2g.10gb": 3}, "", "a100-40gb a800-40gb"),
    ("all-3g.20gb", {"3g.20gb": 2}, "", "a100-40gb a800-40gb"),
    ("all-4g.20gb", {"4g.20gb": 1}, "", "a100-40gb a800-40gb"),
    ("all-7g.40gb", {"7g.40gb": 1}, "", "a100-40gb a800-40gb"),
    ("all-1g.24gb.gfx", {"1g.24gb+gfx": 4}, "", "rtx-pro-6000-blackwell"),
    ("all-1g.24gb.me.all", {"1g.24gb+me.all": 1}, "", "rtx-pro-6000-blackwell rtx-pro-5000-blackwell-48gb"),
    ("all-1g.24gb-me", {"1g.24gb-me": 4}, "", "rtx-pro-6000-blackwell"),
    ("all-2g.48gb", {"2g.48gb": 2}, "", "rtx-pro-6000-blackwell"),
    ("all-2g.48gb.gfx", {"2g.48gb+gfx": 2}, "", "rtx-pro-6000-blackwell"),
    ("all-2g.48gb.me.all", {"2g.48gb+me.all": 1}, "", "rtx-pro-6000-blackwell"),
    ("all-2g.48gb-me", {"2g.48gb-me": 2}, "", "rtx-pro-6000-blackwell"),
    ("all-4g.96gb", {"4g.96gb": 1}, "", "rtx-pro-6000-blackwell"),
    ("all-4g.96gb.gfx", {"4g.96gb+gfx": 1}, "", "rtx-pro-6000-blackwell"),
    (
        "all-1g.10gb",
        {"1g.10gb": 7},
        "2330 2331 2322 20B2 20B5 20F3 20F5 2324",
        "a100-80gb a800-80gb h100-80gb h800-80gb",
    ),
    ("all-1g.10gb", {"1g.10gb": 4}, "20B0 20B1 20F1 20F6", "a100-40gb a800-40gb"),
    ("all-1g.10gb.me", {"1g.10gb+me": 1}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-1g.20gb", {"1g.20gb": 4}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-1g.23gb", {"1g.23gb": 7}, "", "b200 gb200"),
    ("all-1g.23gb.me", {"1g.23gb+me": 1}, "", "b200 gb200"),
    ("all-1g.24gb.me", {"1g.24gb+me": 1}, "", "rtx-pro-6000-blackwell rtx-pro-5000-blackwell-48gb"),
    ("all-2g.20gb", {"2g.20gb": 3}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-3g.40gb", {"3g.40gb": 2}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-4g.40gb", {"4g.40gb": 1}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-7g.80gb", {"7g.80gb": 1}, "", "a100-80gb a800-80gb h100-80gb h800-80gb"),
    ("all-1g.6gb", {"1g.6gb": 4}, "", "a30"),
    ("all-1g.6gb.me", {"1g.6gb+me": 1}, "", "a30"),
    ("all-2g.12gb", {"2g.12gb": 2}, "", "a30"),
    ("all-2g.12gb.me", {"2g.12gb+me": 1}, "", "a30"),
    ("all-4g.24gb", {"4g.24gb": 1}, "", "a30"),
    ("all-1g.12gb", {"1g.12gb": 7}, "", "h100-94gb h800-94gb h100-96gb pg506-96gb h20-96gb"),
    ("all-1g.12gb.me", {"1g.12gb+me": 1}, "", "h100-94gb h800-94gb h100-96gb pg506-96gb h20-96gb"),
    ("all-1g.24gb", {"1g.24gb": 4}, "", "h100-94gb h800-94gb h100-96gb pg506-96gb h20-96gb rtx-pro-6000-blackwell"),
    ("all-1g.45gb", {"1g.45gb": 4}, "", "b200"),
    ("all-1g.47gb", {"1g.47gb": 4}, "", "gb200"),
    ("all-2g.24gb", {"2g.24gb": 3}, "", "h100-94gb h800-94gb h100-96gb pg506-96gb h20-96gb"),
    ("all-2g.45gb", {"2g.45gb": 3}, "", "b200"),
    ("all-2g.47gb", {"2g.47gb": 3}, "", "gb200"),
    ("all-3g.47gb", {"3g.47gb": 2}, "", "h100-94gb h800-94gb"),
    ("all-4g.47gb", {"4g.47gb": 1}, "", "h100-94gb h800-94gb"),
    ("all-7g.94gb", {"7g.94gb": 1}, "", "h100-94gb h800-94gb"),
    ("all-3g.48gb", {"3g.48gb": 2}, "", "h100-96gb pg506-96gb h20-96gb"),
    ("all-3g.90gb", {"3g.90gb": 2}, "", "b200"),
    ("all-3g.93gb", {"3g.93gb": 2}, "", "gb200"),
    ("all-3g.95gb", {"3g.95gb": 2}, "", ""),
    ("all-4g.48gb", {"4g.48gb": 1}, "", "h100-96gb pg506-96gb h20-96gb"),
    ("all-4g.90gb", {"4g.90gb": 1}, "", "b200"),
    ("all-4g.93gb", {"4g.93gb": 1}, "", "gb200"),
    ("all-4g.95gb", {"4g.95gb": 1}, "", ""),
    ("all-7g.96gb", {"7g.96gb": 1}, "", "h100-96gb pg506-96gb h20-96gb"),
    ("all-7g.180gb", {"7g.180gb": 1}, "", "b200"),
    ("all-7g.186gb", {"7g.186gb": 1}, "", "gb200"),
    ("all-7g.189gb", {"7g.189gb": 1}, "", ""),
    ("all-balanced", {"1g.23gb": 2, "2g.47gb": 1, "3g.93gb": 1}, "2941", "gb200"),
    ("all-balanced", {"1g.24gb": 2, "2g.48gb": 1}, "2BB5", "rtx-pro-6000-blackwell"),
    ("all-balanced", {"1g.23gb": 2, "2g.45gb": 1, "3g.90gb": 1}, "2901", "b200"),
    ("all-balanced", {"1g.18gb": 2, "2g.36gb": 1, "3g.72gb": 1}, "2348", "gh200-144gb"),
    ("all-balanced", {"1g.18gb": 2, "2g.35gb": 1, "3g.71gb": 1}, "2335 233B", "h200-141gb"),
    ("all-balanced", {"1g.12gb": 2, "2g.24gb": 1, "3g.47gb": 1}, "2321 233A", "h100-94gb h800-94gb"),
    (
        "all-balanced",
        {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1},
        "2330 2331 2322 20B2 20B5 20F3 20F5 2324",
        "a100-80gb a800-80gb h100-80gb h800-80gb",
    ),
    ("all-balanced", {"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}, "20B0 20B1 20F1 20F6", "a100-40gb a800-40gb"),
    ("all-balanced", {"1g.6gb": 2, "2g.12gb": 1}, "20B7", "a30"),
    (
        "all-balanced",
        {"1g.12gb": 2, "2g.24gb": 1, "3g.48gb": 1},
        "2342 233D 20B6 2329",
        "h100-96gb h20-96gb pg506-96gb",
    ),
    ("all-balanced", {"1g.34gb": 2, "2g.67gb": 1, "3g.135gb": 1}, "3182", "b300"),
    ("all-balanced", {"1g.35gb": 2, "2g.70gb": 1, "3g.139gb": 1}, "31C2", "gb300"),
    ("all-1g.18gb", {"1g.18gb": 7}, "", "h20-141gb h200-141gb gh200-144gb"),
    ("all-1g.18gb.me", {"1g.18gb+me": 1}, "", "h20-141gb h200-141gb gh200-144gb"),
    ("all-1g.35gb", {"1g.35gb": 4}, "2335", "h200-141gb"),
    ("all-1g.35gb", {"1g.35gb": 7}, "31C2", "gb300"),
    ("all-2g.35gb", {"2g.35gb": 3}, "", "h20-141gb h200-141gb"),
    ("all-3g.71gb", {"3g.71gb": 2}, "", "h20-141gb h200-141gb"),
    ("all-4g.71gb", {"4g.71gb": 1}, "", "h20-141gb h200-141gb"),
    ("all-7g.141gb", {"7g.141gb": 1}, "", "h20-141gb h200-141gb"),
    ("all-1g.36gb", {"1g.36gb": 4}, "", "gh200-144gb"),
    ("all-2g.36gb", {"2g.36gb": 3}, "", "gh200-144gb"),
    ("all-3g.72gb", {"3g.72gb": 2}, "", "gh200-144gb"),
    ("all-4g.72gb", {"4g.72gb": 1}, "", "gh200-144gb"),
    ("all-7g.144gb", {"7g.144gb": 1}, "", "gh200-144gb"),
    ("all-1g.34gb", {"1g.34gb": 7}, "", "b300"),
    ("all-1g.34gb.me", {"1g.34gb+me": 1}, "", "b300"),
    ("all-1g.67gb", {"1g.67gb": 4}, "", "b300"),
    ("all-2g.67gb", {"2g.67gb": 3}, "", "b300"),
    ("all-3g.135gb", {"3g.135gb": 2}, "", "b300"),
    ("all-4g.135gb", {"4g.135gb": 1}, "", "b300"),
    ("all-7g.269gb", {"7g.269gb": 1}, "", "b300"),
    ("all-1g.35gb.me", {"1g.35gb+me": 1}, "", "gb300"),
    ("all-1g.70gb", {"1g.70gb": 4}, "", "gb300"),
    ("all-2g.70gb", {"2g.70gb": 3}, "", "gb300"),
    ("all-3g.139gb", {"3g.139gb": 2}, "", "gb300"),
    ("all-4g.139gb", {"4g.139gb": 1}, "", "gb300"),
    ("all-7g.278gb", {"7g.278gb": 1}, "", "gb300"),
]


@pytest.mark.parametrize(
    ("name", "profiles", "device_filter", "ids"), STOCK, ids=[f"{r[0]} {r[2]}".strip() for r in STOCK]
)
def test_stock_layouts(name: str, profiles: dict[str, int], device_filter: str, ids: str) -> None:
    entries = stock.stock_configs()[name]
    assert any(
        set(entry.device_ids) == set(device_filter.split()) and entry.layout.profiles == profiles for entry in entries
    )
    holders = {product.id for product in catalog.gpus() if product.profiles and mig.fits(product, profiles)}
    if device_filter:
        assert set(ids.split()) <= holders
    else:
        assert set(ids.split()) == holders


def test_the_stock_table_is_complete() -> None:
    rows = {name for name, *_ in STOCK} | {"all-disabled", "all-enabled"}
    assert rows == set(stock.stock_configs())
    assert len(STOCK) + 2 == sum(len(entries) for entries in stock.stock_configs().values())
