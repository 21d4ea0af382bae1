#include "storage/state/catalog_table.hpp"
#include "storage/state/session_table.hpp"

namespace actord::state {

namespace {

void put_indexes(writing& w, const health_check& c, bool there) {
  auto set = [&](const lmdb::table& t, const std::string& key) {
    if (there) lmdb::put(w.txn, t, key, {});
    else lmdb::erase(w.txn, t, key);
  };
  auto node = lower(c.node), id = lower(c.check_id);
  set(w.t.node_service_checks, lmdb::key_of({node, lower(c.service_id), id}));
  if (!c.service_name.empty()) set(w.t.service_checks, lmdb::key_of({lower(c.service_name), node, id}));
  set(w.t.state_checks, lmdb::key_of({c.status, node, id}));
}

bool same_check(health_check a, const health_check& b) {
  a.create_index = b.create_index;
  a.modify_index = b.modify_index;
  return a == b;
}

// What shows this check: its service, or every service of its node.
void touch_owners(writing& w, const health_check& c) {
  if (c.service_id.empty()) return touch_services_of_node(w, c.node);
  if (!w.is_untouched(lmdb::key_of({lower(c.node), lower(c.service_id), c.service_name}))) return;
  w.raise_service_index(c.service_name);
  if (auto s = find_service(w.txn, w.t, c.node, c.service_id)) publish_service(w, *s);
  else w.touch(topic_kind::service, lower(c.service_name));
}

void published(writing& w, const health_check& c) {
  w.raise_index("checks");
  w.touch(topic_kind::checks);
  w.touch(topic_kind::node, lower(c.node));
}

} // namespace

std::optional<health_check> find_check(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view id) {
  return find_record<health_check>(txn, t.checks, lmdb::key_of({lower(node), lower(id)}));
}

status ensure_check(writing& w, health_check check) {
  auto known = find_check(w.txn, w.t, check.node, check.check_id);
  if (check.status.empty()) check.status = health_critical;
  std::string_view unused;
  if (!lmdb::get(w.txn, w.t.nodes, lower(check.node), unused)) return error{errc::internal, "Missing node registration"};
  if (!check.service_id.empty()) {
    auto service = find_service(w.txn, w.t, check.node, check.service_id);
    if (!service) return error{errc::internal, "Missing service registration"};
    check.service_name = service->service;
    check.service_tags = service->tags;
  }
  if (check.status == health_critical) end_sessions_of_check(w, check.node, check.check_id);
  if (known && same_check(check, *known)) return {};
  check.create_index = known ? known->create_index : w.index;
  check.modify_index = w.index;
  if (known) put_indexes(w, *known, false);
  put_record(w, w.t.checks, lmdb::key_of({lower(check.node), lower(check.check_id)}), check);
  put_indexes(w, check, true);
  published(w, check);
  touch_owners(w, check);
  // A check that moved away is missing where it was.
  if (known && lower(known->service_id) != lower(check.service_id)) touch_owners(w, *known);
  return {};
}

void delete_check(writing& w, std::string_view node, std::string_view id) {
  auto check = find_check(w.txn, w.t, node, id);
  if (!check) return;
  put_indexes(w, *check, false);
  lmdb::erase(w.txn, w.t.checks, lmdb::key_of({lower(node), lower(id)}));
  published(w, *check);
  touch_owners(w, *check);
  end_sessions_of_check(w, node, id);
}

std::vector<health_check> checks_of_instance(const lmdb::transaction& txn, const tables& t, std::string_view node, std::string_view service_id) {
  std::vector<health_check> out;
  auto home = lower(node);
  for (auto& [id] : keys_under<1>(txn, t.node_service_checks, lmdb::key_of({home, lower(service_id)}))) {
    out.push_back(load_indexed<health_check>(txn, t.checks, lmdb::key_of({home, id})));
    if (bounded_read::stopped()) break;
  }
  return out;
}

} // namespace actord::state
