"""Write the merged config of an experiment beside its results."""

import argparse
import json
from pathlib import Path

import yaml

from scripts.common import files
from scripts.common.errors import exit_on_error


def main() -> None:
    """Parse the command line and write the config as YAML."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="as JSON")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    files.write_text(arguments.output, yaml.safe_dump(arguments.config, allow_unicode=True, sort_keys=False))


if __name__ == "__main__":
    exit_on_error(main)
