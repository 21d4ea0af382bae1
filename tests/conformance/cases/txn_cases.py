"""/v1/txn: verbs, results, refusals."""

from steps import case, get, put

SET = "c2V0"
NODE = {"Node": "tn", "Address": "10.5.0.1"}


def txn(*operations, **options):
    return put("/v1/txn", list(operations), **options)


def kv(verb, key, **fields):
    return {"KV": {"Verb": verb, "Key": key, **fields}}


cases = [
    case("nothing to do", put("/v1/txn", "[]"), put("/v1/txn", "[{}]"), put("/v1/txn", "null")),
    case("set and get", txn(kv("set", "t/a", Value=SET, Flags=3), kv("set", "t/b", Value=SET)), get("/v1/kv/t/?recurse"),
         txn(kv("get", "t/a"), kv("get-tree", "t/")), txn(kv("get", "t/a"), kv("set", "t/c", Value=SET)),
         txn(kv("get", "t/absent")), txn(kv("get-tree", "nothing/")), txn(kv("set", "t/novalue")), get("/v1/kv/t/novalue")),
    case("delete", txn(kv("set", "d/a"), kv("set", "d/b"), kv("set", "d/c/1"), kv("set", "d/c/2")), txn(kv("delete", "d/a")),
         txn(kv("delete", "d/a")), txn(kv("delete-tree", "d/c")), get("/v1/kv/d?keys"), txn(kv("delete-cas", "d/b", Index=1)),
         get("/v1/kv/d/b", capture={"at": "body:0.ModifyIndex"}), txn(kv("delete-cas", "d/absent", Index=1))),
    case("cas", txn(kv("cas", "c/a", Value=SET, Index=0)), txn(kv("cas", "c/a", Value=SET, Index=0)), txn(kv("cas", "c/a", Value=SET, Index=1)),
         get("/v1/kv/c/a", capture={"at": "body:0.ModifyIndex"}),
         put("/v1/txn", '[{"KV":{"Verb":"cas","Key":"c/a","Value":"eHg=","Index":<<at>>}}]'),
         put("/v1/txn", '[{"KV":{"Verb":"check-index","Key":"c/a","Index":<<at>>}}]')),
    case("checks", txn(kv("check-not-exists", "k/none")), txn(kv("check-not-exists", "c/a")), txn(kv("check-index", "c/a", Index=1)),
         txn(kv("check-index", "k/none", Index=1)), txn(kv("check-session", "c/a", Session="x")), txn(kv("check-session", "k/none", Session="x"))),
    case("locks without a session", txn(kv("lock", "l/a", Value=SET, Session="aaaaaaaa-bbbb-cccc-dddd-123456789abc")),
         txn(kv("lock", "l/a", Value=SET)), txn(kv("lock", "l/a", Value=SET, Session="abc")),
         txn(kv("unlock", "l/a", Session="aaaaaaaa-bbbb-cccc-dddd-123456789abc")), txn(kv("unlock", "c/a", Session=""))),
    case("all failing operations are told, nothing is applied", txn(kv("set", "f/a", Value=SET), kv("get", "f/none"), kv("set", "f/b"),
                                                                    kv("check-not-exists", "c/a")), get("/v1/kv/f?keys")),
    case("wrong operations", txn(kv("foo", "a")), txn(kv("", "a")), txn(kv("set", "")), txn(kv("get", "")), txn({"KV": {}}),
         txn({"Foo": {}}), txn({"KV": {"Verb": "set", "Key": "a", "Foo": 1}}), put("/v1/txn", "{", prefix=21),
         put("/v1/txn", "", prefix=21), put("/v1/txn", '{"KV":{}}', prefix=21), put("/v1/txn", '[1]', prefix=21),
         txn({"KV": {"Verb": "set", "Key": "a", "Value": "!!"}}, prefix=21), txn({"Node": {"Verb": "foo", "Node": NODE}}),
         txn({"Service": {"Verb": "foo", "Node": "tn", "Service": {"Service": "x"}}}), txn({"Check": {"Verb": "foo", "Check": {"Name": "x", "Node": "tn"}}})),
    case("too many operations", txn(*[kv("set", f"many/{n}") for n in range(65)]),
         txn(*[kv("set", f"many/{n}") for n in range(64)])),
    case("too large", txn(kv("set", "big", Value="eHh4" * 174763)), txn(kv("set", "big", Value="eHh4" * 131000))),
    case("nodes", txn({"Node": {"Verb": "get", "Node": {"Node": "tn"}}}), txn({"Node": {"Verb": "set", "Node": NODE}}),
         txn({"Node": {"Verb": "get", "Node": {"Node": "tn"}}}), txn({"Node": {"Verb": "cas", "Node": {**NODE, "ModifyIndex": 1}}}),
         txn({"Node": {"Verb": "delete-cas", "Node": {**NODE, "ModifyIndex": 1}}}), txn({"Node": {"Verb": "set", "Node": {"Node": "tn"}}}),
         txn({"Node": {"Verb": "set", "Node": {"Address": "10.5.0.2"}}}), txn({"Node": {"Verb": "delete", "Node": {"Node": "tn-none"}}})),
    case("services", txn({"Service": {"Verb": "set", "Node": "tn", "Service": {"ID": "s1", "Service": "s", "Port": 3}}}),
         txn({"Service": {"Verb": "get", "Node": "tn", "Service": {"ID": "s1"}}}),
         txn({"Service": {"Verb": "get", "Node": "tn", "Service": {"ID": "none"}}}),
         txn({"Service": {"Verb": "set", "Node": "none", "Service": {"ID": "s1", "Service": "s"}}}),
         txn({"Service": {"Verb": "cas", "Node": "tn", "Service": {"ID": "s1", "Service": "s", "ModifyIndex": 1}}}),
         txn({"Service": {"Verb": "delete-cas", "Node": "tn", "Service": {"ID": "s1", "ModifyIndex": 1}}}),
         get("/v1/catalog/service/s"), txn({"Service": {"Verb": "delete", "Node": "tn", "Service": {"ID": "s1"}}}),
         txn({"Service": {"Verb": "delete", "Node": "tn", "Service": {"ID": "s1"}}}), get("/v1/catalog/service/s")),
    case("checks of the catalog", txn({"Check": {"Verb": "set", "Check": {"Node": "tn", "CheckID": "c", "Name": "c", "Status": "passing"}}}),
         txn({"Check": {"Verb": "get", "Check": {"Node": "tn", "CheckID": "c"}}}), txn({"Check": {"Verb": "get", "Check": {"Node": "tn", "CheckID": "none"}}}),
         txn({"Check": {"Verb": "cas", "Check": {"Node": "tn", "CheckID": "c", "Name": "c", "Status": "critical", "ModifyIndex": 1}}}),
         txn({"Check": {"Verb": "set", "Check": {"Node": "tn", "CheckID": "d", "Name": "d", "ServiceID": "none"}}}),
         txn({"Check": {"Verb": "delete-cas", "Check": {"Node": "tn", "CheckID": "c", "ModifyIndex": 1}}}),
         txn({"Check": {"Verb": "delete", "Check": {"Node": "tn", "CheckID": "c"}}}), get("/v1/health/node/tn")),
    case("a registration in one transaction", txn({"Node": {"Verb": "set", "Node": {"Node": "tx", "Address": "10.5.0.9"}}},
                                                  {"Service": {"Verb": "set", "Node": "tx", "Service": {"ID": "sx", "Service": "sx", "Port": 3}}},
                                                  {"Check": {"Verb": "set", "Check": {"Node": "tx", "CheckID": "cx", "Name": "cx", "ServiceID": "sx",
                                                                                      "Status": "passing"}}}, kv("set", "tx")),
         get("/v1/health/service/sx?passing"), txn({"Node": {"Verb": "delete", "Node": {"Node": "tx"}}}), get("/v1/health/service/sx")),
    case("reads obey the consistency modes", txn(kv("get", "c/a")), put("/v1/txn?stale", [kv("get", "c/a")]),
         put("/v1/txn?consistent", [kv("get", "c/a")]), put("/v1/txn?stale&consistent", [kv("get", "c/a")]),
         put("/v1/txn?pretty", [kv("get", "c/a")])),
    case("what reads fill in nothing", txn({"Service": {"Verb": "get", "Node": "tn", "Service": {"Service": "s"}}}),
         txn({"Check": {"Verb": "get", "Check": {"Node": "tn", "Name": "c"}}}), txn(kv("get-tree", ""))),
    case("definitions of checks", txn({"Node": {"Verb": "set", "Node": {**NODE, "Node": "td"}}}),
         *[txn({"Check": {"Verb": "set", "Check": {"Node": "td", "CheckID": "d", "Definition": definition}}}) for definition in (
             {"HTTP": "http://x", "Interval": "3s", "Unknown": 1}, {"TCP": "x", "IntervalDuration": "10s"},
             {"TCP": "x", "IntervalDuration": 5000000000, "TimeoutDuration": "9s"}, {"DeregisterCriticalServiceAfterDuration": "1m"})],
         txn({"Check": {"Verb": "set", "Check": {"Node": "td", "CheckID": "d", "Foo": 1}}})),
    case("an empty duration in a check's definition is none",
         *[txn({"Check": {"Verb": "set", "Check": {"Node": "td", "CheckID": "e", "Definition": {field: ""}}}}) for field in (
             "Interval", "IntervalDuration", "Timeout", "TimeoutDuration", "DeregisterCriticalServiceAfter", "DeregisterCriticalServiceAfterDuration")]),
]
