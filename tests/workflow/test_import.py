"""The rules in somebody else's Snakefile: `module mandarin: snakefile: ...`, as docs/reproduce.md says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.workflow.compare_plans import parse
from tests.workflow.conftest import Project

# What somebody may have beside it: a prefix of the shell, pathvars, wildcards and rules of the same names.
IMPORTER = """
shell.prefix("export OF_THE_IMPORTER=yes; ")

pathvars:
    branch="another",

wildcard_constraints:
    model="theirs",

rule everything:
    input:
        "theirs/another.txt",

rule {plot}:
    output:
        "{{model}}/<branch>.txt",
    shell:
        "(env; set -o) > {{output}}; false | true"

module mandarin:
    snakefile:
        "{snakefile}"
    {config}

use rule * from mandarin {names}
"""
NAMES = {"": "", "mandarin_": "as mandarin_*"}
CONFIGS = {"": (), 'config: config["mandarin"]': ("mandarin",), "config: config": ()}  # and where its keys lie
OWN, OF_ALL = list(CONFIGS)[1:]
TRIGGERS = ("--rerun-triggers", "mtime", "params")


def imported(project: Project, prefix: str, config: str = OWN) -> Project:
    """The same project, called from a Snakefile of somebody else's."""
    place = project.directory.parent / "somebody else's"
    place.mkdir()
    plot = "plot" if prefix else "draw"
    snakefile = project.repository / "Snakefile"
    text = IMPORTER.format(plot=plot, snakefile=snakefile, names=NAMES[prefix], config=config)
    (place / "Snakefile").write_text(text, encoding="utf-8")
    keys = yaml.safe_load(project.read("overlay.yaml"))
    for name in CONFIGS.get(config, ["mandarin"]):
        keys = {name: keys}
    (project.directory / "overlay.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    return Project(project.directory, place)


def plan(project: Project, *words: str, prefix: str = "") -> dict[tuple[str, str], dict[str, str]]:
    """The jobs of a dry run with all that is printed of them, by the names that their rules have here.

    But for the order of keys in the config: without `config:` Snakemake puts those of an overlay last.
    """
    run = project.snakemake(*words, "-n", "-p", "--quiet", "host")
    assert run.code == 0, run.output
    jobs = parse(run.output)
    for job in jobs.values():
        job["command"] = re.sub(r"(?<=--config ')\{.*\}(?=')", in_order, job["command"])
    return {(rule.removeprefix(prefix), wildcards): job for (rule, wildcards), job in jobs.items()}


def in_order(found: re.Match[str]) -> str:
    return json.dumps(json.loads(found[0]), sort_keys=True)


@pytest.mark.parametrize(("prefix", "config"), [("", ""), ("", OWN), ("mandarin_", OWN), ("mandarin_", OF_ALL)])
def test_the_same_is_planned(fresh: Project, prefix: str, config: str) -> None:
    own = plan(fresh, "all")
    theirs = plan(imported(fresh, prefix, config), f"{prefix}all", *TRIGGERS, prefix=prefix)
    assert len(own) > 30 and theirs == own


def test_the_same_stands(finished: Project) -> None:
    project = imported(finished, "mandarin_")
    assert project.snakemake("mandarin_all", *TRIGGERS).nothing
    assert project.snakemake("-n", *TRIGGERS).rules == ["everything", "plot"]  # by default what is theirs


def test_the_same_runs(finished: Project) -> None:
    """Checkpoints and what waits for them, training and what comes after, and a rule of the importer's."""
    before = finished.read("results/cer.tsv")
    for folder in ("finetune", "transcripts", "cer"):
        for path in finished.directory.glob(f"results/{folder}/**/after-10-updates/lr-0.1"):
            shutil.rmtree(path)
    overlay = finished.read("overlay.yaml").replace("audio_shards: 2", "audio_shards: 3")
    (finished.directory / "overlay.yaml").write_text(overlay, encoding="utf-8")
    project = imported(finished, "mandarin_")
    run = project.snakemake("mandarin_all", "everything", *TRIGGERS)
    assert run.code == 0, run.output
    some = ("concatenate", "write_manifest", "pretrain", "finetune")
    assert [run.rules.count(f"mandarin_{name}") for name in some] == [3, 1, 0, 1]
    assert finished.read("results/cer.tsv") == before
    theirs = finished.read("theirs/another.txt")
    assert "OF_THE_IMPORTER=yes\n" in theirs
    assert not re.search(r"^(PYTHONPATH|PYTHONNOUSERSITE|MKL_CBWR)=|pipefail\s+on", theirs, re.MULTILINE)
    assert project.snakemake("mandarin_all", "everything", *TRIGGERS).nothing


def test_rules_are_called_by_the_names_that_they_have_there(finished: Project) -> None:
    sidecar = finished.directory / "results/pretrain/mandarin/best.json"
    made = json.loads(sidecar.read_text(encoding="utf-8"))
    made["environment"]["digest"] = "another"
    sidecar.write_text(json.dumps(made), encoding="utf-8")
    said = imported(finished, "mandarin_").snakemake("mandarin_all", "-n", *TRIGGERS).output
    assert "unless you say -R mandarin_choose_best." in said


def test_the_steps_find_the_repository(fresh: Project, tmp_path: Path) -> None:
    """Which they do not where Snakemake fetches a Snakefile alone, from GitHub or from a commit."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(fresh.repository / "Snakefile", elsewhere)
    git = ["git", "-C", elsewhere, "-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A"]):
        subprocess.run([*git, *words], check=True)
    project = imported(fresh, "mandarin_")
    place = project.repository / "Snakefile"
    from_git = f'gitfile("{elsewhere}", "Snakefile", ref="main")'
    place.write_text(place.read_text().replace(f'"{fresh.repository}/Snakefile"', from_git))
    run = project.snakemake("mandarin_all", "-n", *TRIGGERS)
    assert run.code == 1 and "error: the module's snakefile has to lie in a clone" in run.output


def test_files_are_where_the_steps_look_for_them(fresh: Project) -> None:
    project = imported(fresh, "mandarin_", f"{OWN}\n    prefix: 'theirs'")
    run = project.snakemake("mandarin_all", "-n", *TRIGGERS)
    assert run.code == 1 and "error: prefix and replace_prefix of a module" in run.output
