#!/usr/bin/env python3
"""One of our client agents in a cluster of real Consul 1.8.7 servers: services, checks, key/value, transactions, blocking queries and DNS through
it; servers killed and all replaced one by one while it stays; what is registered while there is no leader or no server arrives later; a cloned
node id; an empty data directory. Needs the real Consul and is not part of the gate.
client_oracle.py --consul PATH [--binary PATH] [--only WORD]"""
import argparse
import os

from agent import default_binary, main
from client_tour import World, tour


def run(options):
    with World(options.consul, options.binary) as world:
        tour(world, options.only, options.idle)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consul", default=os.path.expanduser("~/.cache/actord-oracle/consul/usr/bin/consul"))
    parser.add_argument("--binary", default=default_binary())
    parser.add_argument("--only", default="")
    parser.add_argument("--idle", type=int, default=0, help="measure the idle client for so many seconds")
    options = parser.parse_args()
    if not os.path.exists(options.consul):
        print(f"skipped: no real Consul at {options.consul}")
    else:
        main(run, options)
