"""What ESPnet puts on wav2vec 2.0, as stock transformers computes it: a LayerNorm, then CTC's linear layer.

Transformers' Wav2Vec2ForCTC has no LayerNorm before its head, but its adapter has a projection and one. With no adapter
layers and a projection to [x; x], the LayerNorm sees the mean and variance that ESPnet's sees. The projection
multiplies by a power of two, which rounds nothing: the norm takes it out again, and its eps (1e-5 there, 1e-12 in
ESPnet) vanishes beside a variance that is a million times as large. The head has zeros for the second copy, which is
there because the adapter is built only where its width differs from the encoder's.
"""

from typing import Any

import torch

Tensors = dict[str, torch.Tensor]

SCALE = 1024.0


def head_of(espnet: Tensors, width: int) -> tuple[Tensors, dict[str, Any]]:
    """What stands behind the encoder, `width` wide, by transformers' names, and the keys of Wav2Vec2Config for it.

    `espnet`: a model's weights, by ESPnet's names.
    """
    head, bias = espnet["ctc.ctc_lo.weight"], espnet["ctc.ctc_lo.bias"]
    layer = espnet.get("encoder.output_layer.0.weight", torch.eye(width))  # there where the widths differ
    offset = espnet.get("encoder.output_layer.0.bias", torch.zeros(len(layer)))
    if "encoder.after_norm.weight" not in espnet:  # two linear layers are one
        return {"lm_head.weight": head @ layer, "lm_head.bias": head @ offset + bias}, {}
    copies = 3 if 2 * len(layer) == width else 2
    tensors = {
        "wav2vec2.adapter.proj.weight": SCALE * layer.repeat(copies, 1),
        "wav2vec2.adapter.proj.bias": SCALE * offset.repeat(copies),
        "wav2vec2.adapter.proj_layer_norm.weight": espnet["encoder.after_norm.weight"].repeat(copies),
        "wav2vec2.adapter.proj_layer_norm.bias": espnet["encoder.after_norm.bias"].repeat(copies),
        "lm_head.weight": torch.cat([head, torch.zeros(len(head), (copies - 1) * len(layer))], 1),
        "lm_head.bias": bias,
    }
    keys = {"add_adapter": True, "num_adapter_layers": 0, "output_hidden_size": copies * len(layer)}
    return tensors, keys
