"""What a cluster's objects take, each beside its peers in the same run on the same cluster; prints JSON.

    cluster.py WORK PROGRAM FLUX     WORK/cluster holds a running cluster; FLUX is the program of tests/bench/flux

Each of the programs has a namespace of its own with the same objects. Invariant: they take turns, so that a busy machine is unfair
to none of them.
"""

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from urllib.parse import urlparse

import world as worlds
from process import Counter, interleaved, peak, run, text
from world import Agent, World

COUNTS = tuple(int(count) for count in os.environ.get("OBJECTS", "10,100,1000").split(","))
PODS = tuple(int(count) for count in os.environ.get("PODS", "1000,5000").split(",") if count)
ROUNDS = 7

# Those of a host of an engine, for a cluster.
SETTINGS = (
    worlds.SETTINGS.replace('[host]\nname  = "bench"', '[host]\nname  = "%(name)s"\nkubeconfig = "%(folder)s/kubeconfig"')
    .replace('"docker"', '"kubernetes:bench"')
    .replace("max = 1000", "max = 10000")
)

# Of every ten objects five are ConfigMaps, two Secrets, two Services and one a Deployment of no pods: a server's answer is what
# is measured, and no controller's.
KINDS = ["ConfigMap"] * 5 + ["Secret"] * 2 + ["Service"] * 2 + ["Deployment"]
BODIES = {
    "ConfigMap": "data: {edition: \"0\", text: \"%(text)s\"}",
    "Secret": "stringData: {password: \"%(text)s\"}",
    "Service": "spec: {selector: {app: \"%(name)s\"}, ports: [{name: http, port: 80, targetPort: 8080}]}",
    "Deployment": "spec: {replicas: 0, selector: {matchLabels: {app: \"%(name)s\"}}, template: {metadata: {labels: {app: \"%(name)s\"}}, "
    "spec: {containers: [{name: app, image: \"writ-test/box:1\", command: [sleep, \"1000000\"], env: [{name: EDITION, value: \"0\"}], "
    "resources: {requests: {cpu: 10m, memory: 16Mi}}}]}}}",
}
VERSIONS = {"Deployment": "apps/v1"}


# Where objects of each kind are found below a namespace.
PLURALS = {kind: f"{kind.lower()}s" for kind in BODIES}
# Requests of `least` that are under way at once: as many as Writ has.
AT_ONCE = 8


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def objects(count, namespace):
    """As many objects, as YAML."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        name = f"app-{number:04}"
        yield (
            f"apiVersion: {VERSIONS.get(kind, 'v1')}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}, "
            f"labels: {{app: {name}}}}}\n" + BODIES[kind] % {"name": name, "text": f"text {number} " * 10} + "\n"
        )


def least(cluster, count):
    """Milliseconds that the server itself takes for a first application: one request for each object, by nobody who looks at what
    is there, judges what is wanted, or remembers what was done."""
    namespace = f"bench-least-{count}"
    cluster.kubectl("create", "namespace", namespace)
    address, token = ((cluster.folder / file).read_text().strip() for file in ("url", "token"))
    trust = ssl.create_default_context(cafile=str(cluster.folder / "ca.crt"))
    heads = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}
    lines = local()

    def apply(numbered):
        number, text = numbered
        kind = KINDS[number % len(KINDS)]
        base = f"/apis/{VERSIONS[kind]}" if kind in VERSIONS else "/api/v1"
        path = f"{base}/namespaces/{namespace}/{PLURALS[kind]}/app-{number:04}?fieldManager=bench&fieldValidation=Strict"
        if not hasattr(lines, "line"):
            lines.line = http.client.HTTPSConnection(urlparse(address).netloc, context=trust)
        lines.line.request("PATCH", path, text.encode(), heads)
        answer = lines.line.getresponse()
        body = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status}: {body.decode()}")

    every = list(enumerate(objects(count, namespace)))
    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for kind in BODIES:
            list(pool.map(apply, [one for one in every if KINDS[one[0] % len(KINDS)] == kind]))
    taken = (time.perf_counter() - start) * 1_000
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    return {"wall": taken}


class Cluster:
    """The cluster, and ways to it."""

    def __init__(self, folder, work):
        self.folder, self.work = Path(folder), Path(work)
        self.kubeconfig = self.folder / "kubeconfig"
        self.kubectl_words = [str(self.folder / "kubectl"), "--kubeconfig", str(self.kubeconfig)]

    def kubectl(self, *words, **options):
        return text([*self.kubectl_words, *words], **options)

    def settings(self, address, token=None, authority=None):
        """A kubeconfig whose context is called `bench`."""
        trust = f", certificate-authority: {authority}" if authority else ""
        user = f"token: \"{token}\"" if token else ""
        return (
            "apiVersion: v1\nkind: Config\ncurrent-context: bench\n"
            f"clusters: [{{name: bench, cluster: {{server: \"{address}\"{trust}}}}}]\nusers: [{{name: bench, user: {{{user}}}}}]\n"
            "contexts: [{name: bench, context: {cluster: bench, user: bench}}]\n"
        )


def deployments(count, namespace):
    """As many Deployments of one pod, which nodes run that only seem to be there."""
    for number in range(count):
        name = f"app-{number:04}"
        pod = (
            'nodeSelector: {type: simulated}, tolerations: [{key: writ-test/simulated, operator: Exists}], '
            'containers: [{name: app, image: "writ-test/box:1"}]'
        )
        yield (
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec: {{replicas: 1, selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{{pod}}}}}}}\n"
        )


def requests(cluster, world, direct):
    """How many requests a pass with nothing to do makes, of a program that begins and of an agent that runs: counted on a way
    without TLS, whose other end shows its own credentials where it is shown none."""
    socket = str(cluster.work / "proxy.sock")
    proxy = subprocess.Popen([*cluster.kubectl_words, "proxy", f"--unix-socket={socket}"], stdout=subprocess.PIPE)
    try:
        proxy.stdout.readline()
        counter = Counter(socket, ("127.0.0.1", 0))
        path = world.folder / "kubeconfig"
        path.write_text(cluster.settings(f"http://127.0.0.1:{counter.port}"))
        run([world.program, "run", "--once"], world.env)
        once = counter.count
        agent = Agent(world)
        agent.wait(1)
        before = counter.count
        for _ in range(ROUNDS):
            agent.wake()
        of_agent = (counter.count - before) / ROUNDS
        agent.stop()
        path.write_text(direct)
        return {"once": once, "agent": of_agent}
    finally:
        proxy.terminate()
        proxy.wait()


def wanted(cluster, program, name, made):
    """A world whose repository wants what was made, and its kubeconfig."""
    cluster.kubectl("create", "namespace", name)
    address, token = ((cluster.folder / file).read_text().strip() for file in ("url", "token"))
    direct = cluster.settings(address, token, cluster.folder / "ca.crt")
    world = World(cluster.work / name, program, "/nonexistent", SETTINGS % {"name": name, "folder": "%(folder)s"}, {"kubeconfig": direct})
    for number, one in enumerate(made):
        with (world.work / "host" / f"{number // 50:03}.yaml").open("a") as file:
            file.write(f"---\n{one}")
    world.commit(name)
    return world, direct


def simulated(cluster, program, count):
    """As many workloads, from none until all are ready, and then with nothing to do."""
    say(f"{count} workloads on nodes that only seem to be there")
    name = f"bench-pods-{count}"
    world, _ = wanted(cluster, program, name, deployments(count, name))
    once = [world.program, "run", "--once"]
    found = {"ready": run(once, world.env, codes=(2,))["wall"], "unchanged": run(once, world.env)["wall"], "peak": peak(once, world.env)}
    agent = Agent(world)
    agent.wait(1, 600)
    found["agent"] = interleaved(ROUNDS, agent=lambda: {"wall": agent.wake()})["agent"]["wall"]
    found["most"] = agent.memory("VmHWM")
    agent.stop()
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    return found


def measured(cluster, program, flux, count):
    say(f"{count} objects in a cluster")
    names = {who: f"bench-{who}-{count}" for who in ("writ", "kubectl", "flux")}
    for who in ("kubectl", "flux"):
        cluster.kubectl("create", "namespace", names[who])
    world, direct = wanted(cluster, program, names["writ"], objects(count, names["writ"]))
    files = {}
    for who in ("kubectl", "flux"):
        files[who] = str(cluster.work / f"{names[who]}.yaml")
        Path(files[who]).write_text("---\n".join(objects(count, names[who])))
    env = {"PATH": os.environ["PATH"], "HOME": str(cluster.work)}
    once = [world.program, "run", "--once"]
    apply = [*cluster.kubectl_words, "apply", "--server-side", "-f", files["kubectl"]]
    diff = [*cluster.kubectl_words, "diff", "--server-side", "-f", files["kubectl"]]
    flux_words = [flux, str(cluster.kubeconfig), files["flux"]]
    first = {
        "kubectl apply": run(apply, env),
        "flux": run(flux_words, env),
        "writ": run(once, world.env, codes=(2,)),
        "least": least(cluster, count),
    }
    unchanged = interleaved(
        ROUNDS,
        **{
            "writ once": lambda: run(once, world.env),
            "kubectl apply": lambda: run(apply, env),
            "kubectl diff": lambda: run(diff, env),
            "flux": lambda: run(flux_words, env),
        },
    )
    for name, words, around in (
        ("writ once", once, world.env), ("kubectl apply", apply, env), ("kubectl diff", diff, env), ("flux", flux_words, env),
    ):
        unchanged[name]["peak"] = peak(words, around)
    agent = Agent(world)
    agent.wait(1)
    passes = interleaved(ROUNDS, agent=lambda: {"wall": agent.wake()})
    found = {
        "first": first, "unchanged": unchanged, "agent": {**passes["agent"], "rss": agent.memory(), "most": agent.memory("VmHWM")},
    }
    agent.stop()
    found["requests"] = requests(cluster, world, direct)
    for name in names.values():
        cluster.kubectl("delete", "namespace", name, "--wait=false")
    return found


def main(work, program, flux):
    cluster = Cluster(f"{work}/cluster", work)
    found = {str(count): measured(cluster, program, flux, count) for count in COUNTS}
    version = json.loads(cluster.kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"]
    pods = {str(count): simulated(cluster, program, count) for count in PODS}
    json.dump({"version": version, "objects": found, "pods": pods}, sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
