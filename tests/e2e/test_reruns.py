"""What runs again on real trainers: the rows of docs/decisions/0005 that spare GPUs. All rows: tests/workflow."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.small_demo import snakemake
from tests.workflow.conftest import check_out

pytestmark = pytest.mark.e2e

PRETRAINED, FINETUNED = "results/pretrain/mandarin", "results/finetune/aishell1/from"


@pytest.fixture(scope="module")
def demo(copy_demo: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small demo. The tests go on where the one before has left it."""
    return copy_demo(tmp_path_factory.mktemp("reruns") / "demo")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, to be edited."""
    directory = tmp_path_factory.mktemp("a checkout") / "repository"
    check_out(directory)
    return directory


def change(demo: Path, **settings: object) -> None:
    """Set keys of the overlay; `pretraining__mandarin__updates=9` is a nested one."""
    overlay = yaml.safe_load((demo / "small.yaml").read_text())
    for path, value in settings.items():
        *parents, last = path.split("__")
        entry = overlay
        for name in parents:
            entry = entry.setdefault(name, {})
        entry[last] = value
    (demo / "small.yaml").write_text(yaml.safe_dump(overlay))


def run(demo: Path, repository: Path) -> Counter[str]:
    """How often each rule runs, as a dry run has it; after the run nothing is left to do."""
    planned = counted(snakemake(demo, "-n", repository=repository))
    snakemake(demo, repository=repository)
    assert "Nothing to be done" in snakemake(demo, repository=repository)
    return planned


def counted(said: str) -> Counter[str]:
    """The jobs in Snakemake's table of them."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", said, re.MULTILINE | re.DOTALL)
    assert table is not None, said
    return Counter({rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)})


def trained(demo: Path) -> dict[Path, int]:
    """What was trained, and when. The best checkpoint is one of the milestones."""
    files = [*demo.glob(f"{PRETRAINED}/after-*.pt"), *demo.glob(f"{FINETUNED}/**/*epoch.pth")]
    return {path.relative_to(demo): path.stat().st_mtime_ns for path in files}


def test_comments_run_nothing(demo: Path, checkout: Path) -> None:
    for file in checkout.glob("scripts/**/*.py"):
        file.write_text(f"# why\n{file.read_text()}")
    assert "Nothing to be done" in snakemake(demo, repository=checkout)


def test_other_code_with_the_same_bytes_trains_nothing(demo: Path, checkout: Path) -> None:
    before = trained(demo)
    step = checkout / "scripts/corpora/split_validation.py"
    step.write_text(step.read_text().replace("def main()", "NEW = 1\n\n\ndef main()"))
    archives = {path: path.stat().st_mtime_ns for path in demo.glob(f"{PRETRAINED}/audio/*.zip")}
    ran = run(demo, checkout)
    assert "split_validation" in ran and not {"pretrain", "finetune", "transcribe"} & set(ran)
    assert {path: path.stat().st_mtime_ns for path in archives} == archives  # -n cannot foresee that nothing is packed
    assert trained(demo) == before


def test_milestones_in_the_middle_and_at_the_end(demo: Path, checkout: Path) -> None:
    """Each costs its own segment and fine-tuning; neither those before nor those behind are made again."""
    before = trained(demo)
    change(demo, pretraining__mandarin__updates=10, pretraining__mandarin__milestones=[0, 4, 6, 8, 10])
    assert run(demo, checkout)["pretrain"] == 2
    after = trained(demo)
    assert {path: after[path] for path in before} == before
    new = {path.parts[5] if "from" in path.parts else path.stem for path in after.keys() - before.keys()}
    assert new == {"after-6-updates", "after-10-updates"}


def test_average_last_trains_nothing(demo: Path, checkout: Path) -> None:
    """Nor does a shorter table, here of one model: what follows costs a quarter."""
    before = trained(demo)
    change(demo, experiments=[{"finetuning": "aishell1", "from": ["english-demo"]}])
    run(demo, checkout)
    change(demo, finetuning__aishell1__average_last=1)
    ran = run(demo, checkout)
    assert ran["average_weights"] == ran["transcribe"] == 1 and not {"pretrain", "finetune"} & set(ran)
    assert trained(demo) == before


def test_a_learning_rate_costs_its_own_fine_tunings(demo: Path, checkout: Path) -> None:
    before = trained(demo)
    rates = [0.004, 0.002]
    change(demo, finetuning__aishell1__learning_rates=rates)
    ran = run(demo, checkout)
    assert ran["finetune"] == 1 and "pretrain" not in ran
    after = trained(demo)
    assert {path: after[path] for path in before} == before
    assert {path.parts[6] for path in after.keys() - before.keys()} == {"lr-0.002"}


def test_a_fresh_checkout_over_finished_results(demo: Path, checkout: Path) -> None:
    """Recipes are new files, and Snakemake's memory is gone."""
    for path in checkout.rglob("*"):
        path.touch()
    shutil.rmtree(demo / ".snakemake")
    assert "Nothing to be done" in snakemake(demo, repository=checkout)
