"""Keys that an entry of the config may leave out: the schema says of each what then holds."""

from pathlib import Path
from typing import Any

import yaml

from scripts.common.provenance import REPOSITORY

SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"


def fill_in(config: dict[str, Any], schema: Path = SCHEMA) -> None:
    """Give every entry of every catalogue the keys with a `default` that it lacks."""
    for name, catalogue in yaml.safe_load(schema.read_text(encoding="utf-8"))["properties"].items():
        for entry in catalogue.get("patternProperties", {}).values():
            defaults = {key: rule["default"] for key, rule in entry["properties"].items() if "default" in rule}
            for settings in config[name].values():
                settings.update(defaults | settings)
