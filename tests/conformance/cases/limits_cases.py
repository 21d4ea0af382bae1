"""Limits that the configuration sets."""

from steps import case, put

hcl = "limits { kv_max_value_size = 600 txn_max_req_len = 800 }"

cases = [
    case("size of a value", put("/v1/kv/a", "x" * 600), put("/v1/kv/a", "x" * 601)),
    case("size of a transaction", put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4"}}]),
         put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4" * 250}}]),
         put("/v1/txn", [{"KV": {"Verb": "set", "Key": "a", "Value": "eHh4" * 180}}])),
]
