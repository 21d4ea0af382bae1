// /v1/status/: who leads, who is in the cluster; asked of the Raft actor.
#include "api/http/routes.hpp"

namespace actord::http {
namespace {

void ask(exchange& x, void (*tell)(const leader_info&, response&)) {
  query_options o;
  if (!x.options(o)) return;
  if (!o.datacenter.empty() && o.datacenter != x.env.config.datacenter) return x.out.text(500, "No path to datacenter");
  auto later = x.defer();
  x.env.self->request(x.env.router, caf::infinite, leader_query{})
      .then([later, tell](leader_info& info) { later.answer([&](response& out) { tell(info, out); }); },
            [later](caf::error&) { later.answer([](response& out) { out.text(500, "No cluster leader"); }); });
}

} // namespace

void status_leader(exchange& x) {
  ask(x, [](const leader_info& info, response& out) {
    auto w = out.begin_json();
    w.string(info.address);
  });
}

void status_peers(exchange& x) {
  ask(x, [](const leader_info& info, response& out) {
    auto w = out.begin_json();
    w.begin_array();
    for (auto& p : info.peers) w.string(p);
    w.end_array();
  });
}

} // namespace actord::http
