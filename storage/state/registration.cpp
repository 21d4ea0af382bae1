#include "runtime/base/quote.hpp"
#include "storage/state/catalog_table.hpp"

namespace actord::state {

namespace {

bool changes_node(const register_request& r, const node_record& n) {
  return !r.skip_node_update && (r.id != n.id || r.node != n.node || r.address != n.address || r.datacenter != n.datacenter ||
                                 r.tagged_addresses != n.tagged_addresses || r.node_meta != n.meta);
}

error inserting(std::string_view what, const error& e) { return {e.code, "failed inserting " + std::string(what) + ": " + e.text}; }

status ensure_check_of(writing& w, const std::string& node, const health_check& check) {
  if (check.node != node)
    return error{errc::internal, "check node " + quote(check.node) + " does not match node " + quote(node)};
  if (auto s = ensure_check(w, check); !s) {
    auto e = inserting("check", s.err());
    e.text += " on node " + quote(check.node);
    return e;
  }
  return {};
}

} // namespace

status ensure_registration(writing& w, const register_request& r) {
  if (r.node.empty()) return error{errc::internal, "Must provide node"};
  auto known = find_node(w.txn, w.t, r.node);
  if (!known || changes_node(r, *known)) {
    node_record n{r.id, r.node, r.address, r.datacenter, r.tagged_addresses, r.node_meta, 0, 0};
    if (auto s = ensure_node(w, std::move(n)); !s) return inserting("node", s.err());
  }
  if (r.service) {
    if (auto s = ensure_service(w, r.node, *r.service); !s) return inserting("service", s.err());
  }
  if (r.check) {
    if (auto s = ensure_check_of(w, r.node, *r.check); !s) return s;
  }
  for (auto& check : r.checks)
    if (auto s = ensure_check_of(w, r.node, check); !s) return s;
  return {};
}

void deregister(writing& w, const deregister_request& r) {
  if (!r.service_id.empty()) delete_service(w, r.node, r.service_id);
  else if (!r.check_id.empty()) delete_check(w, r.node, r.check_id);
  else delete_node(w, r.node);
}

} // namespace actord::state
