"""Snakemake, whose executor looks for ended jobs every two seconds; the plugin waits longer each time, up to 3 min."""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

if __name__ == "__main__":
    Executor.next_seconds_between_status_checks = property(lambda executor: 2, lambda executor, seconds: None)
    sys.exit(main())
