"""Spells English numbers. ESPnet makes an engine where it is imported, which takes the real one 2.5 s."""


class engine:
    """Says nothing."""
