"""/v1/session: defaults, validation, what ends a session, and locks on keys with them."""

from steps import case, get, pause, put

NOBODY = "aaaaaaaa-bbbb-cccc-dddd-123456789abc"
CREATE, ID = "/v1/session/create", {"id": "body:ID"}


def shown(name, body):
    return case(name, put(CREATE, body, capture=ID), get("/v1/session/info/<<id>>"), put("/v1/session/destroy/<<id>>"))


def node(name, *checks):
    return put("/v1/catalog/register", {"Node": name, "Address": "10.0.0.1",
                                        "Checks": [{"CheckID": c, "Name": c, "Status": "passing"} for c in checks]})


def status(name, check, what):
    return put("/v1/catalog/register", {"Node": name, "Address": "10.0.0.1", "Check": {"CheckID": check, "Name": check, "Status": what}})


def refused(name, *bodies):
    return case(name, *[put(CREATE, body) for body in bodies])


def lasting(on, **more):
    return {"Node": on, "Checks": [], "LockDelay": "0s", **more}


cases = [
    case("no body: the agent's node, serfHealth, fifteen seconds", put(CREATE, capture=ID), get("/v1/session/info/<<id>>"),
         get("/v1/session/info/<<id>>?pretty"), put("/v1/session/destroy/<<id>>"), get("/v1/session/info/<<id>>")),
    shown("Checks empty", {"Checks": []}), shown("NodeChecks empty", {"NodeChecks": []}),
    shown("both empty", {"Checks": [], "NodeChecks": []}), shown("Checks null", {"Checks": None}),
    shown("NodeChecks null", {"NodeChecks": None}), shown("Checks serfHealth", {"Checks": ["serfHealth"]}),
    shown("NodeChecks serfHealth", {"NodeChecks": ["serfHealth"]}),
    shown("lock delay of a small number is seconds", {"LockDelay": 20}),
    shown("lock delay of a large number is nanoseconds", {"LockDelay": 2000000000}),
    shown("lock delay of a short text", {"LockDelay": "20ns"}), shown("lock delay of a text", {"LockDelay": "1m30s"}),
    shown("lock delay of zero", {"LockDelay": "0s"}), shown("lock delay of no kind", {"LockDelay": True}),
    shown("lock delay null", {"LockDelay": None}), shown("lock delay of a fraction", {"LockDelay": 2.5}),
    shown("a name, a TTL, deleting", {"Name": "my <lock>", "TTL": "20s", "Behavior": "delete"}),
    shown("TTL in minutes", {"TTL": "1m30s"}), shown("TTL of zero", {"TTL": "0s"}), shown("empty TTL", {"TTL": ""}),
    shown("unknown names, an id, and lower case", {"ID": NOBODY, "Foo": 1, "name": "lower", "node_checks": ["q"], "Namespace": "x"}),
    refused("TTL out of bounds", {"TTL": "1s"}, {"TTL": "9.9s"}, {"TTL": "25h"}, {"TTL": "-10s"}, {"TTL": "abc"}, {"TTL": "10"}),
    refused("bad behavior", {"Behavior": "abc"}, {"Behavior": "Release"}), refused("bad lock delay", {"LockDelay": "abc"}, {"LockDelay": "10"}),
    refused("absent node and checks", {"Node": "nowhere"}, {"NodeChecks": ["no"]}, {"Checks": ["no"]}, {"ServiceChecks": [{"ID": "no"}]},
            {"Node": ""}, {"NodeChecks": [], "ServiceChecks": [{"ID": "no"}]}),
    case("not JSON", put(CREATE, "{\"Name\":", prefix=24), put(CREATE, "[]", prefix=24), put(CREATE, "x", prefix=24)),
    case("other datacenters and verbs", put(CREATE + "?dc=nowhere"), get(CREATE), get("/v1/session/list?dc=nowhere"),
         put("/v1/session/destroy/" + NOBODY + "?dc=nowhere"), get("/v1/session/renew/" + NOBODY), put("/v1/session/list")),
    case("ids that are none", get("/v1/session/info/"), get("/v1/session/info/abc"), get("/v1/session/info/" + NOBODY),
         put("/v1/session/destroy/"), put("/v1/session/destroy/abc"), put("/v1/session/destroy/" + NOBODY), put("/v1/session/renew/"),
         put("/v1/session/renew/abc"), put("/v1/session/renew/" + NOBODY), get("/v1/session/info/zaaaaaaa-bbbb-cccc-dddd-123456789abc"),
         get("/v1/session/info/aaaaaaaabbbbccccdddd123456789abcdefa"), get("/v1/session/info/a-a-a-a-a-aaaaaaaabbbbccccdddd1234567")),
    case("sessions of a node", node("many"), get("/v1/session/node/many"), put(CREATE, lasting("many"), capture=ID), get("/v1/session/node/many"),
         get("/v1/session/node/MANY"), get("/v1/session/node/"), put("/v1/session/destroy/<<id>>"), get("/v1/session/node/many")),
    case("renewal", node("renewing"), put(CREATE, lasting("renewing", TTL="20s"), capture=ID), put("/v1/session/renew/<<id>>"),
         put("/v1/session/renew/<<id>>?pretty"), put("/v1/session/destroy/<<id>>"), put("/v1/session/renew/<<id>>")),
    case("checks of every spelling", node("spelled", "a", "b", "serfHealth"),
         put("/v1/catalog/register", {"Node": "spelled", "Address": "10.0.0.1", "Service": {"Service": "s"},
                                      "Check": {"CheckID": "sc", "Name": "sc", "ServiceID": "s", "Status": "passing"}}),
         *[step for n, body in enumerate(({"Checks": ["a"]}, {"NodeChecks": ["a", "b"]}, {"NodeChecks": ["a"], "Checks": ["serfHealth"]},
                                         {"NodeChecks": ["a"], "Checks": ["b"]}, {"NodeChecks": ["a"], "ServiceChecks": [{"ID": "sc"}]},
                                         {"NodeChecks": [], "ServiceChecks": [{"id": "sc", "Namespace": "zz"}]}, {"Checks": ["a"], "NodeChecks": []}))
           for step in (put(CREATE, {"Node": "spelled", **body}, capture=ID), get("/v1/session/node/spelled"), put("/v1/session/destroy/<<id>>"))]),
    case("a lock and its count", node("locks"), put(CREATE, lasting("locks"), capture={"a": "body:ID"}), put(CREATE, lasting("locks"), capture={"b": "body:ID"}),
         put("/v1/kv/lk/1?acquire=<<a>>&flags=3", "one"), get("/v1/kv/lk/1"), put("/v1/kv/lk/1?acquire=<<a>>", "two"), get("/v1/kv/lk/1"),
         put("/v1/kv/lk/1?acquire=<<b>>", "no"), put("/v1/kv/lk/1?release=<<b>>", "no"), put("/v1/kv/lk/1", "plain"), get("/v1/kv/lk/1"),
         put("/v1/kv/lk/1?release=<<a>>", "three"), get("/v1/kv/lk/1"), put("/v1/kv/lk/1?acquire=<<b>>", "four"), get("/v1/kv/lk/1"),
         put("/v1/kv/lk/1?cas=0", "x"), get("/v1/kv/lk?recurse"), put("/v1/session/destroy/<<b>>"), get("/v1/kv/lk/1"),
         put("/v1/kv/lk/1?acquire=<<b>>", "x"), put("/v1/kv/lk/absent?release=<<a>>", "x"), put("/v1/session/destroy/<<a>>")),
    case("a lock that changes nothing keeps its index", node("same"), put(CREATE, lasting("same"), capture=ID), put("/v1/kv/sm?acquire=<<id>>", "x"),
         get("/v1/kv/sm"), put("/v1/kv/sm?acquire=<<id>>", "x"), get("/v1/kv/sm"), put("/v1/session/destroy/<<id>>")),
    case("the end of a deleting session", node("deleting"), put(CREATE, lasting("deleting", Behavior="delete"), capture=ID),
         put("/v1/kv/gone/1?acquire=<<id>>", "x"), put("/v1/kv/gone/2?acquire=<<id>>", "x"), put("/v1/kv/gone/3", "x"), put("/v1/session/destroy/<<id>>"),
         get("/v1/kv/gone?recurse"), get("/v1/kv/gone/1")),
    case("lock delay", node("delay"), put(CREATE, lasting("delay", LockDelay="1s"), capture={"a": "body:ID"}),
         put(CREATE, lasting("delay"), capture={"b": "body:ID"}), put("/v1/kv/dl/1?acquire=<<a>>", "x"), put("/v1/session/destroy/<<a>>"),
         put("/v1/kv/dl/1?acquire=<<b>>", "x"), put("/v1/kv/dl/1", "plain"),
         put("/v1/txn", [{"KV": {"Verb": "lock", "Key": "dl/1", "Session": "<<b>>"}}, {"KV": {"Verb": "set", "Key": "dl/2"}}]),
         pause(1.5), put("/v1/kv/dl/1?acquire=<<b>>", "y"), get("/v1/kv/dl/1"), put("/v1/session/destroy/<<b>>")),
    case("a released lock has no delay", node("nodelay"), put(CREATE, {"Node": "nodelay", "Checks": []}, capture=ID), put("/v1/kv/nd?acquire=<<id>>", "x"),
         put("/v1/kv/nd?release=<<id>>", "x"), put("/v1/kv/nd?acquire=<<id>>", "x"), put("/v1/session/destroy/<<id>>")),
    case("a check turns critical", node("crit", "c"), put(CREATE, {"Node": "crit", "NodeChecks": ["c"], "LockDelay": "0s"}, capture=ID),
         put("/v1/kv/cr?acquire=<<id>>", "x"), status("crit", "c", "warning"), get("/v1/session/info/<<id>>"), status("crit", "c", "critical"),
         get("/v1/session/info/<<id>>"), get("/v1/kv/cr"), put(CREATE, {"Node": "crit", "NodeChecks": ["c"]})),
    case("a check goes", node("check", "c", "d"), put(CREATE, {"Node": "check", "NodeChecks": ["C"]}, capture=ID),
         put("/v1/catalog/deregister", {"Node": "check", "CheckID": "d"}), get("/v1/session/info/<<id>>"),
         put("/v1/catalog/deregister", {"Node": "check", "CheckID": "c"}), get("/v1/session/info/<<id>>")),
    case("the node goes", node("leaving", "c"), put(CREATE, lasting("leaving"), capture=ID), put("/v1/kv/nl?acquire=<<id>>", "x"),
         put("/v1/catalog/deregister", {"Node": "leaving"}), get("/v1/session/info/<<id>>"), get("/v1/session/node/leaving"), get("/v1/kv/nl")),
    case("locks in transactions", node("txn"), put(CREATE, lasting("txn"), capture=ID),
         put("/v1/txn", [{"KV": {"Verb": "lock", "Key": "tx/1", "Value": "eA==", "Session": "<<id>>"}},
                         {"KV": {"Verb": "check-session", "Key": "tx/1", "Session": "<<id>>"}}]),
         put("/v1/txn", [{"KV": {"Verb": "check-session", "Key": "tx/1", "Session": NOBODY}}, {"KV": {"Verb": "delete", "Key": "tx/1"}}]),
         put("/v1/txn", [{"KV": {"Verb": "lock", "Key": "tx/1", "Session": NOBODY}}, {"KV": {"Verb": "unlock", "Key": "tx/1", "Session": NOBODY}},
                         {"KV": {"Verb": "lock", "Key": "tx/1"}}, {"KV": {"Verb": "lock", "Key": "tx/1", "Session": "abc"}}]),
         put("/v1/txn", [{"KV": {"Verb": "unlock", "Key": "tx/1", "Value": "eQ==", "Session": "<<id>>"}}]), get("/v1/kv/tx/1"),
         put("/v1/session/destroy/<<id>>")),
]
