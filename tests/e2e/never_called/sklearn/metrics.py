"""Scores of classified sentences."""

import stand_in

__getattr__ = stand_in.of(__name__)
