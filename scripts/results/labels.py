"""What the rows of the table are called: `@50k updates`, `@396k updates*`, `Wav2vec2.0(English)`."""

from collections.abc import Iterable, Mapping

from scripts.results.scores import Score

Checkpoint = tuple[str, str, str]  # task, model, checkpoint


def checkpoint_of(score: Score) -> Checkpoint:
    return score.branch.task, score.branch.model, score.branch.checkpoint


def row_labels(scores: Iterable[Score], labels: Mapping[str, str]) -> dict[Checkpoint, str]:
    """The row of each checkpoint, without learning rate and seed. `labels`: display names of models.

    A model with a label goes by it, followed by the updates only where a task has several of its checkpoints. A model
    without one goes by its updates alone, unless another such model has to be told apart.
    """
    updates = {checkpoint_of(score): score.updates for score in scores}
    nameless = {model for _, model, _ in updates if model not in labels}
    models = [(task, model) for task, model, _ in updates]
    rows = {}
    for task, model, checkpoint in updates:
        name = labels.get(model, model)
        shown = _updates(updates[task, model, checkpoint], checkpoint)
        if not shown or (model in labels and models.count((task, model)) == 1):
            rows[task, model, checkpoint] = name
        elif nameless == {model}:
            rows[task, model, checkpoint] = shown
        else:
            rows[task, model, checkpoint] = f"{name} {shown}"
    return rows


def _updates(updates: int | None, checkpoint: str) -> str:
    if updates is None:
        return ""
    if checkpoint != "best":
        return f"@{thousands(updates)} updates"
    # The best checkpoint falls on any update. Published as @396k; a short run is shown to the update.
    return f"@{thousands(round(updates, -3) if updates >= 100_000 else updates)} updates*"


def thousands(updates: int) -> str:
    """50000 as 50k; what is not a whole number of thousands as it is."""
    return f"{updates // 1000}k" if updates and updates % 1000 == 0 else str(updates)


def in_words(things: Iterable[str]) -> str:
    """One, two and three."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last
