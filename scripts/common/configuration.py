"""Check the merged config before anything is planned: one sentence that names the key and what to do."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import relevance

from scripts.common.errors import StepError


def check(config: dict[str, Any], schema: Path, repository: Path) -> None:
    """Raise StepError at the first thing wrong with `config`.

    Corpus roots are relative to the working directory, recipes to the repository.
    """
    validator = Draft202012Validator(yaml.safe_load(schema.read_text(encoding="utf-8")))
    errors = sorted(validator.iter_errors(config), key=relevance, reverse=True)
    if errors:
        raise StepError(explain(errors[0]))
    for problem in (_unknown_names, _milestones, _files):
        sentence = problem(config, repository)
        if sentence:
            raise StepError(sentence)


def explain(error: ValidationError) -> str:
    """One sentence for one violation of the schema."""
    key = ".".join(str(part) for part in error.absolute_path) or "the config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))[0]
        close = difflib.get_close_matches(unknown, known, n=1)
        here = ", ".join(known) or "names in lower case, such as aishell1"
        advice = f"did you mean {close[0]}?" if close else f"the keys here are {here}"
        return f"config key {_join(key, unknown)} is not known: {advice}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"config key {_join(key, missing)} is missing: {_description(error.schema['properties'][missing])}"
    return f"config key {key} is wrong: {error.message}; it means: {_description(error.schema)}"


def _join(parent: str, key: str) -> str:
    return key if parent == "the config" else f"{parent}.{key}"


def _description(schema: Any) -> str:
    return " ".join(schema.get("description", "see workflow/schemas/config.schema.yaml").split())


def _unknown_names(config: dict[str, Any], repository: Path) -> str | None:
    """Names that point into a catalogue which does not hold them."""
    models = [*config["pretraining"], *config["checkpoints"]]
    twice = set(config["pretraining"]) & set(config["checkpoints"])
    if twice:
        return f"config: {sorted(twice)[0]} is both in pretraining and in checkpoints: rename one"
    references = [
        (f"experiments.{i}.finetuning", [item["finetuning"]], config["finetuning"], "finetuning")
        for i, item in enumerate(config["experiments"])
    ]
    references += [
        (f"experiments.{i}.from", item["from"], models, "pretraining or checkpoints")
        for i, item in enumerate(config["experiments"])
    ]
    for catalogue in ("pretraining", "finetuning"):
        for name, entry in config[catalogue].items():
            references.append((f"{catalogue}.{name}.corpus", [entry["corpus"]], config["corpora"], "corpora"))
    for name, corpus in config["corpora"].items():
        key = f"corpora.{name}.without_transcripts_of"
        references.append((key, corpus["without_transcripts_of"], config["corpora"], "corpora"))
    for key, names, catalogue, title in references:
        for name in names:
            if name not in catalogue:
                return f"config key {key}: there is no {name} in {title} (known: {', '.join(sorted(catalogue))})"
    return None


def _milestones(config: dict[str, Any], repository: Path) -> str | None:
    for name, run in config["pretraining"].items():
        if run["milestones"] != sorted(set(run["milestones"])) or run["milestones"][-1] > run["updates"]:
            return (
                f"config key pretraining.{name}.milestones: {run['milestones']} has to ascend and end "
                f"at or before updates ({run['updates']}): mend the one or the other"
            )
    return None


def _files(config: dict[str, Any], repository: Path) -> str | None:
    """Roots of the corpora that the experiments use, and all recipes."""
    for catalogue in ("pretraining", "finetuning"):
        for name, entry in config[catalogue].items():
            if not (repository / entry["recipe"]).is_file():
                return f"config key {catalogue}.{name}.recipe: {repository / entry['recipe']} is not a file: mend it"
    for name in sorted(corpora_in_use(config)):
        root = Path(config["corpora"][name]["root"])
        if not root.is_dir():
            return (
                f"config key corpora.{name}.root: {root} is not a directory (seen from {Path.cwd()}): "
                f"set it to where the corpus is unpacked"
            )
    return None


def corpora_in_use(config: dict[str, Any]) -> set[str]:
    """Names of the corpora that the experiments read, directly or to keep clear of their transcripts."""
    used = set()
    for item in config["experiments"]:
        used.add(config["finetuning"][item["finetuning"]]["corpus"])
        for model in item["from"]:
            if model in config["pretraining"]:
                corpus = config["pretraining"][model]["corpus"]
                used |= {corpus, *config["corpora"][corpus]["without_transcripts_of"]}
    return used
