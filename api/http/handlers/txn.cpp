// /v1/txn: operations in the API's form to a command, or, when all of them only read, to an answer from the state.
#include "api/dispatch/currency.hpp"
#include "api/http/body_work.hpp"
#include "api/http/elsewhere.hpp"
#include "api/http/handlers/refusal.hpp"
#include "api/http/routes.hpp"
#include "runtime/base/json_lists.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/state/read_view.hpp"
#include "storage/state/read_view_long.hpp"
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
// Durations have a second name here, and only here.
struct api_definition : check_definition_record {
  template <class V, class Self> static void fields(V&& v, Self& s) {
    check_definition_record::fields(v, s);
    v("IntervalDuration", s.interval);
    v("TimeoutDuration", s.timeout);
    v("DeregisterCriticalServiceAfterDuration", s.deregister_critical_service_after);
  }
};
struct api_check : health_check {
  api_definition written;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Definition", s.written);
    health_check::fields(v, s);
  }
};
struct api_check_op {
  std::string verb;
  api_check check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("Check", s.check);
  }
};
struct api_op {
  boxed<api_kv_op> kv;
  boxed<txn_node_op> node;
  boxed<txn_service_op> service;
  boxed<api_check_op> check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("KV", s.kv);
    v("Node", s.node);
    v("Service", s.service);
    v("Check", s.check);
  }
};

struct prepared_txn {
  int refused = 0; // the answer's status, with `why`
  std::string why;
  txn_request t;
  txn_response faults;
  bool read_only = false;
  std::string command; // of one that writes
};

prepared_txn refuse(int status, std::string why) {
  prepared_txn p;
  p.refused = status;
  p.why = std::move(why);
  return p;
}

bool convert(api_op& op, const std::string& datacenter, txn_op& t) {
  if (op.kv) {
    auto& kv = t.kv.emplace();
    kv.verb = op.kv->verb;
    kv.entry.key = std::move(op.kv->key);
    kv.entry.value = std::move(op.kv->value);
    kv.entry.flags = op.kv->flags;
    kv.entry.session = std::move(op.kv->session);
    kv.entry.modify_index = op.kv->index;
  } else if (op.node) {
    t.node = std::move(op.node);
    if (t.node->node.datacenter.empty()) t.node->node.datacenter = datacenter;
  } else if (op.service) {
    t.service = std::move(op.service);
  } else if (op.check) {
    op.check->check.definition = std::move(op.check->check.written);
    t.check = txn_check_op{std::move(op.check->verb), std::move(op.check->check)};
  } else {
    return false;
  }
  return true;
}

prepared_txn too_many(size_t ops) {
  return refuse(413, "Transaction contains too many operations (" + std::to_string(ops) + " > " + std::to_string(max_ops) + ")");
}

prepared_txn prepare(std::string_view body, const node_config& config) {
  if (body.size() > long_body) // so many that reading them would be work
    if (const size_t n = count_json_lists(body).outermost; n > max_ops) return too_many(n);
  list_of<api_op> ops;
  auto doc = json_document::parse(body);
  const status decoded = doc ? json_decode(doc->root(), ops) : status(doc.err());
  if (!decoded) return refuse(400, "Failed to parse body: " + decoded.err().text);
  if (ops.size() > max_ops) return too_many(ops.size());
  prepared_txn p;
  const auto limit = static_cast<size_t>(std::max<int64_t>(config.kv_max_value_size, 0));
  for (auto& op : ops) {
    if (op.kv && op.kv->value.size() > limit)
      return refuse(413, "Value for key \"" + op.kv->key + "\" is too large (" + std::to_string(op.kv->value.size()) + " > " + std::to_string(limit) + " bytes)");
    txn_op t;
    if (convert(op, config.datacenter, t)) p.t.ops.push_back(std::move(t));
  }
  p.t.datacenter = config.datacenter;
  p.faults.errors = prepare_transaction(p.t);
  p.read_only = is_read_only(p.t);
  if (p.faults.errors.empty() && !p.read_only) p.command = encode_command(command_kind::txn, p.t);
  return p;
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

void answer_read(const txn_response& t, response& out) {
  write_response(t, true, out);
  out.meta.present = true;
  out.meta.with_index = false;
}

void read_through_log(const apply_result& r, response& out) { answer_read(r.txn ? *r.txn : txn_response{}, out); }

void carry_out(exchange& x, prepared_txn& p) {
  query_options o;
  if (p.refused != 0) return x.out.text(p.refused, p.why);
  if (!x.options(o)) return;
  auto& t = p.t;
  if (!o.datacenter.empty() && o.datacenter != t.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter"));
  if (!p.faults.errors.empty()) return p.read_only ? answer_read(p.faults, x.out) : write_response(p.faults, false, x.out);
  if (!p.read_only) return x.propose(std::move(p.command), written);
  // Where this server cannot know that its state is current, the log says it: the transaction goes through it.
  const dispatch::freshness wanted{.stale = o.mode == consistency::stale, .consistent = o.mode == consistency::consistent, .max_stale = o.max_stale, .at_least = 0};
  const bool current = dispatch::is_current(x.env.status, wanted, dispatch::steady_nanos());
  // A client agent has no state; its router makes a read of the command.
  if (!x.env.views.has_store() || !current) return x.propose(encode_command(command_kind::txn, t), read_through_log);
  bool is_long = std::any_of(t.ops.begin(), t.ops.end(), [](const txn_op& op) { return op.kv && op.kv->verb == "get-tree"; });
  txn_response answer;
  if (!is_long) {
    const bounded_read bounded(true);
    auto view = x.env.views.open();
    answer = view.read_txn(t);
    if (view.failed()) return x.out.text(500, view.failure().text);
    is_long = bounded.gave_up();
  }
  if (!is_long) return answer_read(answer, x.out);
  x.out.answered = true;
  answer_elsewhere(x.env, x.defer(), [t = std::move(t)](const read_view& view, response& out) { answer_read(view.read_txn(t), out); });
}

} // namespace

void txn_endpoint(exchange& x) {
  with_body(x, [&config = x.env.config](std::string_view body) { return prepare(body, config); }, carry_out);
}

} // namespace actord::http
