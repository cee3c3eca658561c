"""What configurations do, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.gpu.device_plugin import DevicePluginConfig
from gpulint.gpu.mig_parted import MigConfig
from gpulint.graph.configs import MigFile, PluginConfigs


def plugin_entries(configs: PluginConfigs) -> Iterator[tuple[str, str]]:
    """Key and meaning of each device-plugin configuration."""
    return ((entry.key, _plugin(entry.config)) for entry in configs.entries)


def mig_entries(file: MigFile) -> Iterator[tuple[str, str]]:
    """Name and meaning of each MIG layout."""
    refused = ", refused by the MIG manager" if file.config.refused else ""
    return ((config.name, f"MIG: {_layout(config)}{refused}") for config in file.config.configs.values())


def _plugin(config: DevicePluginConfig) -> str:
    if config.refused:
        return "refused by the device plugin"
    strategy = f", MIG strategy {config.mig_strategy}" if config.mig_strategy else ""
    if config.strategy == "none":
        return f"{'open: it holds placeholders' if config.unknown else 'no sharing'}{strategy}"
    how = "MPS" if config.strategy == "mps" else config.strategy
    shared = (
        f"{each.replicas or '?'} {each.advertised} per {'GPU' if each.name.endswith('/gpu') else each.name}"
        for each in config.resources
    )
    return f"{how}: {', '.join(shared)}{strategy}"


def _layout(config: MigConfig) -> str:
    """The instances on each GPU; of several entries for different GPUs all of them."""
    entries = [
        ", ".join(f"{count}× {name}" for name, count in sorted(entry.counts().items()))
        or ("no instances" if entry.mig_enabled else "off")
        for entry in config.entries
    ]
    return " or ".join(dict.fromkeys(entries)) or "nothing"
