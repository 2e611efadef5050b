"""Check the merged config before anything is planned: one sentence that names the key and what to do."""

import difflib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from scripts.common import defaults, places
from scripts.common.errors import StepError
from scripts.common.users import corpora_of

# JSON takes 400000.0 for an integer; it would stand in the names of files.
_INTEGERS = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
_Validator = extend(Draft202012Validator, type_checker=_INTEGERS)

_KINDS = {
    "object": "a section with keys of its own",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_DEMANDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "minItems": "a list of at least {}",
    "minLength": "a text that is not empty",
    "uniqueItems": "a list that names nothing twice",
    "pattern": "of another form",
}


def check(config: dict[str, Any], schema: Path, repository: Path, formats: Iterable[str]) -> None:
    """Raise StepError at the first thing wrong with `config`, and fill in what it may leave out.

    `formats`: those that a corpus may have.
    Corpus roots are relative to the working directory, recipes to the repository.
    """
    rules = yaml.safe_load(schema.read_text(encoding="utf-8"))
    rules["$defs"]["format"]["enum"] = sorted(formats)
    errors = list(_Validator(rules).iter_errors(_with_text_keys(config)))
    if errors:
        # a misspelt key is missing too, and its misspelling explains it
        raise StepError(explain(min(errors, key=lambda e: (len(e.absolute_path), e.validator == "required"))))
    defaults.fill_in(config, schema)
    for problem in (_unknown_names, _milestones, _exports, _characters, _files):
        sentence = problem(config, repository)
        if sentence:
            raise StepError(sentence)


def explain(error: ValidationError) -> str:
    """One sentence for one violation of the schema."""
    key = ".".join(str(part) for part in error.absolute_path) or "the config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        names = list(error.schema.get("patternProperties", {}))
        unknown = next(k for k in error.instance if k not in known and not any(re.search(name, k) for name in names))
        close = difflib.get_close_matches(unknown, known, n=1)
        here = ", ".join(known) or "names in lower case, such as aishell1"
        advice = f"did you mean {close[0]}?" if close else f"the keys here are {here}"
        return f"config key {_join(key, unknown)} is not known: {advice}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"config key {_join(key, missing)} is missing: {_description(error.schema['properties'][missing])}"
    shown = json.dumps(error.instance, ensure_ascii=False, default=str)
    return f"config key {key} is {shown}, but has to be {_demand(error)} ({_description(error.schema)})"


def _demand(error: ValidationError) -> str:
    """What a value has to be, in words."""
    wanted = error.validator_value
    if error.validator == "enum":
        return " or ".join(map(str, wanted))
    if error.validator != "type":
        return _DEMANDS[error.validator].format(wanted)
    kinds = [wanted] if isinstance(wanted, str) else wanted
    words = " or ".join(_KINDS[kind] for kind in kinds)
    if {"number", "integer"} & set(kinds) and isinstance(error.instance, str):
        try:
            number = float(error.instance)
        except ValueError:
            return words
        return f"{words}: YAML takes it for a text, write {int(number) if number.is_integer() else number}"
    return words


def _with_text_keys(value: Any) -> Any:
    """The same with every key as a text: YAML takes 2024 for a number, which the schema's patterns cannot match."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


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
            references.append((f"{catalogue}.{name}.corpus", corpora_of(entry), config["corpora"], "corpora"))
    for name, run in config["pretraining"].items():
        start = [run["start_from"]] if run["start_from"] is not None else []
        references.append((f"pretraining.{name}.start_from", start, config["checkpoints"], "checkpoints"))
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


def _exports(config: dict[str, Any], repository: Path) -> str | None:
    """What is exported, under which name, and from where."""
    models = [*config["pretraining"], *config["checkpoints"]]
    names = [entry["name"] for entry in config["exports"]]
    for i, entry in enumerate(config["exports"]):
        key, what, task, start = f"config key exports.{i}", entry["what"], entry.get("finetuning"), entry["from"]
        if names.count(entry["name"]) > 1:
            return f"{key}.name: two exports are called {entry['name']}: rename one"
        if what == "recogniser" and task not in config["finetuning"]:
            known = ", ".join(sorted(config["finetuning"]))
            return f"{key}.finetuning: there is no {task} in finetuning (known: {known}), and a recogniser is of a task"
        if what != "recogniser" and task is not None:
            return f"{key}.finetuning: {what} is not fine-tuned, leave it out, or say what: recogniser"
        if what != "recogniser" and start == "best":
            return f"{key}.from: best is a row of the table, for recognisers alone: name MODEL/CHECKPOINT"
        model, _, checkpoint = start.partition("/")
        if start != "best" and model not in models:
            return f"{key}.from: there is no {model} in pretraining or checkpoints (known: {', '.join(models)})"
        if start != "best" and checkpoint not in (known := _checkpoints(config, model)):
            return f"{key}.from: {model} has no {checkpoint} (known: {', '.join(known)})"
    return None


def _checkpoints(config: dict[str, Any], model: str) -> list[str]:
    """Those of a model that there are anyway: nothing is trained for an export."""
    if model in config["checkpoints"]:
        return ["given"]
    run = config["pretraining"][model]
    return [*(f"after-{updates}-updates" for updates in sorted({0, *run["milestones"], run["updates"]})), "best"]


def _characters(config: dict[str, Any], repository: Path) -> None:
    """Paths that begin with what not every program takes; the repository's own is looked at before."""
    keys = {"corpora": ("root", "exclude"), "pretraining": ("recipe",), "finetuning": ("recipe", "published")}
    for catalogue, names in keys.items():
        for name, entry in config[catalogue].items():
            found = {f"config key {catalogue}.{name}.{key}": entry[key] for key in names if entry[key] is not None}
            places.check(found)


def _files(config: dict[str, Any], repository: Path) -> str | None:
    """Roots of the corpora that the experiments use, all recipes, and what others have published."""
    for catalogue, *keys in (("pretraining", "recipe"), ("finetuning", "recipe", "published")):
        for name, entry in config[catalogue].items():
            for key in keys:
                if entry[key] is not None and not (repository / entry[key]).is_file():
                    return f"config key {catalogue}.{name}.{key}: {repository / entry[key]} is not a file: mend it"
    for name in sorted(corpora_in_use(config)):
        root = Path(config["corpora"][name]["root"])
        if not root.is_dir():
            return (
                f"config key corpora.{name}.root: {root} is not a directory (seen from {Path.cwd()}): "
                f"set it to where the corpus is unpacked"
            )
        exclude = config["corpora"][name]["exclude"]
        if exclude and not Path(exclude).is_file():
            return f"config key corpora.{name}.exclude: {exclude} is not a file (seen from {Path.cwd()}): mend it"
    return None


def corpora_in_use(config: dict[str, Any]) -> set[str]:
    """Names of the corpora that the experiments read, directly or to keep clear of their transcripts."""
    used = set()
    for item in config["experiments"]:
        used |= set(corpora_of(config["finetuning"][item["finetuning"]]))
        for model in item["from"]:
            if model in config["pretraining"]:
                for corpus in corpora_of(config["pretraining"][model]):
                    used |= {corpus, *config["corpora"][corpus]["without_transcripts_of"]}
    return used
