"""Where workloads could run: text for a terminal, Markdown for the documentation of tenants, JSON for programs.

The JSON document is described by `placement.schema.json` beside this file; within `version` 1, members are
added, never changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from gpulint import untrusted
from gpulint.reports.text import count, not_analysed, place

if TYPE_CHECKING:
    from gpulint.finding import Location
    from gpulint.placement import Ask, Grant, NodeName, Option, Placement, Placements
    from gpulint.recommendation import Agreement

SCHEMA_VERSION = 1

_MOST_NAMES = 5
"""Names of nodes of one kind that are shown to people; the others are counted."""
STRATEGIES = {"full": "full GPU", "mig": "MIG", "time-slicing": "time-slicing", "": "nothing"}
SHARING = {
    "none": "none",
    "time-slicing": "time-slicing",
    "mps": "MPS",
    "shared": "time-slicing or MPS",
    "unknown": "unknown",
}


def render(style: str, found: Placements, *, color: bool) -> str:
    """In one of the formats `text`, `json` and `markdown`; only text is ever coloured."""
    if style == "json":
        return as_json(found)
    return markdown(found) if style == "markdown" else text(found, color=color)


# --- text -------------------------------------------------------------------------------------------------------------


def text(found: Placements, *, color: bool = False) -> str:
    """A block per workload, and a line that sums up."""
    blocks = [_block(placement, color=color) for placement in found.workloads]
    return "\n".join([*blocks, f"{_summary(found)}\n"])


def _block(placement: Placement, *, color: bool) -> str:
    where, title = place(placement.location), untrusted.one_line(_title(placement))
    rows = [f"{where}: {click.style(title, bold=True) if color else title}"]
    for label, lines in _parts(placement):
        for index, line in enumerate(lines):
            rows.append(f"  {'' if index else label:<15}{untrusted.one_line(line)}")
    return "".join(f"{row}\n" for row in rows)


def _parts(placement: Placement) -> Iterator[tuple[str, list[str]]]:
    """What is said of a workload: labels with their lines, not yet made safe."""
    if placement.cluster:
        yield "cluster", [placement.cluster]
    yield "asks for", [_asked(placement)]
    yield "class", [_class(placement)]
    yield "recommended", [_recommended(placement)]
    for option in placement.options:
        yield "can run on", list(_option(option))
    for refusal in placement.refusals:
        yield "cannot run on", [f"{_nodes(refusal.nodes)}: {refusal.reason}"]
    if placement.note:
        yield "note", [placement.note]


def _title(placement: Placement) -> str:
    name = placement.object.name or "(no name)"
    where = f"{placement.namespace}/{name}" if placement.namespace else name
    return f"{placement.object.kind} {where}{_role(placement)}"


def _role(placement: Placement) -> str:
    return f", {placement.role}" if placement.role else ""


def _asked(placement: Placement) -> str:
    pods = "" if placement.pods == 1 else f", {_or_unknown(placement.pods, 'an unknown number of')} pods"
    return f"{' and '.join(map(ask_text, placement.asks))} per pod{pods}"


def ask_text(ask: Ask) -> str:
    """`2 nvidia.com/gpu`."""
    return f"{_or_unknown(ask.units, 'an unknown number of')} {ask.resource}"


def _class(placement: Placement) -> str:
    level = ", has to stay up" if placement.service_level and placement.workload_class == "inference" else ""
    evidence = f" ({placement.evidence})" if placement.evidence else ""
    guess = "" if placement.workload_class == placement.guessed_class else f", {_guess(placement)}"
    return f"{placement.workload_class}{guess}{level}{evidence}"


def _guess(placement: Placement) -> str:
    likely = {"medium": "probably", "low": "perhaps"}.get(placement.certainty, "")
    return f"{likely} {placement.guessed_class}".strip()


def _recommended(placement: Placement) -> str:
    recommended = placement.recommendation
    return f"{STRATEGIES[recommended.strategy]}: {recommended.reason}"


def _option(option: Option) -> Iterator[str]:
    yield f"{_nodes(option.nodes)}{_size(option)}{f', if it matches: {option.doubt}' if option.doubt else ''}"
    for grant in option.grants:
        yield gets(grant)
        yield f"because: {grant.reason}{_at(grant)}{_confidence(grant)}"
    if option.agreement.verdict:
        yield verdict_text(option.agreement)


def _size(option: Option) -> str:
    """How large nodes and pool are, ` (4 GPUs per node; 1 to 3 nodes)`; empty when neither is known."""
    least, most = option.count, option.most
    nodes = count(least or 0, "node") if least == most else f"{least} to {count(most or 0, 'node')}"
    if least is None or most is None:
        nodes = f"at most {count(most, 'node')}" if most is not None else count(least, "node") if least else ""
    gpus = f"{count(option.gpus_per_node, 'GPU')} per node" if option.gpus_per_node else ""
    told = "; ".join(filter(None, (gpus, nodes)))
    return f" ({told})" if told else ""


def gets(grant: Grant) -> str:
    """The resource, what a pod gets of it, how much of a GPU that is, and of which."""
    details = [
        f"{grant.units_per_gpu} per GPU" if grant.units_per_gpu and grant.given != "full" else "",
        f"{grant.units_per_node} per node" if grant.units_per_node is not None else "",
        gpu_models(grant),
        memory(grant),
    ]
    return f"gets {grant.resource}: {'; '.join(filter(None, [what(grant), *details]))}"


def what(grant: Grant) -> str:
    """What a pod gets, `2 shares of GPUs, by time-slicing`."""
    units = grant.units or 2
    number = f"{grant.units} " if grant.units else ""
    plural = "" if units == 1 else "s"
    match grant.given:
        case "full":
            return f"{number}whole GPU{plural}"
        case "mig":
            return f"{number}MIG slice{plural} {grant.profile}"
        case "shared-mig":
            return f"{number}share{plural} of MIG slice{plural} {grant.profile}"
        case "unknown":
            return (
                f"MIG slice{plural} {grant.profile}, shared or not" if grant.profile else "whole or shared, not known"
            )
        case _:
            whose = "a GPU" if units == 1 else "GPUs"
            return f"{number}share{plural} of {whose}, by {SHARING[grant.sharing]}"


def gpu_models(grant: Grant) -> str:
    """The models that it may be."""
    return " or ".join(gpu.model for gpu in grant.gpus) or "GPU model unknown"


def memory(grant: Grant) -> str:
    """Behind one unit; empty when unknown."""
    if grant.memory_gb is None:
        return ""
    whose = {"none": "", "unknown": ""}.get(grant.sharing, ", shared")
    return f"{grant.memory_gb} GB{whose}"


def _at(grant: Grant) -> str:
    return f" ({place(grant.decided_at)})" if grant.decided_at else ""


def _confidence(grant: Grant) -> str:
    return "" if grant.confidence == "high" or grant.given == "unknown" else f"; confidence: {grant.confidence}"


def verdict_text(agreement: Agreement) -> str:
    """Whether that is as recommended, and what is not."""
    said = {"yes": "as recommended", "no": "not as recommended", "some": "partly as recommended"}
    verdict = said.get(agreement.verdict, "whether that is as recommended is not known")
    return f"{verdict}: {agreement.reason}" if agreement.reason and agreement.verdict != "unknown" else verdict


def _nodes(names: Sequence[NodeName]) -> str:
    """The names by kind, the first few of each."""
    return "; ".join(
        _of_kind(kind, [each.name for each in same]) for kind, same in groupby(names, lambda name: name.kind)
    )


def _of_kind(kind: str, names: Sequence[str]) -> str:
    if kind == "selector":
        return "; ".join(f"undeclared nodes with {name}" if name else "undeclared nodes" for name in names)
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{'node' if kind == 'kubectl label' else kind} {shown}{f' and {more} more' if more > 0 else ''}"


def _summary(found: Placements) -> str:
    what = f"{count(len(found.workloads), 'GPU workload')} and {count(found.pools, 'node pool')}"
    where = f"{count(found.objects, 'object')} of {count(found.files, 'file')}"
    return f"{what} in {where}.{not_analysed(found.not_analysed)}"


def _or_unknown(number: int | None, unknown: str = "unknown") -> str:
    return unknown if number is None else str(number)


# --- Markdown ---------------------------------------------------------------------------------------------------------


_COLUMNS = ("nodes", "resource", "units", "sharing", "MIG slice", "units per GPU", "GPU", "memory", "as recommended")


def markdown(found: Placements) -> str:
    """A section per namespace, in it a table per workload; no markup of the input's own survives."""
    parts = ["# GPU placement\n"]
    for (cluster, namespace), inside in groupby(found.workloads, lambda each: (each.cluster, each.namespace)):
        where = f"Namespace {namespace}" if namespace else "No namespace"
        parts.append(f"## {untrusted.markdown(where + (f', cluster {cluster}' if cluster else ''))}\n")
        parts += map(_section, inside)
    return "\n".join([*parts, f"{untrusted.markdown(_summary(found))}\n"])


def _section(placement: Placement) -> str:
    safe = untrusted.markdown
    lines = [
        f"### {safe(f'{placement.object.kind} {placement.object.name}{_role(placement)}')}\n",
        f"- Asks for {safe(_asked(placement))}",
        f"- Class: {safe(_class(placement))}",
        f"- Recommended: {safe(_recommended(placement))}",
        *(f"- Cannot run on {safe(f'{_nodes(refusal.nodes)}: {refusal.reason}')}" for refusal in placement.refusals),
        *([f"- Note: {safe(placement.note)}"] if placement.note else []),
    ]
    rows = [_row(option, grant) for option in placement.options for grant in option.grants]
    head = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    return "".join(f"{line}\n" for line in [*lines, *(["", *head, *rows] if rows else [])])


def _row(option: Option, grant: Grant) -> str:
    verdict = option.agreement
    cells = (
        f"{_nodes(option.nodes)}{f' ({option.doubt})' if option.doubt else ''}",
        grant.resource,
        _or_unknown(grant.units),
        SHARING[grant.sharing],
        grant.profile or ("unknown" if grant.given == "unknown" else "–"),
        _or_unknown(grant.units_per_gpu),
        " or ".join(gpu.model for gpu in grant.gpus) or "unknown",
        memory(grant) or "unknown",
        (verdict.verdict + (f": {verdict.reason}" if verdict.reason else "")) or "–",
    )
    return _line([untrusted.markdown(cell) for cell in cells])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


# --- JSON -------------------------------------------------------------------------------------------------------------


def as_json(found: Placements) -> str:
    """Everything; values are exactly those of the manifests, null is what is not known."""
    return untrusted.plain_json(
        {
            "version": SCHEMA_VERSION,
            "tool": {"name": "gpulint", "version": found.version},
            "workloads": [_workload(placement) for placement in found.workloads],
            "summary": {
                "files": found.files,
                "objects": found.objects,
                "pools": found.pools,
                "notAnalysed": [
                    {"path": each.path, "reason": each.reason, **({"detail": each.detail} if each.detail else {})}
                    for each in found.not_analysed
                ],
            },
        }
    )


def _workload(placement: Placement) -> dict[str, object]:
    ref = placement.object
    return {
        "cluster": placement.cluster,
        "namespace": placement.namespace,
        "object": {"group": ref.group, "version": ref.version, "kind": ref.kind, "name": ref.name},
        "role": placement.role,
        "location": _location(placement.location),
        "pods": placement.pods,
        "asks": [{"resource": ask.resource, "units": ask.units} for ask in placement.asks],
        "class": placement.workload_class,
        "guessedClass": placement.guessed_class,
        "certainty": placement.certainty,
        "evidence": placement.evidence,
        "serviceLevel": placement.service_level,
        "recommended": {
            "strategy": placement.recommendation.strategy or None,
            "reason": placement.recommendation.reason,
        },
        "agrees": _agrees(placement.agreement),
        "declaredPools": placement.declared,
        "bound": placement.bound,
        "options": [_json_option(option) for option in placement.options],
        "refusals": [{"nodes": _json_nodes(refusal.nodes), "reason": refusal.reason} for refusal in placement.refusals],
        "note": placement.note,
    }


def _json_option(option: Option) -> dict[str, object]:
    return {
        "nodes": _json_nodes(option.nodes),
        "declared": option.declared,
        "doubt": option.doubt,
        "gpusPerNode": option.gpus_per_node,
        "count": option.count,
        "most": option.most,
        "grants": [_json_grant(grant) for grant in option.grants],
        "agrees": _agrees(option.agreement),
    }


def _json_grant(grant: Grant) -> dict[str, object]:
    return {
        "resource": grant.resource,
        "units": grant.units,
        "gets": grant.given,
        "sharing": grant.sharing,
        "migProfile": grant.profile or None,
        "unitsPerGpu": grant.units_per_gpu,
        "unitsPerNode": grant.units_per_node,
        "gpus": [{"model": gpu.model, "memoryGb": gpu.memory_gb} for gpu in grant.gpus],
        "memoryGb": grant.memory_gb,
        "confidence": grant.confidence,
        "reason": grant.reason,
        "decidedAt": _location(grant.decided_at) if grant.decided_at else None,
    }


def _json_nodes(names: Sequence[NodeName]) -> list[dict[str, str]]:
    return [{"kind": each.kind, "name": each.name} for each in names]


def _agrees(agreement: Agreement) -> dict[str, str | None]:
    return {"verdict": agreement.verdict or None, "reason": agreement.reason}


def _location(location: Location) -> dict[str, object]:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "endLine": location.end_line,
        "endColumn": location.end_column,
    }
