// The vocabulary of the leader's reconcile: what the catalog says of a node, and what has to be done about it.
#pragma once
#include "actors/members/core/types.hpp"
#include "storage/model/catalog.hpp"
#include <optional>

namespace actord::leader {

inline constexpr std::string_view serf_check_id = "serfHealth", serf_check_name = "Serf Health Status",
                                  alive_output = "Agent alive and reachable", failed_output = "Agent not live or unreachable",
                                  consul_service = "consul";

// What happened to a member, or how it stands; leaving members are left alone until they have left.
enum class standing : uint8_t { alive, failed, left, reaped, other };

// One node as the catalog shows it.
struct node_picture {
  std::optional<node_record> node;
  std::vector<node_service> services;
  std::vector<health_check> checks;
};

// One thing to do about one node. Nothing is set when all is well.
struct step {
  std::string why;                   // for the log: "member joined, marking health alive"
  std::string node;
  boxed<register_request> add;
  boxed<deregister_request> remove;
  std::string raft_id;               // a server that is gone: out of the Raft configuration, before `remove`
  bool any() const { return add || remove || !raft_id.empty(); }
};

} // namespace actord::leader
