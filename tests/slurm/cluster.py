"""A real SLURM on one machine, for tests: two nodes with eight pretended GPUs each, on loopback, without systemd.

From Debian's packages slurmctld, slurmd, slurm-client and munge, as root. GPUs are character devices that act as
/dev/null: SLURM counts and hands them out, and no step ever sees one.

python -m tests.slurm.cluster start|stop [DIR]   to try something by hand
"""

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path("/etc/slurm/slurm.conf")  # Snakemake's executor takes SLURM_CONF from the jobs' environment
PORT = 26817
NODES = ("node1", "node2")
GPUS = 8
UP = (["idle"], ["mix"], ["alloc"])
PATIENCE = 30  # seconds until a daemon has to answer
# Before all else that a busy machine runs, and so are the jobs: how long they take decides what becomes of them.
FIRST = ("nice", "-n", "-10")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
# Credentials of 5 s instead of 120 s: a job that was requeued waits until its last one has expired.
AuthInfo=socket={directory}/run/munge.socket,cred_expire=5
SlurmctldPort={port}
SlurmctldPidFile={directory}/run/slurmctld.pid
SlurmdPidFile={directory}/run/slurmd-%n.pid
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool/%n
SlurmctldLogFile={directory}/log/slurmctld.log
SlurmdLogFile={directory}/log/slurmd-%n.log
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
# No cgroups and no affinity: what works in a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
ReturnToService=2
MinJobAge=3600
KillWait=30
UnkillableStepTimeout=30
InactiveLimit=0
OverTimeLimit=0
JobRequeue=1
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1-00:00:00 DefaultTime=00:10:00 PriorityTier=10 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1-00:00:00 DefaultTime=00:10:00 PriorityTier=10 State=UP
PartitionName=preemptible Nodes=ALL MaxTime=1-00:00:00 DefaultTime=00:10:00 PriorityTier=1 GraceTime=0 State=UP
"""
NODE = (
    "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=64 Boards=1 SocketsPerBoard=1 "
    "CoresPerSocket=64 ThreadsPerCore=1 RealMemory=256000 Gres=gpu:v100:{gpus} State=UNKNOWN\n"
)


def why_not() -> str | None:
    """The reason why no SLURM can be started here; None where it can."""
    missing = [name for name in ("slurmctld", "slurmd", "squeue", "munged") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: slurmctld slurmd slurm-client munge)"
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root"
    if DEFAULT.exists() and not DEFAULT.is_symlink():
        return f"this machine has a SLURM of its own ({DEFAULT})"
    with tempfile.TemporaryDirectory() as directory:
        try:
            pretend_gpu(Path(directory) / "gpu")
        except OSError:
            return "no character devices can be made here, which stand for GPUs"
    return None


def pretend_gpu(device: Path) -> None:
    """A character device like /dev/null; SLURM refuses plain files."""
    os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


@dataclass(frozen=True)
class Cluster:
    """The daemons below a directory."""

    directory: Path

    def start(self) -> None:
        """Write the configuration and start all daemons; returns once both nodes take jobs."""
        self._configure()
        run = self.directory / "run"
        key, socket_ = self.directory / "munge/key", run / "munge.socket"
        logs = [f"--pid-file={run}/munged.pid", f"--log-file={self.directory}/munge/log"]
        subprocess.run(
            ["munged", "--force", f"--key-file={key}", f"--socket={socket_}", *logs, f"--seed-file={key}.seed"],
            check=True,
        )
        self.start_controller()
        for node in NODES:
            self.start_node(node)

    def start_controller(self) -> None:
        """Start slurmctld, with the jobs that it knew."""
        self._daemon("slurmctld")
        wait_until(lambda: call("scontrol", "ping").returncode == 0)

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self._daemon("slurmd", "-N", node)
        call("scontrol", "update", f"nodename={node}", "state=resume")
        wait_until(lambda: call("sinfo", "-h", "-n", node, "-o", "%t").stdout.split()[:1] in UP)

    def _daemon(self, *command: str) -> None:
        # gres.conf is looked for beside slurm.conf
        environment = os.environ | {"SLURM_CONF": str(self.directory / "etc/slurm.conf")}
        subprocess.run([*FIRST, *command], check=True, env=environment, stderr=subprocess.DEVNULL)

    def stop_daemon(self, name: str) -> None:
        """End one daemon: slurmctld, munged, slurmd-node1, slurmd-node2."""
        file = self.directory / f"run/{name}.pid"
        if not file.exists():
            return
        pid = int(file.read_text())
        if (Path("/proc") / str(pid) / "comm").exists():
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: ended(pid))

    def kill_node(self, node: str) -> None:
        """End a node's slurmd and everything that runs below it, as when its power goes."""
        daemon = int((self.directory / f"run/slurmd-{node}.pid").read_text())
        steps = [int(pid) for pid in call("pgrep", "-f", "^slurmstepd: ").stdout.split()]
        for pid in [daemon, *steps, *descendants(steps)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Cancel all jobs and end all daemons, and what they left behind."""
        call("scancel", "--user=root")
        wait_until(lambda: not call("squeue", "-h").stdout.strip(), PATIENCE * 2)
        for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
            self.stop_daemon(name)
        if DEFAULT.is_symlink():
            DEFAULT.unlink()

    def _configure(self) -> None:
        host = socket.gethostname().split(".")[0]
        for name in ("etc", "run", "log", "state", "munge", *(f"spool/{node}" for node in NODES)):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "munge").chmod(0o700)
        key = self.directory / "munge/key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        gres = ""
        nodes = ""
        for number, node in enumerate(NODES):
            for gpu in range(GPUS):
                device = self.directory / f"run/{node}-gpu{gpu}"
                if not device.exists():
                    pretend_gpu(device)
            gres += f"NodeName={node} Name=gpu Type=v100 File={self.directory}/run/{node}-gpu[0-{GPUS - 1}]\n"
            nodes += NODE.format(node=node, host=host, port=PORT + 1 + number, gpus=GPUS)
        (self.directory / "etc/gres.conf").write_text(gres)
        text = nodes + CONFIGURATION.format(host=host, directory=self.directory, port=PORT)
        (self.directory / "etc/slurm.conf").write_text(text)
        DEFAULT.parent.mkdir(exist_ok=True)
        DEFAULT.unlink(missing_ok=True)
        DEFAULT.symlink_to(self.directory / "etc/slurm.conf")


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Run one of SLURM's programs."""
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def wait_until(reached: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Poll until a condition holds; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < deadline, f"nothing happened in {patience} s"
        time.sleep(0.1)


def descendants(processes: list[int]) -> list[int]:
    """The processes below some."""
    found: list[int] = []
    waiting = list(processes)
    while waiting:
        children = [int(pid) for pid in call("pgrep", "-P", str(waiting.pop())).stdout.split()]
        found += children
        waiting += children
    return found


def ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has waited for (Z) is."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


if __name__ == "__main__":
    cluster = Cluster(Path(sys.argv[2] if len(sys.argv) > 2 else "/tmp/slurm-for-tests"))
    {"start": cluster.start, "stop": cluster.stop}[sys.argv[1]]()
