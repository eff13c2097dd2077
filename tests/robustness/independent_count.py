#!/usr/bin/env python3
"""A second, deliberately simple account of a run, made from its topics alone (read committed, by kcat): which events count,
which decisions must exist, how many impressions lie in each customer's cap window, and what `caps` must therefore say.

It shares no code with the engine and knows nothing of models: learned limits are taken from the records, but every count,
every moment at which a record must or must not be there, and every decision's existence is derived here. It needs `caps`
as it was written (not compacted yet), events in Segment's shape, and a run that was stopped when it had nothing left to do.

  independent_count.py --brokers B --events T --decisions T --caps T --channels push:7d:20,email:7d:20
                       [--triggers request,click,conversion] [--min-interval 10m] [--placement home] [--lateness 10m]
                       [--dedup 7d] [--letters T] [--budget 25:7d:2026-01-01:gold-card] [--prove]

--budget AMOUNT:PERIOD:START:OFFER: the offer is paid from a budget of its own; in no period, by the partition's newest event time,
may all partitions' decisions for it together cost more.

Exit 0: nothing differs; 1: something does (each difference is a line); --prove also plants one error of each kind in what
was read and ends with 1 unless every one is found."""

import argparse
import bisect
import datetime
import json
import subprocess
import sys

KINDS = {
    "Promotion Viewed": "impression", "Email Opened": "impression", "Promotion Clicked": "click",
    "Email Link Clicked": "click", "Order Completed": "conversion", "Offer Requested": "request", "page": "request",
    "screen": "request", "Email Bounced": "failed", "Email Delivered": "other", "Email Marked as Spam": "other",
    "Unsubscribed": "other", "Product Viewed": "other", "Product Added": "other", "Order Refunded": "other",
    "Transaction Posted": "other", "Deposit Made": "other", "Withdrawal Made": "other", "Campaign Cost": "other",
    "identify": "other",
}
NEVER = float("-inf")
SHOWN_PROBLEMS = 20


def duration(text):
    return int(float(text[:-1]) * {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[text[-1]])


def milliseconds(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def read_topic(brokers, topic):
    """Records of a topic, in offset order within each partition: (partition, offset, key, payload, headers)."""
    kcat = subprocess.run(["kcat", "-b", brokers, "-t", topic, "-C", "-e", "-q", "-J", "-X", "isolation.level=read_committed"],
                          stdout=subprocess.PIPE, check=True)
    records = []
    for line in kcat.stdout.decode("utf-8", "replace").splitlines():
        if line.strip():
            r = json.loads(line)
            records.append((r["partition"], r["offset"], r.get("key"), r.get("payload"), r.get("headers") or []))
    records.sort(key=lambda r: (r[0], r[1]))
    return records


class Customer:
    """What is counted of one customer; `shown`: sorted times by channel; `held`: decided and neither shown nor expired."""

    def __init__(self):
        self.seen, self.last_decision, self.shown, self.held, self.told = {}, NEVER, {}, [], {}
        self.partition = None


class Account:
    def __init__(self, settings, decisions, caps, letters):
        self.s, self.problems, self.customers = settings, [], {}
        self.refused = {(int(dict(zip(h[::2], h[1::2])).get("__connect.errors.partition", -1)),
                         int(dict(zip(h[::2], h[1::2])).get("__connect.errors.offset", -1))) for _, _, _, _, h in letters}
        self.count = dict.fromkeys(["events", "refused", "repeats", "late", "decisions", "impressions", "caps"], 0)
        self.decisions, ids, self.spent = {}, set(), {}
        for partition, _, _, payload, _ in decisions:
            d = json.loads(payload)
            cause = (d["cause"]["partition"], d["cause"]["offset"], d["placement"])
            if d["decision_id"] in ids or cause in self.decisions:
                self.differs(f"decision {d['decision_id']} for {cause} was made twice")
            if partition != d["cause"]["partition"]:
                self.differs(f"decision {d['decision_id']} lies in partition {partition}, its cause in {cause[0]}")
            ids.add(d["decision_id"])
            self.decisions[cause] = d
        self.caps = {}
        for _, _, key, payload, _ in caps:
            if key.startswith("customer|"):
                self.caps.setdefault(key, []).append(json.loads(payload) if payload else None)
        for records in self.caps.values():
            records.reverse()   # taken from the end

    def differs(self, what):
        self.problems.append(what)

    def used(self, customer, channel, at):
        times = customer.shown.get(channel, [])
        return len(times) - bisect.bisect_right(times, at - self.s.channels[channel][0])

    def newest(self, customer, channel, n):
        return customer.shown[channel][-n] + self.s.channels[channel][0]

    # -- caps: what is told of a customer and channel. `told`: channel -> (limit, capped), absent when nothing is.

    def next_cap(self, key):
        records = self.caps.get(key)
        return records[-1] if records else None

    def take_cap(self, key, at, used, capped, what):
        record = self.caps[key].pop()
        self.count["caps"] += 1
        name = key.split("|")[1], key.rsplit("|", 1)[1]
        limit = record["limit"]
        for field, is_, due in (("used", record["used"], used), ("capped", record["capped"], capped),
                                ("remaining", record["remaining"], max(0, limit - used)), ("version", record["version"], at)):
            if is_ != due:
                self.differs(f"{key} {what}: {field} is {is_}, counted {due}")
        if not 1 <= limit <= self.s.channels[name[1]][1]:
            self.differs(f"{key} {what}: limit {limit}")
        return limit

    def fire_timers(self, name, customer, watermark):
        """A told cap reopens, or is taken back when nothing is counted any more."""
        for channel in self.s.channels:
            key = f"customer|{name}|{channel}"
            while channel in customer.told:
                limit, capped = customer.told[channel]
                due = self.newest(customer, channel, limit if capped else 1)
                if due > watermark:
                    break
                used = self.used(customer, channel, due)
                if key not in self.caps or not self.caps[key]:
                    self.differs(f"{key}: a record is missing for what fell due at {due}")
                    del customer.told[channel]
                elif 0 < used < limit:
                    if self.next_cap(key) is None:
                        self.differs(f"{key}: taken back at {due} with {used} impressions in its window")
                        self.caps[key].pop()
                        del customer.told[channel]
                    else:
                        customer.told[channel] = (self.take_cap(key, due, used, False, "reopening"), False)
                else:
                    if (record := self.caps[key].pop()) is not None:
                        self.differs(f"{key}: {record} where it must be taken back at {due}")
                    self.count["caps"] += 1
                    del customer.told[channel]

    def tell_caps(self, name, customer, at, impression, limits):
        """After an event: `impression` obliges; a decision's own limits (`limits`: channel -> limit) do, too."""
        for channel in self.s.channels:
            key = f"customer|{name}|{channel}"
            used = self.used(customer, channel, at)
            if used == 0:
                continue
            limit, capped = customer.told.get(channel, (0, False))
            record = self.next_cap(key)
            if record is not None and record["version"] == at and (record["limit"], record["capped"]) != (limit, capped):
                now = record["limit"]
                customer.told[channel] = (self.take_cap(key, at, used, used >= now, "after an event"), used >= now)
                limit, capped = customer.told[channel]
            if impression and (limit == 0 or capped != (used >= limit)):
                self.differs(f"{key}: no record at {at} says {used} used, limit {limit}, capped {not capped}")
                customer.told[channel] = (limit or used + 1, limit != 0 and used >= limit)
            if channel in limits and limit != limits[channel]:
                self.differs(f"{key}: the limit in force is {limit}, the decision at {at} was made with {limits[channel]}")

    # -- events

    def decide(self, name, customer, event, event_id, where, watermark):
        if event["time"] < watermark:
            self.count["late"] += 1
            return None
        placement = event.get("placement")
        if placement == self.s.placement or placement is None:
            if event["time"] >= customer.last_decision + self.s.min_interval:
                customer.last_decision = max(customer.last_decision, event["time"])
                d = self.decisions.pop((*where, self.s.placement), None)
                if d is None:
                    self.differs(f"no decision for event {event_id} at {where}")
                    return None
                self.count["decisions"] += 1
                self.check_decision(name, customer, event, event_id, d)
                if self.s.budget and d["offer"] and d["offer"]["offer_id"] == self.s.budget[3]:
                    period = (watermark + self.s.lateness - self.s.budget[2]) // self.s.budget[1]
                    self.spent[period] = self.spent.get(period, 0) + round(d["cost"] * 1e6)
                return d
        return None

    def check_decision(self, name, customer, event, event_id, d):
        at, which = event["time"], f"decision {d['decision_id']}"
        if (d["customer_id"], d["cause"]["event_id"], milliseconds(d["event_time"])) != (name, event_id, at):
            self.differs(f"{which} is about {d['customer_id']} {d['cause']['event_id']}, its cause about {name} {event_id}")
        if d["offer"] is None:
            return
        cap, channel = d["cap"], d["offer"]["channel"]
        shown = self.used(customer, channel, at)
        held = sum(1 for h in customer.held if h["channel"] == channel and h["until"] > at)
        if cap["channel"] != channel or cap["used"] != shown + held:
            self.differs(f"{which}: cap {cap['channel']} says {cap['used']} used, counted {shown} shown and {held} open")
        if cap["used"] >= cap["limit"]:
            self.differs(f"{which} exceeds its cap: {cap['used']} used of {cap['limit']}")
        window = self.s.channels[channel][0]
        oldest = customer.shown[channel][-shown] + window if shown else None
        if (milliseconds(cap["resets_at"]) if cap["resets_at"] else None) != oldest:
            self.differs(f"{which}: resets at {cap['resets_at']}, counted {oldest}")
        customer.held.append({"id": d["decision_id"], "channel": channel, "offer": d["offer"]["offer_id"],
                              "until": milliseconds(d["valid_until"])})

    def show(self, customer, event):
        """An impression: it takes the place of the open decision it shows, if there is one."""
        channel = event.get("channel")
        for h in reversed(customer.held):
            if event.get("decision_id"):
                match = h["id"] == event["decision_id"]
            else:
                match = (h["offer"] == event.get("offer_id") and h["until"] > event["time"] and
                         (channel not in self.s.channels or h["channel"] == channel))
            if match:
                customer.held.remove(h)
                channel = channel if channel in self.s.channels else h["channel"]
                break
        if channel in self.s.channels:
            self.count["impressions"] += 1
            bisect.insort(customer.shown.setdefault(channel, []), event["time"])

    def fold(self, event, event_id, where, watermark):
        name, kind = event["customer"], event["kind"]
        customer = self.customers.setdefault(name, Customer())
        self.fire_timers(name, customer, watermark)
        customer.held = [h for h in customer.held if h["until"] > watermark]
        if customer.seen.get(event_id, NEVER) >= watermark - self.s.dedup:
            self.count["repeats"] += 1
            return
        customer.seen[event_id] = event["time"]
        impression = kind == "impression" and not event.get("transactional")
        if impression:
            self.show(customer, event)
        if kind == "failed":
            customer.held = [h for h in customer.held if h["id"] != event.get("decision_id")]
        d = self.decide(name, customer, event, event_id, where, watermark) if kind in self.s.triggers else None
        if d is not None or impression:
            limits = {d["offer"]["channel"]: d["cap"]["limit"]} if d is not None and d["offer"] else {}
            self.tell_caps(name, customer, max(event["time"], watermark), impression, limits)

    def run(self, events):
        newest = {}
        for partition, offset, _, payload, _ in events:
            self.count["events"] += 1
            if (partition, offset) in self.refused:
                self.count["refused"] += 1
                continue
            try:
                record = json.loads(payload)
                kind = KINDS.get(record.get("event") or record.get("type"))
                properties = record.get("properties") or {}
                event = {"customer": record.get("userId") or record["anonymousId"], "time": milliseconds(record["timestamp"]),
                         "kind": kind, "channel": properties.get("channel"), "offer_id": properties.get("offer_id"),
                         "decision_id": properties.get("decision_id"), "placement": properties.get("placement"),
                         "transactional": properties.get("transactional")}
                event_id = record["messageId"]
            except (ValueError, KeyError, TypeError):
                self.differs(f"event at {partition}/{offset} is none and not in the dead letters: {payload!r:.80}")
                continue
            if kind is None:
                continue   # unknown kinds count for nothing, not even for time
            newest[partition] = max(newest.get(partition, NEVER), event["time"])
            watermark = newest[partition] - self.s.lateness
            self.fold(event, event_id, (partition, offset), watermark)
            self.home(event["customer"], partition)
            if record.get("event") == "Order Completed":   # money spent, beside the answer
                self.fold({**event, "kind": "other"}, event_id + "#1", (partition, offset), watermark)
        for name, customer in self.customers.items():
            self.fire_timers(name, customer, newest[customer.partition] - self.s.lateness)
        for period, spent in self.spent.items():
            if spent > self.s.budget[0]:
                self.differs(f"budget: {spent / 1e6} were spent in period {period}, there were {self.s.budget[0] / 1e6}")
        for cause, d in self.decisions.items():
            self.differs(f"decision {d['decision_id']} for {cause}: nothing asked for it")
        for key, records in self.caps.items():
            if records:
                self.differs(f"{key}: {len(records)} records too many, the next {records[-1]}")
        return self.problems

    def home(self, name, partition):
        customer = self.customers[name]
        if customer.partition not in (None, partition):
            self.differs(f"customer {name} is in partitions {customer.partition} and {partition}: not keyed by customer")
        customer.partition = partition


def planted(topics, budget):
    """One error of each kind in copies of what was read: (what, topics)."""
    events, decisions, caps, letters = topics

    def changed(records, at, change):
        partition, offset, key, payload, headers = records[at]
        value = json.loads(payload)
        change(value)
        return records[:at] + [(partition, offset, key, json.dumps(value), headers)] + records[at + 1:]

    # In the second half of a partition, where windows are full.
    offered = next(i for i in range(len(decisions) // 2, len(decisions)) if json.loads(decisions[i][3])["offer"])
    told = [i for i, r in enumerate(caps) if r[2].startswith("customer|")]
    kept = [i for i in told if caps[i][3]]
    newest = {caps[i][2]: i for i in told}
    middle = kept[len(kept) // 2]
    capped = next((i for i in kept if json.loads(caps[i][3])["capped"]), middle)
    last = max((i for i in newest.values() if caps[i][3]), default=None)
    yield "a decision made twice", (events, decisions + [decisions[offered]], caps, letters)
    yield "a decision missing", (events, decisions[:offered] + decisions[offered + 1:], caps, letters)
    yield "a decision's used count", (events, changed(decisions, offered, lambda d: d["cap"].update(used=d["cap"]["used"] + 1)), caps, letters)
    yield "a decision about another event", (events, changed(decisions, offered, lambda d: d["cause"].update(event_id="?")), caps, letters)
    yield "a cap record's used count", (events, decisions, changed(caps, middle, lambda c: c.update(used=c["used"] + 1)), letters)
    yield "a cap record missing", (events, decisions, caps[:capped] + caps[capped + 1:], letters)
    yield "a cap record twice", (events, decisions, caps[:middle + 1] + caps[middle:], letters)
    if budget:
        paid = next(i for i, r in enumerate(decisions) if (json.loads(r[3])["offer"] or {}).get("offer_id") == budget[3])
        yield "more spent than there is", (events, changed(decisions, paid, lambda d: d.update(cost=2e-6 * budget[0])), caps, letters)
    if last is not None:
        yield "the last limit of a customer", (events, decisions, changed(caps, last, lambda c: c.update(limit=c["limit"] + 40)), letters)
    # An impression some decision has counted: the oldest in its window.
    counted = next(d for d in map(json.loads, (r[3] for r in decisions[::-1])) if d["offer"] and d["cap"]["resets_at"])
    at = milliseconds(counted["cap"]["resets_at"]) - duration(counted["cap"]["window"])
    lost = [r for r in events if not (counted["customer_id"] in r[3] and "Viewed" in r[3] and milliseconds(json.loads(r[3])["timestamp"]) == at)]
    yield "an impression lost", (lost, decisions, caps, letters)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("brokers", "events", "decisions", "caps", "channels"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--letters")
    parser.add_argument("--triggers", default="request,click,conversion")
    parser.add_argument("--placement", default="home")
    parser.add_argument("--min-interval", default="10m")
    parser.add_argument("--lateness", default="10m")
    parser.add_argument("--dedup", default="7d")
    parser.add_argument("--budget")
    parser.add_argument("--prove", action="store_true")
    s = parser.parse_args()
    s.triggers = set(s.triggers.split(","))
    s.channels = {name: (duration(window), int(most)) for name, window, most in (c.split(":") for c in s.channels.split(","))}
    s.min_interval, s.lateness, s.dedup = duration(s.min_interval), duration(s.lateness), duration(s.dedup)
    if s.budget:
        amount, period, start, offer = s.budget.split(":")
        s.budget = (round(float(amount) * 1e6), duration(period), milliseconds(start + "T00:00:00Z"), offer)
    topics = [read_topic(s.brokers, t) if t else [] for t in (s.events, s.decisions, s.caps, s.letters)]

    account = Account(s, *topics[1:])
    problems = account.run(topics[0])
    for problem in problems[:SHOWN_PROBLEMS]:
        print("differs:", problem)
    print("counted: " + ", ".join(f"{n} {what}" for what, n in account.count.items()) +
          f"; {len(account.customers)} customers; {len(problems)} differences")
    if account.spent:
        print(f"budget: {max(account.spent.values()) / s.budget[0]:.1%} of its amount spent at most in one of {len(account.spent)} periods")
    if not s.prove or problems:
        return 1 if problems else 0
    missed = 0
    kinds = 0
    for what, copies in planted(topics, s.budget):
        kinds += 1
        if not Account(s, *copies[1:]).run(copies[0]):
            print("not found:", what)
            missed += 1
    print(f"planted: {kinds - missed} of {kinds} errors found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
