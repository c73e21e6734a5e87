"""A real Slurm of two nodes on this machine, without systemd, cgroups or a database: for tests, on loopback only.

Both nodes are daemons of this host, two processors each. The state lies in one folder; each daemon is ended by its pid.
"""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["MISSING", "SlurmHere"]

COMMANDS = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol")
SYSTEM = "/usr/sbin:/usr/bin"
MISSING = [command for command in COMMANDS if shutil.which(command, path=SYSTEM) is None]
"""What `make test-cluster` has not been able to install."""

CONFIGURATION = """\
ClusterName=seqlab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# Short-lived credentials: Slurm starts a requeued job no sooner than they expire, by default after two minutes.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
ReturnToService=2
KillWait=3
SlurmdTimeout=20
NodeName=first NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=4000
NodeName=second NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=4000
PartitionName=main Nodes=first,second Default=YES DefaultTime=2 MaxTime=60 State=UP
PartitionName=closed Nodes=first State=DOWN
"""
PATIENCE = 30
"""Seconds for a daemon to come or to go."""


class SlurmHere:
    """Use as a with-block. `environment` is what a process needs so that sbatch and squeue find it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:{SYSTEM}"}

    def __enter__(self) -> SlurmHere:
        self._write()
        try:
            self._start("munged", *self._munge_options())
            self._until(lambda: self._munge_answers(), "munged to answer")
            self._start("slurmctld")
            for node in ("first", "second"):
                self._start("slurmd", "-N", node)
            idle = ("sinfo", "-h", "-p", "main", "-t", "idle", "-o", "%D")
            self._until(lambda: self.command(*idle) == "2", "two idle nodes")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._pids("slurmctld"):
            self.command("scancel", "-f", "-u", getpass.getuser(), check=False)
            self._until(lambda: not self.command("squeue", "-h", check=False), "the jobs to end", demand=False)
        for daemon in ("slurmd.first", "slurmd.second", "slurmctld", "munged"):
            for pid in self._pids(daemon):
                os.kill(pid, signal.SIGTERM)
                self._until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), f"{daemon} to end")

    def command(self, *words: str, check: bool = True) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(words, env=os.environ | self.environment, check=check, capture_output=True, text=True)
        return done.stdout.strip()

    def _write(self) -> None:
        self.folder.chmod(0o755)
        for part in ("state", "spool.first", "spool.second"):
            (self.folder / part).mkdir(mode=0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        host, user = platform.node().partition(".")[0], getpass.getuser()
        text = CONFIGURATION.format(folder=self.folder, host=host, user=user, ports=_free_ports(3))
        (self.folder / "slurm.conf").write_text(text)

    def _munge_options(self) -> list[str]:
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        return ["--force", *(f"--{option}={self.folder}/munge.{end}" for option, end in files.items())]

    def _munge_answers(self) -> bool:
        asked = ["munge", "-n", "-S", f"{self.folder}/munge.socket"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def _start(self, *words: str) -> None:
        done = subprocess.run(
            words, env=os.environ | self.environment, check=False, capture_output=True, text=True, timeout=PATIENCE
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]} does not start: {done.stderr.strip() or done.stdout.strip()}")

    def _pids(self, daemon: str) -> list[int]:
        file = self.folder / f"{'munge' if daemon == 'munged' else daemon}.pid"
        return [int(file.read_text())] if file.exists() and file.read_text().strip() else []

    def _until(self, true: Callable[[], bool], what: str, demand: bool = True) -> None:
        limit = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > limit:
                if demand:
                    raise TimeoutError(f"waited {PATIENCE} s for {what}; the logs lie in {self.folder}")
                return
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at just now."""
    asked = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in asked]
    for one in asked:
        one.close()
    return ports
