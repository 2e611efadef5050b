"""Scores, with what their paths say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.common.errors import StepError
from scripts.common.files import read_json
from scripts.common.users import DEV, HELD_OUT, SUBSETS
from scripts.reruns.parts import KINDS, match, updates_in

COUNTS = ["substitutions", "deletions", "insertions", "characters", "utterances"]
WORDS = ["word_substitutions", "word_deletions", "word_insertions", "words"]  # where transcripts have some
TOKENS = ["token_substitutions", "token_deletions", "token_insertions", "tokens"]
OF_METRICS = {"cer": COUNTS[:4], "wer": WORDS, "mer": TOKENS}

PLACE = KINDS["score"][1]


@dataclass(frozen=True)
class Branch:
    """One fine-tuning: a checkpoint of a model, taken to a task with a learning rate (as written) and a seed.

    `checkpoint`: as in paths, or `best` in the row of the best one, which may be a milestone with a row of its own.
    """

    task: str
    model: str
    checkpoint: str
    learning_rate: str
    seed: int

    def __str__(self) -> str:
        return f"{self.task} from {self.model}/{self.checkpoint}, lr {self.learning_rate}, seed {self.seed}"


@dataclass(frozen=True)
class Score:
    """The errors of a branch on one subset. `updates`: of pre-training; None for a checkpoint that was given.

    `metric`: what is counted as `characters`, which may be words. `path`: the file that says so.
    """

    branch: Branch
    subset: str
    updates: int | None
    substitutions: int
    deletions: int
    insertions: int
    characters: int
    utterances: int
    word_errors: int = 0
    words: int = 0
    path: Path = Path()
    metric: str = "cer"

    @property
    def file(self) -> str:
        """The path from its working directory."""
        return _from_results(self.path)

    @property
    def cer(self) -> float:
        """Errors by characters of the references (or what `metric` counts): a fraction, which may be over 1."""
        return (self.substitutions + self.deletions + self.insertions) / self.characters

    @property
    def wer(self) -> float | None:
        """The same of words, beside characters; None where there are none."""
        return self.word_errors / self.words if self.words else None


def read_scores(paths: Iterable[Path], best: Iterable[Path] = ()) -> list[Score]:
    """All scores in the order of `paths`. `best`: those in the rows of best checkpoints, which come behind all others
    of their task and model; they may stand in `paths`, too, as a milestone can be the best.

    Raises StepError for a path of another shape, a file with other content, two scores of the same thing, a branch
    without one of the subsets, and two scores that were not made on the same utterances.
    """
    scores = [_read_score(path) for path in paths]
    for path in best:
        score = _read_score(path)
        _insert(scores, replace(score, branch=replace(score.branch, checkpoint="best")))
    _check_complete(scores)
    _check_same_utterances(scores)
    return scores


def subsets_of(scores: Iterable[Score]) -> list[str]:
    """The columns of a task's table: dev, and its test sets in the order of the scores."""
    return sorted(dict.fromkeys(score.subset for score in scores), key=lambda subset: subset != DEV)


def _insert(scores: list[Score], score: Score) -> None:
    """Behind the last one of its task and model, or of all."""
    name = (score.branch.task, score.branch.model)
    places = [place for place, other in enumerate(scores, 1) if (other.branch.task, other.branch.model) == name]
    scores.insert(places[-1] if places else len(scores), score)


def _read_score(path: Path) -> Score:
    part = match("score", _from_results(path))
    if part is None or not part["subset"].startswith(HELD_OUT):
        raise StepError(f"{path} is not named {PLACE}, with a subset of {SUBSETS}: rename it or leave it out")
    branch = Branch(part["task"], part["model"], part["checkpoint"], part["lr"], int(part["seed"]))
    updates = None if branch.checkpoint == "given" else updates_in(branch.checkpoint)
    content = _read(path)
    metric = content.get("metric", "cer")
    keys = OF_METRICS[metric if metric in OF_METRICS else "cer"]
    counts = dict(zip(COUNTS, _numbers(path, content, [*keys, "utterances"]), strict=True))
    has_words = metric == "cer" and not content.keys().isdisjoint(WORDS)
    *word_errors, words = _numbers(path, content, WORDS) if has_words else [0]
    if counts["characters"] <= 0:
        raise StepError(f"{path} was made on no {keys[-1]}: score again")
    further = {"word_errors": sum(word_errors), "words": words, "path": path, "metric": metric}
    return Score(branch, part["subset"], updates, **counts, **further)


def _from_results(path: Path) -> str:
    """The end of a path, from the folder of results on."""
    text = path.as_posix()
    return text[max(text.rfind("results/cer/"), 0) :]


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where that is no object."""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read as JSON ({error}): remake it") from error
    return content if isinstance(content, dict) else {}


def _numbers(path: Path, content: Mapping[str, Any], keys: Sequence[str]) -> list[int]:
    """The whole numbers that it has under `keys`."""
    for key in keys:
        if not isinstance(content.get(key), int):
            raise StepError(f"{path} has no whole number under {key}: remake it")
    return [content[key] for key in keys]


def _check_complete(scores: list[Score]) -> None:
    seen: dict[tuple[Branch, str], None] = {}  # keeps the order, so that the first fault is named
    for score in scores:
        if (score.branch, score.subset) in seen:
            raise StepError(f"{score.branch} has two scores for {score.subset}: pass each file once")
        seen[score.branch, score.subset] = None
    columns: dict[str, dict[str, None]] = {}
    for branch, subset in seen:
        columns.setdefault(branch.task, {})[subset] = None
    for branch, _ in seen:
        of_task = columns[branch.task]
        for subset in (DEV, *(of_task if of_task.keys() - {DEV} else SUBSETS)):
            if (branch, subset) not in seen:
                raise StepError(f"{branch} has no score for {subset}: score that subset too or leave the branch out")


def _check_same_utterances(scores: list[Score]) -> None:
    """Scores of a subset stand in one column: all must have the same references."""
    first: dict[tuple[str, str], Score] = {}
    for score in scores:
        other = first.setdefault((score.branch.task, score.subset), score)
        if (score.utterances, score.characters, score.words) != (other.utterances, other.characters, other.words):
            raise StepError(
                f"{score.branch} was scored on {score.utterances} utterances of {score.subset} with {score.characters} "
                f"characters and {score.words} words, {other.branch} on {other.utterances} with {other.characters} and "
                f"{other.words}: score again what is older"
            )
