"""What holds for every rule, and for what modules may import."""

import ast
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import snakemake.api  # imports snakemake.workflow, which cannot be imported first
import yaml

from scripts.common import sidecars
from scripts.common.code import Code
from scripts.common.defaults import fill_in
from scripts.reruns import inputs
from scripts.reruns.numbers import parts_of_table
from scripts.reruns.parts import KINDS, with_all_above

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
CODE = Code(REPOSITORY)
PROFILES = [REPOSITORY / "profiles" / name / "config.yaml" for name in ("demo", "slurm")]
LINES_OF_A_RULE = 30
LINES_OF_HALF_OF_THE_RULES = 20
OF_TWO_SUBSETS = {"split_validation": "HEARD", "transcribe": "SUBSETS"}
SPARED = ("pretrain", "finetune", "transcribe")  # take GPUs: see spared() in workflow/rules/reruns.smk


@dataclass(frozen=True)
class Rule:
    """A rule as it is written: its file, its lines, and the text below each directive. `of`: the rule whose command and
    directives it takes over, or itself.
    """

    name: str
    file: Path
    lines: list[str]
    directives: dict[str, str]
    of: str


def parse(file: Path) -> list[Rule]:
    """The rules of a file: blocks that begin with `rule NAME:` or `use rule OTHER as NAME with:`. Their directives are
    indented by 4.
    """
    rules: dict[str, Rule] = {}
    for block in re.split(r"^(?=\S)", file.read_text(encoding="utf-8"), flags=re.MULTILINE):
        head = re.match(r"(?:rule|checkpoint|use rule (?P<of>\w+) as) (?P<name>\w+)(?: with)?:\n", block)
        if head:
            parts = re.split(r"^    (\w+):", block[head.end() :], flags=re.MULTILINE)
            directives = dict(zip(parts[1::2], parts[2::2], strict=True))
            of = rules[head["of"]].directives if head["of"] else {}
            lines = block.rstrip().splitlines()
            rules[head["name"]] = Rule(head["name"], file, lines, of | directives, head["of"] or head["name"])
    return list(rules.values())


SNAKEFILES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
RULES = [rule for file in SNAKEFILES for rule in parse(file)]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def module_of(rule: Rule) -> str:
    """The module that a rule's command runs."""
    (module,) = re.findall(r"python -m ([\w.]+)", rule.directives["shell"])
    return module


def packages_of(rule: Rule) -> set[str]:
    """The packages that a rule's module and what it starts import."""
    trees = CODE.closure(module_of(rule)).values()
    found = {name.split(".")[0] for tree in trees for name, _ in imports(tree)}
    # trace names the steps whose code it digests, and starts none of them
    digested = {"torch", "fairseq", "fairseq_cli", "espnet2", "hydra", "omegaconf"}
    digested |= {"soundfile", "soxr", "tqdm", "ahocorasick"}
    return found - set(sys.stdlib_module_names) - {"scripts"} - (digested if rule.name == "trace" else set())


def strings(directive: str) -> list[str]:
    return re.findall(r'"([^"]*)"', directive)


def test_no_name_hides_one_of_snakemakes() -> None:
    """Snakefiles are executed among the globals of snakemake.workflow, and can replace what it uses itself."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in [REPOSITORY / "Snakefile", *SNAKEFILES])
    ours: dict[str, object] = dict.fromkeys(re.findall(r"^(?:def )?(\w+)(?:\(| = )", text, re.MULTILINE))
    exec("\n".join(re.findall(r"^(?:import|from) .*", text, re.MULTILINE)), ours)
    theirs = vars(snakemake.workflow)
    hidden = {name for name in ours.keys() & theirs.keys() if ours[name] is not theirs[name]}
    assert len(ours) > 30 and hidden - {"__builtins__"} == set()


def test_decision_5_names_the_private_interfaces_of_snakemake() -> None:
    decision = (REPOSITORY / "docs/decisions/0005-reruns-by-content.md").read_text(encoding="utf-8")
    text = "\n".join(path.read_text(encoding="utf-8") for path in [REPOSITORY / "Snakefile", *SNAKEFILES])
    used = {name for name in re.findall(r"(?<!/)\bworkflow\.\w+", text) if name != "workflow.basedir"}
    used |= {f"rules.NAME.rule.{name}" for name in re.findall(r"\.rule\.(\w+)", text)}
    used |= set(re.findall(r"^class \w+\(\w+\)", text, re.MULTILINE))
    assert len(used) >= 4 and {name for name in used if f"`{name}`" not in decision} == set()


def test_rules_are_found() -> None:
    written = sum(file.read_text().count("\nrule ") for file in SNAKEFILES)
    assert len(RULES) >= written >= 10
    assert len({rule.name for rule in RULES}) == len(RULES)


@every_rule
def test_what_every_rule_has(rule: Rule) -> None:
    needed = {"input", "output", "log", "benchmark", "conda", "shell"}
    assert needed <= set(rule.directives)
    assert not {"script", "run", "notebook", "wrapper", "message"} & set(rule.directives)


def test_a_rule_fits_the_eye() -> None:
    """Without making lines of it longer: 120 characters, one flag a text (snakefmt joins texts that fit on a line)."""
    lengths = {rule.name: sum(bool(line.strip()) for line in rule.lines) for rule in RULES}
    assert {name for name, length in lengths.items() if length > LINES_OF_A_RULE} <= {"pretrain"}
    assert statistics.median(lengths.values()) <= LINES_OF_HALF_OF_THE_RULES
    for rule in RULES:
        assert all(len(line) <= 120 for line in rule.lines), rule.name
        assert all(text.count(" --") <= 1 for text in strings(rule.directives["shell"])), rule.name


@every_rule
def test_the_command_is_a_module_of_the_same_name(rule: Rule) -> None:
    module = module_of(rule)
    assert module == f"scripts.{rule.file.stem}.{rule.of}"
    assert (REPOSITORY / f"{module.replace('.', '/')}.py").is_file()
    assert rule.directives["shell"].rstrip().endswith('2>&1 | tee {log:q}"')


@every_rule
def test_every_param_is_an_argument_of_the_command(rule: Rule) -> None:
    """What none takes is in workflow/rules/tripwires.smk: see test_dag."""
    named = re.findall(r"^        (\w+)=", rule.directives.get("params", ""), re.MULTILINE)
    assert set(named) == set(re.findall(r"\{params\.(\w+)", rule.directives["shell"]))


@every_rule
def test_parts_lie_where_the_planner_looks_for_them(rule: Rule) -> None:
    """Each with its sidecar. A step may make the same part of two subsets."""
    block = re.search(r"^pathvars:\n((?: +.*\n)+)", (REPOSITORY / "Snakefile").read_text(), re.MULTILINE)
    outputs = rule.directives["output"]
    for name, value in reversed(re.findall(r'(\w+)="(.*)",', block[1])):
        outputs = outputs.replace(f"<{name}>", value)
    for maker, template in KINDS.values():
        if maker == rule.of:
            if template not in outputs and maker != "choose_best":
                written = template.replace("{subset}", "{}")
                plain = outputs.replace("{{", "{").replace("}}", "}")  # str.format
                assert f'with_sidecar(**by_subset("{written}", {OF_TWO_SUBSETS[maker]}))' in plain
                continue
            own = str(sidecars.path_of(Path(template))) == template
            if maker == "choose_best":  # its part is which checkpoint it is, said in the sidecar of that
                own, template = False, template.replace(".json", ".pt")
            product = re.escape(f'"{template}"')
            assert own or re.search(rf"with_(lasting_)?sidecar\(\w+=(directory\()?{product}", outputs), template


@every_rule
def test_what_makes_a_part_of_the_table_is_made_again_where_its_sidecar_is_stale(rule: Rule) -> None:
    if rule.of in SPARED:
        assert re.search(r"unpack\((inputs_of_milestone|lambda wildcards: spared\()", rule.directives["input"])
    elif kinds := [kind for kind, (maker, _) in KINDS.items() if maker == rule.name]:
        assert re.findall(r'again=if_stale\("([\w-]+)"', rule.directives["input"]) == kinds


@every_rule
def test_what_stands_below_a_trainer_waits_for_what_decides_whether_it_runs(rule: Rule) -> None:
    """An edge that goes around such a checkpoint is a race: the job is done before the training is planned."""
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    fill_in(config)
    parts = with_all_above(parts_of_table(config), config)
    for part in [part for part in parts if part.rule == rule.of not in SPARED]:
        is_below = {"pretrain", "finetune"} & {other.rule for other in with_all_above([part], config)}
        assert inputs.settled_before(part, config) or not is_below, part
    if rule.name in ("trace", "tabulate"):
        assert "unpack(inputs_of_table)" in rule.directives["input"]
        assert set(inputs.all_settled(config)) <= set(inputs.of_table(config, [])["settled"])


@every_rule
def test_log_and_benchmark_lie_under_the_name_of_the_rule(rule: Rule) -> None:
    (log,), (benchmark,) = (strings(rule.directives[name]) for name in ("log", "benchmark"))
    assert log.startswith(f"logs/{rule.name}/") and log.endswith(".log")
    assert benchmark.startswith(f"benchmarks/{rule.name}/") and benchmark.endswith(".tsv")
    assert Path(log).with_suffix("").parts[1:] == Path(benchmark).with_suffix("").parts[1:]


@every_rule
def test_paths_are_quoted(rule: Rule) -> None:
    """{input}, {output} and {log} may hold spaces; what is not quoted is a number or a word of ours."""
    for field in re.findall(r"\{([^}]*)\}", rule.directives["shell"]):
        if field.split(".")[0] in ("input", "output", "log"):
            assert field.endswith(":q"), field


@every_rule
def test_every_option_of_the_command_is_one_of_the_module(rule: Rule) -> None:
    tree = ast.parse((REPOSITORY / f"{module_of(rule).replace('.', '/')}.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    added = [call for call in calls if call.func.attr == "add_argument"]
    known = {ast.unparse(call.args[0]).strip("'") for call in added}
    required = {
        ast.unparse(call.args[0]).strip("'")
        for call in added
        if any(word.arg == "required" and getattr(word.value, "value", False) for word in call.keywords)
    }
    used = re.findall(r"(?<= )--[a-z0-9-]+", rule.directives["shell"])
    for keys in re.findall(r"[ (]options\(\"[^\"]*\", (.*?)\)", rule.directives.get("params", "")):
        used += [f"--{key.replace('_', '-')}" for key in re.findall(r'"(\w+)"', keys)]
    assert len(set(used)) == len(used)
    assert required <= set(used) <= known


@every_rule
def test_the_environment_has_what_the_module_imports(rule: Rule) -> None:
    (file,) = strings(rule.directives["conda"])
    environment = (rule.file.parent / file).resolve()
    files = environment.parent.glob(f"{environment.stem}.*")  # and what is installed after deployment
    text = re.sub(r"#.*", "", "".join(path.read_text() for path in files))
    installed = {re.sub(r"[-_.]+", "_", name).lower() for name in re.findall(r"[A-Za-z][\w.-]*", text)}
    names = {
        "yaml": "pyyaml",
        "hydra": "hydra_core",
        "fairseq": "ve_fairseq",
        "fairseq_cli": "ve_fairseq",
        "espnet2": "espnet",
        "ahocorasick": "pyahocorasick",
    }
    assert {name for name in packages_of(rule) if names.get(name, name) not in installed} == set()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.parent.name)
def test_every_rule_gets_its_memory_from_the_profile(profile: Path) -> None:
    """By a row of its own or by default; and no row repeats the default, nor is it for a rule that is not there."""
    settings = yaml.safe_load(profile.read_text(encoding="utf-8"))
    default, rows = settings["default-resources"], settings["set-resources"]
    names = {rule.name for rule in RULES}
    assert rows.keys() | settings.get("set-threads", {}).keys() <= names
    assert all(isinstance((default | rows.get(name, {}))["mem_mb"], int) for name in names)
    assert [(name, key) for name, row in rows.items() for key in row if default.get(key) == row[key]] == []
    assert min(rows[name]["mem_mb"] for name in SPARED) > default["mem_mb"]


# Imports

MODULES = sorted(path for path in SCRIPTS.rglob("*.py"))
FLOORS = [
    "common",
    "trainers",
    "corpora",
    "pretrain",
    "finetune",
    "evaluate",
    "reruns",
    "results",
    "export",
    "cluster",
    "transcribe",
]
READS_SNAKEMAKES_WORDS = SCRIPTS / "cluster/rehearsal/call.py"  # steps run where there is no Snakemake
MAY_CROSS = {
    ("cluster", "scripts.trainers"),
    ("cluster", "scripts.corpora.formats"),
    ("cluster", "scripts.finetune.identity"),
    ("cluster", "scripts.reruns.parts"),
    ("reruns", "scripts.trainers.work"),
    ("pretrain", "scripts.trainers"),
    ("finetune", "scripts.trainers"),
    ("evaluate", "scripts.finetune.espnet_numerics"),
    ("reruns", "scripts.corpora.concatenate"),
    ("reruns", "scripts.corpora.contents"),
    ("reruns", "scripts.corpora.identity"),
    ("reruns", "scripts.corpora.write_manifest"),
    ("reruns", "scripts.evaluate.identity"),
    ("reruns", "scripts.finetune.data"),
    ("reruns", "scripts.finetune.espnet_command"),
    ("reruns", "scripts.finetune.identity"),
    ("reruns", "scripts.pretrain.fairseq_command"),
    ("reruns", "scripts.pretrain.identity"),
    ("results", "scripts.evaluate.aligned"),
    ("results", "scripts.evaluate.error_tables"),
    ("results", "scripts.evaluate.metrics"),
    ("results", "scripts.evaluate.operations"),
    ("results", "scripts.evaluate.score_cer"),
    ("results", "scripts.finetune.identity"),
    ("results", "scripts.reruns"),
    ("results", "scripts.trainers"),
    ("export", "scripts.pretrain.conversion"),
    ("export", "scripts.pretrain.hugging_face"),
    ("export", "scripts.finetune.espnet_numerics"),
    ("export", "scripts.finetune.prepare_encoder"),
    ("export", "scripts.evaluate.alignment"),
    ("export", "scripts.evaluate.transcribe"),
    ("export", "scripts.reruns.parts"),
}


def imports(tree: ast.Module) -> list[tuple[str, int]]:
    """(module, line) of every import, `from a import b` as a.b."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: ours import by absolute names"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def wing_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "scripts" and len(parts) > 1 else None


def test_the_wings_are_the_folders() -> None:
    folders = {path.name for path in SCRIPTS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(FLOORS)


def test_what_may_cross_goes_down() -> None:
    """0007-rooms.md: no arrow upwards."""
    for importer, crossed in MAY_CROSS:
        assert FLOORS.index(wing_of(crossed)) < FLOORS.index(importer), f"{importer} -> {crossed}"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SCRIPTS)))
def test_wings_stand_on_common_and_do_not_import_one_another(module: Path) -> None:
    own = module.relative_to(SCRIPTS).parts[0]
    for name, line in imports(ast.parse(module.read_text(encoding="utf-8"))):
        wing = wing_of(name)
        allowed = wing in (None, own, "common") or any(
            own == importer and (name == crossed or name.startswith(f"{crossed}.")) for importer, crossed in MAY_CROSS
        )
        assert allowed, f"line {line}: {name}"
        if own == "common":
            assert wing in (None, "common"), f"line {line}: {name}"
            assert name.split(".")[0] not in ("torch", "torchaudio", "fairseq", "espnet", "espnet2"), f"line {line}"
        assert name.split(".")[0] != "tests", f"line {line}: {name}"
        assert name.split(".")[0] != "snakemake" or module == READS_SNAKEMAKES_WORDS, f"line {line}: {name}"


def test_modules_import_in_no_circle() -> None:
    """Repeatedly take away the modules that import none of those left."""
    names = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
    waiting = {}
    for path in MODULES:
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        found = {imported for imported, _ in imports(ast.parse(path.read_text(encoding="utf-8")))}
        found |= {imported.rpartition(".")[0] for imported in found}
        waiting[name] = found & names - {name}
    while free := {name for name, needed in waiting.items() if not needed & set(waiting)}:
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    assert waiting == {}
