// KVS.Apply and Txn.Apply.
#include "api/consul_rpc/reads.hpp"
#include "api/consul_rpc/methods.hpp"
#include "api/endpoints/kv.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>
#include <string>

namespace actord::consul_rpc {
namespace {

void say_value(call& c, const apply_result& r) { c.reply(r.value); }
void say_false(call& c, const apply_result&) { c.reply(false); }

void apply(call& c) {
  kv_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (r.entry.key.empty() && r.op != kv_delete_tree) return c.fail("Must provide key");
  const bool conditional = r.op == kv_cas || r.op == kv_delete_cas || r.op == kv_lock || r.op == kv_unlock;
  c.propose(encode_command(command_kind::kv, r), conditional ? say_value : say_false);
}

using endpoints::txn::shape;

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

void apply_txn(call& c) {
  txn_request r;
  if (!has_few_operations(c) || !c.decode(r) || !c.is_local(r.datacenter)) return;
  txn_response refused;
  refused.errors = prepare_transaction(r);
  if (!refused.errors.empty()) return c.reply(shape(refused));
  c.propose(encode_command(command_kind::txn, r), say_transaction);
}

constexpr method rows[] = {{"KVS.Apply", apply}, {"Txn.Apply", apply_txn}};

} // namespace

bool has_few_operations(call& c) {
  const size_t n = announced_operations(c.arguments);
  if (n <= most_operations) return true;
  c.fail("Transaction contains too many operations (" + std::to_string(n) + " > " + std::to_string(most_operations) + ")");
  return false;
}

std::span<const method> kv_methods() { return rows; }

} // namespace actord::consul_rpc
