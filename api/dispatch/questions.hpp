// Endpoints that ask an actor rather than the state, and THE table of them. A row says the RPC name, who may call it, and the function;
// any server carries it out, a client agent asks one. What follows from the table: the methods that RPC answers
// (api/consul_rpc/methods/questions.cpp), and tests/golden/endpoints.list.
#pragma once
#include "actors/messages/rpc_messages.hpp"
#include "api/dispatch/site.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/table.hpp"
#include "storage/model/rpc_mesh.hpp"
#include <functional>

namespace actord::autopilot {
struct server_health; // actors/autopilot/core
}

namespace actord::dispatch {

// Called once, in the asker's thread, perhaps before the question returns.
template <class Answer> using then_fn = std::function<void(result<Answer>)>;

// Which datacenter the arguments may name.
enum class names : uint8_t { ours, ours_or_none, any };

// Args and Answer are records of RPC, or what msgpack has without one.
template <class Args, class Answer> struct actor_endpoint {
  using arguments = Args;
  using answer = Answer;

  std::string_view name; // the RPC method's
  endpoints::required<bool (*)(const endpoints::authorizer&, const Args&)> may;
  endpoints::required<void (*)(const site&, Args&, then_fn<Answer>)> ask; // on a server; an error is Consul's text
  names datacenter = names::ours;
  bool changes = false; // a client agent must not ask again whoever may have done it
};

// On a server.
template <class Args, class Answer> void carry_out(const actor_endpoint<Args, Answer>& e, const site& here, Args& args, then_fn<Answer> then) {
  if constexpr (requires { args.datacenter; }) {
    const bool fine = e.datacenter == names::any || args.datacenter == here.config.datacenter || (e.datacenter == names::ours_or_none && args.datacenter.empty());
    if (!fine) return then(error(errc::internal, "No path to datacenter"));
  }
  if (!e.may(endpoints::everything_allowed(), args)) return then(endpoints::permission_denied());
  e.ask(here, args, std::move(then));
}

// Here, or on a client agent by a server.
template <class Args, class Answer> void ask(const actor_endpoint<Args, Answer>& e, const site& here, Args& args, then_fn<Answer> then) {
  if (here.router) return carry_out(e, here, args, std::move(then));
  if (!here.cluster.rpc) return then(error(errc::no_leader, "No known Consul servers"));
  here.self->request(here.cluster.rpc, caf::infinite, rpc_call{std::string(e.name), to_msgpack(args), nanos(0), !e.changes})
      .then(
          [name = e.name, then](rpc_answer& a) {
            Answer found{};
            if (a.failure.code != errc::none) then(std::move(a.failure));
            else if (from_msgpack(a.body, found)) then(std::move(found));
            else then(error(errc::corrupt, "rpc error making call: the answer to " + std::string(name) + " does not decode"));
          },
          [then](const caf::error&) { then(error(errc::internal, "agent is stopping")); });
}

// ---- status, operator (cluster_questions.cpp) --------------------------------------------------------------------

extern const actor_endpoint<rpc::nothing, rpc::nothing> ping;
extern const actor_endpoint<rpc::datacenter_request, std::string> leader; // its address, "" without one
extern const actor_endpoint<rpc::datacenter_request, string_slice> peers; // addresses
extern const actor_endpoint<rpc::nothing, rpc::raft_stats> raft_stats;
extern const actor_endpoint<rpc::datacenter_request, rpc::raft_configuration_reply> raft_configuration;
extern const actor_endpoint<rpc::raft_remove_request, rpc::nothing> remove_peer_by_id;
extern const actor_endpoint<rpc::raft_remove_request, rpc::nothing> remove_peer_by_address;
extern const actor_endpoint<rpc::datacenter_request, rpc::server_health_reply> server_health;
rpc::server_health_record health_of(const autopilot::server_health& s, const cluster_links& cluster);

// ---- pools (pool_questions.cpp) ----------------------------------------------------------------------------------

extern const actor_endpoint<rpc::options_request, string_slice> list_datacenters; // nearest first
extern const actor_endpoint<rpc::nothing, list_of<rpc::datacenter_coordinates>> list_datacenter_coordinates;
extern const actor_endpoint<rpc::coordinate_update_request, rpc::nothing> update_coordinate;
extern const actor_endpoint<rpc::event_fire_request, rpc::meta_reply> fire_event;
extern const actor_endpoint<rpc::keyring_request, rpc::keyring_reply> keyring; // of the servers' pool and of the datacenter's own

using questions = endpoints::table<ping, leader, peers, raft_stats, raft_configuration, remove_peer_by_id, remove_peer_by_address, server_health,
                                   list_datacenters, list_datacenter_coordinates, update_coordinate, fire_event, keyring>;

} // namespace actord::dispatch
