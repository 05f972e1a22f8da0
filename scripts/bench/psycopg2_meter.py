"""The failover meter (lib/lab/meter.ts) with the client that most Python programs use.

Speaks the same protocol (lib/lab/meter_main.ts): options as one JSON argument,
then one word per line on standard input, each answered by one JSON line.
"""

import json
import select
import sys
import time

import psycopg2


class Meter:
    def __init__(self, options):
        self.options = options
        self.acknowledged = set()
        self.connection = None
        self.next = 1
        self.begin()

    def begin(self):
        self.gap = 0.0
        self.errors = 0
        self.count = 0
        self.last = time.monotonic()
        self.last_error = None
        return {}

    def report(self):
        idle = time.monotonic() - self.last
        return {
            "gapMs": round(max(self.gap, idle) * 1000),
            "errors": self.errors,
            "acknowledged": self.count,
            "idleMs": round(idle * 1000),
            "lastError": self.last_error,
        }

    def verify(self):
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(f"select n from {self.options['table']}")
            lost = sorted(self.acknowledged - {n for (n,) in cursor})
            return {"lost": len(lost), "examples": lost[:10]}
        finally:
            connection.close()

    def connect(self):
        patience = self.options["silenceMs"] // 1000
        connection = psycopg2.connect(self.options["url"], connect_timeout=patience)
        connection.autocommit = True
        return connection

    def prepare(self):
        table = self.options["table"]
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(f"create table if not exists {table} (n bigint primary key)")
            cursor.execute(f"select coalesce(max(n), 0) from {table}")
            self.next = cursor.fetchone()[0] + 1
        finally:
            connection.close()

    def write(self):
        if self.connection is None:
            self.connection = self.connect()
        # A number is never written twice: a row whose answer was lost may exist.
        n, self.next = self.next, self.next + 1
        cursor = self.connection.cursor()
        cursor.execute(f"insert into {self.options['table']} values (%s)", (n,))
        now = time.monotonic()
        self.acknowledged.add(n)
        self.gap = max(self.gap, now - self.last)
        self.last = now
        self.count += 1

    def try_write(self):
        try:
            self.write()
        except psycopg2.Error as error:
            self.errors += 1
            self.last_error = str(error).strip()
            self.connection = None

    def answer(self, word):
        words = {"begin": self.begin, "report": self.report, "verify": self.verify}
        try:
            return words[word]()
        except (KeyError, psycopg2.Error) as error:
            return {"error": str(error)}


def prepare_until_ready(meter):
    while True:
        try:
            return meter.prepare()
        except psycopg2.Error:
            # The port may not lead anywhere yet; who started us has the deadline.
            time.sleep(0.2)


def main():
    meter = Meter(json.loads(sys.argv[1]))
    prepare_until_ready(meter)
    while True:
        while select.select([sys.stdin], [], [], 0)[0]:
            word = sys.stdin.readline()
            if word == "":
                return
            print(json.dumps(meter.answer(word.strip())), flush=True)
        meter.try_write()
        time.sleep(meter.options["pauseMs"] / 1000)


main()
