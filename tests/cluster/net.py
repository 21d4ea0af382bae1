"""A network of namespaces: each server on an address of its own behind a bridge, so that cables can be cut. Needs root and iproute2."""
import os
import subprocess

from agent import free_bridge


def _ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Network:
    """10.N.0.1 is the bridge, where the clients are; place() gives each new server its namespace. Cuts are silent: packets vanish."""

    def __init__(self):
        self.number = free_bridge()
        self.bridge = f"actbr{self.number}"
        self.hosts = {}  # server name -> (namespace, device at the bridge, address, hardware address)
        self.used = 10
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", f"10.{self.number}.0.1/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")

    @staticmethod
    def why_not():
        """Empty when namespaces, a bridge and cables can be made here, or why they cannot."""
        if os.geteuid() != 0:
            return "not root"
        name = f"actp{os.getpid() % 10000}"
        try:
            for words in (["netns", "add", name], ["link", "add", name, "type", "bridge"], ["link", "del", name],
                          ["link", "add", name, "type", "veth", "peer", "name", name + "x"], ["link", "del", name], ["netns", "del", name]):
                _ip(*words)
        except FileNotFoundError:
            return "no command ip"
        except subprocess.CalledProcessError as e:
            _ip("netns", "del", name, check=False)
            return e.stderr.strip()
        return ""

    def place(self, name):
        self.used += 1
        n, namespace = self.used, f"act{self.number}-{self.used}"
        outer, inner, address = f"act{self.number}o{n}", f"act{self.number}i{n}", f"10.{self.number}.0.{n}"
        hardware = f"02:00:00:00:{self.number:02x}:{n:02x}"
        _ip("netns", "add", namespace)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", outer, "master", self.bridge, "up")
        _ip("link", "set", inner, "netns", namespace, "address", hardware)
        for words in (["addr", "add", f"{address}/24", "dev", inner], ["link", "set", inner, "up"], ["link", "set", "lo", "up"]):
            _ip("-n", namespace, *words)
        self.hosts[name] = (namespace, outer, address, hardware, inner)
        ports = {"http": 8500, "dns": 8600, "server": 8300, "serf_lan": 8301, "serf_wan": 8302}
        return {"ip": address, "namespace": namespace, "ports": ports}

    def unplug(self, name):
        """Nobody, the clients neither, reaches it."""
        _ip("link", "set", self.hosts[name][1], "down")

    def plug(self, name):
        _ip("link", "set", self.hosts[name][1], "up")

    def lose(self, source, target):
        """What source sends to target vanishes: it goes to a hardware address that nobody has."""
        namespace, _, _, _, inner = self.hosts[source]
        _ip("-n", namespace, "neigh", "replace", self.hosts[target][2], "lladdr", "02:00:00:00:00:fe", "nud", "permanent", "dev", inner)

    def deliver(self, source, target):
        namespace, _, _, _, inner = self.hosts[source]
        _ip("-n", namespace, "neigh", "del", self.hosts[target][2], "dev", inner, check=False)

    def heal(self):
        names = list(self.hosts)
        for a in names:
            self.plug(a)
            for b in names:
                if a != b:
                    self.deliver(a, b)

    def forget(self, name):
        namespace, outer = self.hosts.pop(name)[:2]
        _ip("link", "del", outer, check=False)
        _ip("netns", "del", namespace, check=False)

    def slow_link(self, name, delay_ms, loss_percent):
        """Delay and loss of what a server sends. Without netem in the kernel a narrow line does it: what would queue for longer than the
        delay is lost. False where neither is possible."""
        namespace, inner = self.hosts[name][0], self.hosts[name][4]
        netem = ["netem", "delay", f"{delay_ms}ms", f"{delay_ms // 2}ms", "loss", f"{loss_percent}%"]
        narrow = ["tbf", "rate", f"{max(1, 11 - loss_percent) * 80}kbit", "burst", "4kb", "latency", f"{delay_ms}ms"]
        return any(subprocess.run(["tc", "-n", namespace, "qdisc", "replace", "dev", inner, "root", *how], capture_output=True).returncode == 0
                   for how in (netem, narrow))

    def fast_link(self, name):
        subprocess.run(["tc", "-n", self.hosts[name][0], "qdisc", "del", "dev", self.hosts[name][4], "root"], capture_output=True)

    def has_slow_links(self):
        name = next(iter(self.hosts))
        try:
            works = self.slow_link(name, 1, 0)
            self.fast_link(name)
        except FileNotFoundError:
            return False
        return works

    def close(self):
        for name in list(self.hosts):
            self.forget(name)
        _ip("link", "del", self.bridge, check=False)
