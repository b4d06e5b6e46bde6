"""What a host with a long record and many neighbours takes, for which no engine is needed; prints JSON.

    host.py WORK PROGRAM EXAMPLES     EXAMPLES is the folder of the programs `journal` and `hosts`; PARTS says what is measured
"""

import html
import http.client
import json
import os
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from statistics import median

from process import peak, run, text
from world import Agent, World

RECORDS = tuple(int(count) for count in os.environ.get("RECORDS", "100000,1000000").split(","))
PAGES_RECORDS = int(os.environ.get("PAGES_RECORDS", "100000"))
HOSTS = int(os.environ.get("HOSTS", "1000"))
ROUNDS, READS, WORKLOADS, SECONDS = 5, 20, 20, 120
FLEET = 0, 1, 2  # all that `writ fleet` may end with: some of its hosts are not well

SETTINGS = """[host]
name  = "bench"
state = "%(folder)s/state"

[[source]]
name    = "bench"
url     = "file://%(folder)s/forge.git"
branch  = "main"
poll    = "1h"

[[unit]]
name   = "bench"
source = "bench"
path   = "host"
target = "simulated"
prune  = { max = 1000 }
"""
WEB = '\n[web]\nlisten = "unix:%(folder)s/web.sock"\n'


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


class Pages:
    """The agent's own server at a socket."""

    def __init__(self, path):
        self.path = str(path)

    def ask(self, address):
        """The status, the body, and the milliseconds from the first byte asked to the last byte answered."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(self.path)
            connection.request("GET", address)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        return answer.status, body, (time.perf_counter() - start) * 1000

    def read(self, address):
        """A page that must be there: its body and milliseconds."""
        status, body, taken = self.ask(address)
        if status != 200:
            raise SystemExit(f"{address} is answered by {status}: {body[:500]}")
        return body, taken

    def until(self, address, is_so):
        """Asks until the answer is as wanted."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                status, body, _ = self.ask(address)
            except OSError:
                status, body = 0, ""
            if is_so(status, body):
                return
            time.sleep(0.002)
        raise SystemExit(f"{address} did not become as wanted within {SECONDS} s: {status} {body[:500]}")


def audits(program, journal, env, work):
    """Checking a whole journal, at each length of it."""
    found = {}
    for count in RECORDS:
        say(f"a journal of {count:,} records")
        folder = f"{work}/journal-{count}"
        text([journal, folder, str(count)])
        words = [program, "audit", "verify", f"{folder}/writ.db"]
        rounds = [run(words, env) for _ in range(ROUNDS)]
        found[count] = {key: median(one[key] for one in rounds) for key in rounds[0]}
        found[count]["peak"] = peak(words, env)
        found[count]["bytes"] = os.path.getsize(f"{folder}/writ.db")
        shutil.rmtree(folder)
    return found


def pages(program, journal, work):
    """First answers of an agent that just started, and what memory it takes when all was read."""
    say(f"pages before {PAGES_RECORDS:,} records")
    state = f"{work}/pages-state"
    commit = text([journal, state, str(PAGES_RECORDS)])
    settings = (SETTINGS + WEB).replace("%(folder)s/state", state)
    world = World(f"{work}/pages", program, "/nonexistent", settings)
    world.wants(WORKLOADS)
    world.writ("run", "--once", codes=(0, 2))
    addresses = {
        "overview": "/", "history": "/history", "audit": "/audit", "volumes": "/volumes",
        "object": "/objects/deployment/bench/app-000", "commit": f"/commits/{commit}",
    }
    server, first = Pages(world.folder / "web.sock"), {name: [] for name in addresses}
    names = list(addresses)
    # Each page is once the first that is asked for.
    for number in range(len(names)):
        agent = Agent(world)
        try:
            server.until("/readyz", lambda status, _: status == 200)
            for name in names[number:] + names[:number]:
                first[name].append(server.read(addresses[name])[1])
        finally:
            agent.stop()
    return {
        "records": PAGES_RECORDS,
        "first": {name: {"median": median(taken), "most": max(taken)} for name, taken in first.items()},
        "memory": memory(world, server, addresses),
    }


def memory(world, server, addresses):
    """MiB of the agent before any page was read, and after: each of the pages many times, and the history to its first record."""
    agent = Agent(world)
    try:
        # The first check of the journal is over as well, so that only reading lies between the two.
        server.until("/api/v1/audit", lambda status, body: status == 200 and json.loads(body)["verified"] is not None)
        agent.wait(1)
        before = agent.memory()
        for _ in range(READS):
            for address in addresses.values():
                server.read(address)
        once, read, address = agent.memory(), 0, "/history"
        while address:
            body, _ = server.read(address)
            older = re.search(r'href="(/history\?[^"]*before=[^"]*)"', body)
            read, address = read + 1, html.unescape(older[1]) if older else None
        return {"before": before, "once": once, "after": agent.memory(), "most": agent.memory("VmHWM"), "history": read}
    finally:
        agent.stop()


def fleet(program, hosts, work):
    """All hosts of a repository, each of which published how far it is."""
    say(f"a fleet of {HOSTS:,} hosts")
    settings = SETTINGS.replace("poll    =", "publish = true\npoll    =")
    world = World(f"{work}/fleet", program, "/nonexistent", settings)
    world.wants(1)
    before = world.git("rev-parse", "HEAD")
    run([hosts, "list", str(world.work), str(HOSTS)], world.env)
    world.commit("hosts")
    head = world.git("rev-parse", "HEAD")
    world.writ("run", "--once", codes=(0, 2))
    run([hosts, "publish", str(world.forge), "bench", str(HOSTS), before, head], world.env)
    fetched = world.writ("run", "--once", codes=(0, 2))
    words = [program, "fleet"]
    told = json.loads(told_by([*words, "--output", "json"], world))["sources"][0]
    if len(told["hosts"]) != HOSTS + 1 or told["unusable"]:
        raise SystemExit(f"{len(told['hosts'])} hosts are told of instead of {HOSTS + 1}; not used: {told['unusable'][:3]}")
    rounds = [run(words, world.env, FLEET) for _ in range(ROUNDS)]
    found = {key: median(one[key] for one in rounds) for key in rounds[0]}
    return {**found, "hosts": HOSTS, "peak": peak(words, world.env, FLEET), "fetched": fetched["wall"]}


def told_by(words, world):
    """What a program says that may end with other than 0."""
    output = Path(world.folder, "told")
    with output.open("wb") as sink:
        run(words, world.env, FLEET, stdout=sink)
    return output.read_text()


def main():
    work, program, examples = sys.argv[1:]
    parts = os.environ.get("PARTS", "journal,pages,fleet").split(",")
    env = {"PATH": os.environ["PATH"], "HOME": work, "LC_ALL": "C", "TZ": "UTC"}
    found = {}
    if "journal" in parts:
        found["journal"] = audits(program, f"{examples}/journal", env, work)
    if "pages" in parts:
        found["pages"] = pages(program, f"{examples}/journal", work)
    if "fleet" in parts:
        found["fleet"] = fleet(program, f"{examples}/hosts", work)
    json.dump(found, sys.stdout, indent=1)


main()
