"""What scripts/finetune/espnet_numerics.py replaces in the real module."""

make_pad_mask = download_w2v = None
