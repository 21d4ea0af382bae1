#include "actors/leader/core/reconcile.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::leader;
using namespace std::chrono_literals;

namespace {

members::member client(std::string name = "c1") {
  members::member m;
  m.name = std::move(name);
  m.at = {std::string("\x0a\0\0\x07", 4), 8301};
  m.tags = {{"role", "node"}, {"dc", "dc1"}, {"id", "11111111-2222-3333-4444-555555555555"}, {"segment", ""}};
  m.status = members::member_status::alive;
  m.vsn = {1, 5, 2, 2, 5, 4};
  return m;
}
members::member server(std::string name = "s2") {
  auto m = client(std::move(name));
  m.tags["role"] = "consul";
  m.tags["port"] = "8300";
  m.tags["vsn"] = "2";
  m.tags["raft_vsn"] = "3";
  m.tags["build"] = "1.8.7:";
  return m;
}
reconcile fresh() { return reconcile({"dc1", "s1", 30s}); }

// The catalog after that request.
node_picture after(const register_request& r) {
  node_picture c;
  c.node = node_record{r.id, r.node, r.address, r.datacenter, r.tagged_addresses, r.node_meta, 5, 5};
  if (r.service) c.services.push_back(*r.service);
  if (r.check) c.checks.push_back(*r.check);
  return c;
}

} // namespace

TEST_CASE("a member that is alive is registered with id, address and a passing serfHealth, once") {
  auto r = fresh();
  auto s = r.settle(client(), standing::alive, {});
  REQUIRE(s.add);
  CHECK(s.add->node == "c1");
  CHECK(s.add->id == "11111111-2222-3333-4444-555555555555");
  CHECK(s.add->address == "10.0.0.7");
  CHECK_FALSE(s.add->service);
  CHECK(s.add->check->status == "passing");
  CHECK(s.add->check->output == "Agent alive and reachable");
  CHECK_FALSE(r.settle(client(), standing::alive, after(*s.add)).any());
}

TEST_CASE("a server brings the service consul, with what its tags and versions say") {
  auto r = fresh();
  auto s = r.settle(server(), standing::alive, {});
  REQUIRE(s.add);
  REQUIRE(s.add->service);
  CHECK(s.add->service->port == 8300);
  auto& meta = s.add->service->meta;
  CHECK(meta["non_voter"] == "false");
  CHECK(meta["raft_version"] == "3");
  CHECK(meta["serf_protocol_current"] == "2");
  CHECK(meta["serf_protocol_min"] == "1");
  CHECK(meta["serf_protocol_max"] == "5");
  CHECK(meta["version"] == "1.8.7");
  auto c = after(*s.add);
  CHECK_FALSE(r.settle(server(), standing::alive, c).any());
  c.services[0].meta["version"] = "1.8.6";
  CHECK(r.settle(server(), standing::alive, c).any());
}

TEST_CASE("a node that came to another address, or was critical, is registered again and keeps what is known of it") {
  auto r = fresh();
  auto c = after(*r.settle(client(), standing::alive, {}).add);
  c.node->meta["rack"] = "7";
  c.node->tagged_addresses["wan"] = "1.2.3.4";
  c.node->address = "10.0.0.1";
  auto moved = r.settle(client(), standing::alive, c);
  REQUIRE(moved.add);
  CHECK(moved.add->node_meta.at("rack") == "7");
  CHECK(moved.add->tagged_addresses.at("wan") == "1.2.3.4");
  c.node->address = "10.0.0.7";
  c.checks[0].status = "critical";
  CHECK(r.settle(client(), standing::alive, c).add);
}

TEST_CASE("a failed member's health is critical, and nothing else of it changes") {
  auto r = fresh();
  CHECK_FALSE(r.settle(client(), standing::failed, {}).any());
  auto c = after(*r.settle(client(), standing::alive, {}).add);
  auto s = r.settle(client(), standing::failed, c);
  REQUIRE(s.add);
  CHECK(s.add->skip_node_update);
  CHECK(s.add->check->status == "critical");
  CHECK(s.add->check->output == "Agent not live or unreachable");
  c.checks[0] = *s.add->check;
  CHECK_FALSE(r.settle(client(), standing::failed, c).any());
}

TEST_CASE("who left or was reaped is deregistered and leaves Raft, but never ourselves") {
  auto r = fresh();
  auto c = after(*r.settle(server(), standing::alive, {}).add);
  for (auto how : {standing::left, standing::reaped}) {
    auto s = r.settle(server(), how, c);
    REQUIRE(s.remove);
    CHECK(s.remove->node == "s2");
    CHECK(s.remove->service_id.empty());
    CHECK(s.raft_id == "11111111-2222-3333-4444-555555555555");
  }
  CHECK(r.settle(client(), standing::left, after(*r.settle(client(), standing::alive, {}).add)).raft_id.empty());
  CHECK(r.settle(server(), standing::left, {}).raft_id == "11111111-2222-3333-4444-555555555555");
  CHECK_FALSE(r.settle(server("s1"), standing::left, c).any());
  CHECK_FALSE(r.settle(server(), standing::other, c).any());
}

TEST_CASE("members that are no agents of ours are not put into the catalog") {
  auto r = fresh();
  auto serf = client();
  serf.tags.clear();
  CHECK_FALSE(r.settle(serf, standing::alive, {}).any());
  auto elsewhere = client();
  elsewhere.tags["dc"] = "dc2";
  CHECK_FALSE(r.settle(elsewhere, standing::alive, {}).any());
  for (auto* missing : {"port", "vsn", "build"}) {
    auto broken = server();
    broken.tags.erase(missing);
    CAPTURE(missing);
    CHECK_FALSE(r.settle(broken, standing::alive, {}).any());
  }
  auto broken = server();
  broken.tags["expect"] = "x";
  CHECK_FALSE(r.settle(broken, standing::alive, {}).any());
  broken = server();
  broken.tags["segment"] = "alpha";
  CHECK_FALSE(r.settle(broken, standing::alive, {}).any());
}

TEST_CASE("a node with a serfHealth that gossip does not know goes after a while, unless it comes back") {
  auto r = fresh();
  CHECK(r.forgotten({"s1"}, {"s1", "Gone", "back"}, 100s).empty());
  CHECK(r.forgotten({"s1", "back"}, {"s1", "Gone", "back"}, 120s).empty());
  CHECK(r.forgotten({"s1"}, {"s1", "Gone", "back"}, 130s) == std::vector<std::string>{"Gone"});
  r.lead_anew();
  CHECK(r.forgotten({"s1"}, {"Gone"}, 131s).empty());
  auto c = after(*r.settle(server("Gone"), standing::alive, {}).add);
  auto s = r.forget("Gone", c);
  CHECK(s.remove->node == "Gone");
  CHECK(s.raft_id == c.node->id);
  CHECK_FALSE(r.forget("s1", c).any());
  CHECK_FALSE(r.forget("Gone", {}).any());
}

TEST_CASE("who left and is here under another name keeps its seat among the servers") {
  const auto left = server("s2").tags["id"];
  auto renamed = server("s2b"), other = server("s3");
  other.tags["id"] = "99999999-2222-3333-4444-555555555555";
  CHECK(lives_on({renamed, other}, "s2", left));
  CHECK_FALSE(lives_on({other}, "s2", left));
  CHECK_FALSE(lives_on({server("s2"), other}, "s2", left)); // it is judged by itself
  renamed.status = members::member_status::failed;
  CHECK_FALSE(lives_on({renamed}, "s2", left));
  CHECK_FALSE(lives_on({client("s2b")}, "s2", left));
}
