// What Consul's agents say of themselves in their tags, and who may be a member of a pool by them (actors/members/serf.md, Tags).
#pragma once
#include "actors/members/core/types.hpp"

namespace actord::members {

struct agent_profile {
  bool server = false;
  std::string datacenter, segment, id;
  std::string build = "1.8.7:";     // version and, after the colon, revision
  int protocol = 2;                 // Consul's, of those between 2 and 3
  std::string acls = "0";           // 0 off, 1 on, 2 legacy, 3 unknown
  // ---- servers
  uint16_t rpc_port = 8300;
  bool bootstrap = false;
  int expect = 0;
  bool non_voter = false, use_tls = false;
  uint16_t wan_join_port = 0;       // of the gossip among datacenters; 0: none
  unsigned command_level = 1;       // of the log's commands, up to which it reads them
};
tag_table agent_tags(const agent_profile& p, bool wan);

// A member that is a server of some datacenter.
struct server_member {
  std::string id, name; // the name in its pool: among datacenters with ".<datacenter>"
  std::string datacenter, segment, build;
  std::string ip;       // literal
  uint16_t rpc_port = 0, wan_join_port = 0;
  int version = 0, expect = 0, raft_version = 0;
  unsigned command_level = 1; // 1 where its tags do not say it: of before servers did
  bool bootstrap = false, non_voter = false, use_tls = false, alive = false, left = false;
  std::string rpc_address() const; // "ip:port", IPv6 in brackets
  bool operator==(const server_member&) const = default;
};
// Nothing unless its tags are those of a server, all of them well formed.
std::optional<server_member> parse_server(const member& m);
bool is_server(const tag_table& tags);

// A member as it claims to be.
struct claim {
  std::string_view name;
  const tag_table* tags = nullptr;
  bool left = false;
};
// Why these may not be members of our pool, in Consul's words.
std::optional<std::string> objection_lan(const agent_profile& own, std::string_view own_name, const std::vector<claim>& all);
std::optional<std::string> objection_wan(const std::vector<claim>& all);

} // namespace actord::members
