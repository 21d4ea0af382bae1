"""/v1/operator and its command line, on one server."""

from steps import case, cli, delete, get, put, request

CONFIG = "/v1/operator/autopilot/configuration"
HEALTH = "/v1/operator/autopilot/health"
RAFT = "/v1/operator/raft/configuration"
PEER = "/v1/operator/raft/peer"
HELP = ("stdout", "stderr")
OURS = {"Servers.*.LastIndex": "positive", "Servers.*.LastTerm": "positive"}  # what an agent writes at its start differs
INDEX = {"kinds": {"Index": "number"}}

cases = [
    case("raft configuration", get(RAFT, **INDEX), get(RAFT + "?stale", **INDEX), get(RAFT + "?pretty", **INDEX), get(RAFT + "?consistent", **INDEX),
         get(RAFT + "?dc=other"), get(RAFT + "?stale&consistent"), get(RAFT + "?index=1", **INDEX), put(RAFT), delete(RAFT), get(RAFT + "?wait=x")),
    case("raft peer", delete(PEER), delete(PEER + "?id=x&address=y"), delete(PEER + "?id=x"), delete(PEER + "?address=1.2.3.4:5"), delete(PEER + "?address=nonsense"), get(PEER),
         delete(PEER + "?id="), delete(PEER + "?address="), delete(PEER + "?id=&address="), delete(PEER + "?id=x&dc=other"), put(PEER + "?id=x")),
    case("autopilot configuration", get(CONFIG, until="ModifyIndex\":[1-9]"), get(CONFIG + "?pretty"), get(CONFIG + "?stale"), get(CONFIG + "?dc=other"), get(CONFIG + "?index=1"), delete(CONFIG), request("POST", CONFIG, {})),
    case("autopilot configuration is replaced as a whole", put(CONFIG, {}), get(CONFIG), put(CONFIG, {"LastContactThreshold": "300ms", "MaxTrailingLogs": 500, "ServerStabilizationTime": "5s"}), get(CONFIG),
         put(CONFIG, {"LastContactThreshold": 5}), get(CONFIG), put(CONFIG, "null"), get(CONFIG),
         put(CONFIG, {"lastcontactthreshold": "1m0s", "redundancyzonetag": "z", "MinQuorum": 3, "CreateIndex": 77, "ModifyIndex": 99, "UpgradeVersionTag": "u", "DisableUpgradeMigration": True}), get(CONFIG),
         put(CONFIG, {"ServerStabilizationTime": None, "MaxTrailingLogs": 1}), get(CONFIG), put(CONFIG + "?dc=other", {}), get(CONFIG)),
    case("autopilot configuration that does not parse", put(CONFIG), put(CONFIG, "x"), put(CONFIG, "[]"), put(CONFIG, {"CleanupDeadServers": "yes"}), put(CONFIG, {"LastContactThreshold": "fast"}),
         put(CONFIG, {"MaxTrailingLogs": -1}), put(CONFIG, {"MaxTrailingLogs": "12"}), put(CONFIG, {"MaxTrailingLogs": 1.5}), put(CONFIG, {"Foo": 1}), put(CONFIG, "{"), get(CONFIG)),
    case("autopilot configuration with cas", put(CONFIG, {"MaxTrailingLogs": 10}), get(CONFIG, capture={"index": "body:ModifyIndex"}), put(CONFIG + "?cas=1", {"MaxTrailingLogs": 11}),
         put(CONFIG + "?cas=0", {"MaxTrailingLogs": 12}), put(CONFIG + "?cas=x", {}), put(CONFIG + "?cas=", {}), put(CONFIG + "?cas=-1", {}), put(CONFIG + "?cas=99999999999999999999", {}), get(CONFIG),
         put(CONFIG + "?cas=<<index>>", {"MaxTrailingLogs": 13}), get(CONFIG), put(CONFIG + "?cas=<<index>>", {"MaxTrailingLogs": 14}), get(CONFIG)),
    case("autopilot health", get(HEALTH, until="Healthy\":true", kinds=OURS), get(HEALTH + "?pretty", kinds=OURS), get(HEALTH + "?dc=other"), put(HEALTH), get(HEALTH + "?stale", kinds=OURS)),
    case("operator raft on the command line", cli("operator", "raft", "list-peers"), cli("operator", "raft", "list-peers", "-stale"), cli("operator", "raft", "list-peers", "extra"),
         cli("operator", "raft", "list-peers", "-datacenter=zz"), cli("operator", "raft", "remove-peer"), cli("operator", "raft", "remove-peer", "-id=x", "-address=y"),
         cli("operator", "raft", "remove-peer", "-id=x"), cli("operator", "raft", "remove-peer", "-address=1.2.3.4:5"), cli("operator", "raft", "remove-peer", "-id=x", "-http-addr=127.0.0.1:1"),
         cli("operator", "raft", "list-peers", "-http-addr=127.0.0.1:1")),
    case("operator autopilot on the command line", put(CONFIG, {}), cli("operator", "autopilot", "get-config"), cli("operator", "autopilot", "set-config"),
         cli("operator", "autopilot", "set-config", "-max-trailing-logs=99", "-last-contact-threshold=250ms", "-min-quorum=2", "-redundancy-zone-tag=z", "-cleanup-dead-servers=true"),
         cli("operator", "autopilot", "get-config", "-stale"), cli("operator", "autopilot", "set-config", "-cleanup-dead-servers=maybe", loose=HELP),
         cli("operator", "autopilot", "set-config", "-max-trailing-logs=-1", loose=HELP), cli("operator", "autopilot", "set-config", "-last-contact-threshold=x", loose=HELP),
         cli("operator", "autopilot", "set-config", "-server-stabilization-time", "3s"), cli("operator", "autopilot", "get-config"), cli("operator", "autopilot", "get-config", "-datacenter=zz"),
         cli("operator", "autopilot", "get-config", "-http-addr=127.0.0.1:1"), cli("operator", "autopilot", "set-config", "-http-addr=127.0.0.1:1")),
    case("groups and help", *[cli(*words, loose=HELP) for words in (["operator"], ["operator", "raft"], ["operator", "autopilot"], ["operator", "raft", "-h"], ["operator", "autopilot", "-h"],
         ["operator", "raft", "remove-peer", "-h"], ["operator", "autopilot", "set-config", "-h"], ["operator", "autopilot", "nonsense"])]),
]
