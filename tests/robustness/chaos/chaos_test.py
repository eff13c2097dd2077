#!/usr/bin/env python3
"""The harness itself, without a broker: a seed repeats its schedule, the proxy does what is asked of it, and the oracle can say no."""

import pathlib
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
import schedule as schedules  # noqa: E402
from fault_proxy import DOWN, UP, FaultProxy, Rule  # noqa: E402
from kafka_wire import crc32c, murmur2, record_batch  # noqa: E402
from stage import free_port  # noqa: E402


class Echo:
    """Answers each frame with its correlation id, in order."""

    def __init__(self):
        self.listener, self.seen, self.links = socket.create_server(("127.0.0.1", 0)), [], []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.links.append(link)
            threading.Thread(target=self.answer, args=(link,), daemon=True).start()

    def answer(self, link):
        try:
            while head := link.recv(4, socket.MSG_WAITALL):
                frame = link.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
                api, _, number = struct.unpack_from(">hhi", frame)
                self.seen.append((api, number))
                link.sendall(struct.pack(">ii", 4, number))
        except OSError:
            pass


def request(api, number):
    return struct.pack(">ihhi", 8, api, 0, number)


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.echo, port = Echo(), free_port()
        self.proxy = FaultProxy(port, self.echo.port)
        self.link = socket.create_connection(("127.0.0.1", port), timeout=5)

    def tearDown(self):
        self.link.close()
        self.proxy.close()
        for link in [self.echo.listener, *self.echo.links]:
            link.close()

    def answered(self):
        head = self.link.recv(8, socket.MSG_WAITALL)
        return struct.unpack(">ii", head)[1] if len(head) == 8 else None

    def test_frames_pass_in_order(self):
        for number in range(5):
            self.link.sendall(request(3, number))
        self.assertEqual([self.answered() for _ in range(5)], list(range(5)))

    def test_a_held_request_of_one_kind_waits_and_those_behind_it_too(self):
        self.proxy.add_rule(Rule([26], UP, "hold", 0.4))
        begin = time.monotonic()
        self.link.sendall(request(3, 1) + request(26, 2) + request(3, 3))
        self.assertEqual(self.answered(), 1)
        self.assertEqual([self.answered(), self.answered()], [2, 3])
        self.assertGreater(time.monotonic() - begin, 0.35)

    def test_a_dropped_answer_never_comes_but_the_request_was_done(self):
        self.proxy.add_rule(Rule([26], DOWN, "drop"))
        self.link.sendall(request(26, 1) + request(26, 2))
        self.assertEqual(self.answered(), 2)
        self.assertEqual(self.echo.seen, [(26, 1), (26, 2)])

    def test_a_held_request_reaches_the_broker_after_its_client_is_gone(self):
        self.proxy.add_rule(Rule([26], UP, "hold", 0.3))
        self.link.sendall(request(26, 7))
        while not self.proxy.hits:
            time.sleep(0.01)
        self.link.close()
        for _ in range(500):
            if self.echo.seen:
                break
            time.sleep(0.01)
        self.assertEqual(self.echo.seen, [(26, 7)])

    def test_a_cut_ends_connections_and_refuses_new_ones_until_it_is_over(self):
        self.link.sendall(request(3, 0))
        self.assertEqual(self.answered(), 0)
        self.proxy.cut(3600)
        with self.assertRaises(OSError):
            if self.link.recv(1) == b"":
                raise OSError
        self.link.close()
        late = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=5)
        with self.assertRaises(OSError):
            late.sendall(request(3, 1))
            if late.recv(8) == b"":
                raise OSError
        late.close()
        self.proxy.heal()
        self.link = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=5)
        self.link.sendall(request(3, 9))
        self.assertEqual(self.answered(), 9)

    def test_a_stall_holds_everything_one_way(self):
        self.proxy.stall([DOWN], 0.4)
        begin = time.monotonic()
        self.link.sendall(request(3, 1))
        self.assertEqual(self.answered(), 1)
        self.assertGreater(time.monotonic() - begin, 0.35)


class ScheduleTest(unittest.TestCase):
    def test_a_seed_repeats_its_schedule_and_another_does_not(self):
        rows = schedules.parse_rows("mixed")
        one = schedules.make_schedule(5, rows, 600, 2.0, 3)
        self.assertEqual(one, schedules.make_schedule(5, rows, 600, 2.0, 3))
        self.assertNotEqual(one, schedules.make_schedule(6, rows, 600, 2.0, 3))
        self.assertEqual({row for _, row, _, _ in one}, set(rows))

    def test_failpoints_take_turns(self):
        steps = [p["step"] for _, _, _, p in schedules.make_schedule(1, ["failpoint"], 300, 1.0, 1)]
        self.assertEqual(set(steps), set(schedules.STEPS))
        self.assertLessEqual(max(map(steps.count, schedules.STEPS)) - min(map(steps.count, schedules.STEPS)), 1)

    def test_unknown_rows_are_refused_and_one_can_be_left_out(self):
        with self.assertRaises(SystemExit):
            schedules.parse_rows("mixt")
        self.assertNotIn("torn", schedules.parse_rows("mixed,-torn"))


def journal(partition, offset, seq, start, end, log=b"L" * 16):
    zigzag = lambda n: (n << 1) ^ (n >> 63)  # noqa: E731
    def varint(n):
        out = bytearray()
        while n > 0x7F:
            out.append(n & 0x7F | 0x80)
            n >>= 7
        return bytes(out) + bytes([n])
    body = log + varint(1) + varint(1) + varint(0) + varint(zigzag(start)) + varint(zigzag(end - start))
    return partition, offset, b"k", b"\x06\x02" + b"\0" * 8 + struct.pack("<QIB", seq, 0, 1) + body


class OracleTest(unittest.TestCase):
    good = [journal(0, 0, 1, 0, 700), journal(0, 2, 2, 700, 900), journal(1, 0, 1, 0, 3)]

    def test_a_whole_journal_is_accepted(self):
        self.assertEqual(oracle.check_journal(self.good, [900, 3]), ([], 3))

    def test_what_is_missing_or_twice_is_found(self):
        for records, ends, kind in [
                (self.good[:1] + self.good[2:], [900, 3], "losses"),                                   # a transaction at the end
                (self.good[1:], [900, 3], "losses"),                                                   # one at the beginning
                (self.good + [journal(0, 4, 2, 700, 900)], [900, 3], "duplicates"),                    # one twice
                (self.good[:1] + [journal(0, 2, 2, 650, 900)] + self.good[2:], [900, 3], "duplicates"),  # events twice
                (self.good[:1] + [journal(0, 2, 2, 750, 900)] + self.good[2:], [900, 3], "losses"),    # events missing
                (self.good, [901, 3], "losses"),                                                       # not at the end
                (self.good[:1] + [journal(0, 2, 2, 700, 900, b"M" * 16)] + self.good[2:], [900, 3], "wrong")]:
            problems, _ = oracle.check_journal(records, ends)
            self.assertGreater(oracle.classify(problems)[kind], 0, (records, problems))

    def test_a_dead_letter_twice_or_with_other_bytes_is_found(self):
        events = [(0, 5, "k", "not json", [])]
        letter = (0, 0, "k", "not json", ["__connect.errors.partition", "0", "__connect.errors.offset", "5"])
        self.assertEqual(oracle.check_letters([letter], events), [])
        self.assertEqual(len(oracle.check_letters([letter, letter], events)), 1)
        self.assertEqual(len(oracle.check_letters([letter[:3] + ("other",) + letter[4:]], events)), 1)


class WireTest(unittest.TestCase):
    def test_the_checksum_is_castagnoli_s(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        batch = record_batch([(b"k", b"v"), (b"k2", b"")])
        self.assertEqual(struct.unpack_from(">i", batch, 8)[0] + 12, len(batch))

    def test_keys_lie_where_java_s_clients_put_them(self):
        # From Kafka's own test of Utils.murmur2.
        for key, java in [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]:
            self.assertEqual(murmur2(key), java & 0x7FFFFFFF)


if __name__ == "__main__":
    unittest.main()
