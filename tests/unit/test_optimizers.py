"""Optimizers compute the same without torch's compiler, and do not import it."""

import subprocess
import sys

import pytest

from scripts.common.provenance import REPOSITORY

pytest.importorskip("torch", reason="torch is not installed")

PROGRAM = """
import sys
import torch
from scripts.trainers.optimizers import without_compiler

class Own(torch.optim.Optimizer):
    "As fairseq's Adam, with a step of its own."
    def __init__(self, weights, lr):
        super().__init__(weights, {"lr": lr})
    def step(self):
        for weight in self.param_groups[0]["params"]:
            weight.data -= self.param_groups[0]["lr"] * weight.grad.sign()

def updated(kind):
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = kind([weight], lr=0.5)
    (3 * weight).backward()
    optimizer.step()
    assert weight.requires_grad and torch.is_grad_enabled()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
    return weight.item()

if "without" in sys.argv:
    without_compiler(torch.optim.Adam)
print(updated(Own), updated(torch.optim.Adam), "torch._dynamo" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("word", "imported"), [("with", True), ("without", False)])
def test_an_update_is_the_same_without_the_compiler(word: str, imported: bool) -> None:
    """In a process of its own, as any test before may have imported it. Adam's first update is the learning rate."""
    call = [sys.executable, "-c", PROGRAM, word]
    done = subprocess.run(call, check=True, cwd=REPOSITORY, capture_output=True, text=True)
    own, adam, found = done.stdout.split()
    assert float(own) == 1.5 and float(adam) == pytest.approx(1.5, abs=1e-6) and found == str(imported)
