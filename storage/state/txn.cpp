#include "storage/state/txn.hpp"
#include "runtime/base/quote.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/kv_table.hpp"
#include "storage/state/txn_read.hpp"

namespace actord::state {

namespace {

constexpr size_t most_answered = 64 << 20; // bytes; 64 values of the greatest size that is allowed by default are half of it

status stale(std::string_view done, std::string_view what) {
  return error{errc::internal, "failed to " + std::string(done) + " " + std::string(what) + ", index is stale"};
}
status unknown_verb(std::string_view kind, std::string_view verb) {
  return error{errc::internal, "unknown " + std::string(kind) + " verb " + quote(verb)};
}

// The compare of cas: expected 0 means that it must not exist yet.
template <class Record> bool may_set(const std::optional<Record>& known, uint64_t expected) {
  return known ? expected != 0 && known->modify_index == expected : expected == 0;
}
template <class Record> bool may_delete(const std::optional<Record>& known, uint64_t expected) {
  return known && known->modify_index == expected;
}

status kv_refusal(const txn_kv_op& op, const kv_outcome& done) {
  auto key = quote(op.entry.key);
  if (op.verb == kv_cas) return error{errc::internal, "failed to set key " + key + ", index is stale"};
  if (op.verb == kv_delete_cas) return error{errc::internal, "failed to delete key " + key + ", index is stale"};
  if (op.verb == kv_lock) return error{errc::internal, "failed to lock key " + key + ", lock is already held"};
  if (op.verb == kv_unlock)
    return error{errc::internal, "failed to unlock key " + key + ", lock isn't held, or is held by another session"};
  return done.refused;
}

status run(writing& w, const txn_kv_op& op, txn_results& results) {
  if (!is_write_verb(op.verb)) return read_kv_op(w.txn, w.t, op, results);
  auto& e = op.entry;
  auto done = kv_apply(w, {op.verb, e.key, e.value, e.session, e.flags, e.lock_index, e.modify_index});
  if (!done.refused) return done.refused;
  if (!done.done) return kv_refusal(op, done);
  if (done.present) {
    done.entry.value = {};
    kv_entry shown;
    to_entry(e.key, done.entry, shown);
    results.add(std::move(shown));
  }
  return {};
}

status run(writing& w, const txn_node_op& op, txn_results& results) {
  if (op.verb == "get") return read_node_op(w.txn, w.t, op, results);
  auto what = "node " + quote(op.node.node);
  auto set = [&]() -> status {
    if (auto s = ensure_node(w, op.node); !s) return s;
    return read_node_op(w.txn, w.t, op, results);
  };
  auto known = find_node(w.txn, w.t, op.node.node);
  if (op.verb == "set") return set();
  if (op.verb == "cas") return may_set(known, op.node.modify_index) ? set() : stale("set", what);
  if (op.verb == "delete-cas" && !may_delete(known, op.node.modify_index)) return stale("delete", what);
  if (op.verb != "delete" && op.verb != "delete-cas") return unknown_verb("Node", op.verb);
  delete_node(w, op.node.node);
  return {};
}

status run(writing& w, const txn_service_op& op, txn_results& results) {
  if (op.verb == "get") return read_service_op(w.txn, w.t, op, results);
  auto what = "service " + quote(op.service.id) + " on node " + quote(op.node);
  auto set = [&]() -> status {
    if (auto s = ensure_service(w, op.node, op.service); !s) return s;
    return read_service_op(w.txn, w.t, op, results);
  };
  auto known = find_service(w.txn, w.t, op.node, op.service.id);
  if (op.verb == "set") return set();
  if (op.verb == "cas") return may_set(known, op.service.modify_index) ? set() : stale("set", what);
  if (op.verb == "delete-cas" && !may_delete(known, op.service.modify_index)) return stale("delete", what);
  if (op.verb != "delete" && op.verb != "delete-cas") return unknown_verb("Service", op.verb);
  delete_service(w, op.node, op.service.id);
  return {};
}

status run(writing& w, const txn_check_op& op, txn_results& results) {
  if (op.verb == "get") return read_check_op(w.txn, w.t, op, results);
  auto what = "check " + quote(op.check.check_id) + " on node " + quote(op.check.node);
  auto set = [&]() -> status {
    if (auto s = ensure_check(w, op.check); !s) return s;
    return read_check_op(w.txn, w.t, op, results);
  };
  auto known = find_check(w.txn, w.t, op.check.node, op.check.check_id);
  if (op.verb == "set") return set();
  if (op.verb == "cas") return may_set(known, op.check.modify_index) ? set() : stale("set", what);
  if (op.verb == "delete-cas" && !may_delete(known, op.check.modify_index)) return stale("delete", what);
  if (op.verb != "delete" && op.verb != "delete-cas") return unknown_verb("Check", op.verb);
  delete_check(w, op.check.node, op.check.check_id);
  return {};
}

status run(writing& w, const txn_op& op, txn_results& results) {
  if (op.kv) return run(w, *op.kv, results);
  if (op.node) return run(w, *op.node, results);
  if (op.service) return run(w, *op.service, results);
  if (op.check) return run(w, *op.check, results);
  return error{errc::internal, "no operation specified"};
}

} // namespace

status run_txn(writing& w, const txn_request& r, txn_response& out) {
  txn_results found(out.results, most_answered);
  for (size_t i = 0; i < r.ops.size(); ++i)
    if (auto s = run(w, r.ops[i], found); !s) out.errors.push_back({i, s.err().text});
  if (!out.errors.empty() || found.full()) out.results.clear();
  if (out.errors.empty() && found.full()) return found.refusal("the transaction was carried out, but what it read is too much to tell");
  return {};
}

} // namespace actord::state
