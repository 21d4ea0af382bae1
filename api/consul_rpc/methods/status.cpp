// Status.*: is there a leader, who is in the cluster.
#include "actors/messages/messages.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_mesh.hpp"
#include "storage/model/rpc_requests.hpp"
#include <cstdlib>

namespace actord::consul_rpc {
namespace {

void ping(call& c) { c.reply(rpc::nothing{}); }

// An empty datacenter is ours here, unlike everywhere else.
void ask(call& c, void (*tell)(call&, const leader_info&)) {
  rpc::datacenter_request r;
  if (!c.decode(r) || (!r.datacenter.empty() && !c.is_local(r.datacenter))) return;
  c.env.self->request(c.env.router, caf::infinite, leader_query{false})
      .then([who = c.shared_from_this(), tell](leader_info& i) { tell(*who, i); },
            [who = c.shared_from_this()](caf::error&) { who->fail("No cluster leader"); });
}

void leader(call& c) {
  ask(c, [](call& who, const leader_info& i) { who.reply(i.address); });
}

void peers(call& c) {
  ask(c, [](call& who, const leader_info& i) {
    string_slice out;
    for (auto& s : i.servers) out.push_back(s.address);
    who.reply(out);
  });
}

// What the leader watches a server by: how far its log is, and when it last heard of a leader.
void raft_stats(call& c) {
  c.env.self->request(c.env.router, caf::infinite, leader_query{false})
      .then(
          [who = c.shared_from_this()](const leader_info& i) {
            rpc::raft_stats out;
            out.last_contact = "never";
            for (auto& [name, value] : i.stats) {
              if (name == "last_contact") out.last_contact = value;
              else if (name == "last_log_index") out.last_index = std::strtoull(value.c_str(), nullptr, 10);
              else if (name == "last_log_term") out.last_term = std::strtoull(value.c_str(), nullptr, 10);
            }
            who->reply(out);
          },
          [who = c.shared_from_this()](const caf::error&) { who->fail("this server is stopping"); });
}

} // namespace

std::span<const method> status_methods() {
  static constexpr method rows[] = {{"Status.Leader", leader}, {"Status.Peers", peers}, {"Status.Ping", ping}, {"Status.RaftStats", raft_stats}};
  return rows;
}

} // namespace actord::consul_rpc
