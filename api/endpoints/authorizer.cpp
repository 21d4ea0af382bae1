#include "api/endpoints/authorizer.hpp"

namespace actord::endpoints {

namespace {

class allow_all final : public authorizer {
public:
  bool allows(access, resource, std::string_view) const override { return true; }
};

bool reads(const authorizer& who, resource r, std::string_view name) { return who.allows(access::read, r, name); }

} // namespace

const authorizer& everything_allowed() {
  static const allow_all one;
  return one;
}

bool sees_node(const authorizer& who, const node_record& n) { return reads(who, resource::node, n.node); }
bool sees_service_node(const authorizer& who, const service_node& n) {
  return reads(who, resource::node, n.node) && reads(who, resource::service, n.service_name);
}
bool sees_instance(const authorizer& who, const check_service_node& n) {
  return reads(who, resource::node, n.node.node) && reads(who, resource::service, n.service.service);
}
bool sees_check(const authorizer& who, const health_check& c) {
  return reads(who, resource::node, c.node) && (c.service_name.empty() || reads(who, resource::service, c.service_name));
}
bool sees_entry(const authorizer& who, const kv_entry& e) { return reads(who, resource::key, e.key); }
bool sees_key(const authorizer& who, const std::string& key) { return reads(who, resource::key, key); }
bool sees_session(const authorizer& who, const session_record& s) { return reads(who, resource::session, s.node); }
bool sees_query(const authorizer& who, const prepared_query& q) { return reads(who, resource::query, q.name); }
bool sees_coordinate(const authorizer& who, const coordinate_record& c) { return reads(who, resource::node, c.node); }

} // namespace actord::endpoints
