"""What whole programs take, each beside its peer in the same run; prints JSON.

    measure.py WORK PROGRAM POLL COMPOSE     WORK holds two engines, a (Writ's) and b (Compose's), each with the image

Invariant: Writ and its peer take turns, so that a busy machine is unfair to neither.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

from process import calls, interleaved, peak, run, text
from world import Agent, World, compose_file

COUNTS = tuple(int(count) for count in os.environ.get("COUNTS", "1,20,100,200").split(","))
BRANCHES = (1, 10_000)
ROUNDS = 11
FULL_START, FULL_ROUNDS = 50, 3
IDLE_SECONDS = 5


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def containers(world, compose_words, compose_env, work):
    """A pass with nothing to do, at each number of containers, and what is measured at 20 of them."""
    found = {}
    compose = [*compose_words, "up", "-d"]
    engine_a, engine_b = f"{work}/a/docker.sock", f"{work}/b/docker.sock"
    once = [world.program, "run", "--once"]
    for count in COUNTS:
        say(f"{count} containers")
        world.wants(count)
        compose_file(f"{work}/compose.yaml", count)
        deployed = {"writ": world.writ("run", "--once", codes=(2,)), "compose": run(compose, compose_env)}
        row = interleaved(
            ROUNDS,
            writ=lambda: run(once, world.env),
            compose=lambda: run(compose, compose_env),
        )
        for name, words, env, engine in (
            ("writ", once, world.env, engine_a), ("compose", compose, compose_env, engine_b),
        ):
            row[name]["peak"] = peak(words, env)
            row[name]["calls"] = calls(engine, work, words, env)
            row[name]["deploy"] = deployed[name]["wall"]
        row["agent"] = agent_passes(world, compose, compose_env, work)
        found[count] = row
        if count == 20:
            found["start"] = starts(world)
            found["push"] = pushes(world)
            # What the pushes changed is put back now, so that the next deployment is of what is new alone.
            world.wants(count)
            world.writ("run", "--once", codes=(2,))
    return found


def full_start(program, compose, compose_env, work):
    """From nothing to as many workloads of one container, in turns with Compose: the whole command, and up to the last start."""
    say(f"{FULL_START} containers from none")
    compose_file(f"{work}/compose.yaml", FULL_START)
    engine_of = {"writ": f"{work}/a/docker.sock", "compose": f"{work}/b/docker.sock"}
    seen = {name: [] for name in engine_of}
    for number in range(FULL_ROUNDS):
        # A host of its own that holds nothing yet: an emptied repository takes nothing away from one that does.
        world = World(f"{work}/from-none-{number}", program, engine_of["writ"])
        world.wants(FULL_START)
        programs = {"writ": ([program, "run", "--once"], world.env), "compose": ([*compose, "up", "-d"], compose_env)}
        for name, (words, env) in programs.items():
            begun = time.time()
            whole = run(words, env, codes=(0, 2))
            last, running = world.last_start(engine_of[name])
            if running != FULL_START:
                raise SystemExit(f"{name} runs {running} containers instead of {FULL_START}")
            seen[name].append({"wall": whole["wall"], "cpu": whole["cpu"], "last": (last - begun) * 1000})
        world.remove_all()
        run([*compose, "down", "-t", "0"], compose_env)
    return {name: {key: median(one[key] for one in all_of) for key in all_of[0]} for name, all_of in seen.items()}


def agent_passes(world, compose, compose_env, work):
    """Passes inside an agent that runs, in turns with Compose."""
    agent = Agent(world)
    try:
        agent.wait(1)
        agent.wake()
        # Processor time of the passes alone: those between two readings, with nothing else in between.
        before = agent.cpu()
        for _ in range(ROUNDS):
            agent.wake()
        cpu = (agent.cpu() - before) / ROUNDS
        taken = interleaved(ROUNDS, pass_=lambda: {"wall": agent.wake()}, compose=lambda: run(compose, compose_env))
        time.sleep(IDLE_SECONDS)
        row = {"wall": taken["pass_"]["wall"], "compose": taken["compose"]["wall"], "cpu": cpu}
        row |= {"rss": agent.memory(), "peak": agent.memory("VmHWM")}
    finally:
        agent.stop()
    row["calls"] = agent_calls(world, work)
    return row


def agent_calls(world, work):
    """Requests of the engine for one pass of an agent that runs."""
    from process import Counter

    path = f"{work}/agent.sock"
    counter = Counter(f"{work}/a/docker.sock", path)
    direct = world.env
    world.env = {**direct, "DOCKER_HOST": f"unix://{path}"}
    agent = Agent(world)
    try:
        agent.wait(1)
        agent.wake()
        before = counter.count
        for _ in range(5):
            agent.wake()
        return (counter.count - before) / 5
    finally:
        agent.stop()
        world.env = direct
        os.unlink(path)


def starts(world):
    """From starting the program to the end of its first pass."""
    taken = []
    for _ in range(ROUNDS):
        agent = Agent(world)
        agent.wait(1)
        taken.append((agent.passes[0]["to"] - agent.started) * 1000)
        agent.stop()
    return {"wall": median(taken)}


def pushes(world):
    """From the start of `git push`, and from its end, to the engine's word that a container was made."""
    agent = Agent(world)
    from_start, from_end = [], []
    try:
        agent.wait(1)
        for edition in range(1, 6):
            world.write(0, edition)
            world.git("commit", "-q", "-a", "-m", f"edition {edition}")
            with_events = subprocess.Popen(
                ["docker", "events", "--filter", "event=create", "--filter", "type=container", "--format", "{{.TimeNano}}"],
                env=world.env, stdout=subprocess.PIPE, text=True,
            )
            time.sleep(0.5)  # the engine tells of what happens after the client has asked, and does not say when that was
            passes = len(agent.passes)
            start = time.time()
            world.git("push", "-q", str(world.forge), "HEAD:main")
            end = time.time()
            made = int(with_events.stdout.readline()) / 1e9
            with_events.kill()
            with_events.wait()
            from_start.append((made - start) * 1000)
            from_end.append((made - end) * 1000)
            agent.wait(passes + 1)
        agent.stop()
    finally:
        agent.stop()
    return {"from_start": median(from_start), "from_end": median(from_end)}


def polls(world, poll, work):
    """A look at a remote on which nothing changed, beside two ways of Git's."""
    found = {}
    head = world.git("rev-parse", "HEAD")
    for count in BRANCHES:
        say(f"a poll at {count} branches")
        forge, clone, mirror = f"{work}/{count}.git", f"{work}/{count}.clone", f"{work}/{count}.mirror"
        world.git("clone", "-q", "--bare", str(world.forge), forge, at=work)
        Path(forge, "packed-refs").write_text(
            "# pack-refs with: peeled fully-peeled sorted \n"
            + "".join(f"{head} refs/heads/branch-{number:05}\n" for number in range(count - 1))
            + f"{head} refs/heads/main\n"
        )
        url = f"file://{forge}"
        world.git("clone", "-q", "--bare", "--single-branch", "--branch", "main", url, clone, at=work)
        counted = Path(work, "upload-pack")
        counted.write_text(f'#!/bin/sh\ngit-upload-pack "$@" | tee {work}/received\n')
        counted.chmod(0o755)
        git = ["git", "-C", clone]
        peers = {
            "ls-remote": (["ls-remote"], [url, "refs/heads/main"]),
            "fetch": (["fetch", "-q"], [url, "+refs/heads/main:refs/heads/main"]),
        }
        env, looks = world.env, 10
        rounds = {name: [] for name in ("writ", *peers)}
        for _ in range(ROUNDS):
            base = run([poll, mirror, url, "0"], env)
            rounds["writ"].append(looked(poll, mirror, url, env, looks, base))
            for name, (command, words) in peers.items():
                rounds[name].append(run([*git, *command, *words], env))
        row = {name: {key: median(one[key] for one in seen) for key in seen[0]} for name, seen in rounds.items()}
        for name, (command, words) in peers.items():
            run([*git, *command, f"--upload-pack={counted}", *words], env)
            row[name]["bytes"] = os.path.getsize(f"{work}/received")
        found[count] = row
    return found


def looked(poll, mirror, url, env, looks, base):
    """What one look took of a process that looked several times."""
    output = Path(mirror + ".out")
    with output.open("wb") as sink:
        whole = run([poll, mirror, url, str(looks)], env, stdout=sink)
    *micros, received = (int(line) for line in output.read_text().split())
    return {"wall": median(micros) / 1000, "cpu": max(0.0, whole["cpu"] - base["cpu"]) / looks, "bytes": received}


def main():
    work, program, poll, compose = sys.argv[1:]
    world = World(f"{work}/world", program, f"{work}/a/docker.sock")
    compose_env = {**world.env, "DOCKER_HOST": f"unix://{work}/b/docker.sock"}
    compose_words = [compose, "-p", "bench", "-f", f"{work}/compose.yaml"]
    parts = os.environ.get("PARTS", "polls,containers").split(",")
    found = {}
    if "polls" in parts:
        found["polls"] = polls(world, poll, work)
    if "containers" in parts:
        found["full start"] = full_start(program, compose_words, compose_env, work)
        found["containers"] = containers(world, compose_words, compose_env, work)
    json.dump(found, sys.stdout, indent=1)


main()
