"""Limits that the configuration sets."""

from steps import case, put, raw

hcl = "limits { kv_max_value_size = 600 txn_max_req_len = 800 }"

cases = [
    case("size of a value", put("/v1/kv/a", "x" * 600), put("/v1/kv/a", "x" * 601)),
    case("size of a transaction", put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4"}}]),
         put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4" * 250}}]),
         put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4" * 180}}])),
    case("the connection goes on after a body that was refused",
         *[raw(f"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {size}\r\n\r\n" + "x" * size, "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n", answers=2)
           for size, more in ((601, ""), (601, "Connection: close\r\n"), (262143, ""), (262144, ""))],
         raw("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 601\r\n\r\n", answers=2)),
]
