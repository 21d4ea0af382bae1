#!/usr/bin/env python3
"""A short storm: one round of random faults under load, judged as storm.py judges.   test_storm.py [OPTIONS OF storm.py]"""
import signal
import sys

from storm import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(["--rounds", "1", "--faults", "3", "--scale", "0.3", "--clients", "8"] + sys.argv[1:]))
