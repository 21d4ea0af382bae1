#include "storage/state/txn_read.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/base/quote.hpp"
#include "storage/model/weight.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/kv_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/view_access.hpp"
#include <algorithm>

namespace actord {

namespace state {

bool is_read_verb(std::string_view verb) {
  return verb == kv_get || verb == kv_get_tree || verb == kv_check_index || verb == kv_check_session || verb == kv_check_not_exists;
}

bool is_write_verb(std::string_view verb) {
  return verb == kv_set || verb == kv_delete || verb == kv_delete_cas || verb == kv_delete_tree || verb == kv_cas ||
         verb == kv_lock || verb == kv_unlock;
}

namespace {
constexpr size_t per_row = 256, per_record = 1024; // what a row takes beside its texts, roughly
template <class Record> size_t taken_by(const Record& r) { return per_record + weight_of(r); }

kv_entry entry_of(std::string_view key, const kv_view& e) {
  kv_entry out;
  to_entry(key, e, out);
  return out;
}
} // namespace

void txn_results::add(kv_entry e) {
  bytes_ += per_row + e.key.size() + e.value.size();
  if (!full()) rows_.emplace_back().kv = std::move(e);
}
void txn_results::add(node_record n) {
  bytes_ += taken_by(n);
  if (!full()) rows_.emplace_back().node = std::move(n);
}
void txn_results::add(node_service s) {
  bytes_ += taken_by(s);
  if (!full()) rows_.emplace_back().service = std::move(s);
}
void txn_results::add(health_check c) {
  bytes_ += taken_by(c);
  if (!full()) rows_.emplace_back().check = std::move(c);
}
error txn_results::refusal(std::string_view what) const {
  return {errc::internal, std::string(what) + ": it takes more than " + std::to_string(most_ >> 20) + " MiB. Read less at a time"};
}

status read_kv_op(const lmdb::transaction& txn, const tables& t, const txn_kv_op& op, txn_results& results) {
  auto refuse = [](std::string text) -> status { return error{errc::internal, std::move(text)}; };
  if (!is_read_verb(op.verb)) return refuse("unknown KV verb " + quote(op.verb));
  const auto& key = op.entry.key;
  if (op.verb == kv_get_tree) {
    if (results.full()) return {};
    lmdb::scan(txn, t.kvs, key, [&](std::string_view k, std::string_view bytes) {
      kv_view e;
      if (!decode_kv(bytes, e)) lmdb::raise_corrupt("a key/value entry");
      results.add(entry_of(k, e));
      return !results.full() && !bounded_read::stops_at(results.rows(), results.bytes());
    });
    return {};
  }
  kv_view e;
  bool found = kv_find(txn, t, key, e);
  if (op.verb == kv_check_not_exists) return found ? refuse("key " + quote(key) + " exists") : status{};
  if (op.verb == kv_get && !found) return refuse("key " + quote(key) + " doesn't exist");
  if (op.verb == kv_check_session) {
    if (!found) return refuse("failed to check session, key " + quote(key) + " doesn't exist");
    if (e.session != op.entry.session)
      return refuse("failed session check for key " + quote(key) + ", current session " + quote(e.session) + " != " + quote(op.entry.session));
  } else if (op.verb == kv_check_index) {
    if (!found) return refuse("failed to check index, key " + quote(key) + " doesn't exist");
    if (e.modify_index != op.entry.modify_index)
      return refuse("failed index check for key " + quote(key) + ", current modify index " + std::to_string(e.modify_index) + " != " +
                    std::to_string(op.entry.modify_index));
  }
  if (op.verb != kv_get) e.value = {};
  results.add(entry_of(key, e));
  return {};
}

status read_node_op(const lmdb::transaction& txn, const tables& t, const txn_node_op& op, txn_results& results) {
  auto found = op.node.id.empty() ? find_node(txn, t, op.node.node) : find_node_by_id(txn, t, op.node.id);
  if (!found) return error{errc::internal, "node " + quote(op.node.node) + " doesn't exist"};
  results.add(std::move(*found));
  return {};
}

status read_service_op(const lmdb::transaction& txn, const tables& t, const txn_service_op& op, txn_results& results) {
  auto found = find_service(txn, t, op.node, op.service.id);
  if (!found) return error{errc::internal, "service " + quote(op.service.id) + " on node " + quote(op.node) + " doesn't exist"};
  results.add(std::move(*found));
  return {};
}

status read_check_op(const lmdb::transaction& txn, const tables& t, const txn_check_op& op, txn_results& results) {
  auto found = find_check(txn, t, op.check.node, op.check.check_id);
  if (!found) return error{errc::internal, "check " + quote(op.check.check_id) + " on node " + quote(op.check.node) + " doesn't exist"};
  results.add(std::move(*found));
  return {};
}

} // namespace state

bool is_read_only(const txn_request& r) {
  auto reads = [](const txn_op& op) {
    // An unknown verb of a key is a read to Consul, and refused as such.
    if (op.kv) return !state::is_write_verb(op.kv->verb);
    if (op.node) return op.node->verb == "get";
    if (op.service) return op.service->verb == "get";
    return op.check && op.check->verb == "get";
  };
  return std::all_of(r.ops.begin(), r.ops.end(), reads);
}

txn_response read_view::read_txn(const txn_request& r) const {
  txn_response out;
  guarded(impl_, [&](auto& txn, auto& t) {
    static const size_t most = std::clamp<uint64_t>(usable_memory() / 16, 64 << 20, 512 << 20);
    state::txn_results found(out.results, most);
    for (size_t i = 0; i < r.ops.size() && !found.full(); ++i) {
      if (bounded_read::stops_at(found.rows(), found.bytes())) return;
      auto& op = r.ops[i];
      status s = error{errc::internal, "not a read operation"};
      if (op.kv && !state::is_write_verb(op.kv->verb)) s = state::read_kv_op(txn, t, *op.kv, found);
      else if (op.node && op.node->verb == "get") s = state::read_node_op(txn, t, *op.node, found);
      else if (op.service && op.service->verb == "get") s = state::read_service_op(txn, t, *op.service, found);
      else if (op.check && op.check->verb == "get") s = state::read_check_op(txn, t, *op.check, found);
      if (!s) out.errors.push_back({i, s.err().text});
    }
    if (found.full()) out.errors.push_back({0, found.refusal("what the transaction reads is too much").text});
  });
  if (failed()) out.errors.push_back({0, failure().text}); // what was not read must not look as if it had been
  if (!out.errors.empty()) out.results.clear();
  return out;
}

} // namespace actord
