#include "storage/state/catalog_table.hpp"

namespace actord::state {

namespace {

constexpr std::string_view extinction = "service_last_extinction";

bool same_service(node_service a, const node_service& b) {
  a.create_index = b.create_index;
  a.modify_index = b.modify_index;
  a.locally_registered_as_sidecar = b.locally_registered_as_sidecar;
  return a == b;
}

// Counts up or down; an entry at zero goes away, so that listing the names and tags is a walk over this table.
void count(writing& w, const std::string& key, bool up) {
  auto n = get_number(w.txn, w.t.tags, key);
  if (up) put_number(w.txn, w.t.tags, key, n + 1);
  else if (n > 1) put_number(w.txn, w.t.tags, key, n - 1);
  else lmdb::erase(w.txn, w.t.tags, key);
}

void count_names(writing& w, const node_service& s, bool up) {
  count(w, lmdb::key_of({s.service, ""}), up);
  auto tags = static_cast<const std::vector<std::string>&>(s.tags);
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  for (auto& tag : tags) count(w, lmdb::key_of({s.service, "t", tag}), up);
}

void put_indexes(writing& w, std::string_view node, const node_service& s, bool there) {
  w.touched.clear();
  auto set = [&](const lmdb::table& t, const std::string& key) {
    if (there) lmdb::put(w.txn, t, key, {});
    else lmdb::erase(w.txn, t, key);
  };
  auto id = lower(s.id);
  set(w.t.service_instances, lmdb::key_of({lower(s.service), node, id}));
  if (auto name = connect_name(s); !name.empty()) set(w.t.connect, lmdb::key_of({lower(name), node, id}));
  if (!s.address.empty()) set(w.t.addresses, lmdb::key_of({s.address, "s", node, id}));
  count_names(w, s, there);
}

// The service's own index lives as long as it has instances; after the last one the time of the last extinction of any
// service is the answer for it.
void settle_index(writing& w, std::string_view name) {
  if (service_has_instances(w.txn, w.t, name)) {
    w.raise_service_index(name);
    return;
  }
  lmdb::erase(w.txn, w.t.index, lower("service." + std::string(name)));
  w.raise_index(extinction);
}

} // namespace

std::string_view connect_name(const node_service& s) {
  if (s.connect.native) return s.service;
  if (s.kind == "connect-proxy") return s.proxy.destination_service_name;
  return {};
}

void publish_service(writing& w, const node_service& s) {
  w.touch(topic_kind::service, lower(s.service));
  if (auto name = connect_name(s); !name.empty()) w.touch(topic_kind::connect_service, lower(name));
}

std::optional<node_service> find_service(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view id) {
  return find_record<node_service>(txn, t.services, lmdb::key_of({lower(node), lower(id)}));
}

bool service_has_instances(const lmdb::transaction& txn, const tables& t, std::string_view name) {
  bool found = false;
  lmdb::scan(txn, t.service_instances, lmdb::key_of({lower(name)}), [&](std::string_view, std::string_view) {
    found = true;
    return false;
  });
  return found;
}

status ensure_service(writing& w, std::string_view node, node_service service) {
  auto home = lower(node);
  std::string_view unused;
  if (!lmdb::get(w.txn, w.t.nodes, home, unused)) return error{errc::internal, "Missing node registration"};
  auto known = find_service(w.txn, w.t, node, service.id);
  if (!service.weights) service.weights = service_weights{};
  if (known) {
    if (same_service(service, *known)) return {};
    service.create_index = known->create_index;
  } else {
    service.create_index = w.index;
  }
  service.modify_index = w.index;
  if (known) put_indexes(w, home, *known, false);
  put_record(w, w.t.services, lmdb::key_of({home, lower(service.id)}), service);
  put_indexes(w, home, service, true);
  w.raise_index("services");
  w.raise_service_index(service.service);
  w.touch(topic_kind::services);
  w.touch(topic_kind::node, home);
  publish_service(w, service);
  if (known) {
    publish_service(w, *known);
    if (lower(known->service) != lower(service.service)) settle_index(w, known->service);
  }
  return {};
}

void delete_service(writing& w, std::string_view node, std::string_view id) {
  auto service = find_service(w.txn, w.t, node, id);
  if (!service) return;
  auto home = lower(node);
  for (auto& [check] : keys_under<1>(w.txn, w.t.node_service_checks, lmdb::key_of({home, lower(id)}))) delete_check(w, home, check);
  w.raise_index("checks");
  put_indexes(w, home, *service, false);
  lmdb::erase(w.txn, w.t.services, lmdb::key_of({home, lower(id)}));
  w.raise_index("services");
  settle_index(w, service->service);
  w.touch(topic_kind::services);
  w.touch(topic_kind::checks);
  w.touch(topic_kind::node, home);
  publish_service(w, *service);
}

} // namespace actord::state
