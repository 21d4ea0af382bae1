// From what gossip says of the members to what the catalog should say (actors/members/serf.md; Consul's leader.go in effect):
// members that are alive are registered with a passing serfHealth, failed ones get a critical one, those that left or were
// forgotten are deregistered, and so are nodes with a serfHealth that gossip does not know. Knows no clock.
#pragma once
#include "actors/leader/core/types.hpp"
#include "runtime/base/duration.hpp"
#include <map>
#include <set>

namespace actord::leader {

struct reconcile_options {
  std::string datacenter;
  std::string self; // our node name
  // A leader may know fewer members than there are, when it has just joined the pool: nodes that gossip does not know
  // are deregistered once they were unknown for so long.
  nanos unknown_for = std::chrono::seconds(30);
};

// A server by its tags, or nothing (actors/members/serf.md, Tags).
struct server_tags {
  int64_t port = 0;
  std::string id, version, raft_version;
  bool non_voter = false;
};
std::optional<server_tags> server_of(const members::member& m);
bool is_ours(const members::member& m, const std::string& datacenter); // a node or a server of our datacenter
// Does the server of that id live on under another name than `node`, whose time is over? It left and came back as another, with its data.
bool lives_on(const std::vector<members::member>& all, const std::string& node, const std::string& raft_id);
standing standing_of(const members::member& m);
standing standing_after(members::member_change change);
std::string ip_text(std::string_view ip); // of raw bytes; "" when it is none
node_service service_of(const members::member& m, const server_tags& s);

class reconcile {
public:
  explicit reconcile(reconcile_options o) : o_(std::move(o)) {}

  step settle(const members::member& m, standing how, const node_picture& c) const;

  // The walk's second half: nodes with a serfHealth of which gossip knows nothing. `known`: lower-case names of all
  // members; `checked`: nodes with a serfHealth. Gives those whose time is over, by name.
  std::vector<std::string> forgotten(const std::set<std::string>& known, const std::vector<std::string>& checked, nanos now);
  step forget(const std::string& node, const node_picture& c) const;
  void lead_anew() { unknown_since_.clear(); }

private:
  step welcome(const members::member& m, const node_picture& c) const;
  step mourn(const members::member& m, const node_picture& c) const;
  step part(const members::member& m, standing how, const node_picture& c) const;
  register_request base(const members::member& m) const;

  reconcile_options o_;
  std::map<std::string, nanos> unknown_since_; // by node, lower case
};

} // namespace actord::leader
