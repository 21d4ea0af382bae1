"""For the tests of events: agents of any binary, each at a loopback address of its own with the default ports, and a server that takes what
watches send. Standard library only."""
import http.client
import http.server
import json
import os
import select
import subprocess
import threading

from agent import Http, children, default_binary, eventually, patience


class Node(Http):
    """An agent: ours, or with another binary the real one."""

    def __init__(self, folder, name, ip, server=False, join=None, settings=None, binary=None):
        self.name, self.ip, self.binary = name, ip, binary or default_binary()
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.config = os.path.join(self.folder, "agent.json")
        self.configure(settings or {})
        role = ["-server", "-bootstrap-expect=1"] if server else []
        self.command = [self.binary, "agent", f"-node={name}", f"-bind={ip}", f"-client={ip}", f"-data-dir={self.folder}/data", f"-config-file={self.config}",
                        *role, *([f"-retry-join={join}"] if join else [])]
        self.process, self.spawned = None, []

    def configure(self, settings):
        with open(self.config, "w") as f:
            json.dump({"disable_remote_exec": False, **settings}, f)

    def start(self, wait=True):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = children.start(self.command, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            eventually(f"{self.name} knows a leader", 40, lambda: self.json("GET", "/v1/status/leader", timeout=2))
        return self

    def connection(self, timeout=10):
        return http.client.HTTPConnection(self.ip, 8500, timeout=patience(timeout))

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return f.read()

    def spawn(self, *words, binary=None, **options):
        env = dict(os.environ, CONSUL_HTTP_ADDR=f"{self.ip}:8500", SHELL="/bin/sh")
        self.spawned.append(children.start([binary or default_binary(), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options))
        return self.spawned[-1]

    def cli(self, *words, binary=None, seconds=60):
        """Exit code, standard output, standard error."""
        p = self.spawn(*words, binary=binary)
        try:
            out, err = p.communicate(timeout=patience(seconds))
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError(f"{' '.join(words)}: not within {seconds} s")
        return p.returncode, out, err

    def events(self, name):
        return self.json("GET", f"/v1/event/list?name={name}")

    def stop(self):
        """The agent, and the commands that were sent to it and run still."""
        for p in [self.process, *self.spawned]:
            if p and p.poll() is None:
                p.kill()
                p.wait()


class Listener:
    """Keeps what is sent to it."""

    def __init__(self, ip):
        self.got = []
        keep = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                keep.append((self.command, self.path, dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            do_POST = do_PUT = take

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ip, 0), Handler)
        self.url = f"http://{ip}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def first_line(process, seconds=60):
    """What a program prints first."""
    ready = select.select([process.stdout], [], [], patience(seconds))[0]
    assert ready, f"{' '.join(process.args)}: said nothing within {seconds} s"
    return process.stdout.readline()


def lines_of(path):
    try:
        with open(path) as f:
            return f.read().splitlines()
    except OSError:
        return []
