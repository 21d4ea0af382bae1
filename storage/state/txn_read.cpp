#include "storage/state/txn_read.hpp"
#include "storage/command/quote.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/kv_table.hpp"
#include "storage/state/read_view_source.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

namespace state {

bool is_read_verb(std::string_view verb) {
  return verb == kv_get || verb == kv_get_tree || verb == kv_check_index || verb == kv_check_session || verb == kv_check_not_exists;
}

bool is_write_verb(std::string_view verb) {
  return verb == kv_set || verb == kv_delete || verb == kv_delete_cas || verb == kv_delete_tree || verb == kv_cas ||
         verb == kv_lock || verb == kv_unlock;
}

status read_kv_op(const lmdb::transaction& txn, const tables& t, const txn_kv_op& op, std::vector<txn_result>& results) {
  auto refuse = [](std::string text) -> status { return error{errc::internal, std::move(text)}; };
  if (!is_read_verb(op.verb)) return refuse("unknown KV verb " + quote(op.verb));
  const auto& key = op.entry.key;
  if (op.verb == kv_get_tree) {
    lmdb::scan(txn, t.kvs, key, [&](std::string_view k, std::string_view bytes) {
      kv_view e;
      if (!decode_kv(bytes, e)) lmdb::raise_corrupt("a key/value entry");
      to_entry(k, e, results.emplace_back().kv.emplace());
      return true;
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
  to_entry(key, e, results.emplace_back().kv.emplace());
  return {};
}

status read_node_op(const lmdb::transaction& txn, const tables& t, const txn_node_op& op, std::vector<txn_result>& results) {
  auto found = op.node.id.empty() ? find_node(txn, t, op.node.node) : find_node_by_id(txn, t, op.node.id);
  if (!found) return error{errc::internal, "node " + quote(op.node.node) + " doesn't exist"};
  results.emplace_back().node = std::move(*found);
  return {};
}

status read_service_op(const lmdb::transaction& txn, const tables& t, const txn_service_op& op, std::vector<txn_result>& results) {
  auto found = find_service(txn, t, op.node, op.service.id);
  if (!found) return error{errc::internal, "service " + quote(op.service.id) + " on node " + quote(op.node) + " doesn't exist"};
  results.emplace_back().service = std::move(*found);
  return {};
}

status read_check_op(const lmdb::transaction& txn, const tables& t, const txn_check_op& op, std::vector<txn_result>& results) {
  auto found = find_check(txn, t, op.check.node, op.check.check_id);
  if (!found) return error{errc::internal, "check " + quote(op.check.check_id) + " on node " + quote(op.check.node) + " doesn't exist"};
  results.emplace_back().check = std::move(*found);
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
  if (source_) return source_->read_txn(r);
  txn_response out;
  // What was not read must not look as if it had been.
  const auto unreadable = [&] { out.errors.push_back({0, "the state cannot be read"}); };
  if (!impl_->txn) return unreadable(), out;
  try {
    for (size_t i = 0; i < r.ops.size(); ++i) {
      auto& op = r.ops[i];
      auto& txn = impl_->txn;
      auto& t = impl_->t();
      status s = error{errc::internal, "not a read operation"};
      if (op.kv && !state::is_write_verb(op.kv->verb)) s = state::read_kv_op(txn, t, *op.kv, out.results);
      else if (op.node && op.node->verb == "get") s = state::read_node_op(txn, t, *op.node, out.results);
      else if (op.service && op.service->verb == "get") s = state::read_service_op(txn, t, *op.service, out.results);
      else if (op.check && op.check->verb == "get") s = state::read_check_op(txn, t, *op.check, out.results);
      if (!s) out.errors.push_back({i, s.err().text});
    }
  } catch (const lmdb::failure& f) {
    report_failed_read(f);
    unreadable();
  }
  if (!out.errors.empty()) out.results.clear();
  return out;
}

} // namespace actord
