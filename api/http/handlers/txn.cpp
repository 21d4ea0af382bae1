// /v1/txn: operations in the API's form to a change, or, when all of them only read, to a read.
#include "api/endpoints/kv.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"
#include "runtime/base/json_lists.hpp"
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
  std::optional<rpc::txn_read_request<txn_op>> reads; // nothing else
  checked_change<endpoints::txn::apply> change;
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

prepared_txn prepare(std::string_view body, const environment& env, txn_request t) {
  if (body.size() > long_body) // so many that reading them would be work
    if (const size_t n = count_json_lists(body).outermost; n > max_ops) return too_many(n);
  list_of<api_op> ops;
  auto doc = json_document::parse(body);
  const status decoded = doc ? json_decode(doc->root(), ops) : status(doc.err());
  if (!decoded) return refuse(400, "Failed to parse body: " + decoded.err().text);
  if (ops.size() > max_ops) return too_many(ops.size());
  const auto limit = static_cast<size_t>(std::max<int64_t>(env.config.kv_max_value_size, 0));
  for (auto& op : ops) {
    if (op.kv && op.kv->value.size() > limit)
      return refuse(413, "Value for key \"" + op.kv->key + "\" is too large (" + std::to_string(op.kv->value.size()) + " > " + std::to_string(limit) + " bytes)");
    txn_op one;
    if (convert(op, env.config.datacenter, one)) t.ops.push_back(std::move(one));
  }
  prepared_txn p;
  if (is_read_only(t)) p.reads.emplace().ops = std::move(t.ops);
  else p.change = check<endpoints::txn::apply>(env, std::move(t));
  return p;
}

void write_result(json_writer& w, const rpc::txn_result_record& r) {
  w.begin_object();
  if (r.kv) w.plain_key("KV"), json_encode(w, *r.kv);
  if (r.node) w.plain_key("Node"), json_encode(w, *r.node);
  if (r.service) w.plain_key("Service"), json_encode(w, *r.service);
  if (r.check) w.plain_key("Check"), json_encode(w, *r.check);
  w.end_object();
}

void write_response(const rpc::txn_apply_reply& t, bool read_only, response& out) {
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

void show_written(const rpc::txn_apply_reply& t, std::string_view, response& out) { write_response(t, false, out); }
struct as_read {
  void write(response& out, const rpc::txn_read_reply& t) const { write_response(t.txn, true, out); }
};

constexpr answer_style told{.send_consistency = false, .honours_cached = false, .meta_on_error = false, .plain = false, .tells_index = false};

void carry_out(exchange& x, prepared_txn& p) {
  query_options o;
  if (p.refused != 0) return x.out.text(p.refused, p.why);
  if (!x.options(o)) return;
  if (!p.reads) return propose<endpoints::txn::apply, show_written>(x, p.change);
  auto q = arguments_of<rpc::txn_read_request<txn_op>>(x, o);
  q.ops = std::move(p.reads->ops);
  x.read(bind<endpoints::txn::read>(told, std::move(q), as_read{}), o);
}

} // namespace

void txn_endpoint(exchange& x) {
  query_options o;
  response bad; // what is wrong with the options is said when the body is fine
  (void)parse_query_options(x.req, o, bad);
  with_body(x, [&env = x.env, t = arguments_of<txn_request>(x, o)](std::string_view body) { return prepare(body, env, t); }, carry_out);
}

} // namespace actord::http
