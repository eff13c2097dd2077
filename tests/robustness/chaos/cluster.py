"""Three real brokers, each also a controller: what one of them may do to the other two, and to what they keep."""

import os
import pathlib
import signal
import socket
import subprocess
import time

from stage import ROOT, free_port, launch

NODES = (1, 2, 3)
ANSWER_S = 60


class Cluster:
    """Looks like a `Broker` with several addresses. Every internal topic has three copies, two of which must be in sync."""

    def __init__(self, directory):
        self.directory, self.processes = pathlib.Path(directory), {}
        jars = subprocess.run([ROOT / "deploy/kafka/broker.sh", "jars"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
        self.java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms64m", "-Xmx256m", "-Djava.awt.headless=true",
                     "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
                     "-cp", jars.stdout.splitlines()[-1] + "/*"]
        self.ports = {node: (free_port(), free_port()) for node in NODES}
        self.address = ",".join(f"127.0.0.1:{self.ports[node][0]}" for node in NODES)
        for node in NODES:
            self.write_properties(node)
        formats = [subprocess.Popen([*self.java, "kafka.tools.StorageTool", "format", "-t", "OffersterChaosTestsThree", "-c", self.properties(node)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for node in NODES]
        if any(one.wait() for one in formats):
            raise RuntimeError("the directories of three brokers could not be formatted")
        for node in NODES:
            self.launch(node)
        for node in NODES:
            self.await_answer(node)

    def properties(self, node):
        return self.directory / f"node{node}.properties"

    def write_properties(self, node):
        self.directory.mkdir(parents=True, exist_ok=True)
        door, inner = self.ports[node]
        self.properties(node).write_text(f"""process.roles=broker,controller
node.id={node}
controller.quorum.voters={",".join(f"{n}@127.0.0.1:{self.ports[n][1]}" for n in NODES)}
listeners=PLAINTEXT://127.0.0.1:{door},CONTROLLER://127.0.0.1:{inner}
advertised.listeners=PLAINTEXT://127.0.0.1:{door}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={self.directory}/records{node}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=3000
offsets.topic.num.partitions=3
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
min.insync.replicas=2
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
""")

    def launch(self, node):
        with open(self.directory / f"node{node}.log", "ab") as out:
            self.processes[node] = launch([*self.java, "kafka.Kafka", self.properties(node)], stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def await_answer(self, node):
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[node][0]), timeout=1).close()
                return
            except OSError:
                if self.processes[node].poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"broker {node}: " + (self.directory / f"node{node}.log").read_text()[-2000:]) from None
                time.sleep(0.1)

    def kill(self, node):
        self.processes[node].kill()
        self.processes[node].wait()

    def restart(self, node):
        self.launch(node)
        self.await_answer(node)

    def pause(self, node, seconds):
        os.kill(self.processes[node].pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.processes[node].pid, signal.SIGCONT)

    def close(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
