"""Endpoints of which there is little or nothing here yet. differences.json says of each what it answers and why; what comes to be there leaves the list."""

from steps import case, delete, get, put, request

SOME = "aaaaaaaa-bbbb-cccc-dddd-123456789abc"
PRIMARY = {"kinds": {"*PrimaryModifyIndex": "positive"}}

cases = [
    case("ACLs are off", *[request(verb, "/v1/acl/" + path, {} if verb in ("PUT", "POST") else None) for verb, path in (
        ("POST", "login"), ("POST", "logout"), ("GET", "policy/" + SOME), ("PUT", "policy/" + SOME), ("DELETE", "policy/" + SOME), ("GET", "policy/name/x"),
        ("PUT", "role"), ("GET", "role/" + SOME), ("PUT", "role/" + SOME), ("DELETE", "role/" + SOME), ("GET", "role/name/x"), ("PUT", "token"), ("PUT", "token/" + SOME),
        ("DELETE", "token/" + SOME), ("GET", "token/" + SOME), ("PUT", "binding-rule"), ("GET", "binding-rules"), ("GET", "binding-rule/" + SOME), ("PUT", "auth-method"),
        ("GET", "auth-methods"), ("GET", "auth-method/x"), ("POST", "rules/translate"), ("GET", "rules/translate/" + SOME), ("PUT", "create"), ("PUT", "update"),
        ("PUT", "destroy/" + SOME), ("GET", "info/" + SOME), ("PUT", "clone/" + SOME), ("GET", "list"), ("POST", "binding-rule/x"), ("PUT", "auth-methods"),
        ("GET", "create"), ("GET", "rules/translate"), ("GET", "binding-rule"), ("PUT", "info/x"), ("GET", "destroy/x"), ("POST", "auth-method/x"), ("PUT", "binding-rule/x"), ("DELETE", "binding-rule/x"), ("PUT", "auth-method/x"), ("DELETE", "auth-method/x"))]),
    case("agent", get("/v1/agent/host", drop=["Memory", "CPU", "Host", "Disk", "CollectionTime"]), put("/v1/agent/connect/authorize", {}), get("/v1/agent/connect/ca/roots"), get("/v1/agent/connect/ca/leaf/web"),
         put("/v1/agent/token/agent", {"Token": "x"}), put("/v1/agent/token/nothing", {"Token": "x"})),
    case("catalog of gateways", get("/v1/catalog/gateway-services/x")),
    case("central configuration", get("/v1/config/service-defaults"), get("/v1/config/service-defaults/web"), delete("/v1/config/service-defaults/web"),
         put("/v1/config", {"Kind": "service-defaults", "Name": "web", "Protocol": "http"}), get("/v1/discovery-chain/web")),
    case("Connect", get("/v1/connect/ca/configuration"), get("/v1/connect/ca/roots"), get("/v1/connect/intentions"), get("/v1/connect/intentions/match?by=source&name=web"),
         get("/v1/connect/intentions/check?source=a&destination=b"), get("/v1/connect/intentions/" + SOME)),
    case("federation", get("/v1/internal/federation-states", **PRIMARY), get("/v1/internal/federation-states/mesh-gateways", **PRIMARY), get("/v1/internal/federation-state/dc1", **PRIMARY), get("/v1/coordinate/datacenters", **{
        "kinds": {"*.Vec.*": "fraction", "*.Coord.Error": "fraction", "*.Coord.Height": "fraction", "*.Coord.Adjustment": "fraction"}})),
    case("for the web page", get("/v1/internal/ui/nodes", drop=["CreateIndex", "ModifyIndex"]), get("/v1/internal/ui/node/conf", drop=["CreateIndex", "ModifyIndex"]), get("/v1/internal/ui/services"),
         get("/v1/internal/ui/gateway-services-nodes/x"), get("/v1/internal/ui/gateway-intentions/x")),
    case("snapshots", put("/v1/snapshot", "x"), request("POST", "/v1/snapshot")),
    case("keys of gossip without encryption", get("/v1/operator/keyring"), request("POST", "/v1/operator/keyring", {"Key": "x"}), put("/v1/operator/keyring", {"Key": "x"}),
         delete("/v1/operator/keyring"), get("/v1/operator/keyring?relay-factor=9"), get("/v1/operator/keyring?local-only=true"), put("/v1/operator/keyring?local-only=true", {"Key": "x"}),
         put("/v1/operator/keyring", "x", prefix=22)),
    case("areas and segments are Enterprise's", get("/v1/operator/area"), get("/v1/operator/segment"), get("/v1/operator/license"), get("/v1/namespaces"), get("/v1/namespace/x")),
    case("of later Consuls", get("/v1/operator/autopilot/state", kinds={"Servers.*.LastTerm": "positive", "Servers.*.LastIndex": "positive", "Servers.*.LastContact": "duration"}), put("/v1/operator/raft/transfer-leader?id=x"), request("POST", "/v1/operator/raft/transfer-leader?id=x")),
    case("profiles are off", get("/debug/pprof/"), get("/debug/pprof/heap")),
    {**case("leaving comes last", get("/v1/agent/leave"), put("/v1/agent/leave", no_headers=True)), "ends": True},
]
