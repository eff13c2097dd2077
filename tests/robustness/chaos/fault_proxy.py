"""A TCP proxy that understands Kafka's frames: it stands before a listener that the broker advertises at the proxy's port, and does to
connections what networks do. All waiting is in one event loop on a thread of its own; the methods below it may be called from anywhere."""

import asyncio
import random
import socket
import struct
import threading
import time

UP, DOWN = "up", "down"   # requests; answers


class Rule:
    """What is done to frames of some kinds of request: `hold` seconds, then as if nothing had been; or `drop`ped; `left` of them."""

    def __init__(self, apis, direction, action, seconds=0.0, left=1):
        self.apis, self.direction, self.action, self.seconds, self.left = frozenset(apis), direction, action, seconds, left


class Link:
    """One client's connection and its counterpart. A frame goes out when its time has come and not before the one ahead of it."""

    def __init__(self, proxy, client, upstream):
        self.proxy, self.client, self.upstream, self.asked = proxy, client, upstream, {}

    async def run(self):
        await asyncio.gather(self.pump(UP, self.client[0], self.upstream[1]), self.pump(DOWN, self.upstream[0], self.client[1]))
        for _, writer in (self.client, self.upstream):
            writer.close()

    def kind(self, direction, frame):
        """The api key of a frame, by its own header or by the request it answers."""
        if direction == UP:
            api, _, number = struct.unpack_from(">hhi", frame)
            self.asked[number] = api
            return api
        return self.asked.pop(struct.unpack_from(">i", frame)[0], None)

    async def pump(self, direction, reader, writer):
        """What was read before its side went away is still delivered: a straggling request reaches the broker."""
        queue = asyncio.Queue(maxsize=1000)
        out = asyncio.ensure_future(self.deliver(direction, queue, writer))
        try:
            while True:
                head = await reader.readexactly(4)
                frame = await reader.readexactly(struct.unpack(">i", head)[0])
                due = self.proxy.due(direction, self.kind(direction, frame))
                if due is not None:
                    await queue.put((due, head + frame))
        except (asyncio.IncompleteReadError, ConnectionError, OSError, struct.error):
            pass
        await queue.put((0, None))
        await out

    async def deliver(self, direction, queue, writer):
        gone = False
        while True:
            due, raw = await queue.get()
            if raw is None:
                break
            while (wait := max(due, self.proxy.still[direction]) - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, 0.05))
            try:
                if not gone:
                    writer.write(raw)
                    await writer.drain()
                    if self.proxy.bytes_per_second:
                        await asyncio.sleep(len(raw) / self.proxy.bytes_per_second)
            except (ConnectionError, OSError, RuntimeError):
                gone = True
        try:
            writer.close()
        except RuntimeError:
            pass

    def reset(self, upstream=True):
        """RST; without `upstream` the broker sees nothing of it until what is held has been delivered."""
        for _, writer in (self.client, self.upstream) if upstream else (self.client,):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                try:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
            writer.transport.abort()


class FaultProxy:
    def __init__(self, port, upstream_port, seed=0):
        self.port, self.upstream_port, self.random = port, upstream_port, random.Random(seed)
        self.links, self.rules, self.hits, self.frames = set(), [], 0, 0
        self.refusing = 0.0                   # until when new connections are cut at once
        self.still = {UP: 0.0, DOWN: 0.0}     # until when nothing passes
        self.latency = (0.0, 0.0)             # of each frame: at least, and at most on top
        self.bytes_per_second = 0
        self.loop, ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(ready,), daemon=True)
        self.thread.start()
        if not ready.wait(10):
            raise RuntimeError(f"the proxy cannot listen on port {port}")

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self.accept, "127.0.0.1", self.port, limit=1 << 22))
        ready.set()
        self.loop.run_forever()
        self.loop.close()

    async def accept(self, reader, writer):
        if time.monotonic() < self.refusing:
            writer.transport.abort()
            return
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.upstream_port, limit=1 << 22)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), upstream)
        self.links.add(link)
        try:
            await link.run()
        except asyncio.CancelledError:   # the proxy closes
            pass
        finally:
            self.links.discard(link)

    def due(self, direction, api):
        """When a frame may go on; None: never."""
        self.frames += 1
        now = time.monotonic()
        due = now + self.latency[0] + (self.random.random() * self.latency[1] if self.latency[1] else 0)
        for rule in self.rules:
            if rule.left > 0 and rule.direction == direction and api in rule.apis:
                rule.left -= 1
                self.hits += 1
                if rule.action == "drop":
                    return None
                due = max(due, now + rule.seconds)
        return due

    def in_loop(self, what):
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (what(), done.set()))
        done.wait(10)

    # -- faults

    def reset_all(self):
        """RST to both sides of every connection."""
        self.in_loop(lambda: [link.reset() for link in list(self.links)])

    def reset_clients(self):
        """RST to the clients alone: requests that are held go on to the broker, as from a network that is slow."""
        self.in_loop(lambda: [link.reset(upstream=False) for link in list(self.links)])

    def cut(self, seconds):
        """The network is gone: connections end, new ones are refused."""
        self.refusing = time.monotonic() + seconds
        self.reset_all()

    def stall(self, directions, seconds):
        """Nothing passes, nobody is told."""
        for direction in directions:
            self.still[direction] = time.monotonic() + seconds

    def slow(self, least, more, bytes_per_second=0):
        self.latency, self.bytes_per_second = (least, more), bytes_per_second

    def add_rule(self, rule):
        self.in_loop(lambda: self.rules.append(rule))

    def heal(self):
        def mend():
            self.rules.clear()
            self.refusing, self.still = 0.0, {UP: 0.0, DOWN: 0.0}
            self.latency, self.bytes_per_second = (0.0, 0.0), 0
        self.in_loop(mend)

    def close(self):
        """Ends all connections and the thread."""
        async def end():
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self.loop.stop()
        self.reset_all()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(5)
