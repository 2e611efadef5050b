"""What scripts/finetune/espnet_upkeep.py replaces in the real module."""

average_nbest_models = None
