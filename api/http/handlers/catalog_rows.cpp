#include "api/http/handlers/catalog_rows.hpp"

namespace actord::http {

void tidy(node_service& s) {
  s.tags.set = true;
  if (!s.weights) s.weights.emplace();
}

void tidy(health_check& c) { c.service_tags.set = true; }

void take_tags(const request& r, rpc::service_request& q) {
  for (auto& [name, value] : r.params)
    if (name == "tag") q.tags.emplace_back(value);
  q.tag_filter = !q.tags.empty();
}

} // namespace actord::http
