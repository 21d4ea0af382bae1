// A server of the cluster as its pool knows it.
#pragma once
#include "actors/messages/pool_messages.hpp"
#include <string>
#include <string_view>

namespace actord::members {

// What it says of itself; a server that the pool does not know says nothing.
struct pool_server {
  std::string version;                  // of Consul; "1.8.7"
  std::string raft_protocol = "unknown";
  member_status status = member_status::none;
};
pool_server server_by_id(const std::shared_ptr<const pool_board>& pool, std::string_view id);
std::string_view status_text(member_status s); // "alive"

} // namespace actord::members
