"""A real Slurm on this machine alone, as Debian packages it: for the tests of the Slurm profile.

The nodes claim more memory than the machine may have, and for the tests more cores: what is tested
is who runs when. There are two, of which jobs use the second only in the partition `pair`.
``python -m tests.workflow.slurm COMMAND …`` runs a command beside nodes of as many cores as there
are.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLACE = Path("/etc/slurm")
"""Where Slurm's programs look: jobs do not inherit SLURM_CONF."""

DAEMONS = ("munged", "slurmctld", "slurmd")

CONFIGURATION = """
ClusterName=mindvideo
SlurmctldHost={host}
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,requeue_delay=1
MinJobAge=300
SlurmdTimeout=30
ReturnToService=2
GresTypes=gpu
NodeName=DEFAULT CPUs={cpus} RealMemory=200000 Gres=gpu:2 State=UNKNOWN
NodeName={nodes[0]} NodeHostname={host} Port={ports[1]}
NodeName={nodes[1]} NodeHostname={host} Port={ports[2]}
PartitionName=main Nodes={nodes[0]} Default=YES PriorityTier=1
PartitionName=pair Nodes={nodes[0]},{nodes[1]} PriorityTier=1
PartitionName=urgent Nodes={nodes[0]} PriorityTier=10 PreemptMode=OFF
"""


def missing() -> str:
    """Why there can be no Slurm here; empty if there can."""
    absent = [name for name in DAEMONS if not _find(name)]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge"
    if os.geteuid():
        return "Slurm's daemons start as root only"
    return f"{PLACE} has a Slurm of its own" if (PLACE / "slurm.conf").exists() else ""


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Slurm:
    """A controller and two nodes of two GPUs (of name only), in a folder of their own."""

    def __init__(self, folder: Path, cpus: int = 16) -> None:
        self.folder, self.host = folder, socket.gethostname().partition(".")[0]
        self.nodes = (self.host, "second")
        for name in ("state", *(f"spool-{node}" for node in self.nodes)):
            (folder / name).mkdir(parents=True)
        for n in (0, 1):
            (folder / f"gpu{n}").touch()
        with socket.socket() as a, socket.socket() as b, socket.socket() as c:
            for end in (a, b, c):
                end.bind(("", 0))
            ports = [end.getsockname()[1] for end in (a, b, c)]
        text = CONFIGURATION.format(
            host=self.host, nodes=self.nodes, ports=ports, folder=folder, cpus=cpus
        )
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text(
            f"NodeName={','.join(self.nodes)} Name=gpu File={folder}/gpu[0-1]\n"
        )
        PLACE.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (PLACE / name).unlink(missing_ok=True)  # a link into a folder that is gone
            (PLACE / name).symlink_to(folder / name)
        self._start_munge()
        self._daemon("slurmctld")
        for node in self.nodes:
            self.start_node(node)

    def _start_munge(self) -> None:
        if subprocess.run(["pgrep", "-x", "munged"], capture_output=True, check=False).returncode:
            Path("/run/munge").mkdir(exist_ok=True)
            shutil.chown("/run/munge", "munge", "munge")
            if not Path("/etc/munge/munge.key").exists():
                subprocess.run(["/usr/sbin/mungekey"], user="munge", check=True)
            subprocess.run([_find("munged"), "--force"], user="munge", check=True)

    def _daemon(self, name: str, *arguments: str) -> None:
        """Start a daemon that holds none of our pipes."""
        subprocess.run(
            [_find(name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
        )

    def start_node(self, node: str = "") -> None:
        """Start the daemon of a node (the first), and wait until it is given jobs."""
        node = node or self.host
        self._daemon("slurmd", "-N", node)
        for _ in range(60):
            query = ("--noheader", "--format=%T", "--partition=pair", f"--nodes={node}")
            state = self("sinfo", *query).strip()
            if state in ("idle", "mixed", "allocated"):
                return
            if "down" in state:
                self("scontrol", "update", f"nodename={node}", "state=resume")
            time.sleep(0.5)
        raise TimeoutError(f"{node} is {state}: see {self.folder}/slurmd-{node}.log")

    def kill_node(self) -> None:
        """Let the first node die with all that runs on it, and the controller know."""
        pid = int((self.folder / f"slurmd-{self.host}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        for job in self.jobs():
            for process in _processes_of(job):
                os.kill(process, signal.SIGKILL)
        self("scontrol", "update", f"nodename={self.host}", "state=down", "reason=power")

    def hurry(self) -> None:
        """Let preempted jobs start again now, not after the two minutes that Slurm waits."""
        for job in self("squeue", "--noheader", "--format=%i", "--states=pending").split():
            self("scontrol", "update", f"jobid={job}", "starttime=now")

    def jobs(self) -> list[str]:
        """Numbers of the jobs that run."""
        return self("squeue", "--noheader", "--format=%i", "--states=running").split()

    def seconds_left(self, job: str) -> int:
        """Of a job that runs and has a limit of less than an hour."""
        minutes, seconds = self("squeue", "--noheader", f"--jobs={job}", "--format=%L").split(":")
        return 60 * int(minutes) + int(seconds)

    def signal(self, job: str, number: int, *words: str) -> None:
        """Send a signal to those processes of a job whose command has all of the words."""
        for process in _processes_of(job):
            command = Path(f"/proc/{process}/cmdline").read_text().split("\0")
            if all(any(part.endswith(word) for part in command) for word in words):
                os.kill(process, number)

    def __call__(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    def stop(self) -> None:
        self("scancel", "--user=root")
        for name in (*(f"slurmd-{node}" for node in self.nodes), "slurmctld"):
            pid = self.folder / f"{name}.pid"
            if pid.exists():
                os.kill(int(pid.read_text()), signal.SIGTERM)
        for name in ("slurm.conf", "gres.conf"):
            (PLACE / name).unlink()


def _processes_of(job: str) -> list[int]:
    """Processes that have the job's number in their environment, and what looks after them."""
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = f"SLURM_JOB_ID={job}\0".encode() in (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if inside or command.startswith(f"slurmstepd: [{job}.".encode()):
            processes.append(int(entry.name))
    return processes


def main() -> int:
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory() as folder:
        slurm = Slurm(Path(folder), os.cpu_count() or 1)
        try:
            return subprocess.run(sys.argv[1:], check=False).returncode
        finally:
            slurm.stop()


if __name__ == "__main__":
    sys.exit(main())
