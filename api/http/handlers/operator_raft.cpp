// /v1/operator/raft/: who replicates the data, and changes of that; and /v1/status/, which tells less of the same.
#include "actors/messages/messages.hpp"
#include "api/http/ask.hpp"
#include "api/http/handlers/refusal.hpp"
#include "api/http/read.hpp"
#include "api/http/routes.hpp"

namespace actord::http {

void status_leader(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  ask(x, dispatch::leader, arguments_of<rpc::datacenter_request>(x, o), [](const std::string& address, response& out) {
    auto w = out.begin_json();
    w.string(address);
  });
}

void status_peers(exchange& x) {
  query_options o;
  if (x.options(o)) ask(x, dispatch::peers, arguments_of<rpc::datacenter_request>(x, o), show_list<string_slice>);
}

void operator_raft_configuration(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  ask(x, dispatch::raft_configuration, arguments_of<rpc::datacenter_request>(x, o), [](rpc::raft_configuration_reply& c, response& out) {
    c.servers.set = true;
    out.json_of(c);
  });
}

void operator_raft_peer(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  const bool id = x.req.has_param("id"), address = x.req.has_param("address");
  if (!id && !address)
    return x.out.text(400, "Bad request: Must specify either ?id with the server's ID or ?address with IP:port of peer to remove");
  if (id && address) return x.out.text(400, "Bad request: Must specify only one of ?id or ?address");
  auto r = arguments_of<rpc::raft_remove_request>(x, o);
  r.id = x.req.param("id");
  r.address = x.req.param("address");
  if (x.env.router && r.id.empty() && r.address.empty()) // the leader's word
    return x.out.text(500, as_leader(x.env, std::string(id ? "id" : "address") + " \"\" was not found in the Raft configuration"));
  ask(x, id ? dispatch::remove_peer_by_id : dispatch::remove_peer_by_address, std::move(r), [](const rpc::nothing&, response& out) { out.empty(); });
}

// No server is asked for that by RPC.
void operator_transfer_leader(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (!o.datacenter.empty() && o.datacenter != x.env.config.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter"));
  if (!x.env.router) return x.out.fail({errc::unsupported, "leadership is transferred by a server: send the request to one"});
  auto later = x.defer();
  x.env.self->request(x.env.router, caf::infinite, leadership_transfer{std::string(x.req.param("id"))})
      .then([later](apply_outcome& done) {
              later.answer([&](response& out) {
                if (done.result.failure.code != errc::none) out.fail(done.result.failure);
                else out.json("{\"Success\":true}");
              });
            },
            [later](caf::error&) { later.answer([](response& out) { out.text(500, "No cluster leader"); }); });
}

} // namespace actord::http
