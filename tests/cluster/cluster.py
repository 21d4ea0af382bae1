"""Starts, stops, kills, freezes and replaces real servers of one cluster; standard library only. A server may live in a network namespace of
its own (net.py), and its data directory on a file system of its own."""
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from agent import PORTS, Http, children, default_binary, eventually, free_ports, patience


class Server(Http):
    """One server process and its data directory. The other servers' addresses come from `peers` at each start."""

    def __init__(self, name, folder, binary, peers, ip="127.0.0.1", namespace=None, extra=(), ports=None):
        self.name, self.binary, self.peers, self.ip, self.namespace = name, binary, peers, ip, namespace
        self.folder = os.path.join(folder, name)
        self.data_dir = os.path.join(self.folder, "data")
        os.makedirs(self.folder, exist_ok=True)
        self.ports = ports or dict(zip(PORTS, free_ports(len(PORTS))))
        self.extra = list(extra)
        self.process, self.frozen, self.starts = None, False, 0
        self.log_path = os.path.join(self.folder, "log")

    def join_address(self):
        """Where others find this server."""
        return f"{self.ip}:{self.ports['serf_lan']}"

    def command(self):
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        line = [self.binary, "agent", "-server", f"-node={self.name}", f"-bind={self.ip}", f"-client={self.ip}", f"-data-dir={self.data_dir}",
                "-hcl", f"ports {{ {ports} }}"]
        line += [f"-retry-join={peer.join_address()}" for peer in self.peers() if peer is not self]
        if self.namespace:
            line = ["ip", "netns", "exec", self.namespace] + line
        return line + self.extra

    def start(self):
        assert not self.running(), f"{self.name} runs already"
        self.starts += 1
        with open(self.log_path, "ab") as log:
            log.write(f"--- start {self.starts}\n".encode())
            self.process = children.start(self.command(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL, seconds=20):
        """Ends the process; SIGTERM and SIGINT are given so many seconds."""
        if self.process is None:
            return None
        self.thaw()
        self.process.send_signal(sig)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log = self.log()
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s of signal {sig}:\n{log}") from None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            self.frozen = False
            if self.running():
                self.process.send_signal(signal.SIGCONT)

    def alive(self):
        return self.running() and not self.frozen

    def connection(self, timeout=10):
        return http.client.HTTPConnection(self.ip, self.ports["http"], timeout=patience(timeout))

    def cli(self, *words, check=True):
        env = dict(os.environ, CONSUL_HTTP_ADDR=f"{self.ip}:{self.ports['http']}")
        r = subprocess.run([self.binary, *words], env=env, capture_output=True, text=True, timeout=patience(30))
        if check and r.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r.stdout

    def log(self, size=4000):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()[-size:]
        except OSError:
            return ""

    def rss(self):
        """Bytes; 0 when it does not run."""
        try:
            with open(f"/proc/{self.process.pid}/status") as f:
                return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))
        except (OSError, StopIteration, AttributeError):
            return 0

    def cpu(self):
        """Seconds of user and system time."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def disk(self):
        """Bytes of the data directory."""
        return sum(os.path.getsize(os.path.join(where, f)) for where, _, files in os.walk(self.data_dir) for f in files
                   if os.path.exists(os.path.join(where, f)))


class Cluster:
    """Use as a context manager: all servers are killed and the folder removed at the end, kept when `keep` is set."""

    def __init__(self, count=3, binary=None, extra=(), place=None, prefix="s", keep=False):
        self.binary = os.path.abspath(binary or default_binary())
        self.folder = tempfile.mkdtemp(prefix="actord-cluster-")
        self.extra, self.prefix, self.keep = list(extra), prefix, keep
        self.place = place or (lambda name: {})  # name -> ip, namespace of a new server
        self.servers, self.made = [], 0
        for _ in range(count):
            self.add([f"-bootstrap-expect={count}"])

    def add(self, flags=()):
        """A new server with an empty data directory, not started."""
        self.made += 1
        name = f"{self.prefix}{self.made}"
        server = Server(name, self.folder, self.binary, lambda: list(self.servers), extra=self.extra + list(flags), **self.place(name))
        self.servers.append(server)
        return server

    def start(self, seconds=30):
        for server in self.servers:
            server.start()
        return self.wait_writable(seconds)

    def alive(self):
        return [s for s in self.servers if s.alive()]

    def named(self, name):
        return next(s for s in self.servers if s.name == name)

    def leader(self):
        """The server that most of those alive call the leader, or None. Only one that is alive itself counts."""
        votes = {}
        for server in self.alive():
            try:
                status, _, body = server.request("GET", "/v1/status/leader", timeout=1)
            except (OSError, http.client.HTTPException):
                continue
            address = body.strip().strip(b'"').decode() if status == 200 else ""
            for other in self.servers:
                if address == f"{other.ip}:{other.ports['server']}":
                    votes[other.name] = votes.get(other.name, 0) + 1
        best = max(votes, key=votes.get, default=None)
        return self.named(best) if best and self.named(best).alive() else None

    def wait_leader(self, seconds=20, but=None):
        eventually("a leader", seconds, lambda: self.leader() not in (None, but))
        return self.leader()

    def followers(self):
        leader = self.leader()
        return [s for s in self.alive() if s is not leader]

    def wait_writable(self, seconds=20, through=None):
        """Until a write through every server (those alive, or `through`) was acknowledged; how long it took."""
        begin, seconds = time.monotonic(), patience(seconds)
        missing = {s.name: "not asked" for s in (through or self.alive())}

        def probe(server):
            while time.monotonic() - begin < seconds and server.alive():
                try:
                    status, _, body = server.request("PUT", f"/v1/kv/writable/{server.name}", body="x", timeout=3)
                    if status == 200 and body.strip() == b"true":
                        missing.pop(server.name, None)
                        return
                    missing[server.name] = f"{status} {body[:100]!r}"
                except (OSError, http.client.HTTPException) as e:
                    missing[server.name] = repr(e)
                time.sleep(0.02)

        threads = [threading.Thread(target=probe, args=(self.named(name),), daemon=True) for name in list(missing)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(seconds + 4)
        took = time.monotonic() - begin
        assert not missing, f"not writable within {seconds} s through {missing}; leader {getattr(self.leader(), 'name', None)}\n{self.logs()}"
        return took

    def wait_caught_up(self, server, seconds=20):
        """Until a server that was started answers from a current store of its own."""
        mark = str(time.monotonic())

        def written():
            return any(s.request("PUT", "/v1/kv/caught-up", body=mark, timeout=3)[0] == 200 for s in self.alive() if s is not server)

        def shown():
            status, _, body = server.request("GET", "/v1/kv/caught-up?stale&raw", timeout=2)
            return status == 200 and body == mark.encode()
        begin = time.monotonic()
        eventually("a mark is written", seconds, written)
        eventually(f"{server.name} caught up", seconds, shown)
        return time.monotonic() - begin

    def configuration(self):
        """name -> (voter, leader), as the leader says."""
        servers = (self.leader() or self.alive()[0]).json("GET", "/v1/operator/raft/configuration")["Servers"]
        return {s["Node"]: (s["Voter"], s["Leader"]) for s in servers}

    def logs(self, size=1500):
        return "\n".join(f"== {s.name} ({'frozen' if s.frozen else 'alive' if s.running() else 'down'})\n{s.log(size)}" for s in self.servers)

    def remove(self, server):
        """Forgets a server that is out of the cluster."""
        server.kill()
        self.servers.remove(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            if server.running():
                server.thaw()
                server.process.kill()
                server.process.wait()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
