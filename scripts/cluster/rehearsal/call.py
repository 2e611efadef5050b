"""What Snakemake would be told: its words, the config that they lead to, and what the profile gives each rule."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import snakemake.cli
import yaml
from snakemake.utils import update_config

from scripts.common import defaults
from scripts.common.configuration import check
from scripts.common.errors import StepError
from scripts.common.provenance import REPOSITORY
from scripts.corpora.formats.known import FORMATS

SAID_AGAIN = {"repeat_pretraining", "look_again"}  # keys that --config may set: in a rehearsal they change nothing


@dataclass(frozen=True)
class Call:
    """`words`: for Snakemake, as they were given; `config`: what they lead to, whole; `resources`: numbers by rule."""

    words: tuple[str, ...]
    directory: Path
    config: dict[str, Any]
    resources: dict[str, dict[str, int]]
    dry: bool
    conda_prefix: Path | None

    def resource(self, rule: str, name: str) -> int | None:
        """What the profile gives the jobs of a rule; None where it says nothing, or in words."""
        return self.resources.get(rule, {}).get(name)


def parse(words: Sequence[str]) -> Call:
    """Read the words as Snakemake does, with its profiles. Raises StepError for those that a rehearsal cannot take."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            _, options = snakemake.cli.parse_args(list(words))
        except SystemExit:
            reason = said.getvalue().strip().splitlines()[-1]
            raise StepError(f"Snakemake does not take these words ({reason}): mend them") from None
    if options.targets:
        raise StepError(f"a rehearsal takes no targets: leave {' '.join(sorted(options.targets))} out")
    directory = Path(options.directory or ".").absolute()
    if not directory.is_dir():
        raise StepError(f"{directory} is not a directory: give --directory the one that Snakemake is to work in")
    given = snakemake.cli.parse_config(options.config) if options.config else {}
    if others := given.keys() - SAID_AGAIN:
        raise StepError(f"--config sets {min(others)}: write it into a file and give that as --configfile")
    config = _merged([REPOSITORY / "config" / "config.yaml", *map(Path, options.configfile or [])])
    with contextlib.chdir(directory):  # from where roots are seen
        check(config, defaults.SCHEMA, REPOSITORY, FORMATS)
    resources = {rule: _numbers(of_rule) for rule, of_rule in (options.set_resources or {}).items()}
    return Call(tuple(words), directory, config, resources, bool(options.dryrun), options.conda_prefix)


def _merged(files: Sequence[Path]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for file in files:
        try:
            update_config(config, yaml.safe_load(file.read_text(encoding="utf-8")) or {})
        except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise StepError(f"{file} cannot be read as a config ({error}): mend --configfile") from None
    return config


def _numbers(resources: Any) -> dict[str, int]:
    """Those that are numbers; others are functions of the attempt, or words."""
    values = {name: resource.value for name, resource in dict(resources).items() if not resource.is_evaluable()}
    return {name: value for name, value in values.items() if isinstance(value, int)}
