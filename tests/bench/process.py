"""Runs programs and says what they took: time, processor time, memory, calls of an engine."""

import os
import re
import socket
import subprocess
import threading
import time
from statistics import median


def run(words, env=None, codes=(0,), **options):
    """Runs to the end; wall and processor milliseconds, those of children that it waited for included."""
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.PIPE)
    start = time.perf_counter()
    child = subprocess.Popen(words, env=env, **options)
    said = child.stderr.read() if child.stderr else b""
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise SystemExit(f"{words} ended with {child.returncode}: {said.decode(errors='replace')}")
    return {"wall": wall * 1000, "cpu": (usage.ru_utime + usage.ru_stime) * 1000}


def text(words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


def peak(words, env=None, codes=(0,)):
    """Peak memory in MiB. GNU time starts it, because a program also counts the memory of who starts it."""
    done = subprocess.run(["/usr/bin/time", "-q", "-f", "peak %M", *words], env=env, capture_output=True, text=True)
    found = re.search(r"^peak (\d+)$", done.stderr, re.M)
    if done.returncode not in codes or not found:
        raise SystemExit(f"{words} ended with {done.returncode}: {done.stderr}")
    return int(found[1]) / 1024


def interleaved(rounds, **calls):
    """Runs each call in turn, `rounds` times, the first of each unmeasured; the medians."""
    seen = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            taken = call()
            if number:
                seen[name].append(taken)
    return {name: {key: median(one[key] for one in all_of) for key in all_of[0]} for name, all_of in seen.items()}


class Counter:
    """A socket in front of an engine's that counts the requests which pass through it: at a path, or at an address and a port."""

    REQUEST = re.compile(rb"^(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+ HTTP/1\.1\r$", re.M)

    def __init__(self, engine, at):
        self.engine, self.count = engine, 0
        self.server = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
        self.server.bind(at)
        self.port = None if isinstance(at, str) else self.server.getsockname()[1]
        self.server.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.server.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self.engine)
            threading.Thread(target=self.forward, args=(client, engine, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(engine, client, False), daemon=True).start()

    def forward(self, source, sink, counted):
        try:
            while piece := source.recv(1 << 16):
                if counted:
                    self.count += len(self.REQUEST.findall(piece))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has hung up


def calls(engine, folder, words, env, codes=(0,)):
    """How many requests a program makes of an engine."""
    path = os.path.join(folder, "counted.sock")
    counter = Counter(engine, path)
    try:
        run(words, {**env, "DOCKER_HOST": f"unix://{path}"}, codes)
    finally:
        os.unlink(path)
    return counter.count
