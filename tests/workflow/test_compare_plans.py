"""What compare_plans makes of two short plans, as snakemake prints them."""

from collections import Counter

import pytest

from tests.workflow.compare_plans import Intended, Uses, compare, parse

OLD = """Building DAG of jobs...
Job stats:
job      count
-----  -------
score        1
total        1


[Fri Nov 27 03:56:11 2026]
rule score:
    input: results/text, corpora/list.tsv
    output: results/cer.json
    jobid: 3
    reason: Missing output files: results/cer.json
    wildcards: subset=dev, lr=0.1
    resources: tmpdir=/tmp, mem_mb=500
Shell command: python -m scripts.plan.score --subset dev --output results/cer.json 2>&1 | tee logs/score.log
DAG of jobs will be updated after completion.

[Fri Nov 27 03:56:11 2026]
checkpoint all:
    input: results/cer.json
    jobid: 0
    reason: Input files updated by another job: results/cer.json
    resources: tmpdir=/tmp
Shell command: None
Job stats:
"""
NEW = (
    OLD.replace("scripts.plan", "scripts.results")
    .replace("input: results/text, corpora/list.tsv", "input: corpora/list.tsv, results/dev/text.json, results/text")
    .replace("jobid: 3", "jobid: 4")
    .replace("Missing output files", "Code has changed")
)
MOVED = Intended(["score"], "command", "It moved.", becomes={r"scripts\.plan": "scripts.results"})
WAITS = Intended(["score"], "input", "It waits.", gains=["results/{subset}/*.json"])


def compared(old: str, new: str, *entries: Intended) -> tuple[list[str], Uses]:
    used: Uses = Counter()
    return compare("demo", parse(old), parse(new), entries, used), used


def test_the_fields_of_a_job() -> None:
    assert parse(OLD)["score", "subset=dev, lr=0.1"] == {
        "kind": "rule",
        "input": "results/text, corpora/list.tsv",
        "output": "results/cer.json",
        "wildcards": "subset=dev, lr=0.1",
        "resources": "tmpdir=/tmp, mem_mb=500",
        "command": "python -m scripts.plan.score --subset dev --output results/cer.json 2>&1 | tee logs/score.log",
        "job": "planned",
    }
    assert parse(OLD)["all", ""]["command"] == "None" and parse(OLD)["all", ""]["kind"] == "checkpoint"


def test_a_command_of_several_lines() -> None:
    plan = parse("rule a:\n    jobid: 1\nShell command: one\n  two\nthree\n\nnext\n")
    assert plan["a", ""]["command"] == "one\n  two\nthree"


def test_what_differs_in_words() -> None:
    assert compared(OLD, NEW)[0] == [
        "demo: score subset=dev, lr=0.1: command\n    - scripts.plan.score\n    + scripts.results.score",
        "demo: score subset=dev, lr=0.1: input\n    + results/dev/text.json",
    ]


def test_what_is_intended_and_nothing_beside_it() -> None:
    assert compared(OLD, NEW, MOVED, WAITS) == ([], {(0, r"scripts\.plan"): 1, (1, "results/{subset}/*.json"): 1})
    for before, after in (("--subset dev ", ""), ("mem_mb=500", "mem_mb=600"), ("dev/text.json", "test/text.json")):
        found, _ = compared(OLD, NEW.replace(before, after), MOVED, WAITS)
        assert len(found) == 1, (before, found)


def test_an_entry_that_does_not_apply_is_not_counted() -> None:
    elsewhere = Intended(["score"], "input", "Not here.", loses=["corpora/*"], configs=["paper"])
    gone = Intended(["all"], "command", "It went.", loses=["one"])
    assert not compared(OLD, OLD, gone, WAITS, elsewhere)[1]


def test_a_job_of_only_one_plan() -> None:
    more = OLD + "\nrule extra:\n    output: x\nShell command: touch x\n"
    assert compared(OLD, more)[0] == ["demo: extra: job\n    + planned"]
    assert compared(OLD, more, Intended(["extra"], "job", "It is new.", gains=["planned"]))[0] == []


@pytest.mark.parametrize(("wildcards", "unexpected"), [("*subset=dev*", 0), ("*subset=test*", 1)])
def test_an_entry_may_speak_of_some_jobs_of_a_rule(wildcards: str, unexpected: int) -> None:
    gone = Intended(["score"], "job", "It went.", loses=["planned"], wildcards=wildcards)
    fewer = OLD.replace("rule score", "rule other")
    found, used = compared(OLD, fewer, gone, Intended(["other"], "job", "It came.", gains=["planned"]))
    assert (len(found), used[0, "planned"]) == (unexpected, 1 - unexpected)


def test_two_jobs_with_one_name_are_refused() -> None:
    with pytest.raises(SystemExit, match=r"score subset=dev, lr=0\.1 is planned twice"):
        parse(OLD + OLD)
