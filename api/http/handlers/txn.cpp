// /v1/txn: operations in the API's form to a command, or, when all of them only read, to an answer from the state.
#include "api/http/handlers/refusal.hpp"
#include "api/http/routes.hpp"
#include "storage/command/commands.hpp"
#include <algorithm>

namespace actord::http {
namespace {

constexpr size_t max_ops = 64;

struct api_kv_op {
  std::string verb, key, value;
  uint64_t flags = 0, index = 0;
  std::string session;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("Key", s.key);
    v("Value", s.value, {.bytes = true});
    v("Flags", s.flags);
    v("Index", s.index);
    v("Session", s.session);
  }
};
struct api_op {
  boxed<api_kv_op> kv;
  boxed<txn_node_op> node;
  boxed<txn_service_op> service;
  boxed<txn_check_op> check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("KV", s.kv);
    v("Node", s.node);
    v("Service", s.service);
    v("Check", s.check);
  }
};

bool kv_writes(std::string_view v) {
  return v == kv_set || v == kv_delete || v == kv_delete_cas || v == kv_delete_tree || v == kv_cas || v == kv_lock || v == kv_unlock;
}

bool decode_ops(exchange& x, list_of<api_op>& ops) {
  auto doc = json_document::parse(x.req.body);
  status decoded;
  if (!doc) decoded = doc.err();
  else decoded = json_decode(doc->root(), ops);
  if (!decoded) x.out.text(400, "Failed to parse body: " + decoded.err().text);
  return decoded.ok();
}

// What Consul refuses before it proposes, told like a failed operation.
std::string service_fault(const txn_service_op& op) {
  if (op.verb == kv_get) return {};
  if (!op.service.id.empty() && op.service.service.empty()) return "Must provide service name with ID";
  std::string_view a = op.service.address;
  return a == "0.0.0.0" || a == "::" || a == "[::]" ? "Invalid service address" : "";
}

// False when a value is too large (answered).
bool convert(exchange& x, list_of<api_op>& in, txn_request& out, bool& writes, std::vector<txn_error>& faults) {
  const auto limit = static_cast<size_t>(std::max<int64_t>(x.env.config.kv_max_value_size, 0));
  for (auto& op : in) {
    txn_op t;
    if (op.kv) {
      if (op.kv->value.size() > limit) {
        x.out.text(413, "Value for key \"" + op.kv->key + "\" is too large (" + std::to_string(op.kv->value.size()) + " > " +
                            std::to_string(limit) + " bytes)");
        return false;
      }
      auto& kv = t.kv.emplace();
      kv.verb = op.kv->verb;
      kv.entry.key = std::move(op.kv->key);
      kv.entry.value = std::move(op.kv->value);
      kv.entry.flags = op.kv->flags;
      kv.entry.session = std::move(op.kv->session);
      kv.entry.modify_index = op.kv->index;
      writes = writes || kv_writes(kv.verb);
    } else if (op.node) {
      t.node = std::move(op.node);
      if (t.node->node.datacenter.empty()) t.node->node.datacenter = x.env.config.datacenter;
      writes = writes || t.node->verb != kv_get;
    } else if (op.service) {
      if (op.service->service.id.empty()) op.service->service.id = op.service->service.service;
      if (!op.service->service.weights) op.service->service.weights.emplace();
      t.service = std::move(op.service);
      if (auto fault = service_fault(*t.service); !fault.empty()) faults.push_back({out.ops.size(), fault});
      writes = writes || t.service->verb != kv_get;
    } else if (op.check) {
      if (op.check->check.check_id.empty()) op.check->check.check_id = op.check->check.name;
      if (op.check->check.status.empty()) op.check->check.status = health_critical;
      t.check = std::move(op.check);
      writes = writes || t.check->verb != kv_get;
    } else {
      continue;
    }
    out.ops.push_back(std::move(t));
  }
  return true;
}

void write_result(json_writer& w, const txn_result& r) {
  w.begin_object();
  if (r.kv) w.plain_key("KV"), json_encode(w, *r.kv);
  if (r.node) w.plain_key("Node"), json_encode(w, *r.node);
  if (r.service) w.plain_key("Service"), json_encode(w, *r.service);
  if (r.check) w.plain_key("Check"), json_encode(w, *r.check);
  w.end_object();
}

void write_response(const txn_response& t, bool read_only, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("Results");
  if (!t.errors.empty()) {
    w.null();
  } else {
    w.begin_array();
    for (auto& r : t.results) write_result(w, r);
    w.end_array();
  }
  w.plain_key("Errors");
  if (t.errors.empty()) {
    w.null();
  } else {
    w.begin_array();
    for (auto& e : t.errors) json_encode(w, e);
    w.end_array();
  }
  if (read_only) w.plain_key("Index"), w.number(uint64_t{0}), w.plain_key("LastContact"), w.number(uint64_t{0}),
      w.plain_key("KnownLeader"), w.boolean(true), w.plain_key("ConsistencyLevel"), w.string("");
  w.end_object();
  if (!t.errors.empty()) out.status = 409;
}

void written(const apply_result& r, response& out) {
  txn_response none;
  write_response(r.txn ? *r.txn : none, false, out);
}

void read_through_log(const apply_result& r, response& out) {
  txn_response none;
  write_response(r.txn ? *r.txn : none, true, out);
  out.meta.present = true;
  out.meta.with_index = false;
}

// One operation on the state as it is; "" or why it failed.
std::string read_kv(const read_view& view, const txn_kv_op& op, std::vector<txn_result>& results) {
  const std::string quoted = "\"" + op.entry.key + "\"";
  query_meta meta;
  kv_entry found;
  if (op.entry.key.empty() && op.verb != kv_get_tree) return "Must provide key";
  if (op.verb == kv_get_tree) {
    view.kv_list(op.entry.key, meta, [&](const kv_entry& e) {
      results.emplace_back().kv = e;
      return true;
    });
    return {};
  }
  bool there = view.kv_get(op.entry.key, found, meta);
  if (op.verb == kv_get) {
    if (!there) return "key " + quoted + " doesn't exist";
    results.emplace_back().kv = found;
    return {};
  }
  if (op.verb == kv_check_not_exists) return there ? "key " + quoted + " exists" : "";
  if (op.verb == kv_check_index) {
    if (!there) return "failed to check index, key " + quoted + " doesn't exist";
    if (found.modify_index != op.entry.modify_index)
      return "failed index check for key " + quoted + ", current modify index " + std::to_string(found.modify_index) +
             " != " + std::to_string(op.entry.modify_index);
  } else if (op.verb == kv_check_session) {
    if (!there) return "failed to check session, key " + quoted + " doesn't exist";
    if (found.session != op.entry.session)
      return "failed session check for key " + quoted + ", current session \"" + found.session + "\" != \"" + op.entry.session + "\"";
  } else {
    return "unknown KV verb \"" + op.verb + "\"";
  }
  found.value.clear();
  results.emplace_back().kv = found;
  return {};
}

std::string read_catalog(const read_view& view, const txn_op& op, std::vector<txn_result>& results) {
  query_meta meta;
  if (op.node) {
    auto n = view.node(op.node->node.node, meta);
    if (!n) return "node \"" + op.node->node.node + "\" doesn't exist";
    results.emplace_back().node = *n;
  } else if (op.service) {
    auto found = view.services_of_node(op.service->node, meta);
    const node_service* match = nullptr;
    if (found)
      for (auto& s : found->services)
        if (s.id == op.service->service.id) match = &s;
    if (!match) return "service \"" + op.service->service.id + "\" on node \"" + op.service->node + "\" doesn't exist";
    results.emplace_back().service = *match;
  } else {
    for (auto& c : view.checks_of_node(op.check->check.node, meta))
      if (c.check_id == op.check->check.check_id) return results.emplace_back().check = c, "";
    return "check \"" + op.check->check.check_id + "\" on node \"" + op.check->check.node + "\" doesn't exist";
  }
  return {};
}

void read_only(exchange& x, const txn_request& t) {
  txn_response r;
  {
    read_view view = x.env.views.open();
    for (size_t i = 0; i < t.ops.size(); ++i) {
      auto& op = t.ops[i];
      auto fault = op.kv ? read_kv(view, *op.kv, r.results) : read_catalog(view, op, r.results);
      if (!fault.empty()) r.errors.push_back({i, fault});
    }
  }
  write_response(r, true, x.out);
  x.out.meta.present = true;
  x.out.meta.with_index = false;
}

} // namespace

void txn_endpoint(exchange& x) {
  query_options o;
  list_of<api_op> ops;
  if (!decode_ops(x, ops)) return;
  if (ops.size() > max_ops)
    return x.out.text(413, "Transaction contains too many operations (" + std::to_string(ops.size()) + " > " + std::to_string(max_ops) + ")");
  txn_request t;
  bool writes = false;
  txn_response refused;
  if (!convert(x, ops, t, writes, refused.errors)) return;
  if (!x.options(o)) return;
  t.datacenter = x.env.config.datacenter;
  if (!o.datacenter.empty() && o.datacenter != t.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter"));
  if (!refused.errors.empty()) return write_response(refused, !writes, x.out);
  if (writes) return x.propose(encode_command(command_kind::txn, t), written);
  // Where this server cannot know that its state is current, the log says it: the transaction goes through it.
  const auto now = std::chrono::duration_cast<nanos>(std::chrono::steady_clock::now().time_since_epoch()).count();
  // A client agent has no state; its router makes a read of the command.
  if (!x.env.views.has_store()) return x.propose(encode_command(command_kind::txn, t), read_through_log);
  if (o.mode != consistency::stale && !x.env.status.sees_everything(now, o.mode == consistency::consistent)) return x.propose(encode_command(command_kind::txn, t), read_through_log);
  read_only(x, t);
}

} // namespace actord::http
