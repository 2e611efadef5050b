"""Each rule runs in the environment that it names: the whole workflow in small, on a real conda and real trainers."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.local_conda.fixture import REPOSITORY, RULES_USE, Environments, environment_of, snakemake
from tests.workflow.conftest import lay_out
from tests.workflow.test_rules import RULES, Rule, module_of

# Each python of an environment notes its place and its command line as it starts.
RECORD = "RECORD_OF_INTERPRETERS"
RECORDER = f"""import os, sys, json; os.environ.get("{RECORD}") and open(os.environ["{RECORD}"], "a").write(\
json.dumps([sys.prefix, sys.orig_argv]) + chr(10))
"""


@dataclass(frozen=True)
class Started:
    """A python that was started: its environment, and its command line without the interpreter."""

    prefix: Path
    words: list[str]

    @property
    def module(self) -> str | None:
        """X of python -m X."""
        return self.words[1] if self.words[:1] == ["-m"] else None


@dataclass(frozen=True)
class Ran:
    """What snakemake printed, and each python of an environment that was started meanwhile."""

    output: str
    started: list[Started]

    @property
    def jobs(self) -> Counter[str]:
        """How often each rule ran."""
        ran = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", self.output, re.MULTILINE)
        return Counter(ran) - Counter({"all": 1})


@pytest.fixture(scope="module")
def ran(environments: Environments, conda_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The whole workflow on tones: two updates of fairseq, one epoch of ESPnet. The table needs only one branch."""
    work = tmp_path_factory.mktemp("work")
    lay_out(work / "corpora")
    (work / "corpora/English").symlink_to("AISHELL-2")
    given = work / "given.pt"
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.save({"cfg": {"model": {"_name": "wav2vec2"}}, "model": {}}, given)  # it is only brought
    recipe = yaml.safe_load((REPOSITORY / "config/finetune/demo.yaml").read_text()) | {"max_epoch": 1}
    (work / "espnet.yaml").write_text(yaml.safe_dump(recipe | {"keep_nbest_models": 1}))
    mandarin = {"validation_fraction": 0.3, "updates": 2, "milestones": [0], "best": False, "audio_shards": 1}
    overlay = {
        "corpora": {"aishell1": {"convert": True}},
        "pretraining": {"mandarin": mandarin},
        "checkpoints": {"english": {"path": str(given), "sha256": hashlib.sha256(given.read_bytes()).hexdigest()}},
        "finetuning": {"aishell1": {"recipe": str(work / "espnet.yaml"), "average_last": 1}},
        "exports": [
            {"name": "heard", "what": "recogniser", "finetuning": "aishell1", "from": "best"},
            {"name": "trained", "what": "pretraining", "from": "mandarin/after-2-updates"},
        ],
        "experiments": [{"finetuning": "aishell1", "from": ["mandarin"]}],
    }
    (work / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    for name in RULES_USE:
        (site,) = environments.of(name).glob("lib/python3.*/site-packages")
        (site / "recorder.pth").write_text(RECORDER)
    record = work / "record.jsonl"
    words = ["all", "results/pretrain/mandarin/best.pt", "results/pretrain/english/given.pt"]
    words += ["--sdm", "conda", "--conda-prefix", str(environments.prefix), "--cores", "2", "--show-failed-logs"]
    words += ["--configfile", "config/demo.yaml", str(work / "overlay.yaml")]
    call = snakemake(work, *words, conda_bin=conda_bin, **{RECORD: str(record)})
    assert call.returncode == 0, call.stdout
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return Ran(call.stdout, [Started(Path(prefix), words[1:]) for prefix, words in lines])


def test_every_rule_ran(ran: Ran) -> None:
    assert set(ran.jobs) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_job_of_a_rule_ran_in_the_environment_that_it_names(
    rule: Rule, ran: Ran, environments: Environments
) -> None:
    """A job that ran on another python would not be in the record."""
    prefixes = [start.prefix for start in ran.started if start.module == module_of(rule)]
    assert prefixes == [environments.of(environment_of(rule))] * ran.jobs[rule.name]


def test_the_trainers_ran_in_the_environments_of_their_steps(ran: Ran, environments: Environments) -> None:
    programs = {"fairseq-hydra-train": "fairseq", "asr_train": "espnet"}
    for program, name in programs.items():
        prefixes = {
            start.prefix for start in ran.started if any(Path(word).name == program for word in start.words[:3])
        }
        assert prefixes == {environments.of(name)}, program
