"""The rest of /v1/agent."""

from steps import case, get, put

cases = [
    case("self", get("/v1/agent/self", drop=["DebugConfig", "Stats", "Coord", "xDS", "Revision"]),
         get("/v1/agent/self", drop=["DebugConfig", "Stats", "xDS"], types=True)),
    case("members", get("/v1/agent/members"), get("/v1/agent/members?wan=1"), get("/v1/agent/members?wan=1&segment=x"), get("/v1/agent/members?segment=x"),
         get("/v1/agent/members?segment=")),
    case("metrics", get("/v1/agent/metrics", types=True, drop=["Gauges", "Points", "Counters", "Samples"]), get("/v1/agent/metrics?format=prometheus"),
         get("/v1/agent/metrics", headers={"Accept": "application/openmetrics-text"}), get("/v1/agent/metrics?format=odd", types=True, drop=["Gauges", "Points", "Counters", "Samples"])),
    case("node maintenance", put("/v1/agent/maintenance?enable=true&reason=broken%20disk"), get("/v1/agent/checks"),
         get("/v1/health/node/conf", until="_node_maintenance"), put("/v1/agent/maintenance?enable=true"), get("/v1/agent/checks"),
         put("/v1/agent/maintenance?enable=false"), put("/v1/agent/maintenance?enable=false"), get("/v1/agent/checks"),
         put("/v1/agent/maintenance?enable=true"), get("/v1/agent/checks"), put("/v1/agent/maintenance?enable=false"),
         put("/v1/agent/maintenance"), put("/v1/agent/maintenance?enable="), put("/v1/agent/maintenance?enable=zz"),
         get("/v1/health/node/conf", until=r"^((?!_node_maintenance).)*$")),
    case("reload", put("/v1/agent/reload")),
    case("force-leave", put("/v1/agent/force-leave/none"), put("/v1/agent/force-leave/conf-none?prune"), put("/v1/agent/force-leave/")),
    case("join", put("/v1/agent/join/127.0.0.1:1", prefix=45)),
    case("monitor", get("/v1/agent/monitor?loglevel=zz"), get("/v1/agent/monitor?loglevel=error&logjson", head_only=True)),
    case("leader and peers", get("/v1/status/leader"), get("/v1/status/peers")),
]
