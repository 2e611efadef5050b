"""Digests of all that one update of the demo's pre-training or fine-tuning computes, for test_processors.py.

python -m tests.e2e.one_update pretrain FOLDER              FOLDER is empty; the digests go to update.json there
python -m tests.e2e.one_update finetune FOLDER ENCODER.pt

Models, optimizers and the trainers' steps are fairseq's and ESPnet's, called as the workflow calls them. The batch is
small, two utterances of a second: an emulated processor calculates a thousand times more slowly than a real one.
"""

import ctypes
import hashlib
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.trainers.processes import Processes
from tests.e2e.steps import RATE, ROOT, write_wav

UTTERANCES = 2
TOKENS = ["<blank>", "<unk>", *"零一二三四五六七八九", "<sos/eos>"]


def noise() -> np.ndarray:
    """int16 samples (UTTERANCES, RATE): a second each."""
    return np.random.default_rng(1).integers(-8000, 8000, (UTTERANCES, RATE), dtype=np.int16)


def digests(tensors: Iterable[tuple[str, torch.Tensor]]) -> dict[str, str]:
    """Twelve digits for the bytes of each tensor, by its name."""
    arrays = {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in tensors}
    return {name: hashlib.sha256(array.tobytes()).hexdigest()[:12] for name, array in arrays.items()}


def noting(model: torch.nn.Module, head: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The weights before the update; what the head gives in it and the gradients that it takes are filled in later."""
    facts = {"before": digests(model.state_dict().items())}

    def forward(_: Any, __: Any, output: Any) -> None:
        parts = output.items() if isinstance(output, dict) else [("output", output)]
        facts["forward"] = digests((name, part) for name, part in parts if isinstance(part, torch.Tensor))

    def gradients(*_: Any) -> None:
        learning = [(name, weight.grad) for name, weight in model.named_parameters() if weight.grad is not None]
        facts["gradients"] = digests(learning)

    head.register_forward_hook(forward)
    optimizer.register_step_pre_hook(gradients)
    return facts


def pretrain(folder: Path) -> dict[str, Any]:
    """By fairseq's Trainer, with our plugin, at the full learning rate (that of the first update is 0)."""
    from fairseq import tasks, utils
    from fairseq.trainer import Trainer

    from scripts.pretrain.fairseq_command import Segment, overrides
    from scripts.pretrain.initialise import resolve

    recipe = ROOT / "config/pretrain/demo.yaml"
    segment = Segment(recipe, folder, folder, 1, update_freq=1, precision="fp32", seed=1, resume_from=None)
    config = resolve(recipe, overrides(segment, Processes(gpus=0, per_node=1)))
    utils.import_user_module(config.common)
    np.random.seed(1)
    utils.set_torch_seed(1)
    task = tasks.setup_task(config.task)
    model = task.build_model(config.model)
    trainer = Trainer(config, task, model, task.build_criterion(config.criterion))
    trainer.set_num_updates(config.lr_scheduler.warmup_updates)
    facts = noting(model, model, trainer.optimizer.optimizer)
    for number, samples in enumerate(noise()):
        write_wav(folder / f"{number}.wav", samples)
    lines = [str(folder), *(f"{number}.wav\t{RATE}" for number in range(UTTERANCES))]
    (folder / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    task.load_dataset("train")
    trainer.train_step([task.dataset("train").collater([task.dataset("train")[n] for n in range(UTTERANCES)])])
    return facts | {"after": digests(model.state_dict().items())}


def finetune(folder: Path, encoder: str) -> dict[str, Any]:
    """By ESPnet's Trainer, behind our layer, with nothing frozen but what the recipe freezes for good."""
    from scripts.finetune import espnet_numerics

    espnet_numerics.install()
    from espnet2.schedulers.warmup_lr import WarmupLR
    from espnet2.tasks.asr import ASRTask
    from espnet2.torch_utils.set_all_random_seed import set_all_random_seed
    from espnet2.train.distributed_utils import DistributedOption
    from espnet2.train.reporter import Reporter
    from espnet2.train.trainer import Trainer

    from scripts.finetune.espnet_command import Task, commands

    (folder / "tokens.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    task = Task(ROOT / "config/finetune/demo.yaml", folder, Path(encoder), learning_rate=0.004, seed=1, work=folder)
    (call,) = commands(task, Processes(gpus=0, per_node=1))
    words = call[call.index("asr_train") + 1 :]
    settings = ASRTask.get_parser().parse_args([*words, "--encoder_conf", "freeze_finetune_updates=0"])
    set_all_random_seed(settings.seed)
    model = ASRTask.build_model(settings)
    for name, weight in model.named_parameters():  # as espnet2/tasks/abs_task.py does in main_worker
        weight.requires_grad = not any(f"{name}.".startswith(f"{frozen}.") for frozen in settings.freeze_param)
    (optimizer,) = ASRTask.build_optimizers(settings, model)
    facts = noting(model, model.ctc.ctc_lo, optimizer)
    batch = {
        "speech": torch.from_numpy(noise() / np.float32(2**15)),
        "speech_lengths": torch.tensor([RATE, RATE - 1000]),
        "text": torch.tensor([[3, 4, 5, 5, 6], [2, 11, 7, -1, -1]]),
        "text_lengths": torch.tensor([5, 3]),
    }
    with Reporter(1).observe("train") as reporter:
        Trainer.train_one_epoch(
            model=model,
            optimizers=[optimizer],
            schedulers=[WarmupLR(optimizer, **settings.scheduler_conf)],
            iterator=[(["one", "two"], batch)],
            reporter=reporter,
            scaler=None,
            summary_writer=None,
            options=Trainer.build_options(settings),
            distributed_option=DistributedOption(distributed=False),
        )
    return facts | {"after": digests(model.state_dict().items())}


def processor() -> dict[str, Any]:
    """What torch takes the processor for, which kernels it chooses, and whether MKL takes it for Intel's."""
    mkl = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    return {
        "name": torch.cpu.get_capabilities()["cpu_name"],
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "is_intel": bool(mkl.mkl_serv_intel_cpu_true()),
    }


def main() -> None:
    """Run the training that the first word names."""
    training, path, *encoder = sys.argv[1:]
    folder = Path(path).resolve()
    logging.disable(logging.INFO)
    facts = {"pretrain": pretrain, "finetune": finetune}[training](folder, *encoder)
    (folder / "update.json").write_text(json.dumps({"processor": processor(), **facts}), encoding="utf-8")


if __name__ == "__main__":
    main()
