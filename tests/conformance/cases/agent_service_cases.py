"""/v1/agent/service/* and /v1/agent/services, and what reaches the catalog of it."""

from steps import NEAR, case, get, put


def register(fields, query="", **options):
    return put("/v1/agent/service/register" + query, fields, **options)


def service(name, **fields):
    return {"Name": name, **fields}

EMPTY = ({"TTL": ""}, {"TTL": "10s", "Timeout": ""}, {"TTL": "10s", "Interval": ""}, {"TTL": "10s", "DeregisterCriticalServiceAfter": ""},
         {"HTTP": "http://127.0.0.1:1", "Interval": "10s", "TTL": ""}, {"deregister_critical_service_after": "", "TTL": "10s"})


cases = [
    case("nothing is registered at first", get("/v1/agent/services"), get("/v1/agent/checks")),
    case("the least", register(service("least")), get("/v1/agent/services"), get("/v1/agent/service/least"),
         get("/v1/catalog/service/least", until="least")),
    case("everything", register(service(
        "full", ID="full1", Tags=["a", "b"], Address="10.3.0.1", Port=80, Meta={"k": "v"}, Weights={"Passing": 5, "Warning": 2},
        EnableTagOverride=True, TaggedAddresses={"lan": {"Address": "10.3.0.1", "Port": 80}, "wan": {"Address": "1.2.3.4", "Port": 8080}},
        Checks=[{"TTL": "1h", "Status": "passing", "Name": "one", "Notes": "first"}, {"TTL": "1h", "CheckID": "own"}])),
         get("/v1/agent/service/full1"), get("/v1/catalog/service/full", until="full"),
         get("/v1/health/service/full", until='"own"'), get("/v1/agent/checks"), get("/v1/agent/services")),
    case("snake_case spellings", register({"name": "snake", "port": 1, "enable_tag_override": True, "tagged_addresses": {
        "lan": {"address": "10.3.0.2", "port": 1}}, "check": {"ttl": "1h", "deregister_critical_service_after": "90m"}}),
         get("/v1/agent/service/snake"), get("/v1/catalog/service/snake", until="snake")),
    case("names of checks", register(service("named", Check={"TTL": "1h"})), register(service("named2", Checks=[{"TTL": "1h"}, {"TTL": "2h"}])),
         get("/v1/agent/checks")),
    case("absent", get("/v1/agent/service/none"), get("/v1/agent/service/"), put("/v1/agent/service/deregister/none"),
         put("/v1/agent/service/deregister/")),
    case("what a service must hold", register({}), register({"ID": "x"}), register(service("")), register(service("x", Address="0.0.0.0")),
         register(service("x", Address="::")), register(service("x", Address="[::]")), register(service("x", Weights={"Passing": 0, "Warning": 1})),
         register(service("x", Weights={"Passing": -1, "Warning": 1})), register(service("x", Weights={"Passing": 70000, "Warning": 1})),
         register(service("x", Meta={"a b": "c"})), register(service("x", Meta={"consul-x": "c"})), register(service("x", Meta={"": "c"})),
         register(service("x", Meta={"k": "v" * 513})), register(service("x", Meta={"k" * 129: "v"})),
         register(service("x", Meta={f"k{n}": "v" for n in range(65)})), register(service("x", Kind="odd")), register(service("x", Port=-1)),
         register(service("x", Kind="connect-proxy")), get("/v1/agent/service/x")),
    case("what its checks must hold", register(service("y", Check={"Interval": "10s", "TTL": "10s"})), register(service("y", Check={"HTTP": "http://x"})),
         register(service("y", Check={"TTL": "1h", "Status": "odd"})), register(service("y", Check={"TTL": "-1s"})),
         register(service("y", Check={"TTL": "1h", "HTTP": "http://x", "Interval": "1s"})),
         register(service("y", Check={"TCP": "x:1", "Interval": "1s", "OutputMaxSize": -1})),
         register(service("y", Check={"Name": "nothing"})), register(service("y", Checks=[{"TTL": "1h"}, {"Interval": "1s"}])),
         register(service("y", Check={"Args": ["true"], "Interval": "1h"})), register(service("y", Check={})), get("/v1/agent/service/y")),
    case("bodies that are not a service", register("{", prefix=23), register("", prefix=23), register("[]", prefix=23), register(service("z", Foo=1)),
         register(service("z", Port="80"), prefix=23), register(service("z", Check={"TTL": "soon"}), prefix=23),
         register(service("z", Check={"TTL": "1h", "Foo": 1}), prefix=60), register("null"), register('{"Name":"z"} trailing')),
    case("a duration may be a number", register(service("nano", Check={"TTL": 3600000000000, "Status": "passing"})),
         get("/v1/health/service/nano", until='"service:nano"')),
    case("the same id again replaces", register(service("rep", ID="rep", Port=1, Tags=["a"], Check={"TTL": "1h", "CheckID": "r1"})),
         register(service("rep", ID="rep", Port=2, Check={"TTL": "1h", "CheckID": "r2"})), get("/v1/agent/service/rep"),
         get("/v1/health/service/rep", until='"r2".*"Port":2|"Port":2.*"r2"'),
         register(service("rep", ID="rep", Port=3, Check={"TTL": "1h", "CheckID": "r3"}), "?replace-existing-checks"),
         get("/v1/health/service/rep", until='"Port":3.*"r3"'), register(service("renamed", ID="rep")), get("/v1/agent/service/rep"),
         get("/v1/catalog/service/renamed", until="renamed"), get("/v1/catalog/service/rep")),
    case("deregistering", register(service("bye", Check={"TTL": "1h"})), get("/v1/catalog/service/bye", until="bye", no_headers=True),
         put("/v1/agent/service/deregister/bye"), get("/v1/agent/service/bye"), get("/v1/catalog/service/bye", until=r"^\[\]$"),
         put("/v1/agent/service/deregister/bye")),
    case("aggregated health", register(service("agg", ID="agg1", Check={"TTL": "1h", "Status": "passing"})),
         get("/v1/agent/health/service/id/agg1"), get("/v1/agent/health/service/id/agg1?format=text"),
         get("/v1/agent/health/service/id/agg1", headers={"Accept": "text/plain"}), get("/v1/agent/health/service/name/agg"),
         put("/v1/agent/check/warn/service:agg1?note=careful"), get("/v1/agent/health/service/id/agg1"),
         get("/v1/agent/health/service/id/agg1?format=text"), put("/v1/agent/check/fail/service:agg1"), get("/v1/agent/health/service/id/agg1"),
         get("/v1/agent/health/service/name/agg?format=text"),
         register(service("agg", ID="agg2", Check={"TTL": "1h", "Status": "passing"})), get("/v1/agent/health/service/name/agg?format=text"),
         get("/v1/agent/health/service/id/none"), get("/v1/agent/health/service/id/none?format=text"), get("/v1/agent/health/service/name/none"),
         get("/v1/agent/health/service/name/none?format=text"), get("/v1/agent/health/service/id/"), get("/v1/agent/health/service/name/")),
    case("service maintenance", register(service("mnt", ID="mnt1")), put("/v1/agent/service/maintenance/mnt1?enable=true&reason=because"),
         get("/v1/agent/checks"), get("/v1/health/service/mnt", until="_service_maintenance", **NEAR), get("/v1/agent/health/service/id/mnt1"),
         put("/v1/agent/service/maintenance/mnt1?enable=true"), put("/v1/agent/service/maintenance/mnt1?enable=false"),
         get("/v1/health/service/mnt", until=r'"Checks":\[[^_]*$', **NEAR), put("/v1/agent/service/maintenance/mnt1?enable=true"),
         get("/v1/agent/health/service/name/mnt"), put("/v1/agent/service/maintenance/mnt1?enable=false"),
         put("/v1/agent/service/maintenance/mnt1"), put("/v1/agent/service/maintenance/mnt1?enable=zz"), put("/v1/agent/service/maintenance/?enable=true"),
         put("/v1/agent/service/maintenance/none?enable=true"), put("/v1/agent/service/maintenance/mnt1?enable=")),
    case("sidecars", register(service("side", Port=9000, Connect={"SidecarService": {}})), get("/v1/agent/service/side-sidecar-proxy"),
         put("/v1/agent/service/deregister/side"), get("/v1/agent/service/side-sidecar-proxy")),
    case("odd names", register(service("with space", ID="with space")), get("/v1/agent/service/with%20space"),
         register(service("<html>&", ID="h")), get("/v1/agent/service/h"), register(service("a/b", ID="a/b")),
         get("/v1/agent/service/a/b"), get("/v1/catalog/service/a/b", until="a/b"), put("/v1/agent/service/deregister/a/b"),
         get("/v1/agent/service/a/b")),
    case("an empty duration in a check is none", *[register(service("empty", Port=1, **part)) for fields in EMPTY
                                                   for part in ({"Check": fields}, {"Checks": [{"TTL": "1h"}, fields]},
                                                                {"Connect": {"SidecarService": {"Check": fields}}})],
         get("/v1/agent/service/empty")),
    case("a proxy's upstreams leave out what is empty",
         register(service("p1", Kind="connect-proxy", Port=21500, Proxy={
             "DestinationServiceName": "web", "Config": {"a": 1, "b": [2.5, "x"], "c": {"d": True}},
             "Upstreams": [{"DestinationName": "db", "LocalBindPort": 1}, {"DestinationType": "prepared_query", "DestinationName": "q", "Datacenter": "dc2",
                                                                           "LocalBindPort": 2, "Config": {"k": "v"}, "MeshGateway": {"Mode": "local"}}],
             "Expose": {"Paths": [{"ListenerPort": 3, "Path": "/x", "LocalPathPort": 4, "Protocol": "http2"}]}})),
         get("/v1/agent/service/p1"), get("/v1/agent/services?filter=Service==%22p1%22")),
]
