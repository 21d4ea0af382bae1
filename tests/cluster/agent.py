"""Starts and stops a real agent process for the cluster tests; standard library only."""
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback


sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import children  # noqa: E402
from patience import limit_time, patience  # noqa: E402,F401 (for those who include this)
from ports import free_bridge, free_network, free_ports  # noqa: E402,F401

PORTS = ("http", "dns", "server", "serf_lan", "serf_wan")


def default_binary():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.environ.get("ACTORD_BINARY") or os.path.join(root, "build", "release", "consul-actord")


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

    def may_listen(self):
        """Whether one more may listen to its log."""
        c = self.connection()
        try:
            c.request("GET", "/v1/agent/monitor")
            return c.getresponse().status == 200
        finally:
            c.close()


class Agent(Http):
    """One durable single server, or a development agent. Use as a context manager: it is killed and its folder removed at the end."""

    def __init__(self, binary=None, extra=(), config_files=(), dev=False):
        self.binary = binary or default_binary()
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.folder = tempfile.mkdtemp(prefix="actord-test-")
        self.data_dir = os.path.join(self.folder, "data")
        self.extra, self.config_files = list(extra), list(config_files)
        self.process, self.dev = None, dev
        self.environment = {}  # further variables of its
        self.log_path = os.path.join(self.folder, "log")

    def start(self, wait=True):
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        kind = ["-dev"] if self.dev else ["-server", "-bootstrap-expect=1", "-bind=127.0.0.1", f"-data-dir={self.data_dir}"]
        command = [self.binary, "agent", *kind, "-node=n1", "-hcl", f"ports {{ {ports} }}"]
        for path in self.config_files:
            command.append(f"-config-file={path}")
        with open(self.log_path, "ab") as log:
            self.process = children.start(command + self.extra, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **self.environment})
        if wait:
            self.wait_ready()
        return self

    def start_by(self, words):
        """From now on a shell starts it, by a line of these words, in which {} is the agent with its arguments."""
        script = os.path.join(self.folder, "start")
        with open(script, "w") as f:
            f.write("#!/bin/sh\n" + words.format(f'exec {shlex.quote(self.binary)} "$@"') + "\n")
        os.chmod(script, 0o755)
        self.binary = script

    def wait_ready(self, seconds=20):
        seconds = patience(seconds)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the agent exited with {self.process.returncode}:\n{self.log()}")
            try:
                status, _, body = self.request("GET", "/v1/status/leader", timeout=1)
                if status == 200 and body not in (b'""', b'""\n'):
                    return
            except (OSError, http.client.HTTPException):
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
        return http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=patience(timeout))

    def cli(self, *words, check=True, text=None):
        env = dict(os.environ, CONSUL_HTTP_ADDR=f"127.0.0.1:{self.ports['http']}")
        r = subprocess.run([self.binary, *words], env=env, capture_output=True, text=True, timeout=patience(30), input=text)
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
    start, seconds, last = time.monotonic(), patience(seconds), None
    while time.monotonic() - start < seconds:
        try:
            last = probe()
            if last:
                return time.monotonic() - start
        except (OSError, AssertionError, ValueError) as e:  # ValueError: an error's text where JSON is looked for
            last = e
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")


class Skipped(Exception):
    """The whole test cannot be done on this machine; the text says what it lacks."""


_skips = []


def skip(why):
    """A part of a test that this machine cannot do; the text says what it lacks."""
    _skips.append(why)
    print(f"skipped: {why}", flush=True)


def main(test, *args):
    """Runs the test and ends the program: with the line that the gate counts, however the test ends."""
    start = time.monotonic()
    limit_time()
    try:
        test(*args)
    except Skipped as e:
        print(f"skipped: {e}")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    except Exception as e:
        traceback.print_exc(file=sys.stdout)
        print(f"FAILED: {e!r}")
        while e.__cause__:
            e = e.__cause__
        for frame in traceback.extract_tb(e.__traceback__):
            print(f"  {os.path.basename(frame.filename)}:{frame.lineno} {frame.name}: {frame.line}")
        print("0 passed, 1 failed")
        sys.exit(1)
    print(f"ok in {time.monotonic() - start:.1f} s")
    print(f"1 passed, 0 failed, {len(_skips)} skipped")
