"""What every command starts with: the kernels that PyTorch's libraries may choose, and who hears SIGTERM."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.kernels import names, with_same_kernels, words
from tests.workflow.conftest import Project

HASWELL = "flags\t\t: fpu sse4_2 avx bmi1 avx2 smep bmi2 erms"
SAME = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}


@pytest.fixture
def bare() -> dict[str, str]:
    """An environment in which the user has set none of them."""
    return {"PATH": os.environ["PATH"]}


def cpuinfo(folder: Path, *lines: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text("\n".join(["processor\t: 0", *lines, "power management:", ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("flags", [HASWELL, "flags\t\t: fpu avx2", f"{HASWELL} avx512f avx512_bf16 amx_tile"])
def test_with_avx2_the_kernels_are_those_of_avx2(flags: str, bare: dict[str, str], tmp_path: Path) -> None:
    assert with_same_kernels(bare, cpuinfo(tmp_path, flags)) == bare | SAME
    assert set(names()) == set(SAME)


@pytest.mark.parametrize(
    "lines",
    [
        ["flags\t\t: fpu sse4_2 avx"],  # Sandy Bridge
        ["flags\t\t: fpu avx avx2x xavx2"],
        ["model name\t: Oracle of avx2 ", "flags\t\t: fpu"],
        ["Features\t: fp asimd evtstrm aes sve"],  # ARM
        [],
    ],
)
def test_without_avx2_nothing_is_set(lines: list[str], bare: dict[str, str], tmp_path: Path) -> None:
    assert with_same_kernels(bare, cpuinfo(tmp_path, *lines)) == bare


def test_where_there_is_no_cpuinfo_nothing_is_set_or_said(bare: dict[str, str], tmp_path: Path) -> None:
    assert with_same_kernels(bare, tmp_path / "none") == bare  # which also checks that bash said nothing


@pytest.mark.parametrize("value", ["AVX512", ""])
@pytest.mark.parametrize("name", SAME)
def test_a_value_of_the_users_stays(name: str, value: str, bare: dict[str, str], tmp_path: Path) -> None:
    assert with_same_kernels(bare | {name: value}, cpuinfo(tmp_path, HASWELL)) == bare | SAME | {name: value}


def test_trainers_hear_them(finished: Project) -> None:
    expected = {name: with_same_kernels(os.environ).get(name) for name in SAME}
    logs = list(finished.directory.glob("results/pretrain/mandarin/work/*/train.log"))
    assert logs and all(f"kernels: {expected}" in log.read_text(encoding="utf-8") for log in logs)


@pytest.mark.parametrize("first", ["step_alone_hears_sigterm; ", ""])
def test_bash_and_tee_outlive_sigterm_where_the_step_is_to_hear_it(first: str) -> None:
    """As SLURM sends it: to every process."""
    step = """python3 -c '
import os, signal
signal.signal(signal.SIGTERM, lambda *_: print("saved", flush=True))
os.killpg(0, signal.SIGTERM)
print("ended", flush=True)
' 2>&1 | tee /dev/null; echo after"""
    script = f"{words('STEP_ALONE_HEARS_SIGTERM').format()}{first}{step}"
    call = subprocess.run(["bash", "-c", script], capture_output=True, text=True, process_group=0)
    assert (call.stdout == "saved\nended\nafter\n") == bool(first), call
    assert call.stderr == ""
