// Servers that gossip has found, for whoever wants to be connected to them.
#pragma once
#include "actors/messages/messages.hpp"
#include <caf/typed_actor.hpp>

namespace actord {

struct found_server {
  server_id id;
  std::string name, address; // "ip:port" of its server port
  bool alive = true, left = false; // neither: it failed
  unsigned command_level = 1;      // as in server_hello
  bool operator==(const found_server&) const = default;
};
struct servers_found { // all of the own datacenter, each time that something changes
  std::vector<found_server> servers;
};

// The raft actor takes them at its address.
using servers_sink = caf::typed_actor<
    caf::reacts_to<servers_found>>; // gossip: these are the servers of our datacenter

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::servers_found)
