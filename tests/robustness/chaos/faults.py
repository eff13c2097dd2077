"""Each row of the schedule as a deed. A fault that befalls an instance holds its lock; brokers have their own."""

import random
import shutil
import signal
import time

from fault_proxy import DOWN, Rule, UP

FAILPOINT_WAIT_S = 12


class Faults:
    """`happened` counts what was really done, by row and detail."""

    def __init__(self, broker, instances, over):
        self.broker, self.instances, self.over, self.happened, self.copies = broker, instances, over, {}, {}

    def count(self, what):
        self.happened[what] = self.happened.get(what, 0) + 1

    def do(self, row, instance, p):
        deed = getattr(self, "on_" + row.replace("-", "_"))
        if row.startswith("broker"):
            with self.broker.lock:
                if not self.over.is_set():
                    deed(**p)
                    self.count(row)
            return
        with instance.lock:
            if not self.over.is_set():
                detail = deed(instance, **p)
                self.count(row if not detail else f"{row}:{detail}")

    def pause(self, seconds):
        """Ends early when the run does."""
        self.over.wait(seconds)

    # -- processes

    def on_crash(self, instance, down):
        instance.kill()
        self.pause(down)
        instance.start()

    def on_failpoint(self, instance, step, n):
        instance.kill()
        if step == "load":
            instance.wipe()
        instance.start(f"{step}:{n}:kill")
        end = time.monotonic() + FAILPOINT_WAIT_S
        while instance.running() and time.monotonic() < end and not self.over.is_set():
            time.sleep(0.02)
        hit = not instance.running()
        instance.kill()
        instance.start()
        return step if hit else "not reached"

    def on_error(self, instance, step, n, more):
        """Fails while the process lives on; the next fault or the end starts it without."""
        instance.kill()
        instance.start(",".join(f"{step}:{n + i * 5}:err" for i in range(more + 1)))
        return step

    def on_term(self, instance, down, again):
        instance.terminate()
        self.pause(down)
        instance.start()
        if again:
            self.pause(again)
            instance.terminate()
            instance.start()

    def on_stop(self, instance, seconds):
        instance.signal(signal.SIGSTOP)
        self.pause(seconds)
        instance.signal(signal.SIGCONT)

    on_zombie = on_stop

    def on_zombie_step(self, instance, step, n, seconds):
        instance.kill()
        instance.start(f"{step}:{n}:stop")
        end = time.monotonic() + FAILPOINT_WAIT_S
        while not (stopped := instance.stands_still()) and time.monotonic() < end and not self.over.is_set():
            time.sleep(0.02)
        if not stopped:
            instance.kill()
            instance.start()
            return "not reached"
        self.pause(seconds)
        instance.signal(signal.SIGCONT)
        return step

    def on_leave(self, instance, seconds):
        instance.kill()
        self.pause(seconds)
        instance.start()

    def on_storm(self, instance, times, pause):
        for _ in range(times):
            instance.kill()
            instance.start()
            self.pause(pause)

    # -- the broker

    def on_broker_kill(self, down):
        self.broker.signal(signal.SIGKILL)
        self.pause(down)
        self.broker.start()

    def on_broker_restart(self, down):
        self.broker.stop()
        self.pause(down)
        self.broker.start()

    def on_broker_stop(self, seconds):
        self.broker.signal(signal.SIGSTOP)
        self.pause(seconds)
        self.broker.signal(signal.SIGCONT)

    # -- the network

    def on_cut(self, instance, seconds):
        instance.proxy.cut(seconds)
        self.pause(seconds)

    def on_reset(self, instance):
        instance.proxy.reset_all()

    def on_stall(self, instance, directions, seconds):
        instance.proxy.stall([UP if d == "up" else DOWN for d in directions], seconds)
        self.pause(seconds)

    def on_slow(self, instance, least, more, rate, seconds):
        instance.proxy.slow(least, more, rate)
        self.pause(seconds)
        instance.proxy.slow(0, 0)

    def on_endtxn(self, instance, api, name, direction, action, seconds, times, cut):
        """With `cut` the client's side breaks meanwhile: what is held reaches the broker as a straggler."""
        before = instance.proxy.hits
        instance.proxy.add_rule(Rule([api], UP if direction == "up" else DOWN, action, seconds, times))
        if cut:
            self.pause(min(seconds / 2, 2))
            instance.proxy.reset_clients()
        self.pause(min(seconds, 6))
        return f"{name} {action}" if instance.proxy.hits > before else "not met"

    on_txn_api = on_group_api = on_endtxn

    # -- the disk

    def on_wipe(self, instance):
        instance.kill()
        instance.wipe()
        instance.start()

    def on_old_copy(self, instance):
        """Every other time: a copy is taken, and put in the place of what is there."""
        instance.kill()
        copy = instance.state.with_suffix(".copy")
        if copy.exists():
            instance.wipe()
            copy.rename(instance.state)
            detail = "put back"
        else:
            if instance.state.exists():
                shutil.copytree(instance.state, copy)
            detail = "taken"
        instance.start()
        return detail

    def on_torn(self, instance, how, where):
        instance.kill()
        pick = random.Random(where)
        endings = {"cut": (".sst", ".log"), "flip": (".sst", ".log"), "gone": (".sst", "CURRENT", ".log"), "log": (".log",)}[how]
        files = sorted(f for f in instance.state.rglob("*") if f.is_file() and f.name.endswith(endings) and f.stat().st_size)
        files = [f for f in files if "quarantine" not in str(f)]
        if files:
            file = pick.choice(files)
            size = file.stat().st_size
            if how == "gone":
                file.unlink()
            elif how == "flip":
                with open(file, "r+b") as raw:
                    raw.seek(pick.randrange(size))
                    byte = raw.read(1)
                    raw.seek(-1, 1)
                    raw.write(bytes([byte[0] ^ 0x55]))
            else:
                with open(file, "r+b") as raw:
                    raw.truncate(max(0, size - pick.randrange(1, min(size, 5000) + 1)))
        instance.start()
        return how if files else "no file"
