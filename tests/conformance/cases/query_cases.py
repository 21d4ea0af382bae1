"""/v1/query: prepared queries, their templates, and what they find."""

from steps import case, delete, dns, get, put, request

NOBODY = "00000000-0000-0000-0000-000000000000"
ID = {"id": "body:ID"}
TEMPLATE = {"Type": "name_prefix_match"}


def post(body, **options):
    return request("POST", "/v1/query", body, **options)


def made(name, body, *steps):
    """Creates the query, plays the steps and deletes it."""
    return case(name, post(body, capture=ID), *steps, delete("/v1/query/<<id>>"))


def refused(name, *bodies):
    return case(name, *[post(body) for body in bodies])


def instance(node, address, service="web", status="passing", meta=None, node_meta=None, tags=(), check=None):
    return put("/v1/catalog/register", {"Node": node, "Address": address, "NodeMeta": node_meta or {}, "Service": {"Service": service, "Port": 80, "Tags": list(tags), "Meta": meta or {}},
                                        "Check": {"Name": check or "c", "CheckID": check or f"c-{node}", "Status": status, "ServiceID": service}})


def run(name, more="?near=n1"):
    """Of two one is the first then: the rest of the order is chance."""
    return get(f"/v1/query/{name}/execute{more}")


def filled(text, ask="t-one", regexp=""):
    return made(f"a template of {text!r} {regexp}", {"Name": "t-", "Template": {**TEMPLATE, "Regexp": regexp}, "Service": {"Service": text}}, get(f"/v1/query/{ask}/explain"))


def unfilled(*texts):
    return refused(f"templates like {texts[0]!r}", *[{"Name": "t-", "Template": TEMPLATE, "Service": {"Service": text}} for text in texts])


def found(name, service, *more):
    return made(name, {"Name": "q", "Service": {"Service": "web", **service}}, run("q"), *[run("q", one) for one in more])


cases = [
    case("none", get("/v1/query"), get("/v1/query?dc=nowhere"), get("/v1/query/" + NOBODY), get("/v1/query/nope"), get("/v1/query/"), get("/v1/query/nope/execute"),
         get("/v1/query/nope/explain"), get("/v1/query//execute"), get("/v1/query/" + NOBODY + "/execute")),
    case("verbs", put("/v1/query"), delete("/v1/query"), put("/v1/query/x/execute"), delete("/v1/query/x/explain"), request("OPTIONS", "/v1/query")),
    case("what is not there is not changed", put("/v1/query/nope", {"Name": "q", "Service": {"Service": "s"}}), put("/v1/query/" + NOBODY, {"Name": "q", "Service": {"Service": "s"}}),
         put("/v1/query/" + NOBODY, "{", prefix=24), delete("/v1/query/nope"), delete("/v1/query/" + NOBODY), delete("/v1/query/"), put("/v1/query/", {"Name": "q", "Service": {"Service": "s"}})),
    case("not JSON", post("{", prefix=24), post("", prefix=24), post("[]", prefix=24), post("x", prefix=24)),
    refused("what a query must have", {}, {"ID": "x", "Name": "a", "Service": {"Service": "s"}}, {"Name": "a"}, {"Service": {"Service": "s"}}, {"Name": "a", "Service": {}},
            {"Name": "a", "Token": "<hidden>", "Service": {"Service": "s"}}, {"Session": "", "Service": {"Service": "s"}}),
    refused("failover below zero", {"Name": "a", "Service": {"Service": "s", "Failover": {"NearestN": -1}}}),
    refused("bad TTL", *[{"Name": "a", "Service": {"Service": "s"}, "DNS": {"TTL": ttl}} for ttl in ("x", "-5s", "10", "1")]),
    refused("bad sessions", {"Name": "a", "Session": "nope", "Service": {"Service": "s"}}, {"Name": "a", "Session": NOBODY, "Service": {"Service": "s"}}),
    refused("bad metadata", *[{"Name": "a", "Service": {"Service": "s", "NodeMeta": meta}} for meta in ({"": "x"}, {"a b": "x"}, {"k" * 129: "x"}, {"k": "v" * 513})]),
    made("all fields", {"Name": "Full", "Token": "tok", "Service": {"Service": "s", "Failover": {"NearestN": 3, "Datacenters": ["dc2", "dc3"]}, "OnlyPassing": True, "IgnoreCheckIDs": ["c"],
                                                                   "Near": "_agent", "Tags": ["a", "!b"], "NodeMeta": {"k": "v"}, "ServiceMeta": {"m": "w"}, "Connect": True}, "DNS": {"TTL": "10s"}},
         get("/v1/query"), get("/v1/query?pretty"), get("/v1/query/<<id>>"), get("/v1/query/full/explain"), get("/v1/query/FULL/execute"), get("/v1/query/<<id>>/execute")),
    made("lists that are null", {"Name": "n", "Service": {"Service": "s", "Tags": None, "Failover": {"Datacenters": None}}}, get("/v1/query/<<id>>")),
    made("lists that are empty", {"Name": "n", "Service": {"Service": "s", "Tags": [], "NodeMeta": {}, "Failover": {"Datacenters": []}}}, get("/v1/query/<<id>>")),
    made("names", {"Name": "Geo", "Service": {"Service": "s"}}, post({"Name": "geo", "Service": {"Service": "s"}}), post({"Name": "<<id>>", "Service": {"Service": "s"}}), get("/v1/query/geo/explain"),
         put("/v1/query/<<id>>", {"Name": "other", "Service": {"Service": "s2"}}), get("/v1/query/geo/explain"), get("/v1/query/other/explain"),
         put("/v1/query/<<id>>", {"ID": NOBODY, "Name": "OTHER", "Service": {"Service": "s3"}}), get("/v1/query/other/explain"), put("/v1/query/<<id>>", {"Name": "other"}),
         get("/v1/query/<<id>>")),
    case("two templates with empty names", post({"Template": TEMPLATE, "Service": {"Service": "s"}}, capture=ID), post({"Template": TEMPLATE, "Service": {"Service": "s"}}),
         get("/v1/query/anything/explain"), get("/v1/query/<<id>>/execute"), get("/v1/query/<<id>>/explain"), delete("/v1/query/<<id>>")),
    refused("templates of other kinds", {"Name": "a", "Template": {"Type": "foo"}, "Service": {"Service": "s"}}),
    refused("bad regular expressions", *[{"Name": "a", "Template": {**TEMPLATE, "Regexp": regexp}, "Service": {"Service": "s"}} for regexp in ("(", "[a", "*", "a{2,1}")]),
    made("the longest template", {"Name": "geo-", "Template": TEMPLATE, "Service": {"Service": "${name.suffix}"}},
         post({"Name": "geo-db-", "Template": TEMPLATE, "Service": {"Service": "db ${name.suffix}"}}, capture={"two": "body:ID"}), get("/v1/query/geo-web/explain"), get("/v1/query/GEO-DB-x/explain"),
         get("/v1/query/geo-db-x/explain"), get("/v1/query/geo/explain"), post({"Name": "geo-web", "Service": {"Service": "exact"}}, capture={"three": "body:ID"}), get("/v1/query/geo-web/explain"),
         delete("/v1/query/<<two>>"), delete("/v1/query/<<three>>")),
    *[filled(text) for text in ("${name.full}", "${name.prefix}|${name.suffix}|${agent.segment}", "x$${y}", "$$", "a}b", "${1+2*3}", "${(1+2)*3}", "${7.0/2}", "${-1}", "${\"a${1}b\"}", "${\"a\" \"b\"}",
                                "${match(1)}", "${1.0}", "${ name.full }")],
    filled("${match(0)}-${match(1)}-${match(2)}-${match(3)}", "t-a-b", "^t-(.*)-(.*)$"), filled("${match(1)}", "T-Abc", "(?i)T-(.+)"), filled("${match(0)}", "t-x", "never"),
    unfilled("${", "${name", "${}", "${1 2}", "${'a'}", "${name.full == 1}", "${99999999999999999999}"),
    unfilled("${name.foo}", "ab${foo(1)}", "${match()}", "${match(1,2)}", "${match(\"a\")}", "${5.5%2}", "${name.prefix + 1}", "${match(foo(1))}"),
    made("templates fill in every text", {"Name": "t-", "Template": {**TEMPLATE, "RemoveEmptyTags": True},
                                          "Service": {"Service": "${name.suffix}", "Failover": {"Datacenters": ["${name.suffix}"]}, "Near": "${name.suffix}", "Tags": ["${match(1)}", "a-${name.suffix}"],
                                                      "NodeMeta": {"k": "${name.full}"}, "ServiceMeta": {"m": "${name.prefix}"}, "IgnoreCheckIDs": ["c-${name.suffix}"]}}, get("/v1/query/t-x/explain")),
    refused("templates with a bad text anywhere", *[{"Name": "t-", "Template": TEMPLATE, "Service": {"Service": "s", **bad}} for bad in
                                                     ({"Tags": ["a", "${"]}, {"NodeMeta": {"k": "${"}}, {"Failover": {"Datacenters": ["${x}"]}}, {"Near": "${x}"}, {"IgnoreCheckIDs": ["${x}"]})]),
    case("instances", instance("n1", "10.1.0.1", tags=["v1", "blue"], meta={"m": "1"}, node_meta={"rack": "a"}), instance("n2", "10.1.0.2", tags=["V2", "blue"], status="warning", node_meta={"rack": "b"}),
         instance("n3", "10.1.0.3", status="critical", tags=["v3"]), instance("n4", "10.1.0.4", "db", "critical", check="dying")),
    found("healthy ones", {}, *[f"?near=n1&{more}" for more in ("limit=0", "limit=1", "limit=100", "limit=-1", "limit=x", "limit=", "dc=nowhere", "connect=true", "stale", "consistent", "index=1&wait=10ms", "pretty")]),
    found("passing ones", {"OnlyPassing": True}, "?limit=1", "?near=_agent", "?near=_ip", "?near=nobody"), found("ignored checks", {"IgnoreCheckIDs": ["c-n3"], "OnlyPassing": True}),
    found("tags", {"Tags": ["BLUE"]}), found("tags that must not be there", {"Tags": ["!V1"]}), found("both", {"Tags": ["blue", "!v2"]}), found("no such tag", {"Tags": ["x"]}),
    found("node metadata", {"NodeMeta": {"rack": "a"}}), found("service metadata", {"ServiceMeta": {"m": "1"}}), found("no such metadata", {"NodeMeta": {"rack": "z"}}),
    made("none that is healthy, and datacenters that nobody knows", {"Name": "q", "Service": {"Service": "db", "Failover": {"NearestN": 2, "Datacenters": ["x"]}}, "DNS": {"TTL": "7s"}}, run("q")),
    made("mesh instances", {"Name": "q", "Service": {"Service": "web", "Connect": True}}, run("q")),
    made("by DNS", {"Name": "Dotted.name", "Service": {"Service": "web", "OnlyPassing": True}, "DNS": {"TTL": "10s"}},
         *[dns("dotted.name.query.consul", qtype, tcp=tcp) for qtype in ("A", "AAAA", "SRV", "ANY", "TXT", "MX", "SOA") for tcp in (False, True)], dns("DOTTED.NAME.query.dc1.consul"),
         dns("dotted.name.query.nowhere.consul"), dns("name.query.consul"), dns("nothing.query.consul"), dns("query.consul"), dns("dotted.name.query.consul", edns=1232, subnet="192.0.2.0/24"),
         dns("nothing.query.consul", edns=1232, subnet="192.0.2.0/24"), dns("<<id>>.query.consul")),
    made("a critical one by DNS, whose check is ignored", {"Name": "q", "Service": {"Service": "db", "IgnoreCheckIDs": ["dying"]}}, dns("q.query.consul"), dns("q.query.consul", "SRV")),
    made("none by DNS", {"Name": "q", "Service": {"Service": "db"}}, dns("q.query.consul"), dns("q.query.consul", "SRV", edns=1232), dns("q.query.consul", edns=1232, subnet="192.0.2.0/24")),
    made("a template by DNS", {"Name": "find-", "Template": TEMPLATE, "Service": {"Service": "${name.suffix}", "OnlyPassing": True}}, dns("find-web.query.consul"), dns("find-nothing.query.consul"),
         dns("find-.query.consul")),
    case("bound to a session", put("/v1/catalog/register", {"Node": "holder", "Address": "10.1.0.9"}), put("/v1/session/create", {"Node": "holder", "Checks": []}, capture=ID),
         post({"Session": "<<id>>", "Service": {"Service": "web"}}, capture={"q": "body:ID"}), get("/v1/query/<<q>>"), put("/v1/session/destroy/<<id>>"), get("/v1/query/<<q>>"), get("/v1/query")),
    case("a list of several", *[post({"Name": f"l{n}", "Service": {"Service": "s"}}, capture={f"l{n}": "body:ID"}) for n in range(3)], get("/v1/query", sort="Name"), get("/v1/query?index=1&wait=10ms", sort="Name"),
         *[delete(f"/v1/query/<<l{n}>>") for n in range(3)], get("/v1/query")),
]
