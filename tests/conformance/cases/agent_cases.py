"""The rest of /v1/agent."""

from steps import STATS, case, get, put

SELF = {"kinds": {**{"Stats." + path: kind for path, kind in STATS.items()}, "Coord.*": "fraction", "DebugConfig.DataDir": "text"}}
ANY_ORDER = {"sort": "Name"}  # that of a Go map
RUNTIME = ("alloc_bytes", "free_count", "heap_objects", "malloc_count", "num_goroutines", "sys_bytes", "total_gc_pause_ns", "total_gc_runs")
# A server has them all, a client agent those that tell of itself. Which are shown is that of an interval of ten seconds that is over.
METRICS = {"metrics": [*["consul.runtime." + name for name in RUNTIME], "consul.session_ttl.active", "consul.client.rpc", "consul.raft.apply",
                       "consul.kvs.apply", "consul.fsm.kvs", "consul.raft.commitTime", "consul.raft.fsm.apply", "consul.raft.leader.dispatchLog", "consul.http.PUT.v1.kv._"],
           "until": "runtime.alloc_bytes.*consul.http.PUT.v1.kv._", "seconds": 25}

cases = [
    case("self", get("/v1/agent/self", **SELF), get("/v1/agent/self?pretty", **SELF)),
    case("members", get("/v1/agent/members", **ANY_ORDER), get("/v1/agent/members?wan=1"), get("/v1/agent/members?wan=1&segment=x"), get("/v1/agent/members?segment=x"),
         get("/v1/agent/members?segment=", **ANY_ORDER)),
    case("metrics", put("/v1/kv/metrics", "x"), get("/v1/agent/metrics", **METRICS), get("/v1/agent/metrics?format=odd", **METRICS), get("/v1/agent/metrics?pretty", **METRICS),
         get("/v1/agent/metrics?format=prometheus"), get("/v1/agent/metrics", headers={"Accept": "application/openmetrics-text"})),
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
