"""The same bookkeeper in Python, on OpenStack's own oslo.concurrency and the same lock file."""

import json
import os
import sys
import threading
import time

from oslo_concurrency import lockutils

order = json.loads(sys.argv[1])
who, task, ledger = order["who"], order["task"], order["ledger"]
history = os.open(order["history"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
result = {"who": who, "language": "Python", "grants": 0, "booked": 0, "longestWait": 0}


def say(**message):
    print(json.dumps(message), flush=True)


def tell(kind, step):
    entry = {"at": time.monotonic_ns() / 1e6, "contender": who, "task": task, "step": step, "kind": kind, "name": "ledger"}
    # Without spaces, as JSON.stringify writes it.
    os.write(history, json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def last_total():
    with open(ledger, "rb") as file:
        lines = file.read()[-256:].decode().split()
    return int(lines[-1].split(",")[-1]) if lines else 0


def book(step, asked):
    tell("enter", step)
    result["grants"] += 1
    result["longestWait"] = max(result["longestWait"], (time.monotonic() - asked) * 1000)
    total = last_total()
    time.sleep(order["hold"] / 1000)
    amount = 1 + (step * 7 + task) % 9
    with open(ledger, "a") as file:
        file.write(f"{who},{amount},{total + amount}\n")
    result["booked"] += amount
    tell("leave", step)


def end_with_stdin():
    sys.stdin.read()
    os._exit(1)


say(ready=who)
sys.stdin.readline()
threading.Thread(target=end_with_stdin, daemon=True).start()
end = time.monotonic() + order["seconds"]
step = 0
while time.monotonic() < end:
    asked = time.monotonic()
    tell("wait", step)
    if order["locked"]:
        with lockutils.lock("ledger", external=True, lock_path=order["lockPath"]):
            book(step, asked)
    else:
        book(step, asked)
    tell("released", step)
    time.sleep(0.005)
    say(grants=result["grants"])
    step += 1
say(done=result)
os._exit(0)
