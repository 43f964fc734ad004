"""The counterpart of processes.mjs: a process that runs commands with Python's libraries, asked over stdin."""
import resource
import subprocess
import time

from answer import answer


def oslo(command, binary=False, **options):
    from oslo_concurrency import processutils
    return processutils.execute(*command, binary=binary, **options)[0]


def oslo_limited(command, binary=False):
    from oslo_concurrency import processutils
    limits = processutils.ProcessLimits(address_space=2 ** 32, cpu_time=60, number_files=256)
    return oslo(command, binary, prlimit=limits)


def oslo_retried(command, binary=False):
    from oslo_concurrency import processutils
    try:
        oslo(command, binary, attempts=3, delay_on_retry=False)
    except processutils.ProcessExecutionError:
        pass


def bare(command, binary=False):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=not binary).stdout


subjects = {
    "oslo execute": oslo,
    "oslo execute limited": oslo_limited,
    "oslo execute retried": oslo_retried,
    "subprocess": bare,
}


def probe(request):
    subjects[request["subject"]]([request.get("file", "true")])


def commands(request):
    # One after the other only: eight at once are eight contestants, since oslo's execute hangs now and then in threads.
    run, file = subjects[request["subject"]], request["file"]
    for _ in range(request["times"]):
        run([file])


def capture(request):
    run, size = subjects[request["subject"]], request["bytes"]
    start = time.perf_counter()
    output = run(["head", "-c", str(size), "/dev/zero"], request["binary"])
    spent = (time.perf_counter() - start) * 1000
    if len(output) != size:
        raise ValueError(f"{len(output)} of {size} bytes came")
    return spent


def stream(request):
    if request["subject"] != "subprocess":
        raise NotImplementedError("it cannot stream")
    size, seen = request["bytes"], 0
    start = time.perf_counter()
    with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as child:
        while chunk := child.stdout.read(65536):
            seen += len(chunk)
    if seen != size:
        raise ValueError(f"{seen} of {size} bytes came")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": size / 1e6 / (time.perf_counter() - start), "peakMb": peak}


handlers = {"probe": probe, "commands": commands, "capture": capture, "stream": stream}

answer(handlers)
