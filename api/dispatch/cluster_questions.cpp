// Status.*, and Operator.* beside what autopilot is told: is there a leader, who is in the cluster, how they are.
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/members/pool_server.hpp"
#include "actors/messages/messages.hpp"
#include "api/dispatch/questions.hpp"
#include <cstdlib>

namespace actord::dispatch {
namespace {

using endpoints::access;
using endpoints::authorizer;
using endpoints::resource;

template <class Args> bool may_operate(const authorizer& who, const Args&) { return who.allows(access::write, resource::operation, {}); }
// What any client has to know.
template <class Args> bool everybody_may(const authorizer&, const Args&) { return true; }

const error no_leader{errc::no_leader, "No cluster leader"};

// `make` gets what Raft's actor says, and gives the answer.
template <class Answer, class Make> void ask_raft(const site& here, bool ask_leader, then_fn<Answer> then, Make make) {
  here.self->request(here.router, caf::infinite, leader_query{ask_leader})
      .then([then, make](leader_info& i) { then(make(i)); }, [then](const caf::error&) { then(no_leader); });
}

void ask_nothing(const site&, rpc::nothing&, then_fn<rpc::nothing> then) { then(rpc::nothing{}); }

void ask_leader(const site& here, rpc::datacenter_request&, then_fn<std::string> then) {
  ask_raft<std::string>(here, false, std::move(then), [](leader_info& i) { return std::move(i.address); });
}

void ask_peers(const site& here, rpc::datacenter_request&, then_fn<string_slice> then) {
  ask_raft<string_slice>(here, false, std::move(then), [](leader_info& i) {
    string_slice out;
    for (auto& s : i.servers) out.push_back(std::move(s.address));
    return out;
  });
}

// What the leader watches a server by: how far its log is, and when it last heard of a leader.
void ask_stats(const site& here, rpc::nothing&, then_fn<rpc::raft_stats> then) {
  ask_raft<rpc::raft_stats>(here, false, std::move(then), [](leader_info& i) {
    rpc::raft_stats out;
    out.last_contact = "never";
    for (auto& [name, value] : i.stats) {
      if (name == "last_contact") out.last_contact = value;
      else if (name == "last_log_index") out.last_index = std::strtoull(value.c_str(), nullptr, 10);
      else if (name == "last_log_term") out.last_term = std::strtoull(value.c_str(), nullptr, 10);
    }
    return out;
  });
}

void ask_configuration(const site& here, rpc::datacenter_request& r, then_fn<rpc::raft_configuration_reply> then) {
  const bool of_leader = !r.options.allow_stale;
  using reply = rpc::raft_configuration_reply;
  ask_raft<reply>(here, of_leader, std::move(then), [of_leader, pool = here.cluster.lan_members](leader_info& i) -> result<reply> {
    if (of_leader && i.leader_id.empty()) return no_leader;
    reply out;
    out.index = i.configuration_index;
    for (auto& s : i.servers)
      out.servers.push_back({s.id, s.name.empty() ? "(unknown)" : s.name, s.address, s.leader, members::server_by_id(pool, s.id).raft_protocol, s.voter});
    return out;
  });
}

void remove_peer(const site& here, std::string id, std::string address, std::string_view by, then_fn<rpc::nothing> then) {
  if (id.empty() && address.empty()) return then(error(errc::internal, std::string(by) + " \"\" was not found in the Raft configuration"));
  membership_change m;
  m.what = membership_change::kind::remove;
  m.id = std::move(id);
  m.address = std::move(address);
  here.self->request(here.router, caf::infinite, std::move(m))
      .then(
          [then](apply_outcome& o) {
            if (o.result.failure.code != errc::none) then(std::move(o.result.failure));
            else then(rpc::nothing{});
          },
          [then](const caf::error&) { then(no_leader); });
}
void remove_by_id(const site& here, rpc::raft_remove_request& r, then_fn<rpc::nothing> then) { remove_peer(here, r.id, {}, "id", std::move(then)); }
void remove_by_address(const site& here, rpc::raft_remove_request& r, then_fn<rpc::nothing> then) { remove_peer(here, {}, r.address, "address", std::move(then)); }

void ask_health(const site& here, rpc::datacenter_request&, then_fn<rpc::server_health_reply> then) {
  const auto view = here.autopilot ? here.autopilot->view() : nullptr;
  if (!view || !view->known) return then(no_leader);
  rpc::server_health_reply out;
  out.healthy = view->healthy;
  out.failure_tolerance = view->failure_tolerance;
  for (auto& s : view->servers) out.servers.push_back(health_of(s, here.cluster));
  then(std::move(out));
}

} // namespace

rpc::server_health_record health_of(const autopilot::server_health& s, const cluster_links& cluster) {
  rpc::server_health_record o;
  o.id = s.id;
  o.name = s.name;
  o.address = s.address;
  const auto known = members::server_by_id(cluster.lan_members, s.id);
  o.serf_status = static_cast<int64_t>(known.status);
  o.version = known.version;
  o.leader = s.leader;
  o.last_contact = s.last_contact_ms < 0 ? nanos(-1) : nanos(std::chrono::milliseconds(s.last_contact_ms)); // as Consul says "never"
  o.last_term = s.last_term;
  o.last_index = s.last_index;
  o.healthy = s.healthy;
  o.voter = s.voter;
  o.stable_since.seconds = s.stable_since;
  return o;
}

constinit const actor_endpoint<rpc::nothing, rpc::nothing> ping{.name = "Status.Ping", .may = everybody_may<rpc::nothing>, .ask = ask_nothing};
constinit const actor_endpoint<rpc::datacenter_request, std::string> leader{
    .name = "Status.Leader", .may = everybody_may<rpc::datacenter_request>, .ask = ask_leader, .datacenter = names::ours_or_none};
constinit const actor_endpoint<rpc::datacenter_request, string_slice> peers{
    .name = "Status.Peers", .may = everybody_may<rpc::datacenter_request>, .ask = ask_peers, .datacenter = names::ours_or_none};
constinit const actor_endpoint<rpc::nothing, rpc::raft_stats> raft_stats{.name = "Status.RaftStats", .may = everybody_may<rpc::nothing>, .ask = ask_stats};
constinit const actor_endpoint<rpc::datacenter_request, rpc::raft_configuration_reply> raft_configuration{
    .name = "Operator.RaftGetConfiguration", .may = endpoints::may_read_operation<rpc::datacenter_request>, .ask = ask_configuration};
constinit const actor_endpoint<rpc::raft_remove_request, rpc::nothing> remove_peer_by_id{
    .name = "Operator.RaftRemovePeerByID", .may = may_operate<rpc::raft_remove_request>, .ask = remove_by_id, .changes = true};
constinit const actor_endpoint<rpc::raft_remove_request, rpc::nothing> remove_peer_by_address{
    .name = "Operator.RaftRemovePeerByAddress", .may = may_operate<rpc::raft_remove_request>, .ask = remove_by_address, .changes = true};
constinit const actor_endpoint<rpc::datacenter_request, rpc::server_health_reply> server_health{
    .name = "Operator.ServerHealth", .may = endpoints::may_read_operation<rpc::datacenter_request>, .ask = ask_health};

} // namespace actord::dispatch
