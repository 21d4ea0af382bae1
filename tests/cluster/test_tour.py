#!/usr/bin/env python3
"""README's tour, typed by machine: every command of its text, in order, in one shell, and each must print what README shows, but for names, ids and
times. In namespaces of its own, since the tour takes the default ports. Where the real Consul is not here, our program stands in for it.
test_tour.py [-v] [--no-shell]: without what an agent gives to a shell, for those that have none"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from agent import Skipped, default_binary, main, patience
from gossip import oracle

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANY_ORDER = (" exec ", "list-peers")  # what answers first is shown first
TWO_WRITE = " kv put app/mode green"  # a job that writes no line break may do so first, in front of the command's line
LEAST = 40   # commands
LONGEST = 60  # seconds for one command, and until it shows what it should: whoever types also looks again
VERBOSE = "-v" in sys.argv
OF_A_SHELL = ("consul-actord exec ", "consul-actord lock ") if "--no-shell" in sys.argv else ()


def without_remark(line):
    return re.sub(r"\s{4,}\([^()]*\)$", "", line)


def commands():
    """[(command, [lines that it shows])] of the tour."""
    with open(os.path.join(ROOT, "README.md")) as f:
        text = f.read().partition("\n## A tour\n")[2].partition("\n## ")[0]
    found, goes_on = [], False
    for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in map(without_remark, block.rstrip("\n").split("\n")):
            if goes_on:
                found[-1][0] += "\n" + line
            elif line.startswith("$ "):
                found.append([line[2:], []])
            elif line or found[-1][1]:
                found[-1][1].append(line)
                continue
            goes_on = found[-1][0].endswith(("\\", "; do"))
    return [one for one in found if not one[0].startswith(OF_A_SHELL)]


def plain(text):
    """Without what is different in each run."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    text = re.sub(rf"\b{re.escape(socket.gethostname())}\.node\b", "vm.node", text)
    text = re.sub(r"\d+\.\d+ s\b", "<time>", text)
    text = re.sub(r"\b(app1|real1): \d\S+$", r"\1: <uname>", text)
    text = re.sub(r"^server[123] ", "server ", re.sub(r"127\.0\.0\.1:8[567]01\b", "127.0.0.1:<port>", text))
    return re.sub(r"\s+", " ", text).rstrip()


class Shell:
    """A bash whose commands are typed one after the other, with jobs."""

    def __init__(self, folder, environment):
        self.errors = open(os.path.join(folder, "stderr"), "w+")
        self.bash = subprocess.Popen(["bash", "--norc"], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0)
        self.output, self.more = b"", threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.type("set -m")

    def read(self):
        while data := os.read(self.bash.stdout.fileno(), 65536):
            with self.more:
                self.output += data
                self.more.notify_all()

    def type(self, command):
        """Returns once it is done; what it shows, and jobs show meanwhile, is in lines()."""
        with self.more:
            self.output = b""
        self.bash.stdin.write(f"{command}\nprintf '\\1\\n'\n".encode())
        with self.more:
            done = self.more.wait_for(lambda: b"\1\n" in self.output, patience(LONGEST))
        assert done, f"$ {command}\nis not done after {patience(LONGEST)} s"

    def lines(self, seconds):
        """After another moment."""
        time.sleep(seconds)
        text = self.output.replace(b"\1\n", b"\n").decode(errors="replace")
        return [line for line in text.split("\n") if line.strip()]

    def close(self):
        try:
            self.type("kill -9 $(jobs -p); wait")
        except AssertionError:
            pass  # a command is still under way; it ends with the namespace
        self.bash.kill()

    def last_errors(self):
        self.errors.seek(0)
        return self.errors.read()[-1500:]


def shows(command, seen, wanted):
    seen, wanted = [plain(line) for line in seen], [plain(line) for line in wanted]
    if "…" in wanted:  # more of the like
        return bool(seen) and set(seen) == set(wanted) - {"…"}
    if any(word in command for word in ANY_ORDER):
        return sorted(seen) == sorted(wanted)
    if TWO_WRITE in command and "".join(seen) == "".join(reversed(wanted)):
        return True
    return seen == wanted


def walk(shell, typed):
    for command, wanted in commands():
        wanted = [line for line in wanted if line.strip()]
        if VERBOSE:
            print(f"$ {command}", flush=True)
        until = time.monotonic() + patience(LONGEST)
        pause = 0.05
        while True:
            shell.type(typed(command))
            # Jobs show what they have to show a moment later, and once: it is waited for before the command is typed again.
            moment = time.monotonic() + patience(2)
            while not (good := shows(command, seen := shell.lines(pause), wanted)) and time.monotonic() < moment:
                pass
            if VERBOSE and (good or time.monotonic() > until):
                print("\n".join(seen), flush=True)
            if good:
                break
            assert time.monotonic() < until and not command.endswith("&"), \
                f"$ {command}\nshows\n" + "\n".join(seen) + "\nand not\n" + "\n".join(wanted) + "\n" + shell.last_errors()
            pause = min(1, pause * 2)
    print(f"  {len(commands())} commands showed what README says", flush=True)


def tour():
    assert len(commands()) >= LEAST, f"README has only {len(commands())} commands"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="actord-tour-") as folder:
        programs = os.path.join(folder, "bin")
        os.mkdir(programs)
        binary = os.path.abspath(default_binary())
        os.symlink(binary, os.path.join(programs, "consul-actord"))
        os.symlink(oracle("consul") or binary, os.path.join(programs, "consul"))
        with open(os.path.join(ROOT, "deploy", "config", "nginx.conf")) as f, open(os.path.join(folder, "nginx.conf"), "w") as own:
            # Where only root exists there is nobody else whom it could be.
            own.write(("user root; master_process off;\n" if "--one-user" in sys.argv else "") + f.read().replace("/tmp/", folder + "/"))
        os.chmod(folder, 0o755)  # nginx's workers are somebody else

        def typed(command):
            own = {"$PWD/build/release": programs, "/tmp/": folder + "/", "deploy/config/nginx.conf": f"{folder}/nginx.conf"}
            return re.sub("|".join(map(re.escape, own)), lambda found: own[found[0]], command)

        shell = Shell(folder, {**{k: v for k, v in os.environ.items() if not k.startswith("CONSUL_")}, "ACTORD_BINARY": binary})
        try:
            walk(shell, typed)
        except AssertionError as e:
            logs = "".join(f"\n== {name}\n{open(os.path.join(folder, name), errors='replace').read()[-1500:]}" for name in sorted(os.listdir(folder)) if name.endswith(".log"))
            raise AssertionError(f"{e}{logs}") from e
        finally:
            shell.close()
            if os.path.exists(f"{folder}/consul-actord-nginx.pid"):
                subprocess.run([shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-s", "stop"], stderr=subprocess.DEVNULL, check=False)


def in_namespaces():
    root = os.geteuid() == 0
    again = ["unshare", "--mount", "--net", "--pid", "--mount-proc", "--kill-child", *([] if root else ["--map-root-user"])]
    possible = subprocess.run([*again, "true"], capture_output=True, text=True)
    if possible.returncode != 0:
        raise Skipped(f"tour: no namespaces can be made here: {possible.stderr.strip()}")
    sys.stdout.flush()
    os.execvp("unshare", [*again, sys.executable, os.path.abspath(__file__), "--inside", *([] if root else ["--one-user"]), *sys.argv[1:]])


if __name__ == "__main__":
    main(tour if "--inside" in sys.argv else in_namespaces)
