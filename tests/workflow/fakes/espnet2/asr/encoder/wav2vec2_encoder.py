"""What scripts/finetune/espnet_layer.py replaces in the real module."""

make_pad_mask = download_w2v = None
