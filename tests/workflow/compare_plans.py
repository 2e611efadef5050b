"""Whether two commits plan the same jobs for each shipped configuration: `-m tests.workflow.compare_plans OLD [NEW]`.

A change of the rules shall do what it says and nothing else: a lost flag or other resources would show only after days
on GPUs. What is meant to differ stands in intended_differences.yaml, with its reasons. Anything else is printed, so is
what stands there and does not differ, and both end with exit code 1. A dry run does not print what comes before every
command (`shell.prefix`), conda environments, retries and params that are in no command: those are not compared.
"""

import argparse
import fnmatch
import glob
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import ndiff
from pathlib import Path

import yaml

from tests.workflow.conftest import BIN, REPOSITORY
from tests.workflow.test_plans import roots

INTENDED = Path(__file__).with_name("intended_differences.yaml")
IGNORED = {"jobid", "reason"}  # they differ from one dry run to the next
UNORDERED = {"input", "output", "resources"}  # where the order matters it shows in the command
MANDARIN = ("AISHELL-2/iOS/data", "data_aishell")
CONFIGS = {  # words for snakemake, and the corpora that have to lie there
    "paper": (["--cores", "1", "--configfile", "config/config.yaml"], MANDARIN),
    # without conda, which a dry run would ask for its version
    "slurm": (["--profile", "profiles/slurm", "--software-deployment-method", "env-modules"], MANDARIN),
    "demo": (["--profile", "profiles/demo"], (*MANDARIN, "English/iOS/data")),
    "sample": (["--profile", "profiles/demo", "--configfile", "config/sample.yaml"], MANDARIN),
}

Plan = dict[tuple[str, str], dict[str, str]]  # the fields of a job, by its rule and wildcards
Uses = Counter[tuple[int, str]]  # the jobs to which a pattern of an entry applied, by the number of the entry


@dataclass(frozen=True)
class Intended:
    """An entry of the list. Its patterns may hold {wildcards} of the job, and each has to apply somewhere."""

    rules: list[str]
    field: str  # as snakemake prints it; or kind (rule or checkpoint), command, job (planned, or not)
    why: str
    gains: list[str] = field(default_factory=list)  # globs of words that only the new plan has
    loses: list[str] = field(default_factory=list)  # globs of words that only the old plan has
    becomes: dict[str, str] = field(default_factory=dict)  # regular expressions in the old plan: what replaces them
    configs: list[str] = field(default_factory=lambda: list(CONFIGS))
    wildcards: str = "*"  # a glob: of which jobs

    def apply(self, old: list[str], new: list[str], job: tuple[str, str], separator: str) -> list[str]:
        """Make both sides equal in what is expected to differ; the patterns that had to."""
        wildcards = dict(pair.split("=", 1) for pair in split(job[1], ", "))

        def fill(pattern: str, escape: Callable[[str], str]) -> str:
            return re.sub(r"\{([a-z]+)\}", lambda match: escape(wildcards[match[1]]), pattern)

        applied = []
        for pattern, replacement in self.becomes.items():
            text, count = re.subn(fill(pattern, re.escape), fill(replacement, str), separator.join(old))
            old[:] = split(text, separator)
            applied += [pattern] * (count > 0)
        gained, lost = set(new) - set(old), set(old) - set(new)
        for patterns, side, own in ((self.gains, new, gained), (self.loses, old, lost)):
            for pattern in patterns:
                expected = set(fnmatch.filter(own, fill(pattern, glob.escape)))
                side[:] = [word for word in side if word not in expected]
                applied += [pattern] * bool(expected)
        return applied


def split(text: str, separator: str) -> list[str]:
    """Words; none of an empty text."""
    return text.split(separator) if text else []


def parse(output: str) -> Plan:
    """The jobs in what `snakemake -n -p` prints."""
    plan: Plan = {}
    job_of = r"^(\w*rule|\w*checkpoint) (\w+):\n((?:    .*\n)*)(?:Shell command: (.*(?:\n(?!DAG |Job ).+)*))?"
    for kind, rule, lines, words in re.findall(job_of, output, re.MULTILINE):
        fields = dict(re.findall(r"^    ([\w-]+): (.*)$", lines, re.MULTILINE))
        job = (rule, fields.get("wildcards", ""))
        if job in plan:
            raise SystemExit(f"error: {' '.join(job)} is planned twice")
        plan[job] = {name: value for name, value in fields.items() if name not in IGNORED}
        plan[job] |= {"kind": kind, "command": words, "job": "planned"}
    return plan


def compare(config: str, old: Plan, new: Plan, entries: Sequence[Intended], used: Uses) -> list[str]:
    """What no entry expects, a paragraph for each field of a job; `used` goes on counting."""
    found = []
    for job in sorted(old.keys() | new.keys()):
        before, after = old.get(job, {}), new.get(job, {})
        for name in sorted(before.keys() | after.keys()) if before and after else ["job"]:
            separator = " " if name == "command" else ", "
            sides = [split(fields.get(name, ""), separator) for fields in (before, after)]
            for number, entry in enumerate(entries):
                is_meant = job[0] in entry.rules and fnmatch.fnmatch(job[1], entry.wildcards)
                if config in entry.configs and is_meant and name == entry.field:
                    used.update((number, pattern) for pattern in entry.apply(*sides, job, separator))
            old_words, new_words = map(sorted, sides) if name in UNORDERED else sides
            if old_words != new_words:
                words = [word for word in ndiff(old_words, new_words) if word[0] in "-+"]
                found.append("\n    ".join([f"{config}: {' '.join(job).strip()}: {name}", *words]))
    return found


def plan_of(commit: str, config: str) -> Plan:
    """What a commit would do in a directory with nothing but empty corpora."""
    words, corpora = CONFIGS[config]
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory() as place:
        repository, directory = Path(place, "repository"), Path(place, "directory")
        with tarfile.open(fileobj=io.BytesIO(archive)) as file:
            file.extractall(repository, filter="data")
        roots(directory, *corpora)
        command = [BIN / "snakemake", "-n", "-p", "--quiet", "host", "--directory", directory, *words]
        env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        call = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True)
    output = (call.stdout + call.stderr).replace(place, "")
    plan, totals = parse(output), re.findall(r"^total +(\d+)$", output, re.MULTILINE)
    if call.returncode or str(len(plan)) not in totals:
        raise SystemExit(f"{output}\nerror: {commit} does not plan {config}, or not these {len(plan)} jobs alone")
    return plan


def main() -> None:
    """Parse the command line, print what differs and how often each intended difference was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD", help="a commit")
    parser.add_argument("new", metavar="NEW", nargs="?", default="HEAD", help="a commit; HEAD where it is left out")
    arguments = parser.parse_args()
    entries = [Intended(**entry) for entry in yaml.safe_load(INTENDED.read_text(encoding="utf-8"))]
    used: Uses = Counter()
    unexpected = 0
    for config in CONFIGS:
        old, new = plan_of(arguments.old, config), plan_of(arguments.new, config)
        found = compare(config, old, new, entries, used)
        print(*found, f"{config}: {len(old)} and {len(new)} jobs, {len(found)} unexpected differences", sep="\n")
        unexpected += len(found)
    for number, entry in enumerate(entries):
        for pattern in (*entry.gains, *entry.loses, *entry.becomes):
            unexpected += not used[number, pattern]
            print(f"{used[number, pattern] or 'UNUSED':>6}  {', '.join(entry.rules)}: {entry.field}: {pattern}")
    sys.exit(unexpected > 0)


if __name__ == "__main__":
    main()
