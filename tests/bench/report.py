"""Makes tables of what was measured.

    report.py inside CRITERION JUDGED    the medians of Criterion's folder as JSON, and what memory it took to judge: lines of
                                         commits, KiB before, KiB at most
    report.py write WORK FILE            WORK's figures as tables: between the two marks of FILE, or printed if a part was left out
"""

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
GIT_SAMPLE, COMMITS = 50, 10_000


def inside(folder, judged):
    found = {}
    for line in Path(judged).read_text().splitlines():
        commits, before, most = map(int, line.split())
        found[f"judged/{commits}"] = (most - before) / 1024
    for path in sorted(Path(folder).glob("*/*/new")):
        name = json.loads((path / "benchmark.json").read_text())["full_id"]
        found[name] = json.loads((path / "estimates.json").read_text())["median"]["point_estimate"] / 1e6
    json.dump(found, sys.stdout, indent=1)


def ms(value):
    return "" if value is None else f"{value * 1000:.0f} µs" if value < 1 else f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def mib(value):
    return f"{value:.1f} MiB"


def size(count):
    return f"{count} B" if count < 10_000 else f"{count / 1000:.0f} kB"


def ratio(ours, theirs):
    share = ours / theirs if theirs else float("nan")
    return f"{share:.2f}" if share >= 0.1 else f"{share:.3f}"


def aim(value, limit, words):
    return f"{words}: {'met' if value < limit else '**missed**'}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def machine(it):
    lines = [
        f"{it['cores']} cores ({it['processor']}), {it['memory']} of memory, {it['kernel']}",
        f"Docker engine {it['engine']}; Compose {it['compose']}; Kubernetes {it['kubernetes']}; Flux's engine {it['flux']}; Git {it['git']}",
        f"Writ at {it['commit']}, release build of {int(it['size']) / 2**20:.1f} MiB; {it['date']}",
        f"load average {it['load']}",
    ]
    return "\n".join(f"- {line}" for line in lines) + "\n"


def decided(it):
    rows = []
    for step, limit in (("lower", None), ("resolve and hash", None), ("plan, all new", None), ("plan, unchanged", None), ("all of it, all new", 100)):
        yaml, hcl = it[f"yaml/{step}"], it[f"hcl/{step}"]
        rows.append([step, ms(yaml), ms(hcl), aim(max(yaml, hcl), limit, "< 100 ms") if limit else ""])
    return "### A thousand workloads, from text to plan\n\n" + table(["step", "YAML", "HCL", "aim"], rows)


def proved(it):
    ours, git = it["commits/writ 10000"], it["commits/git 50"] * COMMITS / GIT_SAMPLE
    rows = [
        [f"{COMMITS:,} signed commits judged", ms(ours), f"`git verify-commit`: {ms(git)} (scaled from {GIT_SAMPLE})", ratio(ours, git), aim(ours, 1500, "< 1.5 s")],
        ["memory of its own that judging 1,000 of them took", mib(it["judged/1000"]), "", "", ""],
        ["memory of its own that judging 10,000 of them took", mib(it["judged/10000"]), "", "", ""],
        ["one Ed25519 signature", ms(it["small/ed25519"]), "", "", ""],
        ["one durable record of the journal", ms(it["small/journal"]), "", "", ""],
    ]
    return "### Proof and record\n\n" + table(["what", "Writ", "peer", "ratio", "aim"], rows)


LIMITS = {"20": 15, "200": 60}


def passes(it):
    rows, more = [], []
    for count in (name for name in it if name.isdigit()):
        row, limit = it[count], LIMITS.get(count)
        agent, once, peer = row["agent"], row["writ"], row["compose"]
        rows.append([count, ms(agent["wall"]), ms(agent["compose"]), ratio(agent["wall"], agent["compose"]), aim(agent["wall"], limit, f"< {limit} ms") if limit else ""])
        more.append([count, ms(once["wall"]), ms(peer["wall"]), ratio(once["wall"], peer["wall"]), ""])
    text = "### A pass with nothing to do\n\n" + table(["containers", "pass of a running agent", "`docker compose up -d`", "ratio", "aim"], rows)
    text += "\n" + table(["containers", "`writ run --once`, whole process", "`docker compose up -d`", "ratio", "aim"], more)
    costs = []
    for count in (name for name in it if name.isdigit()):
        agent, once, peer = it[count]["agent"], it[count]["writ"], it[count]["compose"]
        costs.append(["running agent", count, ms(agent["cpu"]), mib(agent["rss"]), f"{agent['calls']:g}", ""])
        for name, one in (("`writ run --once`", once), ("`docker compose up -d`", peer)):
            costs.append([name, count, ms(one["cpu"]), mib(one["peak"]), one["calls"], ms(one["deploy"])])
    return text + "\n" + table(["what it costs", "containers", "processor time", "memory", "engine calls", "first deployment of what is new"], costs)


def full(it):
    ours, peer = it["writ"], it["compose"]
    rows = []
    for what, key in (("command started to the last container's start", "last"), ("the whole command", "wall"), ("processor time of the command", "cpu")):
        share = ours[key] / peer[key]
        rows.append([what, ms(ours[key]), ms(peer[key]), ratio(ours[key], peer[key]), aim(share, 1.0, "no slower") if key == "last" else ""])
    head = ["what", "`writ run --once`", "`docker compose up -d`", "ratio", "aim"]
    return "### Fifty workloads of one container, from none\n\n" + table(head, rows)


def moments(it):
    start, push = it["start"]["wall"], it["push"]
    rss = it["20"]["agent"]["rss"]
    rows = [
        ["start of the program to the end of its first pass, 20 containers", ms(start), aim(start, 100, "< 100 ms")],
        ["`git push` started to the engine making the new container", ms(push["from_start"]), ""],
        ["`git push` ended to the same", ms(push["from_end"]), ""],
        ["resident memory, idle with 20 containers", mib(rss), aim(rss, 25, "< 25 MiB")],
    ]
    return "### Moments and memory\n\n" + table(["what", "Writ", "aim"], rows)


OBJECTS_AIM = 1000


def objects(it):
    first, rows, costs = [], [], []
    for count, row in it.items():
        big = int(count) >= OBJECTS_AIM
        ours = row["first"]["writ"]["wall"]
        for name, words in (
            ("kubectl apply", "`kubectl apply --server-side`"), ("flux", "Flux's engine"), ("least", "the server itself: one request for each, eight at once"),
        ):
            peer = row["first"][name]["wall"]
            judged = aim(ours / peer, 1 / 3, "a third") if big and name == "kubectl apply" else ""
            first.append([f"{int(count):,}", words, ms(ours), ms(peer), ratio(ours, peer), judged])
        agent, once = row["agent"]["wall"], row["unchanged"]["writ once"]["wall"]
        for name, words in (("kubectl apply", "`kubectl apply --server-side`"), ("kubectl diff", "`kubectl diff --server-side`"), ("flux", "Flux's engine")):
            peer = row["unchanged"][name]["wall"]
            judged = aim(agent, 200, "< 200 ms") if big and name == "kubectl apply" else ""
            rows.append([f"{int(count):,}", words, ms(agent), ms(once), ms(peer), ratio(agent, peer), ratio(once, peer), judged])
        most = row["agent"]["most"]
        costs.append([f"{int(count):,}", "running agent", "", mib(most), f"{row['requests']['agent']:.0f}", aim(most, 60, "< 60 MiB") if big else ""])
        for name, words in (("writ once", "`writ run --once`"), ("kubectl apply", "`kubectl apply --server-side`"), ("kubectl diff", "`kubectl diff --server-side`"), ("flux", "Flux's engine")):
            one = row["unchanged"][name]
            requests = f"{row['requests']['once']:,}" if name == "writ once" else ""
            costs.append([f"{int(count):,}", words, ms(one["cpu"]), mib(one["peak"]), requests, ""])
    text = "### Objects of a cluster, first application\n\n"
    text += table(["objects", "peer", "`writ run --once`, whole process", "the peer", "ratio", "aim"], first)
    text += "\n### Objects of a cluster, nothing to do\n\n"
    text += table(["objects", "peer", "pass of a running agent", "`writ run --once`", "the peer", "ratio of the agent", "of `--once`", "aim"], rows)
    return text + "\n" + table(["objects", "program", "processor time", "memory at most", "requests", "aim"], costs)


def pods(it):
    head = ["workloads of one pod", "first pass, until all are ready", "pass of a running agent with nothing to do", "`writ run --once` with nothing to do", "its memory", "the agent's"]
    rows = [
        [f"{int(count):,}", ms(row["ready"]), ms(row["agent"]), ms(row["unchanged"]), mib(row["peak"]), mib(row["most"])]
        for count, row in it.items()
    ]
    return "### Workloads of a cluster, on simulated nodes\n\n" + table(head, rows)


def polls(it):
    rows = []
    for count, row in it.items():
        ours = row["writ"]
        rows.append(["a look of the agent", f"{int(count):,}", ms(ours["wall"]), ms(ours["cpu"]), size(ours["bytes"]), ""])
        for name, words in (("ls-remote", "`git ls-remote URL refs/heads/main`"), ("fetch", "`git fetch URL main`")):
            peer = row[name]
            rows.append([words, f"{int(count):,}", ms(peer["wall"]), ms(peer["cpu"]), size(peer["bytes"]), ratio(ours["wall"], peer["wall"])])
    head = ["what", "branches", "time", "processor time", "bytes received", "Writ's time by it"]
    return "### A look at a remote on which nothing changed\n\n" + table(head, rows)


PAGE_WORDS = {
    "overview": "`/`", "history": "`/history`", "audit": "`/audit`", "volumes": "`/volumes`",
    "object": "the page of an object", "commit": "the page of a commit",
}


def journal(it):
    rows = [
        [f"{int(count):,}", ms(row["wall"]), ms(row["cpu"]), mib(row["peak"]), mib(row["bytes"] / 2**20)]
        for count, row in it.items()
    ]
    head = ["records", "`writ audit verify`, whole process", "processor time", "memory at most", "the record's file"]
    return "### A long journal\n\n" + table(head, rows)


def pages(it):
    first, memory = it["first"], it["memory"]
    slowest = max(first, key=lambda name: first[name]["most"])
    rows = [[PAGE_WORDS[name], ms(row["median"]), ms(row["most"]), ""] for name, row in first.items()]
    most = first[slowest]["most"]
    rows.append([f"the slowest of all, {PAGE_WORDS[slowest]}", "", ms(most), aim(most, 300, "< 300 ms")])
    text = f"### Pages of an agent before a journal of {it['records']:,} records\n\n"
    text += table(["first answer after a start", "median", "slowest", "aim"], rows)
    rows = [
        ["before any page was read", mib(memory["before"])],
        ["after each page was read 20 times", mib(memory["once"])],
        [f"after the whole history was read as well, {memory['history']:,} pages", mib(memory["after"])],
        ["at most", mib(memory["most"])],
    ]
    return text + "\n" + table(["the agent", "resident memory"], rows)


def fleet(it):
    wall = it["wall"]
    rows = [[f"{it['hosts']:,}", ms(wall), ms(it["cpu"]), mib(it["peak"]), ms(it["fetched"]), aim(wall, 1000, "< 1 s")]]
    head = ["hosts that publish", "`writ fleet`, whole process", "processor time", "memory at most", "`writ run --once` that fetches what all of them say", "aim"]
    return "### A fleet\n\n" + table(head, rows)


def write(work, file):
    read = lambda name: json.loads(Path(work, name).read_text())
    about, within, programs, cluster, host = (read(f"{name}.json") for name in ("machine", "inside", "programs", "objects", "host"))
    parts = [machine(about)]
    parts += [decided(within), proved(within)] if within else []
    if "containers" in programs:
        parts.append(full(programs["full start"]))
        parts.append(passes(programs["containers"]))
        parts += [moments(programs["containers"])] if "20" in programs["containers"] else []
    parts += [polls(programs["polls"])] if "polls" in programs else []
    parts += [make(host[name]) for name, make in (("journal", journal), ("pages", pages), ("fleet", fleet)) if name in host]
    parts += [objects(cluster["objects"])] if cluster else []
    parts += [pods(cluster["pods"])] if cluster and cluster["pods"] else []
    text = "\n".join(parts)
    print(text)
    if about["command"]:
        page = Path(file).read_text()
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        Path(file).write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if sys.argv[1] == "inside":
    inside(*sys.argv[2:])
else:
    write(*sys.argv[2:])
