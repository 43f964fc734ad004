"""The counterpart of locks.mjs: a process that takes locks with Python's libraries, asked over stdin."""
import contextlib
import os
import resource
import statistics
import threading
import time

from answer import answer

opened = {}
held = None


def oslo(directory, name, **options):
    from oslo_concurrency import lockutils
    if options.get("external"):
        options["lock_path"] = directory
    return lambda: lockutils.lock(name, **options)


def fasteners_lock(directory, name):
    import fasteners
    path = os.path.join(directory, name)
    return lambda: fasteners.InterProcessLock(path)


def fasteners_writer(directory, name):
    import fasteners
    path = os.path.join(directory, name)
    return lambda: fasteners.InterProcessReaderWriterLock(path).write_lock()


def fasteners_reader(directory, name):
    import fasteners
    path = os.path.join(directory, name)
    return lambda: fasteners.InterProcessReaderWriterLock(path).read_lock()


def fasteners_internal(directory, name):
    import fasteners
    lock = fasteners.ReaderWriterLock()
    return lock.write_lock


def file_lock(directory, name):
    import filelock
    path = os.path.join(directory, name)
    return lambda: filelock.FileLock(path)


subjects = {
    "oslo": lambda d, n: oslo(d, n, external=True),
    "oslo fair": lambda d, n: oslo(d, n, external=True, fair=True),
    "fasteners": fasteners_lock,
    "fasteners writer": fasteners_writer,
    "fasteners reader": fasteners_reader,
    "filelock": file_lock,
    "oslo internal": oslo,
    "oslo internal fair": lambda d, n: oslo(d, n, fair=True),
    "fasteners internal": fasteners_internal,
}


def open_subject(request):
    key = (request["subject"], request["directory"], request.get("name", "bench"))
    if key not in opened:
        opened[key] = subjects[key[0]](key[1], key[2])
    return opened[key]


def probe(request):
    with open_subject(request)():
        pass


def warm(request):
    """Takes the lock alone until it gets no faster, by the rule of ../steady.mjs and the samples of locks.mjs."""
    make = open_subject(request)
    end = time.perf_counter() + request.get("atMostMs", 2000) / 1000
    mark, since = None, 0
    while time.perf_counter() < end:
        start, count = time.perf_counter(), 0
        while count < 250 or time.perf_counter() - start < 0.01:
            with make():
                pass
            count += 1
        took = (time.perf_counter() - start) / count
        better = mark is None or took < mark * 0.9
        if better:
            mark = took
        since = 0 if better else since + 1
        if since >= 8:
            return True
    return False


def uncontended(request):
    make, batch = open_subject(request), request["batch"]
    end = time.perf_counter() + request["ms"] / 1000
    times = []
    while True:
        start = time.perf_counter()
        for _ in range(batch):
            with make():
                pass
        now = time.perf_counter()
        times.append(now - start)
        if now >= end:
            return statistics.median(times) / batch * 1e6


def contend(request):
    make, hold = open_subject(request), request["holdMs"] / 1000
    time.sleep(max(0, request["startAt"] / 1000 - time.time()))
    end = time.perf_counter() + request["ms"] / 1000
    cpu, sleeps = time.process_time(), voluntary_sleeps()
    grants, longest, held_for = 0, 0.0, 0.0
    log, holds = request.get("log", False), []
    sleeps_of_holds = 0
    now = time.perf_counter()
    while now < end:
        with make():
            granted = time.perf_counter()
            longest = max(longest, granted - now)
            if granted < end:
                grants += 1
            if hold > 0:
                sleeps_of_holds += 1
                time.sleep(hold)
            released = time.perf_counter()
            if granted < end:
                held_for += min(released, end) - granted
            if log and granted < end:
                # The same clock as in Node.
                holds += (granted * 1000, released * 1000)
        now = time.perf_counter()
    return {
        "grants": grants,
        "longestMs": longest * 1000,
        "heldMs": held_for * 1000,
        "cpuMs": (time.process_time() - cpu) * 1000,
        "wakes": voluntary_sleeps() - sleeps - sleeps_of_holds,
        "holds": holds,
    }


def voluntary_sleeps():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def take(request):
    global held
    held = contextlib.ExitStack()
    held.enter_context(open_subject(request)())
    return {"at": time.monotonic_ns()}


def drop(request):
    at = time.monotonic_ns()
    held.close()
    return {"at": at}


def idle(request):
    """As many threads wait in vain: the part of a core they take, and how many threads that is."""
    make = open_subject(request)

    def wait():
        with make():
            pass

    before = threading.active_count()
    for _ in range(request["count"]):
        threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.5)
    slices = []
    for _ in range(int(request["ms"] / 250)):
        cpu, start = time.process_time(), time.perf_counter()
        time.sleep(0.25)
        slices.append((time.process_time() - cpu) / (time.perf_counter() - start) * 100)
    return {"core": statistics.median(slices), "threads": threading.active_count() - before}


handlers = {
    "probe": probe,
    "uncontended": uncontended,
    "contend": contend,
    "take": take,
    "drop": drop,
    "idle": idle,
    "warm": warm,
}

answer(handlers)
