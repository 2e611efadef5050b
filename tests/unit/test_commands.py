"""Commands of rules, read from Snakefiles."""

from pathlib import Path

from scripts.reruns.commands import commands, step_digest

RULES = """
rule plot:
    input:
        "results/cer.tsv",
    params:
        code=code_of("plot"),
    shell:
        "python -m scripts.results.plot"
        " --table {input:q}"


checkpoint split:
    output:
        "a.tsv",
    # why
    shell:
        "trap '' TERM;" " python -m scripts.corpora.split_validation"
"""


def folder(path: Path, text: str = RULES) -> Path:
    path.mkdir()
    (path / "some.smk").write_text(text)
    return path


def test_commands_by_rule(tmp_path: Path) -> None:
    assert commands(folder(tmp_path / "rules")) == {
        "plot": "python -m scripts.results.plot --table {input:q}",
        "split": "trap '' TERM; python -m scripts.corpora.split_validation",
    }


def test_the_digest_follows_the_words_and_not_how_they_are_written(tmp_path: Path) -> None:
    before = step_digest(folder(tmp_path / "one"), "plot")
    on_one_line = RULES.replace('plot"\n        " --table', "plot --table")
    assert step_digest(folder(tmp_path / "two", on_one_line), "plot") == before
    assert step_digest(folder(tmp_path / "three", RULES.replace("--table", "--tables")), "plot") != before
    other_module = RULES.replace("scripts.results.plot", "scripts.results.tabulate")
    assert step_digest(folder(tmp_path / "four", other_module), "plot") != before
