"""A client of Consul's server RPC (port 8300) in plain Python: msgpack, yamux, calls. Byte strings that are no UTF-8 stay bytes."""
import socket
import struct
import threading

from agent import patience

DATA, WINDOW, PING, AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8


class RpcError(Exception):
    """The server's Error."""


def pack(x):
    """As Consul's agents write: old raw strings, shortest integers, sorted maps."""
    if x is None:
        return b"\xc0"
    if x is True:
        return b"\xc3"
    if x is False:
        return b"\xc2"
    if isinstance(x, int):
        if x < 0:
            return b"\xd3" + struct.pack(">q", x)
        for limit, tag, form in ((0x80, b"", ">B"), (1 << 8, b"\xcc", ">B"), (1 << 16, b"\xcd", ">H"), (1 << 32, b"\xce", ">I"), (1 << 64, b"\xcf", ">Q")):
            if x < limit:
                return tag + struct.pack(form, x)
    if isinstance(x, float):
        return b"\xcb" + struct.pack(">d", x)
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        head = bytes([0xA0 | len(x)]) if len(x) < 32 else b"\xda" + struct.pack(">H", len(x)) if len(x) < 1 << 16 else b"\xdb" + struct.pack(">I", len(x))
        return head + x
    if isinstance(x, (list, tuple)):
        head = bytes([0x90 | len(x)]) if len(x) < 16 else b"\xdc" + struct.pack(">H", len(x)) if len(x) < 1 << 16 else b"\xdd" + struct.pack(">I", len(x))
        return head + b"".join(map(pack, x))
    if isinstance(x, dict):
        head = bytes([0x80 | len(x)]) if len(x) < 16 else b"\xde" + struct.pack(">H", len(x))
        return head + b"".join(pack(k) + pack(x[k]) for k in sorted(x))
    raise TypeError(type(x))


class Unfinished(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Unfinished
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def text(self, n):
        raw = self.take(n)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return bytes(raw)

    def value(self):
        c = self.number(1)
        if c < 0x80:
            return c
        if c >= 0xE0:
            return c - 256
        if c < 0x90:
            return {self.value(): self.value() for _ in range(c & 15)}
        if c < 0xA0:
            return [self.value() for _ in range(c & 15)]
        if c < 0xC0:
            return self.text(c & 31)
        if c in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[c]
        if c in (0xC4, 0xC5, 0xC6):
            return bytes(self.take(self.number(1 << (c - 0xC4))))
        if c in (0xCA, 0xCB):
            return struct.unpack(">f" if c == 0xCA else ">d", self.take(4 if c == 0xCA else 8))[0]
        if 0xCC <= c <= 0xCF:
            return self.number(1 << (c - 0xCC))
        if 0xD0 <= c <= 0xD3:
            return int.from_bytes(self.take(1 << (c - 0xD0)), "big", signed=True)
        if 0xD9 <= c <= 0xDB:
            return self.text(self.number(1 << (c - 0xD9)))
        if c in (0xDC, 0xDD):
            return [self.value() for _ in range(self.number(2 if c == 0xDC else 4))]
        if c in (0xDE, 0xDF):
            return {self.value(): self.value() for _ in range(self.number(2 if c == 0xDE else 4))}
        raise ValueError(f"not msgpack: {c:02x}")


def unpack(data):
    return Reader(data).value()


def frame(kind, flags, stream, length, body=b""):
    return struct.pack(">BBHII", 0, kind, flags, stream, length) + body


class Stream:
    def __init__(self, client, number):
        self.client, self.number, self.data, self.closed, self.window = client, number, b"", False, 1 << 18

    def send(self, data):
        while data:
            with self.client.changed:
                while self.window == 0 and not self.closed and not self.client.dead:
                    self.client.changed.wait(patience(10))
                n = min(len(data), self.window, 1 << 16)
                self.window -= n
            self.client.write(frame(DATA, 0, self.number, n, data[:n]))
            data = data[n:]

    def values(self, count, timeout):
        """The next `count` msgpack values."""
        with self.client.changed:
            while True:
                try:
                    r = Reader(self.data)
                    out = [r.value() for _ in range(count)]
                    self.data = self.data[r.at:]
                    return out
                except Unfinished:
                    if self.closed or self.client.dead:
                        raise EOFError("the stream was closed")
                    if not self.client.changed.wait(patience(timeout)):
                        raise TimeoutError("no answer")


class Client:
    """A yamux connection; call() may be used by several threads."""

    def __init__(self, address, timeout=10, source=None):
        self.socket = socket.create_connection(address, timeout, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(None)
        self.lock, self.changed = threading.Lock(), threading.Condition()
        self.streams, self.idle, self.next, self.seq, self.dead, self.pongs = {}, [], 1, 0, False, []
        self.socket.sendall(b"\x04")
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        self.dead = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, data):
        with self.lock:
            self.socket.sendall(data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _read(self):
        try:
            while True:
                _, kind, flags, number, length = struct.unpack(">BBHII", self._exactly(12))
                body = self._exactly(length) if kind == DATA else b""
                if kind == PING and flags & SYN:
                    self.write(frame(PING, ACK, 0, length))
                with self.changed:
                    if kind == PING and flags & ACK:
                        self.pongs.append(length)
                    stream = self.streams.get(number)
                    if stream:
                        stream.data += body
                        if kind == WINDOW:
                            stream.window += length
                        if flags & (FIN | RST):
                            stream.closed = True
                    self.changed.notify_all()
                if body:
                    self.write(frame(WINDOW, 0, number, len(body)))
        except (OSError, EOFError):
            self.dead = True
            with self.changed:
                self.changed.notify_all()

    def open(self):
        with self.lock:
            number, self.next = self.next, self.next + 2
            stream = self.streams[number] = Stream(self, number)
            self.socket.sendall(frame(WINDOW, SYN, number, 0))
        return stream

    def call(self, method, arguments, timeout=15):
        """The answer's body; RpcError with the server's text."""
        with self.lock:
            self.seq += 1
            seq = self.seq
            stream = self.idle.pop() if self.idle else None
        stream = stream or self.open()
        stream.send(pack({"Seq": seq, "ServiceMethod": method}) + pack(arguments))
        header, body = stream.values(2, timeout)
        assert header["Seq"] == seq and header["ServiceMethod"] == method, header
        if header["Error"]:
            self.write(frame(WINDOW, FIN, stream.number, 0))
            raise RpcError(header["Error"])
        with self.lock:
            self.idle.append(stream)
        return body


OPTIONS = {"AllowStale": False, "Filter": "", "MaxAge": 0, "MaxQueryTime": 0, "MaxStaleDuration": 0, "MinQueryIndex": 0, "MustRevalidate": False,
           "RequireConsistent": False, "StaleIfError": 0, "Token": "", "UseCache": False}
SOURCE = {"Datacenter": "", "Ip": "", "Node": "", "Segment": ""}


def read(**more):
    """Arguments of a read in datacenter dc1."""
    return {"Datacenter": "dc1", **OPTIONS, **more}


def lists(**more):
    return read(NodeMetaFilters=None, Source=SOURCE, **more)


def of_service(name, **more):
    return lists(**{"Connect": False, "Ingress": False, "ServiceAddress": "", "ServiceName": name, "ServiceTag": "", "ServiceTags": None, "TagFilter": False, **more})
