"""A tiny wav2vec 2.0 that both trainers take: 32 conv channels, two layers of 32 dimensions, 12.5 ms a frame."""

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="session")
def tiny_recipe() -> dict[str, Any]:
    """A fairseq recipe: 9 micro-batches an epoch on the noise of test_fairseq.py, saved every 2 updates."""
    return {
        "common": {"log_format": "json", "log_interval": 1},
        "checkpoint": {"save_interval_updates": 2, "keep_interval_updates": -1, "no_epoch_checkpoints": True},
        "task": {
            "_name": "audio_pretraining",
            "data": "???",
            "max_sample_size": 16000,
            "min_sample_size": 8000,
            "normalize": False,
        },
        "dataset": {
            "num_workers": 1,
            "max_tokens": 32000,
            "required_batch_size_multiple": 1,  # 8 by default: fairseq drops a last batch that is no multiple of it
            "skip_invalid_size_inputs_valid_test": True,
        },
        "distributed_training": {"distributed_world_size": 1, "ddp_backend": "legacy_ddp"},
        "criterion": {
            "_name": "wav2vec",
            "infonce": True,
            "log_keys": ["prob_perplexity", "code_perplexity", "temp"],
            "loss_weights": [0.1, 10],
        },
        "optimization": {"max_update": 12, "lr": [0.001]},
        "optimizer": {"_name": "adam", "adam_betas": "(0.9,0.98)", "adam_eps": 1e-06, "weight_decay": 0.01},
        "lr_scheduler": {"_name": "polynomial_decay", "warmup_updates": 4, "total_num_update": 20},
        "model": {
            "_name": "wav2vec2",
            "quantize_targets": True,
            "final_dim": 32,
            "latent_vars": 8,
            "latent_groups": 2,
            "num_negatives": 10,
            "encoder_layers": 2,
            "encoder_embed_dim": 32,
            "encoder_ffn_embed_dim": 64,
            "encoder_attention_heads": 2,
            "conv_feature_layers": "[(32, 10, 5)] + [(32, 8, 4)] + [(32, 5, 5)] + [(48, 2, 2)]",
            "conv_pos": 16,
            "conv_pos_groups": 4,
            # the random streams that a resumed run has to find again
            "encoder_layerdrop": 0.2,
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "dropout_input": 0.1,
            "dropout_features": 0.1,
            "mask_prob": 0.5,
            "mask_length": 4,
        },
    }


@pytest.fixture(scope="session")
def write_recipe(tmp_path_factory: pytest.TempPathFactory):
    """Write a recipe (each to a folder of its own: only the content may tell two apart)."""

    def write(recipe: dict[str, Any]) -> Path:
        path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
        path.write_text("# @package _group_\n" + yaml.safe_dump(recipe), encoding="utf-8")
        return path

    return write
