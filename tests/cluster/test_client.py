#!/usr/bin/env python3
"""A client agent of ours and three servers of ours: services with checks, keys, transactions, blocking queries and DNS through the client; it is
restarted, moved to a new address, stalled; another is killed and comes back elsewhere;
no leader, no server; an empty data directory; a cloned node id; all servers replaced one by one.   test_client.py [--only WORD]"""
import argparse

from agent import default_binary, main
from client_tour import World, tour


def run(options):
    with World(options.binary, options.binary) as world:
        tour(world, options.only, options.idle)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=default_binary())
    parser.add_argument("--only", default="")
    parser.add_argument("--idle", type=int, default=0, help="measure the idle client for so many seconds")
    main(run, parser.parse_args())
