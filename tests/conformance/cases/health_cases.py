"""/v1/health and ?filter=."""

from urllib.parse import quote

from steps import NEAR, case, get, put


def instance(number, status, tags=(), node_status=None, **meta):
    checks = [{"CheckID": f"c{number}", "Name": "alive", "Status": status, "ServiceID": f"web{number}"}]
    if node_status:
        checks.append({"CheckID": "node", "Name": "node", "Status": node_status})
    return put("/v1/catalog/register",
               {"Node": f"w{number}", "Address": f"10.2.0.{number}", "NodeMeta": {"rack": f"r{number % 2}"},
                "Service": {"ID": f"web{number}", "Service": "web", "Port": 8000 + number, "Tags": list(tags), "Meta": meta},
                "Checks": checks})


def filtered(path, *expressions):
    return [get(f"{path}?filter={quote(e)}") for e in expressions]


setup = [instance(1, "passing", ["v1", "a"], version="1"), instance(2, "warning", ["v2"], version="2"),
         instance(3, "critical", ["v1"]), instance(4, "passing", ["v2"], node_status="critical"),
         instance(5, "passing", [], node_status="passing")]

cases = [
    case("instances of every state", *setup, get("/v1/health/service/web"), get("/v1/health/service/web?passing"),
         get("/v1/health/service/web?passing=true"), get("/v1/health/service/web?passing=1"),
         get("/v1/health/service/web?passing=false"), get("/v1/health/service/web?passing=0"),
         get("/v1/health/service/web?passing=maybe"), get("/v1/health/service/web?passing="),
         get("/v1/health/service/web?tag=v1&passing"), get("/v1/health/checks/web"), get("/v1/health/node/w4")),
    case("states", get("/v1/health/state/passing"), get("/v1/health/state/warning"), get("/v1/health/state/critical"),
         get("/v1/health/state/any"), get("/v1/health/state/odd"), get("/v1/health/state/"),
         get("/v1/health/state/any?node-meta=rack:r1"), get("/v1/health/state/critical?near=_agent")),
    case("absent things", get("/v1/health/service/none"), get("/v1/health/checks/none"), get("/v1/health/node/none"),
         get("/v1/health/service/"), get("/v1/health/checks/"), get("/v1/health/node/"), get("/v1/health/connect/"),
         get("/v1/health/ingress/"), get("/v1/health/ingress/none"), get("/v1/health/connect/none")),
    case("the server itself", get("/v1/health/service/consul", **NEAR), get("/v1/health/node/conf", **NEAR), get("/v1/health/checks/consul", **NEAR)),
    case("filters over instances", *filtered(
        "/v1/health/service/web", 'Service.Port == 8001', 'Service.Port != 8001', '"v1" in Service.Tags', 'Service.Tags contains "v1"',
        'Service.Tags not contains v1', 'Service.Tags is empty', 'Service.Tags is not empty', 'Service.Meta.version == 2',
        'Service.Meta is empty', 'version in Service.Meta', 'Node.Meta.rack == r1 and Service.Port == 8003',
        'Node.Meta.rack == "r1" or Service.Port == 8002', 'not Node.Meta.rack == r1', '(Service.Port == 8001) or not (Node.Node == w1)',
        'Checks.Status == critical', 'Service.ID matches "web[12]"', 'Service.ID not matches "web[12]"', 'Node.Address == "10.2.0.1"',
        'Service.EnableTagOverride == false', 'Service.Weights.Passing == 1', 'Service.Meta["version"] == 1',
        "Service.Service == `web`", 'Service.ModifyIndex == 0')),
    case("filters that are wrong", *filtered(
        "/v1/health/service/web", 'Foo == 1', 'Service.Foo == 1', 'Service.Port == abc', 'Service.Port', '==', '(Service.Port == 1',
        'Service.Port == 1 and', 'Service.Port in Service.Tags', 'Service.Port matches "8"', 'Service.ID matches "["',
        'Service.Tags == v1', 'Service is empty', 'Checks.Foo == 1', '""', 'Service.EnableTagOverride == maybe',
        'Service.Port == 99999999999999999999')),
    case("an empty filter filters nothing", get("/v1/health/service/web?filter=&tag=a")),
    case("filters elsewhere", *filtered("/v1/catalog/nodes", 'Node == w1', 'Meta.rack == r1', 'Address matches "^10[.]2[.]0[.][12]$"',
                                        'Foo == 1', 'ID == ""', 'TaggedAddresses is empty'),
         *filtered("/v1/catalog/service/web", 'ServicePort == 8002', 'v1 in ServiceTags', 'NodeMeta.rack == r0', 'Service == 1'),
         *filtered("/v1/catalog/node/w1", 'Service == web', 'Service == none', 'Foo == 1'),
         *filtered("/v1/catalog/node-services/w1", 'Service == web', 'Service == none'),
         *filtered("/v1/health/state/any", 'Status == warning', 'ServiceName == web and Status == passing', 'Foo == 1'),
         *filtered("/v1/health/checks/web", 'Status == passing', 'Node == w3'), *filtered("/v1/health/node/w4", 'ServiceID == ""'),
         *filtered("/v1/catalog/services", 'Foo == 1')),
    case("filters over the agent", put("/v1/agent/service/register", {"Name": "local", "Port": 1, "Tags": ["x"], "Meta": {"m": "1"},
                                                                     "Check": {"TTL": "1h", "Status": "passing"}}),
         put("/v1/agent/service/register", {"Name": "other", "Port": 2}),
         *filtered("/v1/agent/services", 'Service == local', 'x in Tags', 'Meta.m == 1', 'Port == 2', 'Foo == 1'),
         *filtered("/v1/agent/checks", 'Status == passing', 'ServiceName == local', 'CheckID == "service:local"', 'Foo == 1')),
    case("long and nested filters", get("/v1/catalog/nodes?filter=" + quote(" and ".join(["Node == w1"] * 40))),
         get("/v1/catalog/nodes?filter=" + quote("(" * 4 + "Node == w1" + ")" * 4))),
]
