"""/v1/coordinate: updates, what is read back, and ?near= wherever it sorts."""

from steps import case, get, put

UPDATE = "/v1/coordinate/update"

ANY_ORDER = {"sort": "Segment"}  # that in which the real one stores a batch, which is a Go map


def at(node, seconds, **more):
    return {"Node": node, "Coord": {"Vec": [seconds, 0, 0, 0, 0, 0, 0, 0], "Error": 0.5, "Adjustment": 0, "Height": 0.00001}, **more}


def instance(node, status="passing"):
    return put("/v1/catalog/register", {
        "Node": node, "Address": "10.0.0.1", "NodeMeta": {"of": "near"}, "Service": {"ID": "near-" + node, "Service": "near"},
        "Checks": [{"CheckID": "near-" + node, "Name": "c", "ServiceID": "near-" + node, "Status": status}]})


def sorted_by(near):
    return [get(f"{path}{'&' if '?' in path else '?'}near={near}") for path in
            ("/v1/catalog/nodes?node-meta=of:near", "/v1/catalog/service/near", "/v1/health/service/near", "/v1/health/checks/near",
             "/v1/health/state/warning?node-meta=of:near", "/v1/health/service/near?passing", "/v1/catalog/connect/near")]


cases = [
    case("what is refused", put(UPDATE, {"Node": "a", "Coord": {"Vec": [1, 2, 3]}}), put(UPDATE, {"Nod": "a"}), put(UPDATE, ""),
         put(UPDATE, "x", prefix=22), get(UPDATE), put(UPDATE + "?dc=nowhere", at("a", 0)), put(UPDATE, at("a", 0, Datacenter="nowhere"))),
    case("what is accepted and forgotten", put(UPDATE, at("nowhere", 1)), put(UPDATE, at("", 1)),
         get("/v1/coordinate/node/nowhere"), get("/v1/coordinate/node/"), get("/v1/coordinate/node/nowhere?pretty"),
         get("/v1/coordinate/nodes?dc=nowhere"), put("/v1/coordinate/nodes")),
    case("a node's coordinates", put("/v1/catalog/register", {"Node": "one", "Address": "10.0.0.1"}), put(UPDATE, at("one", 0.25)),
         put(UPDATE, at("one", 0.125, Segment="alpha")), get("/v1/coordinate/node/one", until="alpha", **ANY_ORDER), get("/v1/coordinate/node/ONE", **ANY_ORDER),
         get("/v1/coordinate/node/one?segment=alpha"), get("/v1/coordinate/node/one?segment="), get("/v1/coordinate/node/one?segment=beta"),
         get("/v1/coordinate/nodes?segment=alpha"), get("/v1/coordinate/nodes?segment=beta"), get("/v1/coordinate/node/one?pretty", **ANY_ORDER),
         put("/v1/catalog/deregister", {"Node": "one"}), get("/v1/coordinate/node/one")),
    case("?near= sorts by distance, nodes without a coordinate last", instance("far"), instance("here", "warning"), instance("lost", "warning"),
         instance("middle", "warning"), instance("alike"), put(UPDATE, at("far", 0.3)), put(UPDATE, at("here", 0)), put(UPDATE, at("middle", 0.1)),
         put(UPDATE, at("alike", 0.1)), get("/v1/coordinate/node/alike", until="Vec"), *sorted_by("here"), *sorted_by("FAR"), *sorted_by("lost"),
         *sorted_by("nowhere"), *sorted_by("_ip"), get("/v1/health/node/here?near=far"), get("/v1/catalog/node/here?near=far"),
         get("/v1/catalog/services?near=far&node-meta=of:near")),
]
