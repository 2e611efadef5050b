"""Scores with what their paths say: results/cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{..}/seed-{..}.json."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import StepError
from scripts.common.files import read_json
from scripts.common.tables import SUBSETS

COUNTS = ["substitutions", "deletions", "insertions", "characters", "utterances"]

_PATH = re.compile(
    r"(?:.*/)?results/cer/(?P<task>[^/]+)/(?P<subset>dev|test)/from/(?P<model>[^/]+)"
    r"/(?P<checkpoint>after-(?P<updates>\d+)-updates|best|given)"
    r"/lr-(?P<learning_rate>\d+(?:\.\d+)?(?:e-?\d+)?)/seed-(?P<seed>\d+)\.json"
)


@dataclass(frozen=True)
class Run:
    """One fine-tuning: a checkpoint of a model, taken to a task with a learning rate (as written) and a seed."""

    task: str
    model: str
    checkpoint: str
    learning_rate: str
    seed: int

    def __str__(self) -> str:
        return f"{self.task} from {self.model}/{self.checkpoint}, lr {self.learning_rate}, seed {self.seed}"


@dataclass(frozen=True)
class Score:
    """The errors of a run on one subset. `updates`: of pre-training; None for a checkpoint that was given."""

    run: Run
    subset: str
    updates: int | None
    substitutions: int
    deletions: int
    insertions: int
    characters: int
    utterances: int

    @property
    def cer(self) -> float:
        """Errors by characters of the references: a fraction, which insertions can push over 1."""
        return (self.substitutions + self.deletions + self.insertions) / self.characters


def read_scores(paths: Iterable[Path], best_paths: Mapping[str, Path]) -> list[Score]:
    """All scores in the order of `paths`. `best_paths`: best.json by model, for the updates of checkpoint `best`.

    Raises StepError for a path of another shape, a file with other content, two scores of the same thing, a run
    without one of the subsets, and two scores that were not made on the same utterances.
    """
    best = {model: _read(path, ["updates"])["updates"] for model, path in best_paths.items()}
    scores = [_read_score(path, best) for path in paths]
    _check_complete(scores)
    _check_same_utterances(scores)
    return scores


def _read_score(path: Path, best: Mapping[str, int]) -> Score:
    if not (match := _PATH.fullmatch(path.as_posix())):
        raise StepError(
            f"{path} is not named results/cer/TASK/SUBSET/from/MODEL/CHECKPOINT/lr-RATE/seed-SEED.json with a SUBSET "
            f"of {SUBSETS} and a CHECKPOINT after-N-updates, best or given: rename it or leave it out"
        )
    run = Run(match["task"], match["model"], match["checkpoint"], match["learning_rate"], int(match["seed"]))
    if run.checkpoint == "best" and run.model not in best:
        raise StepError(f"{path} needs the updates of the best checkpoint: pass --best {run.model}=.../best.json")
    updates = int(match["updates"]) if match["updates"] else best.get(run.model) if run.checkpoint == "best" else None
    counts = _read(path, COUNTS)
    if counts["characters"] <= 0:
        raise StepError(f"{path} was made on no characters: score again")
    return Score(run, match["subset"], updates, **counts)


def _read(path: Path, keys: list[str]) -> dict[str, int]:
    """The whole numbers that a JSON file has under `keys`."""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read as JSON ({error}): remake it") from error
    for key in keys:
        if not isinstance(content, dict) or not isinstance(content.get(key), int):
            raise StepError(f"{path} has no whole number under {key}: remake it")
    return {key: content[key] for key in keys}


def _check_complete(scores: list[Score]) -> None:
    seen: dict[tuple[Run, str], None] = {}  # keeps the order, so that the first fault is named
    for score in scores:
        if (score.run, score.subset) in seen:
            raise StepError(f"{score.run} has two scores for {score.subset}: pass each file once")
        seen[score.run, score.subset] = None
    for run, _ in seen:
        for subset in SUBSETS:
            if (run, subset) not in seen:
                raise StepError(f"{run} has no score for {subset}: score that subset too or leave the run out")


def _check_same_utterances(scores: list[Score]) -> None:
    """Scores of a subset stand in one column: all must have the same references."""
    first: dict[tuple[str, str], Score] = {}
    for score in scores:
        other = first.setdefault((score.run.task, score.subset), score)
        if (score.utterances, score.characters) != (other.utterances, other.characters):
            raise StepError(
                f"{score.run} was scored on {score.utterances} utterances of {score.subset} with {score.characters} "
                f"characters, {other.run} on {other.utterances} with {other.characters}: score again what is older"
            )
