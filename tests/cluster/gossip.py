"""For the tests of gossip: agents at addresses of their own, who sees whom, packets from outside, and a look at what is on the wire. Standard
library only."""
import json
import os
import socket
import struct
import subprocess
import threading
import time

from agent import children

ALIVE, LEAVING, LEFT, FAILED = 1, 2, 3, 4


def members(agent, wan=False):
    """name -> (status, address), as this agent sees it; {} while it does not answer."""
    try:
        return {m["Name"]: (m["Status"], m["Addr"]) for m in agent.json("GET", "/v1/agent/members" + ("?wan=1" if wan else ""), timeout=3) or []}
    except (OSError, AssertionError):
        return {}


def agree(agents, statuses, wan=False):
    """All of these agents see exactly these members in these statuses; else says who does not."""
    for a in agents:
        seen = {name: status for name, (status, _) in members(a, wan).items()}
        if seen != statuses:
            raise AssertionError(f"{a.name} sees {seen}, should see {statuses}")
    return True


# ---- bytes ----------------------------------------------------------------------------------------------------------


def raw(value):
    """msgpack as memberlist writes it."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        for limit, head, form in ((0x80, b"", ">B"), (0x100, b"\xcc", ">B"), (0x10000, b"\xcd", ">H"), (1 << 32, b"\xce", ">I")):
            if value < limit:
                return head + struct.pack(form, value)
        return b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, dict):
        return bytes([0x80 | len(value)]) + b"".join(raw(k) + raw(v) for k, v in sorted(value.items()))
    data = value.encode() if isinstance(value, str) else value
    head = bytes([0xa0 | len(data)]) if len(data) < 32 else b"\xda" + struct.pack(">H", len(data))
    return head + data


def alive(name, ip="127.0.0.1", port=9, inc=1, meta=b""):
    return b"\x04" + raw({"Addr": socket.inet_aton(ip), "Incarnation": inc, "Meta": meta, "Node": name, "Port": port, "Vsn": bytes([1, 5, 2, 2, 5, 4])})


def dead(name, inc, by):
    return b"\x05" + raw({"From": by, "Incarnation": inc, "Node": name})


def suspect(name, inc, by):
    return b"\x03" + raw({"From": by, "Incarnation": inc, "Node": name})


def compound(parts, declared=None):
    return bytes([7, (declared or len(parts)) & 255]) + b"".join(struct.pack(">H", len(p)) for p in parts) + b"".join(parts)


def lzw(data):
    """Least significant bits first, codes of 9 to 12 bits; for bombs, so it begins anew before its table is full."""
    out, bits, held, width, table, high = bytearray(), 0, 0, 9, {}, 257
    code = data[0]

    def emit(c):
        nonlocal bits, held
        bits |= c << held
        held += width
        while held >= 8:
            out.append(bits & 255)
            bits >>= 8
            held -= 8

    def step():
        nonlocal width, high
        high += 1
        if high == 1 << width:
            width += 1

    for b in data[1:]:
        if (code, b) in table:
            code = table[(code, b)]
            continue
        emit(code)
        step()
        if high == 4095:
            emit(256)
            width, high = 9, 257
            table.clear()
        else:
            table[(code, b)] = high
        code = b
    emit(code)
    step()
    emit(257)
    if held:
        out.append(bits & 255)
    return bytes(out)


def compressed(data):
    return b"\x09" + raw({"Algo": 0, "Buf": lzw(data)})


# ---- the wire -------------------------------------------------------------------------------------------------------


class Wire:
    """Sees the packets on the loopback whose ports are these. Use as a context manager; `possible()` says whether it may."""

    def __init__(self, addresses, ports):
        self.addresses, self.ports = {socket.inet_aton(a) for a in addresses}, set(ports)
        self.packets, self.streams, self.over = [], [], False  # payloads: (when, source port, destination port, bytes)

    @staticmethod
    def possible():
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()

    def listen(self):
        while not self.over:
            try:
                frame, where = self.socket.recvfrom(70000)
            except TimeoutError:
                continue
            if where[2] == socket.PACKET_OUTGOING:  # each packet is seen twice on the loopback
                continue
            ip = frame[14:]
            size = (ip[0] & 15) * 4
            if ip[16:20] not in self.addresses and ip[12:16] not in self.addresses:
                continue
            ports = struct.unpack(">HH", ip[size:size + 4])
            if not self.ports & set(ports):
                continue
            length = struct.unpack(">H", ip[2:4])[0]
            if ip[9] == 17:
                self.packets.append((time.monotonic(), *ports, ip[size + 8:length]))
            elif ip[9] == 6:
                payload = ip[size + (ip[size + 12] >> 4) * 4:length]
                if payload:
                    self.streams.append((time.monotonic(), *ports, payload))


# ---- the real ones --------------------------------------------------------------------------------------------------


def oracle(name):
    """Path of the real consul or serf, None when it is not there."""
    root = os.environ.get("ACTORD_ORACLE") or os.path.expanduser("~/.cache/actord-oracle")
    path = os.path.join(root, name, "usr", "bin", name)
    return path if os.path.exists(path) else None


class Process:
    """A program that runs until it is stopped, its output in a file."""

    def __init__(self, line, log):
        self.log_path = log
        with open(log, "ab") as out:
            self.process = children.start(line, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def log(self, size=3000):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-size:]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def run(line, timeout=30):
    r = subprocess.run(line, capture_output=True, text=True, timeout=timeout)
    return r.returncode, r.stdout + r.stderr


def dump(value):
    return json.dumps(value, indent=1, sort_keys=True)
