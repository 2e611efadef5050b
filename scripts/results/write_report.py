"""Write the page that opens with the answer: one file, which needs no network and no program but a browser."""

import argparse
import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import yaml
from markupsafe import Markup, escape

from scripts.common import tables
from scripts.common.errors import exit_on_error
from scripts.common.files import read_json, write_text
from scripts.common.provenance import REPOSITORY
from scripts.common.users import corpora_of
from scripts.reruns.numbers import labels as labels_of
from scripts.results.caption import TITLE as CERTAINTY
from scripts.results.report import answer, facts, listening, misheard
from scripts.results.report.tables import tables_of
from scripts.results.tabulate import CER_COLUMNS
from scripts.results.tabulate_errors import ALL_RATE_COLUMNS

TEMPLATE = REPOSITORY / "workflow/report/page.html.jinja"
CURVE, PRETRAINING, FINETUNING = "cer-by-updates", "pretraining", "finetuning"
SAYS = {  # what figures show, by the names of their files
    CURVE: "Error rate by updates of pre-training; the table has its numbers",
    PRETRAINING: "Loss, code perplexity and accuracy of pre-training, by updates and hours heard, over the published",
    FINETUNING: "Error rate and loss of dev, and loss of training, by epochs of fine-tuning, a line a row of the table",
    "kinds": "Substitutions, deletions and insertions along the milestones",
    "groups": "Errors by length, speaking rate and how often a character occurs in the fine-tuning data",
    "confused": "The characters that are confused most often",
}


class Figure(NamedTuple):
    """A picture in the page, what it shows in words, for who does not see it, and how to read it."""

    address: str
    says: str
    caption: str = ""


def figure(path: Path) -> Figure:
    """An SVG as an address that holds it, with the caption that `snakemake --report` shows, too."""
    says, caption = SAYS.get(path.stem, path.stem.replace("-", " ")), TEMPLATE.with_name(f"{path.stem}.rst")
    text = caption.read_text(encoding="utf-8").replace("``", "`") if caption.is_file() else f"{says}."
    return Figure(f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}", says, text)


def corpora_in(config: Mapping[str, Any]) -> Iterator[str]:
    """The corpora of the runs and tasks of which the table speaks, each once."""
    users = [config["finetuning"][item["finetuning"]] for item in config["experiments"]]
    models = (name for item in config["experiments"] for name in item["from"])
    users += [config["pretraining"][name] for name in models if name in config["pretraining"]]
    yield from dict.fromkeys(name for user in users for name in corpora_of(user))


def context(arguments: argparse.Namespace) -> dict[str, Any]:
    """All that the template speaks of."""
    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    scores = tables.read_table(arguments.scores, CER_COLUMNS)
    shown, origin = tables_of(arguments.table.read_text(encoding="utf-8"))
    labels, provenance = {k: v for k, v in labels_of(config).items() if v}, read_json(arguments.provenance)
    figures = {path.stem: figure(path) for path in [arguments.curve, *arguments.figures]}
    said = [line.removeprefix("- ") for line in arguments.trainings.read_text(encoding="utf-8").splitlines()]
    return {
        "answers": list(answer.answers(scores, labels)),
        "tables": [table for table in shown if table.header[0] != CERTAINTY],
        "certainty": [table for table in shown if table.header[0] == CERTAINTY],
        "origin": origin,
        "curve": figures.pop(arguments.curve.stem),
        "trainings": [
            ("Pre-training", [one for one in said if not is_of_branch(one)], figures.pop(PRETRAINING, None)),
            ("Fine-tuning", [one for one in said if is_of_branch(one)], figures.pop(FINETUNING, None)),
        ],
        "misheard": list(misheard.misheard(tables.read_table(arguments.rates, ALL_RATE_COLUMNS), labels)),
        "figures": list(figures.values()),
        "listening": {
            labels.get(task, task): list(listening.utterances_of(task, scores, config))
            for task in scores["task"].unique()
        },
        "corpora": [facts.corpus(name, Path("results/corpora") / name) for name in corpora_in(config)],
        "stages": facts.stages(Path("benchmarks"), facts.gpu_hours(Path())),
        "provenance": facts.software(provenance),
        "processors": facts.processors(provenance),
    }


def is_of_branch(sentence: str) -> bool:
    """Whether a sentence of trainings.md speaks of a fine-tuning, and begins with its path."""
    return "/from/" in sentence.partition(" ")[0]


def render(values: Mapping[str, Any]) -> str:
    """The page. What stands in corpora and configs is text in it, never HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"with_code": with_code, "unbroken": unbroken}
    return environment.get_template(TEMPLATE.name).render(values).lstrip()


def with_code(text: str) -> Markup:
    """Markdown's `code` as HTML; all else is text."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def unbroken(sentence: str) -> str:
    """Numbers stay in one line with what belongs to them: 22.8 %, 13.7 to 37.9, p 0.02, −2.6 points, @50 updates."""
    span = r"(?<=\d) (?=to [\d+−])|(?<=\d to) (?=[\d+−])"
    return re.sub(rf"(?<=\d) (?=%|±|points|updates)|(?<=[±p]) (?=\d)|{span}", "\N{NO-BREAK SPACE}", sentence)


def main() -> None:
    """Parse the command line and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="results/config.yaml")
    parser.add_argument("--scores", type=Path, required=True, help="results/cer.tsv")
    parser.add_argument("--table", type=Path, required=True, help="results/cer.md")
    parser.add_argument("--curve", type=Path, required=True, help="an SVG of the scores")
    parser.add_argument("--trainings", type=Path, required=True, help="results/trainings.md")
    parser.add_argument("--rates", type=Path, required=True, help="results/errors/rates.tsv")
    parser.add_argument("--figures", type=Path, nargs="*", default=[], help="further SVGs, in their order")
    parser.add_argument("--provenance", type=Path, required=True, help="results/provenance.json")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    write_text(arguments.output, render(context(arguments)))


if __name__ == "__main__":
    exit_on_error(main)
