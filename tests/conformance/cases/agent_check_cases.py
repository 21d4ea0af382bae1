"""/v1/agent/check/* and /v1/agent/checks."""

from steps import NEAR, case, get, put


def register(fields, **options):
    return put("/v1/agent/check/register", fields, **options)

EMPTY = ({"TTL": ""}, {"TTL": "10s", "Timeout": ""}, {"TTL": "10s", "Interval": ""}, {"TTL": "10s", "DeregisterCriticalServiceAfter": ""},
         {"HTTP": "http://127.0.0.1:1", "Interval": "10s", "TTL": ""}, {"deregister_critical_service_after": "", "TTL": "10s"})


cases = [
    case("a TTL check", register({"Name": "ttl", "TTL": "1h"}), get("/v1/agent/checks"), get("/v1/health/node/conf", until='"ttl"')),
    case("its states", put("/v1/agent/check/pass/ttl"), get("/v1/agent/checks"), put("/v1/agent/check/warn/ttl?note=hot"), get("/v1/agent/checks"),
         put("/v1/agent/check/fail/ttl?note=%3Cdead%3E"), get("/v1/agent/checks"), put("/v1/agent/check/pass/ttl?note=fine"),
         get("/v1/health/node/conf", until='fine')),
    case("update", put("/v1/agent/check/update/ttl", {"Status": "warning", "Output": "text"}), get("/v1/agent/checks"),
         put("/v1/agent/check/update/ttl", {"Status": "odd"}), put("/v1/agent/check/update/ttl", {}), put("/v1/agent/check/update/ttl", "{", prefix=23),
         put("/v1/agent/check/update/ttl", "", prefix=23), put("/v1/agent/check/update/ttl", {"Foo": 1}), put("/v1/agent/check/update/none", {"Status": "passing"}),
         put("/v1/agent/check/update/ttl", {"Status": "passing", "Output": "x" * 5000}), get("/v1/agent/checks")),
    case("unknown checks", put("/v1/agent/check/pass/none"), put("/v1/agent/check/warn/none"), put("/v1/agent/check/fail/none"),
         put("/v1/agent/check/pass/"), put("/v1/agent/check/deregister/none"), put("/v1/agent/check/deregister/")),
    case("what a check must hold", register({}), register({"Name": "x"}), register({"ID": "x"}), register({"Name": "x", "TTL": "1h", "Status": "odd"}),
         register({"Name": "x", "Interval": "1s"}), register({"Name": "x", "Interval": "1s", "TTL": "1s"}), register({"Name": "x", "HTTP": "http://y"}),
         register({"Name": "x", "TCP": "y:1"}),
         register({"Name": "x", "TTL": "1h", "ServiceID": "none"}), register({"Name": "x", "Args": ["true"], "Interval": "10s"}),
         register({"Name": "x", "TTL": "1h", "OutputMaxSize": -1}), register("{", prefix=23), register("", prefix=23), register({"Name": "x", "Foo": 1}),
         register({"Name": "x", "TTL": "abc"}, prefix=23), register({"Name": "x", "Interval": "-1s", "TCP": "a:1"}), get("/v1/agent/checks")),
    case("ids and names", register({"ID": "own", "Name": "shown", "Notes": "note", "TTL": "1h", "Status": "passing"}), get("/v1/agent/checks"),
         put("/v1/agent/check/deregister/own"), get("/v1/agent/checks")),
    case("a check of a service", put("/v1/agent/service/register", {"Name": "svc", "Tags": ["t"]}),
         register({"Name": "of svc", "ID": "svc-check", "ServiceID": "svc", "TTL": "1h", "Status": "passing"}), get("/v1/agent/checks"),
         get("/v1/health/service/svc", until="svc-check", **NEAR), put("/v1/agent/service/deregister/svc"), get("/v1/agent/checks")),
    case("snake_case", register({"name": "snake", "id": "snake", "ttl": "1h", "service_id": "", "status": "passing"}), get("/v1/agent/checks"),
         put("/v1/agent/check/deregister/snake")),
    case("a TTL that runs out", register({"Name": "short", "TTL": "600ms"}), put("/v1/agent/check/pass/short?note=ok"),
         get("/v1/agent/checks", until="TTL expired"), put("/v1/agent/check/deregister/short")),
    case("TCP", register({"Name": "tcp", "TCP": "<<host>>", "Interval": "1s"}), get("/v1/agent/checks", until='"passing"'),
         put("/v1/agent/check/deregister/tcp"), register({"Name": "tcp2", "TCP": "127.0.0.1:1", "Interval": "1s"}),
         get("/v1/agent/checks", until='refused'), put("/v1/agent/check/deregister/tcp2")),
    case("HTTP", register({"Name": "http", "HTTP": "http://<<host>>/v1/status/peers", "Interval": "1s"}), get("/v1/agent/checks", until='200 OK'),
         put("/v1/agent/check/deregister/http"), register({"Name": "http2", "HTTP": "http://<<host>>/v1/nothing", "Interval": "1s"}),
         get("/v1/agent/checks", until='404'), put("/v1/agent/check/deregister/http2"),
         register({"Name": "http3", "HTTP": "http://127.0.0.1:1/", "Interval": "1s"}), get("/v1/agent/checks", until='refused'),
         put("/v1/agent/check/deregister/http3"),
         register({"Name": "http4", "HTTP": "http://<<host>>/v1/kv/x", "Method": "PUT", "Interval": "1s", "Body": "z", "Header": {"X-Y": ["z"]}}),
         get("/v1/agent/checks", until='200 OK'), put("/v1/agent/check/deregister/http4"),
         register({"Name": "http5", "HTTP": "http://<<host>>/v1/kv/x?raw", "Interval": "1s", "OutputMaxSize": 10}),
         get("/v1/agent/checks", until='200 OK'), put("/v1/agent/check/deregister/http5")),
    # An alias that belongs to the node would see its own state in the node's checks, so this one belongs to a service.
    case("alias", put("/v1/agent/service/register", {"Name": "target", "Check": {"TTL": "1h", "CheckID": "tc", "Status": "passing"}}),
         put("/v1/agent/service/register", {"Name": "follower"}),
         register({"Name": "alias", "AliasService": "target", "ServiceID": "follower"}),
         get("/v1/agent/checks", until='"alias".*"Status":"passing".*"tc"'), put("/v1/agent/check/fail/tc?note=no"),
         get("/v1/agent/checks", until='"Status":"critical"[^}]*failing: no'), put("/v1/agent/check/deregister/alias"),
         put("/v1/agent/service/deregister/target"), put("/v1/agent/service/deregister/follower")),
    case("an empty duration is none", *[register({"Name": "empty", **fields}) for fields in EMPTY]),
]
