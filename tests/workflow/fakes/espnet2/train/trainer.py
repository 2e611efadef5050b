"""What scripts/finetune/espnet_layer.py replaces in the real module."""

average_nbest_models = None
