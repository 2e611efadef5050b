"""Turn on what the step has asked for, in fairseq main 3d262bb2 (ve-fairseq 0.12.3)."""

from collections.abc import Callable
from typing import Any

from fairseq.tasks.audio_pretraining import AudioPretrainingTask

from scripts.pretrain.faster import adam, compiled, negatives, positions, sub_batches, together
from scripts.pretrain.faster.switches import Switches
from scripts.trainers.replacing import replace

Function = Callable[..., Any]


def install(switches: Switches) -> None:
    """Replace nothing where nothing is on."""
    if not switches.words():
        return
    replace(AudioPretrainingTask, "build_model", lambda stock: _faster(stock, switches), known="35e0a16e85cc")
    if switches.at_once > 1:
        together.install_in_trainer()
    if "adam" in switches.on:
        adam.install()


def _faster(stock: Function, switches: Switches) -> Function:
    def build_model(self: AudioPretrainingTask, model_cfg: Any, from_checkpoint: bool = False) -> Any:
        model = stock(self, model_cfg, from_checkpoint)
        turn_on(self, model, switches)
        return model

    return build_model


def turn_on(task: Any, model: Any, switches: Switches) -> None:
    """In one model and its task."""
    samples = task.cfg.max_sample_size  # of a crop of full length
    if samples is None and any(name.startswith("compiled") for name in switches.on):
        raise RuntimeError("compiled_features and compiled_layers need max_sample_size in the recipe")
    switch: dict[str, Callable[[], None]] = {
        "positions": lambda: positions.install(model),
        "negatives": lambda: negatives.install(model),
        "unpadded": lambda: setattr(model.encoder, "required_seq_len_multiple", 1),
        "compiled_features": lambda: compiled.install_features(model, samples),
        "compiled_layers": lambda: compiled.install_layers(model, samples),  # after unpadded: it asks for the frames
    }
    for name, on in switch.items():
        if name in switches.on:
            on()
    if switches.at_once > 1:
        sub_batches.install(model)
        together.install_in_task(task, switches.at_once)
