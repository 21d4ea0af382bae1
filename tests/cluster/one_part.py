#!/usr/bin/env python3
"""One part of a test by itself, against servers that were started and not waited for: what test_impostors.py shows to fail beyond the first thing
that a test waits for.   one_part.py MODULE FUNCTION"""
import contextlib
import importlib
import inspect
import sys
import tempfile
import time

from agent import Agent, default_binary, free_network, main
from client_tour import World
from clients import Load
from cluster import Cluster
from event_nodes import Listener, Node

PARTS = {
    "test_claims": ["says_what_is", "refused_calls", "datacenters", "reloads"],
    "test_client": ["status", "hung_up", "services", "keys", "blocking", "restarted", "moved", "crashed", "flapping", "no_leader", "late", "empty_folder", "cloned", "replaced"],
    "one_part": ["load"],
    "test_dev": ["dev", "reloads", "secrets", "set_up"],
    "test_events": ["watches_of_the_configuration", "watches_of_the_command_line", "events_reach_all", "events_are_waited_for", "filters", "commands_on_all", "locks"],
    "test_gossip": ["forms", "one_is_killed", "one_flaps", "one_leaves_and_returns_elsewhere", "one_is_killed_and_returns_elsewhere", "two_of_one_name", "strangers",
                    "hasty_strangers", "flood", "keys_are_exchanged"],
    "test_greedy": ["long_reads", "waiting_for_long", "indexes_of_long_reads", "little_address_space"],
    "test_members": ["registered", "follower_dies", "leader_dies", "one_leaves"],
    "test_recover": ["own_writes", "recovers"],
    "test_registration": ["one_id_in_two_services", "answered_is_there"],
    "test_rpc": ["same_answers", "blocking", "hostile"],
    "test_three": ["forms", "own_writes", "leader_dies", "leader_hangs", "followers_restart", "replaced", "alone"],
}


def load(cluster):
    """The recorded load and its judge."""
    each = Load(cluster, 4, seed=1).start()
    time.sleep(1)
    each.stop()
    wrong = each.verify(cluster.wait_leader())
    assert not wrong, wrong


class Made:
    """Makes what the parameters of a part are called after, once."""

    def __init__(self, module, stack, part):
        self.module, self.stack, self.things, self.part = module, stack, {}, part

    def __call__(self, name):
        if name not in self.things:
            self.things[name] = getattr(self, name)()
        return self.things[name]

    def cluster(self):
        cluster = self.stack.enter_context(Cluster(3, extra=getattr(self.module, "FAST", getattr(self.module, "QUICK", ()))))
        if self.part != "forms":  # which starts them itself
            for server in cluster.servers:
                server.start()
            listens(cluster.servers)
        return cluster

    def world(self):
        world = self.stack.enter_context(World(default_binary(), default_binary()))
        for _ in range(3):
            world.server(expect=3)
        return world

    def client(self):
        client = self("world").client("c1")
        listens([*self("world").servers, client])
        return client

    def agent(self):
        agent = self.stack.enter_context(Agent())
        agent.name, agent.ip = "n1", "127.0.0.1"
        agent.start(wait=False)
        listens([agent])
        return agent

    server = agent

    def port(self):
        return self("agent").ports["http"]

    def nodes(self):
        ip, nodes = free_network(), []
        for n in range(1, 4):
            nodes.append(Node(self("folder"), f"c{n}", f"{ip}.{n}"))
            self.stack.callback(nodes[-1].stop)
            nodes[-1].start(wait=False)
        listens(nodes)
        return nodes

    def node(self):
        return self("nodes")[0]

    asker = node

    def folder(self):
        return self.stack.enter_context(tempfile.TemporaryDirectory())

    def listener(self):
        return Listener(free_network() + ".9")

    def guest(self):
        return self("cluster").servers[-1]

    block = staticmethod(free_network)
    binary = staticmethod(default_binary)
    kind = staticmethod(lambda: "an agent")
    rounds = staticmethod(lambda: 2)
    seconds = staticmethod(lambda: 1)
    silent = staticmethod(lambda: 20)
    packets = staticmethod(lambda: 2000)
    replays = staticmethod(lambda: [b"x"])
    least = staticmethod(lambda: 1)


def listens(agents):
    for agent in agents:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                c = agent.connection(1)
                c.connect()
                c.close()
                break
            except OSError:
                time.sleep(0.02)


def run(module, name):
    with contextlib.ExitStack() as stack:
        module = importlib.import_module("client_tour" if module == "test_client" else module)
        function = getattr(module, name)
        made = Made(module, stack, name)
        function(*[made(p) for p in inspect.signature(function).parameters])


if __name__ == "__main__":
    main(run, *sys.argv[1:3])
