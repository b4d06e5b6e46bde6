"""A signed repository, the settings of an agent that follows it, and an agent that runs and tells what it does."""

import datetime
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from process import run, text

MANIFEST = """deployment "bench" "app-%(number)03d" {
  image    = "writ-test/box:1"
  command  = ["sleep", "1000000"]
  replicas = 1

  env = {
    EDITION = "%(edition)d"
  }
}
"""
COMPOSE = """  app-%(number)03d:
    image: writ-test/box:1
    command: ["sleep", "1000000"]
    environment:
      EDITION: "0"
    restart: unless-stopped
"""
SETTINGS = """[host]
name  = "bench"
state = "%(folder)s/state"

[[source]]
name   = "bench"
url    = "file://%(folder)s/forge.git"
branch = "main"
poll   = "1h"

[[unit]]
name   = "bench"
source = "bench"
path   = "host"
target = "docker"
prune  = { max = 1000 }
"""


class World:
    """A repository, and an agent's settings, the files that they name, and state, below one folder."""

    def __init__(self, folder, program, engine, settings=SETTINGS, files=None):
        self.folder, self.program = Path(folder), program
        self.folder.mkdir(parents=True)
        self.work, self.forge = self.folder / "work", self.folder / "forge.git"
        config = self.folder / "gitconfig"
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C", "TZ": "UTC",
            "GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1",
            "DOCKER_HOST": f"unix://{engine}", "WRIT_CONFIG": str(self.folder / "agent.toml"),
        }
        key = self.folder / "key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(key)])
        config.write_text(
            f"[user]\nname = Bench\nemail = bench@example.org\nsigningkey = {key}.pub\n[gpg]\nformat = ssh\n"
            "[commit]\ngpgsign = true\n[init]\ndefaultBranch = main\n[gc]\nauto = 0\n[maintenance]\nauto = false\n"
        )
        self.git("init", "-q", "--bare", str(self.forge), at=self.folder)
        self.git("init", "-q", str(self.work), at=self.folder)
        public = " ".join((self.folder / "key.pub").read_text().split()[:2])
        (self.work / ".writ").mkdir()
        (self.work / ".writ" / "allowed_signers").write_text(f'bench@example.org namespaces="git" {public}\n')
        (self.work / "host").mkdir()
        (self.work / "host" / "README").write_text("One file for each workload.\n")
        self.commit("introduce")
        for name, content in (files or {}).items():
            (self.folder / name).write_text(content)
            (self.folder / name).chmod(0o600)
        (self.folder / "agent.toml").write_text(settings % {"folder": self.folder})
        signer = text(["ssh-keygen", "-lf", f"{key}.pub"]).split()[1]
        self.writ("enrol", "bench", "--commit", self.git("rev-parse", "HEAD"), "--signer", signer, "--yes")

    def git(self, *words, at=None):
        return text(["git", "-C", str(at or self.work), *words], env=self.env)

    def writ(self, *words, codes=(0,)):
        return run([self.program, *words], self.env, codes)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", str(self.forge), "HEAD:main")

    def write(self, number, edition=0):
        path = self.work / "host" / f"app-{number:03}.hcl"
        path.write_text(MANIFEST % {"number": number, "edition": edition})

    def wants(self, count):
        for number in range(count):
            self.write(number)
        self.commit(f"{count} workloads")

    def remove_all(self):
        """Containers that end by `sleep` would take their whole grace to be stopped. Networks and volumes say whose they are."""
        running = text(["docker", "ps", "--quiet"], env=self.env).split()
        run(["docker", "rm", "--force", *running], self.env)
        run(["docker", "network", "prune", "--force"], self.env)
        run(["docker", "volume", "rm", *text(["docker", "volume", "ls", "--quiet"], env=self.env).split()], self.env)

    def last_start(self, engine):
        """When the container that started last did so, and how many run."""
        env = {**self.env, "DOCKER_HOST": f"unix://{engine}"}
        running = text(["docker", "ps", "--quiet"], env=env).split()
        started = text(["docker", "inspect", "--format", "{{.State.StartedAt}}", *running], env=env).split()
        # Python reads microseconds, the engine writes nanoseconds.
        return max(datetime.datetime.fromisoformat(f"{at[:26].rstrip('Z')}+00:00").timestamp() for at in started), len(running)


def compose_file(path, count):
    Path(path).write_text("services:\n" + "".join(COMPOSE % {"number": number} for number in range(count)))


class Agent:
    """`writ run`, with the moments at which its passes began and ended, by its own log."""

    def __init__(self, world):
        self.world, self.passes, self.begun, self.lines = world, [], None, []
        self.changed = threading.Condition()
        env = {**world.env, "WRIT_LOG": "warn,writ=debug"}
        self.started = time.time()
        words = [world.program, "run", "--output", "json"]
        self.child = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stderr:
            with self.changed:
                self.lines.append(line)
                told = json.loads(line)
                at = datetime.datetime.fromisoformat(told["timestamp"].replace("Z", "+00:00")).timestamp()
                fields = told["fields"]
                if fields.get("message") == "pass":
                    self.begun = at
                elif "state" in fields and self.begun:
                    self.passes.append({"from": self.begun, "to": at, "state": fields["state"]})
                    self.begun = None
                self.changed.notify_all()

    def wait(self, count, seconds=120):
        """Waits until that many passes ended."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.passes) >= count, seconds):
                raise SystemExit(f"{len(self.passes)} passes after {seconds} s instead of {count}:\n" + "".join(self.lines[-20:]))

    def wake(self):
        """Makes the agent look again, though nothing changed; the milliseconds that its pass took."""
        before = len(self.passes)
        os.utime(self.world.forge / "HEAD")
        self.wait(before + 1)
        last = self.passes[before]
        if last["state"] != "success":
            raise SystemExit("the pass did not succeed:\n" + "".join(self.lines[-20:]))
        return (last["to"] - last["from"]) * 1000

    def cpu(self):
        """Processor milliseconds of all its threads so far."""
        tasks = Path(f"/proc/{self.child.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def memory(self, field="VmRSS"):
        """MiB of it that are in memory."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        raise SystemExit(f"no {field}")

    def stop(self):
        self.child.terminate()
        self.child.wait(60)
