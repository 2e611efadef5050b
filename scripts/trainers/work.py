"""Where trainers work: a folder beside their outputs that no rule declares, so that Snakemake deletes nothing in it.

In it, each training has a directory that is named after what decides it (docs/decisions/0001), with the trainer's log.
"""

WORK = "work"
LOG = "train.log"
NOTE = "guard.json"  # beside the log: what a guard has found in it
