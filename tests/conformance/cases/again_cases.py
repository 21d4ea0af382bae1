"""Registering again, and reading right after: what a check keeps, and that a change that was answered is there to be read."""

from steps import case, get, put

# Read once, without waiting: what matters is that it is there.
SHOWN = {"drop": ["CreateIndex", "ModifyIndex"], "no_headers": True}


def check(fields):
    return put("/v1/agent/check/register", fields)


def service(name, query="", **fields):
    return put("/v1/agent/service/register" + query, {"Name": name, **fields})


CHECKS = get("/v1/agent/checks")

cases = [
    case("a check again keeps its state", check({"Name": "c", "TTL": "1h"}), put("/v1/agent/check/update/c", {"Status": "warning", "Output": "hm"}),
         check({"Name": "c", "TTL": "1h"}), CHECKS, check({"Name": "c", "TTL": "1h", "Status": "passing"}), CHECKS,
         check({"ID": "c", "Name": "other", "Notes": "n", "TTL": "2h"}), CHECKS, check({"Name": "c", "TCP": "127.0.0.1:1", "Interval": "10h"}), CHECKS,
         check({"Name": "c", "HTTP": "http://127.0.0.1:1/", "Interval": "20h", "Status": "critical"}), CHECKS, check({"Name": "c", "TTL": "1h"}), CHECKS,
         put("/v1/agent/check/deregister/c")),
    case("a check that passed and becomes another kind", check({"Name": "run", "TCP": "<<host>>", "Interval": "1s"}), get("/v1/agent/checks", until='"passing"'),
         check({"Name": "run", "TCP": "<<host>>", "Interval": "1h"}), CHECKS, check({"Name": "run", "TTL": "1h"}), CHECKS,
         put("/v1/agent/check/deregister/run")),
    case("a TTL again has all of its time", check({"Name": "t", "TTL": "1500ms"}), put("/v1/agent/check/pass/t?note=ok"), {"kind": "pause", "seconds": 1},
         check({"Name": "t", "TTL": "1500ms"}), {"kind": "pause", "seconds": 1}, CHECKS, get("/v1/agent/checks", until="TTL expired"),
         check({"Name": "t", "TTL": "1h"}), CHECKS, put("/v1/agent/check/deregister/t")),
    case("a service again keeps the state of its checks", service("w", Check={"TTL": "1h"}), put("/v1/agent/check/warn/service:w?note=hm"),
         service("w", Check={"TTL": "1h", "Status": "passing"}), CHECKS, service("w", Port=8, Check={"TCP": "127.0.0.1:1", "Interval": "10h"}), CHECKS,
         service("w", "?replace-existing-checks=true", Checks=[{"CheckID": "service:w", "TTL": "1h"}]), CHECKS,
         check({"ID": "service:w", "Name": "x", "ServiceID": "w", "TTL": "1h"}), CHECKS, put("/v1/agent/service/deregister/w"),
         service("w", Check={"TTL": "1h"}), CHECKS, put("/v1/agent/service/deregister/w")),
    case("a sidecar's check", service("sc", Port=80, Connect={"SidecarService": {"Check": {"TTL": "1h"}}}),
         put("/v1/agent/check/warn/service:sc-sidecar-proxy?note=hm"),
         service("sc", Port=80, Connect={"SidecarService": {"Check": {"TTL": "1h", "Status": "passing"}}}), CHECKS, put("/v1/agent/service/deregister/sc")),
    case("what was answered is there to read", *[step for n in range(6) for step in (
        service(f"now{n}", Check={"TTL": "1h", "Status": "passing"}), get(f"/v1/health/checks/now{n}", **SHOWN),
        service(f"now{n}", Port=7, Check={"TTL": "1h"}), get(f"/v1/catalog/service/now{n}", **SHOWN),
        put(f"/v1/agent/check/warn/service:now{n}?note=hm"), get(f"/v1/health/checks/now{n}", **SHOWN),
        check({"Name": f"beside{n}", "ServiceID": f"now{n}", "TTL": "1h"}), get(f"/v1/health/checks/now{n}", **SHOWN),
        put(f"/v1/agent/service/maintenance/now{n}?enable=true&reason=r"), get(f"/v1/health/checks/now{n}", **SHOWN),
        put(f"/v1/agent/service/maintenance/now{n}?enable=false"), get(f"/v1/health/checks/now{n}", **SHOWN),
        put(f"/v1/agent/check/deregister/beside{n}"), get(f"/v1/health/checks/now{n}", **SHOWN),
        put(f"/v1/agent/service/deregister/now{n}"), get(f"/v1/catalog/service/now{n}", **SHOWN))]),
    # Consul takes the check over; differences.json says why that is refused here.
    case("one check id in two services", service("one", Check={"CheckID": "same", "TTL": "1h"}), service("two", Check={"CheckID": "same", "TTL": "1h"}),
         put("/v1/agent/service/deregister/two"), put("/v1/agent/service/deregister/one")),
]
