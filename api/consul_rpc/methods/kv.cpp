// KVS.* and Txn.*.
#include "api/consul_rpc/methods.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>

namespace actord::consul_rpc {
namespace {

using read_request = rpc::txn_read_request<txn_op>;

status get(const rpc::key_request& q, look& at, rpc::entries_reply& r) {
  kv_entry e;
  if (at.view.kv_get(q.key, e, at.meta)) r.entries.push_back(std::move(e));
  return {};
}

status list(const rpc::key_request& q, look& at, rpc::entries_reply& r) {
  size_t bytes = 0;
  at.view.kv_list(q.key, at.meta, [&](const kv_entry& e) {
    r.entries.push_back(e);
    return !bounded_read::stops_at(r.entries.size(), bytes += e.value.size());
  });
  return {};
}

status list_keys(const rpc::key_list_request& q, look& at, rpc::keys_reply& r) {
  if (bounded_read::on()) {
    query_meta apart;
    size_t rows = 0, bytes = 0;
    bool much = false;
    at.view.kv_list(q.prefix, apart, [&](const kv_entry& e) { return !(much = bounded_read::stops_at(++rows, bytes += e.value.size())); });
    if (much) return {};
  }
  r.keys = at.view.kv_keys(q.prefix, q.separator, at.meta);
  if (r.keys.empty()) r.keys.set = false;
  return {};
}

void say_value(call& c, const apply_result& r) { c.reply(r.value); }
void say_false(call& c, const apply_result&) { c.reply(false); }

void apply(call& c) {
  kv_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (r.entry.key.empty() && r.op != kv_delete_tree) return c.fail("Must provide key");
  const bool conditional = r.op == kv_cas || r.op == kv_delete_cas || r.op == kv_lock || r.op == kv_unlock;
  c.propose(encode_command(command_kind::kv, r), conditional ? say_value : say_false);
}

rpc::txn_apply_reply shape(const txn_response& t) {
  rpc::txn_apply_reply out;
  if (!t.errors.empty()) {
    for (auto& e : t.errors) out.errors.push_back({static_cast<int64_t>(e.op_index), e.what});
    return out;
  }
  out.results.set = true;
  for (auto& r : t.results) out.results.push_back({r.kv, r.node, r.service, r.check});
  return out;
}

constexpr size_t long_answer = 64 << 10; // bytes; encoding more may be work for another thread

size_t weight(const txn_response& t) {
  constexpr size_t record = 256; // of what has no value
  size_t bytes = 0;
  for (auto& r : t.results) bytes += record + (r.kv ? r.kv->value.size() : 0);
  return bytes;
}

void say_transaction(call& c, const apply_result& r) {
  if (!r.txn || weight(*r.txn) <= long_answer) return c.reply(shape(r.txn ? *r.txn : txn_response{}));
  rpc::read_options any;
  any.allow_stale = true;
  c.read(any, [t = r.txn, bytes = weight(*r.txn)](look& at, const std::function<bool()>& wanted) -> status {
    at.plain = true;
    if (!bounded_read::stops_at(0, bytes) && wanted()) at.out = to_msgpack(shape(*t));
    return {};
  });
}

// Client agents of any version let through at most so many (1.8: 64). They are counted before anything is made of them.
constexpr size_t most_operations = 128;

size_t announced_operations(std::string_view arguments) {
  msgpack_reader r(arguments);
  size_t most = 0; // a name may come twice
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    if (r.raw() != "Ops") {
      r.skip();
      continue;
    }
    auto left = r.array();
    for (most = std::max(most, left); left > 0 && r.ok(); --left) r.skip();
  }
  return most;
}

template <void (*Run)(call&)> void with_few_operations(call& c) {
  const size_t n = announced_operations(c.arguments);
  if (n <= most_operations) return Run(c);
  c.fail("Transaction contains too many operations (" + std::to_string(n) + " > " + std::to_string(most_operations) + ")");
}

void apply_txn(call& c) {
  txn_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  txn_response refused;
  refused.errors = prepare_transaction(r);
  if (!refused.errors.empty()) return c.reply(shape(refused));
  c.propose(encode_command(command_kind::txn, r), say_transaction);
}

status read_txn(const read_request& q, look& at, rpc::txn_read_reply& r) {
  at.plain = true;
  txn_request t;
  t.ops = q.ops;
  txn_response refused;
  refused.errors = prepare_transaction(t);
  r.txn = shape(refused.errors.empty() ? at.view.read_txn(t) : refused);
  return {};
}

} // namespace

std::span<const method> kv_methods() {
  static constexpr method rows[] = {
      {"KVS.Apply", apply}, {"KVS.Get", reads<get>},        {"KVS.List", reads<list>},
      {"KVS.ListKeys", reads<list_keys>}, {"Txn.Apply", with_few_operations<apply_txn>}, {"Txn.Read", with_few_operations<reads<read_txn>>},
  };
  return rows;
}

} // namespace actord::consul_rpc
