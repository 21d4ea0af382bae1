"""Ports and loopback networks for servers that a test starts: free, and never given twice, neither in this process nor to another test that
runs at the same time.

What was given is this process's as long as it holds the lock of a file named after it; the kernel drops the lock when the process ends,
however it ends. The ports lie below those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range), so none of those takes one while
its server is down."""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 32000


def _place():
    """The same for all of a user, whatever TMPDIR says. Who is root only in a namespace of users may not write to root's."""
    base = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()
    for name in (f"actord-test-ports-{os.getuid()}", f"actord-test-ports-mapped-{os.getuid()}"):
        os.makedirs(os.path.join(base, name), mode=0o700, exist_ok=True)
        if os.access(os.path.join(base, name), os.W_OK):
            return os.path.join(base, name)
    return tempfile.mkdtemp(prefix="actord-test-ports-")


_folder = _place()
_locks = {}  # name → the descriptor that holds its lock


def _lock(name):
    if name in _locks:
        return None
    os.makedirs(_folder, mode=0o700, exist_ok=True)  # a test that tidies up may have removed it
    fd = os.open(os.path.join(_folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def _bound(port):
    """Sockets of both kinds that hold the port, or None when somebody has it."""
    held = []
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            held.append(socket.socket(socket.AF_INET, kind))
            held[-1].bind(("", port))
    except OSError:
        for each in held:
            each.close()
        return None
    return held


def free_ports(count):
    """`count` different ports; each stays this process's until it ends."""
    ports = []
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        if len(ports) == count:
            return ports
        fd = _lock(str(port))
        if fd is None:
            continue
        held = _bound(port)
        if held is None:
            os.close(fd)
            continue
        for each in held:
            each.close()
        _locks[str(port)] = fd
        ports.append(port)
    raise RuntimeError(f"fewer than {count} of the ports {FIRST} to {LAST} are free")


def free_network():
    """The first three bytes of loopback addresses, "127.x.y", for agents that keep their default ports."""
    return _free("127.{}.{}", range(32, 250), range(256))


def free_bridge():
    """N of the network 10.N.0.0/24 for namespaces behind a bridge of this test's own. What a killed test left is passed over."""
    for _ in range(200):
        n = int(_free("10.{}", range(20, 220)).split(".")[1])
        if not os.path.exists(f"/sys/class/net/actbr{n}"):
            return n
    raise RuntimeError("every network 10.N.0.0/24 has a bridge that a killed test left: ip link del actbrN")


def _free(form, *ranges):
    for _ in range(10000):
        name = form.format(*(random.choice(r) for r in ranges))
        fd = _lock(name)
        if fd is not None:
            _locks[name] = fd
            return name
    raise RuntimeError(f"no network {form} is free")
