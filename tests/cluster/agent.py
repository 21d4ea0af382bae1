"""Starts and stops a real agent process for the cluster tests; standard library only."""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def default_binary():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.environ.get("ACTORD_BINARY") or os.path.join(root, "build", "release", "consul-actord")


def free_port():
    """A port that was free a moment ago, for TCP and UDP alike."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
        except OSError:
            continue


class Http:
    """Requests to what has a connection(timeout)."""

    def request(self, method, path, body=None, timeout=10):
        c = self.connection(timeout)
        try:
            c.request(method, path, body=body)
            r = c.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        finally:
            c.close()

    def json(self, method, path, body=None, timeout=10):
        status, headers, text = self.request(method, path, None if body is None else json.dumps(body), timeout)
        if status != 200:
            raise AssertionError(f"{getattr(self, 'name', 'agent')}: {method} {path}: {status} {text[:300]!r}")
        return json.loads(text) if text.strip() else None


class Agent(Http):
    """One durable single server, or a development agent. Use as a context manager: it is killed and its folder removed at the end."""

    def __init__(self, binary=None, extra=(), config_files=(), dev=False):
        self.binary = binary or default_binary()
        self.folder = tempfile.mkdtemp(prefix="actord-test-")
        self.data_dir = os.path.join(self.folder, "data")
        self.ports = {name: free_port() for name in ("http", "dns", "server", "serf_lan", "serf_wan")}
        self.extra, self.config_files = list(extra), list(config_files)
        self.process, self.dev = None, dev
        self.log_path = os.path.join(self.folder, "log")

    def start(self, wait=True):
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        kind = ["-dev"] if self.dev else ["-server", "-bootstrap-expect=1", "-bind=127.0.0.1", f"-data-dir={self.data_dir}"]
        command = [self.binary, "agent", *kind, "-node=n1", "-hcl", f"ports {{ {ports} }}"]
        for path in self.config_files:
            command.append(f"-config-file={path}")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + self.extra, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the agent exited with {self.process.returncode}:\n{self.log()}")
            try:
                status, _, body = self.request("GET", "/v1/status/leader", timeout=1)
                if status == 200 and body not in (b'""', b'""\n'):
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError(f"the agent was not ready within {seconds} s:\n{self.log()}")

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-4000:]

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        return self.process.wait(20)

    def connection(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=timeout)

    def cli(self, *words, check=True, text=None):
        env = dict(os.environ, CONSUL_HTTP_ADDR=f"127.0.0.1:{self.ports['http']}")
        r = subprocess.run([self.binary, *words], env=env, capture_output=True, text=True, timeout=30, input=text)
        if check and r.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r.stdout

    def dig(self, name, kind="A"):
        r = subprocess.run(["dig", "+short", "+time=2", "+tries=1", "@127.0.0.1", "-p", str(self.ports["dns"]), name, kind],
                           capture_output=True, text=True, timeout=10)
        return [line for line in r.stdout.splitlines() if line and not line.startswith(";")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def eventually(what, seconds, probe):
    """Polls until probe() is true; returns how long it took."""
    start = time.monotonic()
    last = None
    while time.monotonic() - start < seconds:
        try:
            last = probe()
            if last:
                return time.monotonic() - start
        except (OSError, AssertionError) as e:
            last = e
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")


def main(test, *args):
    start = time.monotonic()
    try:
        test(*args)
    except AssertionError as e:
        print(f"FAILED: {e}")
        print("0 passed, 1 failed")
        sys.exit(1)
    print(f"ok in {time.monotonic() - start:.1f} s")
    print("1 passed, 0 failed")
