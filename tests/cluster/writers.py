"""Writers that put one key each as fast as they are answered, and note when; for measuring how long nobody could write."""
import http.client
import random
import threading
import time


class Writers:
    """Use as a context manager. Each writer goes on to another server after an error, one that neither is down nor
    hangs."""

    def __init__(self, cluster, count, timeout=10):
        self.cluster, self.timeout = cluster, timeout
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.done = []  # (begun, acknowledged, writer)
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(count)]

    def run(self, number):
        rng = random.Random(number)
        server = self.cluster.servers[number % len(self.cluster.servers)]
        connection = None
        while not self.stopping.is_set():
            begun, good = time.monotonic(), False
            try:
                connection = connection or http.client.HTTPConnection(server.ip, server.ports["http"], timeout=self.timeout)
                connection.request("PUT", f"/v1/kv/writer/{number}", body=str(begun))
                answer = connection.getresponse()
                good = answer.read().strip() == b"true" and answer.status == 200
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
            if good:
                with self.lock:
                    self.done.append((begun, time.monotonic(), number))
                time.sleep(0.005)
            else:
                if connection:
                    connection.close()
                connection, server = None, rng.choice(self.cluster.alive() or self.cluster.servers)
                time.sleep(0.01)

    def firsts(self, at):
        """When each writer's first write that began after `at` was acknowledged."""
        found = {}
        with self.lock:
            for begun, end, number in self.done:
                if begun > at:
                    found[number] = min(end, found.get(number, end))
        return sorted(found.values())

    def since(self, at):
        return len(self.firsts(at))

    def first(self, at):
        return self.firsts(at)[0]

    def half(self, at):
        return self.firsts(at)[len(self.threads) // 2 - 1]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(self.timeout + 2)
