"""A standalone Spark cluster on loopback, run from the pyspark package."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_PYTHON": sys.executable,
    "PYTHONPATH": str(ROOT),
    # Short-lived Java processes start in half the time without the second compiler.
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""What drivers, masters and workers of the tests share: this Spark, this Python, this checkout."""

_PATIENCE = 120
_CLASSES = "org.apache.spark.deploy"


class Cluster:
    """A master and two workers of one core each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        master, log = self._start("master.Master", "--port", "0")
        self.url = self._wait(master, log, r"Starting Spark master at (spark://\S+)")
        self._workers = [self._start_worker() for _ in range(2)]
        for worker, log in self._workers:
            self._wait(worker, log, "Successfully registered with master")

    def kill_a_worker(self) -> None:
        """End one worker and its executors as a power cut would."""
        worker, _ = self._workers.pop()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(_PATIENCE)

    def _start_worker(self) -> tuple[subprocess.Popen[bytes], Path]:
        work = self._folder / "work"
        return self._start(
            "worker.Worker", "--cores", "1", "--memory", "600m", "--work-dir", str(work), self.url
        )

    def _start(self, name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"{len(self._processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    str(SPARK_HOME / "bin" / "spark-class"),
                    f"{_CLASSES}.{name}",
                    *("--host", "127.0.0.1", "--webui-port", "0"),
                    *arguments,
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT, "SPARK_DAEMON_MEMORY": "256m"},
                start_new_session=True,  # so that a signal reaches its executors too
            )
        self._processes.append(process)
        return process, log

    def _wait(self, process: subprocess.Popen[bytes], log: Path, line: str) -> str:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and process.poll() is None:
            if found := re.search(line, log.read_text(errors="replace")):
                return found[found.lastindex or 0]
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"Spark did not start:\n{log.read_text(errors='replace')}")
