#!/usr/bin/env python3
"""What the program says of itself is so: an agent that was asked for what it cannot keep does not start, a setting without effect warns, and banner,
tags, DebugConfig and answers tell what is."""
import json
import os
import platform
import socket
import subprocess

import rpc
from agent import Agent, default_binary, eventually, free_ports, main, patience


TLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "tls")  # a.key is a.pem's, the others nobody's


def start_and_end(folder, hcl, *more):
    """What an agent says that is to end by itself; it must end with 1."""
    ports = " ".join(f"{k} = {v}" for k, v in zip(("http", "dns", "server", "serf_lan", "serf_wan"), free_ports(5)))
    r = subprocess.run([default_binary(), "agent", "-dev", "-hcl", f"ports {{ {ports} }}", "-hcl", hcl, *more], cwd=folder, capture_output=True, text=True, timeout=patience(60))
    assert r.returncode == 1, (hcl, r.returncode, r.stdout)
    return r.stdout + r.stderr


def refused(folder):
    """Nobody asks for a lock and gets an open door."""
    closed = "must not start open"
    for hcl, name in (("acl { enabled = true }", "acl.enabled"), ("verify_incoming = true", "verify_incoming"), ("verify_incoming_rpc = true", "verify_incoming_rpc"),
                      ("verify_outgoing = true", "verify_outgoing"), ("verify_server_hostname = true", "verify_server_hostname"),
                      ("auto_encrypt { tls = true }", "auto_encrypt.tls"), ("tls { defaults { verify_outgoing = true } }", "tls"),
                      ("auto_config { enabled = true }", "auto_config.enabled")):
        said = start_and_end(folder, hcl)
        assert f"{name}: " in said and closed in said and "agent running" not in said, (hcl, said)


def files(folder):
    """In Consul's words, recorded from 1.8.7 but for the text of a file that is no certificate, which it shows."""
    with open(os.path.join(folder, "garbage"), "w") as f:
        f.write("garbage\n")
    os.mkdir(os.path.join(folder, "empty"))
    cases = [('cert_file = "/no/c" key_file = "/no/k"', "==> Failed to load cert/key pair: open /no/c: no such file or directory"),
             ('cert_file = "garbage" key_file = "garbage"', "==> Failed to load cert/key pair: tls: failed to find any PEM data in certificate input"),
             ('ca_file = "/no/ca"', "==> Error loading from /no/ca: open /no/ca: no such file or directory"),
             ('ca_path = "/no/ca"', "==> lstat /no/ca: no such file or directory"),
             ('ca_path = "empty"', "==> Error loading from CAPath: no CAs found"),
             ('ca_file = "garbage"', "==> Couldn't parse PEM in garbage"),
             ('tls_min_version = "tls9"', "==> TLSMinVersion: value tls9 not supported, please specify one of [tls10, tls11, tls12, tls13]"),
             ("verify_incoming_https = true", "==> VerifyIncoming set but no CA certificates were provided"),
             ('pid_file = "/no/pid"', 'error="Could not open pid file: open /no/pid: no such file or directory"')]
    cert = f'cert_file = "{TLS}/a.pem"'
    cases += [(f'{cert} key_file = "garbage"', "==> Failed to load cert/key pair: tls: failed to find any PEM data in key input"),
              (f'{cert} key_file = "{TLS}/b.key"', "==> Failed to load cert/key pair: tls: private key does not match public key"),
              (f'{cert} key_file = "{TLS}/edwards.key"', "==> Failed to load cert/key pair: tls: private key type does not match public key type"),
              (f'verify_incoming_https = true ca_file = "{TLS}/a.pem"',
               "==> VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled")]
    for hcl, wanted in cases:
        said = start_and_end(folder, hcl)
        assert wanted in said.splitlines() or any(line.endswith(wanted) for line in said.splitlines()), (hcl, said)


def nobody_listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except ConnectionRefusedError:
        return True
    return False


def says_what_is():
    https, grpc = free_ports(2)
    asked = (f"ports {{ https = {https} grpc = {grpc} }} limits {{ rpc_rate = 1000 rpc_max_burst = 1000 rpc_max_conns_per_client = 90 https_handshake_timeout = \"1s\" }} "
             "translate_wan_addrs = true raft_protocol = 2 non_voting_server = true protocol = 3 "
             f'verify_incoming_https = true ca_file = "{TLS}/a.pem" cert_file = "{TLS}/a.pem" key_file = "{TLS}/a.key"')
    with Agent(dev=True, extra=["-hcl", asked]) as agent:
        agent.start()
        log = agent.log()
        assert "HTTPS: -1, gRPC: -1," in log and "TLS-Outgoing: false, TLS-Incoming: false" in log, log
        for key in ("ports.https", "ports.grpc", "limits.https_handshake_timeout", "translate_wan_addrs", "raft_protocol",
                    "verify_incoming_https"):
            assert f"{key} is accepted but has no effect yet" in log, (key, log)
        for key in ("rpc_rate", "rpc_max_burst", "rpc_max_conns_per_client"):
            assert key not in log, log
        assert nobody_listens(https) and nobody_listens(grpc)
        self = agent.json("GET", "/v1/agent/self")
        config, tags, stats = self["DebugConfig"], self["Member"]["Tags"], self["Stats"]
        assert (config["HTTPSPort"], config["HTTPSAddrs"], config["GRPCPort"], config["GRPCAddrs"]) == (-1, [], -1, []), config
        assert not (config["VerifyIncomingHTTPS"] or config["TranslateWANAddrs"] or config["NonVotingServer"]) and config["RPCRateLimit"] == 1000, config
        assert "use_tls" not in tags and "nonvoter" not in tags and (tags["vsn"], tags["raft_vsn"]) == ("3", "3"), tags
        assert "X-Consul-Translate-Addresses" not in agent.request("GET", "/v1/catalog/nodes")[1]
        arch = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}.get(platform.machine())
        assert stats["runtime"]["arch"] == arch or arch is None, stats["runtime"]
        raft, servers = stats["raft"], agent.json("GET", "/v1/operator/raft/configuration")
        one = servers["Servers"][0]
        assert raft["latest_configuration"] == f"[{{Suffrage:Voter ID:{one['ID']} Address:{one['Address']}}}]", raft
        assert raft["latest_configuration_index"] == str(servers["Index"]) and int(servers["Index"]) > 0, (raft, servers)
        assert not {"protocol_version", "protocol_version_max", "snapshot_version_max"} & set(raft), raft
        assert one["ProtocolVersion"] == "3" and agent.cli("operator", "raft", "list-peers").splitlines()[1].split()[-1] == "3"
        def health():
            return [(s["Version"], s["SerfStatus"]) for s in agent.json("GET", "/v1/operator/autopilot/health")["Servers"]]
        eventually("the server's health says what it is", 20, lambda: health() == [("1.8.7", "alive")])


def refused_calls():
    """What is not there is refused for that reason, not for one of Consul's."""
    with Agent(dev=True) as agent:
        agent.start()
        with rpc.Client(("127.0.0.1", agent.ports["server"])) as c:
            for method, what in (("ConfigEntry.Apply", "Configuration entries"), ("FederationState.Apply", "Federation states")):
                try:
                    c.call(method, {"Datacenter": "dc1"})
                except rpc.RpcError as e:
                    assert str(e) == f"{what} are not supported by this server", e
                else:
                    raise AssertionError(f"{method} went well")


def datacenters():
    """Whoever is in the pool of the WAN is listed, the own datacenter first; who has left is not."""
    with Agent(dev=True) as one, Agent(dev=True, extra=["-datacenter=far"]) as two:
        listed = lambda agent: agent.json("GET", "/v1/catalog/datacenters")
        for agent in (one, two):
            agent.start()
        assert (listed(one), listed(two)) == (["dc1"], ["far"])
        one.cli("join", "-wan", f"127.0.0.1:{two.ports['serf_wan']}")
        eventually("both know both", 30, lambda: listed(one) == ["dc1", "far"] and listed(two) == ["far", "dc1"])
        assert one.cli("catalog", "datacenters").split() == ["dc1", "far"]
        for agent in (one, two):
            assert agent.json("GET", "/v1/agent/self")["Stats"]["consul"]["known_datacenters"] == "2"
        two.cli("leave")
        eventually("who left is not listed", 60, lambda: listed(one) == ["dc1"])
        assert one.json("GET", "/v1/agent/self")["Stats"]["consul"]["known_datacenters"] == "1"


def reloads():
    """A reload takes over what it may and names the rest."""
    with Agent() as agent:
        path = os.path.join(agent.folder, "more.json")

        def write(text):
            with open(path, "w") as f:
                f.write(text)

        def output(text):
            agent.request("PUT", "/v1/agent/check/update/c", body=json.dumps({"Status": "passing", "Output": text}))
            return agent.json("GET", "/v1/agent/checks")["c"]["Output"]

        write('{"limits": {"http_max_conns_per_client": 100}}')
        agent.extra += [f"-config-file={path}"]
        agent.start()
        agent.json("PUT", "/v1/agent/check/register", {"ID": "c", "Name": "c", "TTL": "1h"})
        assert output("kept") == "kept"
        write('{"limits": {"http_max_conns_per_client": 101}, "discard_check_output": true}')
        assert agent.request("PUT", "/v1/agent/reload")[0] == 200
        assert output("dropped") == ""
        said = lambda: [line.split("agent: ")[1] for line in agent.log().splitlines() if "at the next start" in line]
        eventually("what waits for the next start is in the log", 20, said)
        assert said() == ["limits.http_max_conns_per_client has changed: that takes effect at the next start"], said()
        write('{"verify_incoming": true}')
        status, _, text = agent.request("PUT", "/v1/agent/reload")
        assert status == 500 and b"must not start open" in text, (status, text)


def claims():
    with Agent() as nobody:  # for its folder
        refused(nobody.folder)
        files(nobody.folder)
    says_what_is()
    refused_calls()
    datacenters()
    reloads()


if __name__ == "__main__":
    main(claims)
