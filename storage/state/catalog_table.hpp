// Nodes, services and checks: storage/state/semantics.md (Consul's state/catalog.go in effect),
// each with its indexes, its X-Consul-Index rules and the topics that it changes. Writers raise lmdb::failure; a refusal
// comes back as a status and may leave half of the work behind: the caller runs them inside an `attempt`.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/catalog.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/record_codec.hpp"
#include "storage/state/writing.hpp"
#include <array>
#include <optional>

namespace actord::state {

status ensure_registration(writing& w, const register_request& r);
void deregister(writing& w, const deregister_request& r);

// ---- nodes (node_table.cpp) -----------------------------------------------------------------------------------------
std::optional<node_record> find_node(const lmdb::transaction& txn, const tables& t, std::string_view name);
std::optional<node_record> find_node_by_id(const lmdb::transaction& txn, const tables& t, std::string_view id);
// An unchanged node keeps its ModifyIndex. A known id under another name renames the node, which loses its services.
status ensure_node(writing& w, node_record node);
void delete_node(writing& w, std::string_view name);
// Raises the indexes of all services of the node and publishes them: their answers show something of the node.
void touch_services_of_node(writing& w, std::string_view name);

// ---- services (service_table.cpp) -----------------------------------------------------------------------------------
std::optional<node_service> find_service(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view id);
bool service_has_instances(const lmdb::transaction& txn, const tables& t, std::string_view name);
status ensure_service(writing& w, std::string_view node, node_service service);
void delete_service(writing& w, std::string_view node, std::string_view id);
void publish_service(writing& w, const node_service& s); // topics service and connect_service
// The service name under which /catalog/connect and /health/connect show this instance; "" when they do not.
std::string_view connect_name(const node_service& s);

// ---- checks (check_table.cpp) ---------------------------------------------------------------------------------------
std::optional<health_check> find_check(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view id);
status ensure_check(writing& w, health_check check);
void delete_check(writing& w, std::string_view node, std::string_view id);
// All checks of one service instance, or the node's own with service_id "".
std::vector<health_check> checks_of_instance(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view service_id);

// ---- records --------------------------------------------------------------------------------------------------------
template <class Record> void put_record(writing& w, const lmdb::table& t, std::string_view key, const Record& r) {
  lmdb::put(w.txn, t, key, to_msgpack(r));
}
template <class Record> Record load_record(std::string_view bytes) {
  Record r;
  if (bounded_read::may_load(bytes.size()) && !decode_record(bytes, r)) lmdb::raise_corrupt("a catalog record");
  return r;
}
template <class Record> std::optional<Record> find_record(const lmdb::transaction& txn, const lmdb::table& t, std::string_view key) {
  std::string_view bytes;
  if (!lmdb::get(txn, t, key, bytes)) return std::nullopt;
  return load_record<Record>(bytes);
}
// What an index names is there: a record that is not has been lost.
template <class Record> Record load_indexed(const lmdb::transaction& txn, const lmdb::table& t, std::string_view key) {
  auto r = find_record<Record>(txn, t, key);
  if (r) return std::move(*r);
  if (!bounded_read::stopped()) lmdb::raise_corrupt("a record that an index names"); // else the key may be of what was not decoded
  return {};
}
// The parts of the keys under a prefix that follow it: [lower(node), lower(id)] of a service's instances, for example. Each is taken for a
// record that is read next, so a bounded read that would read too many stops here, with none.
template <size_t N>
std::vector<std::array<std::string, N>> keys_under(const lmdb::transaction& txn, const lmdb::table& t, std::string_view prefix, size_t most = ~size_t{0}) {
  std::vector<std::array<std::string, N>> out;
  lmdb::scan(txn, t, prefix, [&](std::string_view key, std::string_view) {
    key.remove_prefix(prefix.size());
    std::array<std::string, N> parts;
    for (auto& p : parts)
      if (!lmdb::take_part(key, p)) lmdb::raise_corrupt("a key of an index");
    out.push_back(std::move(parts));
    return out.size() < most && !bounded_read::stops_at_records(out.size());
  });
  if (bounded_read::stopped()) out.clear();
  return out;
}

} // namespace actord::state
