// What the catalog and health endpoints have in common: Consul's habits of showing rows (lists that are never null).
#pragma once
#include "api/http/read.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::http {

// null → [] and default weights, as Consul's handlers do before they answer.
void tidy(node_service& s);
void tidy(health_check& c);

struct tidy_check {
  static constexpr bool changes = true;
  bool operator()(health_check& c) const {
    tidy(c);
    return true;
  }
};

// ?tag=, each of which has to be there.
void take_tags(const request& r, rpc::service_request& q);

// The text is told after what is wrong with the options, as Consul does.
inline bool is_named(exchange& x, std::string_view missing) {
  if (!x.req.tail.empty()) return true;
  x.out.text(400, missing);
  return false;
}

} // namespace actord::http
