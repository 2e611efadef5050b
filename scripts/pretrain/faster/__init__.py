"""The same update in less time. Each module is a switch that computes what fairseq computes in another order.

None of it decides a milestone: where a switch is on stands in the sidecar as a circumstance, as the device does, and is
no part of its identity. Everything is off unless the step is told otherwise (switches.py).
"""
