"""The answer in a paragraph: what the numbers say of the question, and no more."""

from collections.abc import Iterator

import pandas as pd


def rates(table: pd.DataFrame) -> pd.DataFrame:
    """Of each row of the table, by task, model and learning rate, CER in percent of dev and test: means over seeds."""
    numbers = table.assign(
        cer=100 * pd.to_numeric(table["cer"]), updates=pd.to_numeric(table["updates"].replace("", None))
    )
    keys = ["task", "model", "checkpoint", "row", "learning_rate"]
    order = numbers[keys].drop_duplicates()
    means = numbers.pivot_table(index=keys, columns="subset", values="cer").reset_index()
    updates = numbers.groupby(keys)["updates"].first().reset_index()
    return order.merge(means, on=keys).merge(updates, on=keys)


def answers(table: pd.DataFrame, labels: dict[str, str]) -> Iterator[str]:
    """Sentences on each task. What is best is chosen on dev, and said of test."""
    for task, rows in rates(table).groupby("task", sort=False):
        curves = rows[rows["updates"].notna()]
        for model, points in curves.groupby("model", sort=False):
            if points["updates"].nunique() > 1:
                yield _course(labels.get(task, task), labels.get(model, ""), points)
        yield from _against(rows)


def _course(task: str, model: str, points: pd.DataFrame) -> str:
    """From the first point of a curve to its best."""
    first, best = points.loc[points["updates"].idxmin()], points.loc[points["dev"].idxmin()]
    start = "without pre-training" if first["updates"] == 0 else f"after {first['updates']:,.0f} updates"
    of_model = f" of {model}" if model else ""
    if best.name == first.name:
        return f"On {task}, pre-training{of_model} lowers CER nowhere: on dev the lowest is that {start}, {_cer(best)}."
    words = "falls" if best["test"] < first["test"] else "goes"
    return (
        f"On {task}, CER of test {words} from {first['test']:.1f} % {start} to {best['test']:.1f} % after "
        f"{best['updates']:,.0f} updates of pre-training{of_model}, where it is lowest on dev."
    )


def _against(rows: pd.DataFrame) -> Iterator[str]:
    """The best point of the curves beside each checkpoint that is none of them."""
    curves, others = rows[rows["updates"].notna()], rows[~rows["row"].str.contains("@")]
    if curves.empty:
        return
    best = curves.loc[curves["dev"].idxmin()]
    for _, other in others.iterrows():
        if other["model"] != best["model"]:
            yield f"{other['row']} has {_cer(other)}, {best['row']} {_cer(best)}."


def _cer(row: pd.Series) -> str:
    return f"{row['dev']:.1f} % on dev and {row['test']:.1f} % on test"
