"""What http_config changes for every endpoint."""

from steps import case, get, put, request

hcl = """http_config { response_headers { "X-Conformance" = "yes" }
  block_endpoints = ["/v1/agent/members", "/v1/kv/blocked"] allow_write_http_from = ["10.0.0.0/8"] }
ui = true
discovery_max_stale = "10s"
limits { kv_max_value_size = 600 txn_max_req_len = 800 }"""

cases = [
    case("headers of our own choice", get("/v1/status/leader"), get("/v1/nothing"), request("POST", "/v1/status/leader"),
         get("/v1/kv/a//b"), request("OPTIONS", "/v1/kv/x")),
    case("blocked endpoints", get("/v1/agent/members"), get("/v1/kv/blocked"), get("/v1/kv/blocked/below"),
         get("/v1/agent/member")),
    case("writes only from one network", put("/v1/kv/x", "y"), request("DELETE", "/v1/kv/x"), request("POST", "/v1/kv/x"),
         request("OPTIONS", "/v1/kv/x"), put("/v1/agent/maintenance?enable=true")),
    case("the root leads to the UI", get("/")),
    case("reads of the catalog may be old unless they say otherwise", get("/v1/catalog/service/none"), get("/v1/health/service/none"),
         get("/v1/catalog/service/none?leader"), get("/v1/catalog/service/none?consistent"), get("/v1/catalog/service/none?stale"),
         get("/v1/catalog/service/none?max_stale=5s"), get("/v1/health/service/none?cached"), get("/v1/kv/none"), get("/v1/session/list")),
]
