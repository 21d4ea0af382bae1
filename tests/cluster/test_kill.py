#!/usr/bin/env python3
"""Writers write, the server is killed with SIGKILL at a random moment and started again: no acknowledged write is missing,
no agent registration is, and the store opens every time.   test_kill.py [--rounds N] [--seed N] [--writers N]"""
import argparse
import base64
import http.client
import random
import threading
import time

from agent import Agent, main


class Writer(threading.Thread):
    """Writes increasing numbers to its own key and a fresh key each time until the server goes away."""

    def __init__(self, agent, number, base):
        super().__init__(daemon=True)
        self.agent, self.number, self.base = agent, number, base
        self.acknowledged = []  # (key, value)
        self.last = None        # last acknowledged value of the key that is overwritten
        self.attempt = None     # value whose outcome is unknown
        self.services = []
        self.wrong = None       # an answer that a server which is well does not give

    def run(self):
        try:
            c = self.agent.connection(timeout=5)
            for i in range(self.base, self.base + 100000):
                for key, value in ((f"kill/{self.number}/{i}", f"v{i}"), (f"kill/{self.number}/same", str(i))):
                    if key.endswith("same"):
                        self.attempt = value
                    c.request("PUT", "/v1/kv/" + key, body=value)
                    r = c.getresponse()
                    body = r.read()
                    if r.status != 200 or body.strip() != b"true":
                        self.wrong = f"PUT {key}: {r.status} {body[:200]!r}"
                        return
                    if key.endswith("same"):
                        self.last, self.attempt = value, None
                    else:
                        self.acknowledged.append((key, value))
                if i % 10 == 0:
                    name = f"svc-{self.number}-{i}"
                    c.request("PUT", "/v1/agent/service/register", body='{"Name":"%s","Port":80}' % name)
                    r = c.getresponse()
                    body = r.read()
                    if r.status != 200:
                        self.wrong = f"registration of {name}: {r.status} {body[:200]!r}"
                        return
                    self.services.append(name)
        except (OSError, http.client.HTTPException):
            pass
        except Exception as e:  # told by whoever joins
            self.wrong = repr(e)


def check_keys(agent, expected):
    got = {e["Key"]: base64.b64decode(e["Value"] or "").decode() for e in (agent.json("GET", "/v1/kv/kill/?recurse") or [])}
    for key, value in expected.items():
        assert got.get(key) == value, f"acknowledged {key}={value}, found {got.get(key)!r}"
    return got


def run(rounds, seed, writers):
    rng = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds, {writers} writers", flush=True)
    expected, services, total, base = {}, set(), 0, 0
    with Agent() as agent:
        for n in range(rounds):
            agent.start()
            got = check_keys(agent, expected) if expected else {}
            known = agent.json("GET", "/v1/agent/services")
            missing = services - set(known)
            assert not missing, f"acknowledged services are gone: {sorted(missing)[:5]}"
            threads = [Writer(agent, w, base) for w in range(writers)]
            base += 100000
            for t in threads:
                t.start()
            time.sleep(rng.uniform(0.005, 0.25))
            agent.kill()
            for t in threads:
                t.join(10)
                assert not t.is_alive() and t.wrong is None, t.wrong or "a writer hangs"
                total += len(t.acknowledged)
                expected.update(t.acknowledged)
                services.update(t.services)
                same = f"kill/{t.number}/same"
                expected.pop(same, None)
                if t.attempt is None and t.last is not None:
                    expected[same] = t.last
                elif t.attempt is None and same in got:
                    expected[same] = got[same]
            if len(expected) > 20000:  # keep the check quick: what was checked often enough may go
                for key in list(expected)[:10000]:
                    del expected[key]
            if (n + 1) % 10 == 0:
                print(f"  {n + 1} rounds, {total} acknowledged writes, {len(services)} services", flush=True)
        agent.start()
        check_keys(agent, expected)
    assert total >= 20 * rounds and services, f"{total} writes and {len(services)} services were acknowledged in {rounds} rounds: too few to prove anything"
    print(f"{rounds} rounds, {total} acknowledged writes, none missing", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=12)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    p.add_argument("--writers", type=int, default=8)
    a = p.parse_args()
    main(run, a.rounds, a.seed, a.writers)
