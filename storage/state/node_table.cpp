#include "storage/state/catalog_table.hpp"
#include "runtime/base/quote.hpp"
#include "storage/state/coordinate_table.hpp"
#include "storage/state/session_table.hpp"

namespace actord::state {

namespace {

constexpr std::string_view serf_check = "serfHealth";

std::string address_key(const node_record& n) { return lmdb::key_of({n.address, "n", lower(n.node), ""}); }

bool same_node(const node_record& a, const node_record& b) {
  return a.id == b.id && a.node == b.node && a.address == b.address && a.datacenter == b.datacenter &&
         a.tagged_addresses == b.tagged_addresses && a.meta == b.meta;
}

// A name belongs to the node that has it, unless that node has no id and may be taken over, or is not known to be alive:
// without a check by the membership it is no member, with a critical one it is a dead one.
status name_is_free(const writing& w, const node_record& node, bool take_over) {
  auto holder = find_node(w.txn, w.t, node.node);
  if (!holder || holder->id == node.id || (take_over && holder->id.empty())) return {};
  auto serf = find_check(w.txn, w.t, holder->node, serf_check);
  if (!serf || serf->status == health_critical) return {};
  return error{errc::internal, "Node name " + node.node + " is reserved by node " + holder->id + " with name " +
                                   holder->node + " (" + holder->address + ")"};
}

void forget_node_record(writing& w, const node_record& n) {
  lmdb::erase(w.txn, w.t.nodes, lower(n.node));
  lmdb::erase(w.txn, w.t.addresses, address_key(n));
  // The id may have gone to another name in the meantime.
  std::string_view name;
  if (lmdb::get(w.txn, w.t.node_ids, lower(n.id), name) && name == lower(n.node)) lmdb::erase(w.txn, w.t.node_ids, lower(n.id));
}

status rename(writing& w, const node_record& node, const std::string& old_name) {
  if (auto s = name_is_free(w, node, false); !s)
    return error{errc::internal, "Error while renaming Node ID: " + quote(node.id) + " (" + node.address + "): " + s.err().text};
  delete_node(w, old_name);
  return {};
}

} // namespace

std::optional<node_record> find_node(const lmdb::transaction& txn, const tables& t, std::string_view name) {
  return find_record<node_record>(txn, t.nodes, lower(name));
}

std::optional<node_record> find_node_by_id(const lmdb::transaction& txn, const tables& t, std::string_view id) {
  std::string_view name;
  if (!lmdb::get(txn, t.node_ids, lower(id), name)) return std::nullopt;
  return find_record<node_record>(txn, t.nodes, name);
}

status ensure_node(writing& w, node_record node) {
  if (node.node.empty()) return error{errc::internal, "Must provide node"};
  std::optional<node_record> known;
  if (!node.id.empty()) {
    known = find_node_by_id(w.txn, w.t, node.id);
    if (known && known->node != node.node) {
      if (auto s = rename(w, node, known->node); !s) return s;
    } else if (!known) {
      if (auto s = name_is_free(w, node, true); !s)
        return error{errc::internal, "Error while renaming Node ID: " + quote(node.id) + ": " + s.err().text};
    }
  }
  auto in_place = find_node(w.txn, w.t, node.node);
  if (!known) known = in_place;
  if (known) {
    node.create_index = known->create_index;
    node.modify_index = known->modify_index;
    if (same_node(node, *known)) return {};
  } else {
    node.create_index = w.index;
  }
  node.modify_index = w.index;
  if (in_place) forget_node_record(w, *in_place);
  auto key = lower(node.node);
  put_record(w, w.t.nodes, key, node);
  if (!node.id.empty()) lmdb::put(w.txn, w.t.node_ids, lower(node.id), key);
  lmdb::put(w.txn, w.t.addresses, address_key(node), {});
  w.raise_index("nodes");
  w.touch(topic_kind::nodes);
  w.touch(topic_kind::node, key);
  touch_services_of_node(w, node.node);
  return {};
}

void delete_node(writing& w, std::string_view name) {
  auto node = find_node(w.txn, w.t, name);
  if (!node) return;
  auto prefix = lmdb::key_of({lower(name)});
  for (auto& [id] : keys_under<1>(w.txn, w.t.services, prefix)) delete_service(w, name, id);
  for (auto& [id] : keys_under<1>(w.txn, w.t.checks, prefix)) delete_check(w, name, id);
  forget_coordinates(w, name);
  forget_node_record(w, *node);
  w.raise_index("nodes");
  w.touch(topic_kind::nodes);
  w.touch(topic_kind::node, lower(name));
  end_sessions_of_node(w, name);
}

namespace {

// Of a service what says who shows it. The rest, which may be megabytes of tags, is skipped: a node may have thousands of services.
struct proxied_name {
  std::string destination_service_name;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("DestinationServiceName", s.destination_service_name); }
};
struct service_names {
  std::string kind, service;
  proxied_name proxy;
  service_connect connect;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Service", s.service);
    v("Proxy", s.proxy);
    v("Connect", s.connect);
  }
};

} // namespace

void touch_services_of_node(writing& w, std::string_view name) {
  if (!w.is_untouched(lmdb::key_of({lower(name)}))) return;
  std::vector<node_service> services;
  lmdb::scan(w.txn, w.t.services, lmdb::key_of({lower(name)}), [&](std::string_view, std::string_view bytes) {
    auto names = load_record<service_names>(bytes);
    auto& s = services.emplace_back();
    s.kind = std::move(names.kind);
    s.service = std::move(names.service);
    s.proxy.destination_service_name = std::move(names.proxy.destination_service_name);
    s.connect = names.connect;
    return true;
  });
  for (auto& s : services) {
    w.raise_service_index(s.service);
    publish_service(w, s);
  }
}

} // namespace actord::state
