#include "actors/members/core/agent_tags.hpp"
#include <doctest/doctest.h>

using namespace actord::members;

namespace {

agent_profile server_profile() {
  agent_profile p;
  p.server = true;
  p.datacenter = "dc1";
  p.id = "11111111-1111-1111-1111-111111111111";
  p.expect = 3;
  p.wan_join_port = 8302;
  p.command_level = 2;
  return p;
}

member member_of(tag_table tags, const std::string& name = "s1") {
  member m;
  m.name = name;
  m.at = {std::string("\x7f\x0b\x00\x01", 4), 8301};
  m.tags = std::move(tags);
  m.status = member_status::alive;
  return m;
}

tag_table with(tag_table t, const std::string& name, const std::string& value) {
  t[name] = value;
  return t;
}

} // namespace

TEST_CASE("a server's tags are those that Consul gives, among datacenters without the port to join by") {
  CHECK(agent_tags(server_profile(), false) ==
        tag_table{{"role", "consul"}, {"dc", "dc1"}, {"segment", ""}, {"id", "11111111-1111-1111-1111-111111111111"}, {"vsn", "2"}, {"vsn_min", "2"},
                  {"vsn_max", "3"}, {"build", "1.8.7:"}, {"acls", "0"}, {"port", "8300"}, {"raft_vsn", "3"}, {"ft_fs", "1"}, {"expect", "3"}, {"wan_join_port", "8302"}, {"actord_log", "2"}});
  CHECK_FALSE(agent_tags(server_profile(), true).contains("wan_join_port"));
}

TEST_CASE("a client's tags say nothing of servers") {
  auto p = server_profile();
  p.server = false;
  CHECK(agent_tags(p, false).size() == 9);
  CHECK(agent_tags(p, false).at("role") == "node");
}

TEST_CASE("what a server says of itself is found in its tags") {
  const auto s = parse_server(member_of(agent_tags(server_profile(), false)));
  REQUIRE(s);
  CHECK(s->rpc_address() == "127.11.0.1:8300");
  CHECK(s->expect == 3);
  CHECK(s->wan_join_port == 8302);
  CHECK(s->alive);
  CHECK_FALSE(s->bootstrap);
}

TEST_CASE("a server is here until it has left") {
  auto m = member_of(agent_tags(server_profile(), false));
  m.status = member_status::leaving; // by a farewell of a former life, perhaps
  CHECK(parse_server(m)->alive);
  CHECK_FALSE(parse_server(m)->left);
  m.status = member_status::left;
  CHECK_FALSE(parse_server(m)->alive);
  CHECK(parse_server(m)->left);
  m.status = member_status::failed;
  CHECK_FALSE(parse_server(m)->alive);
  CHECK_FALSE(parse_server(m)->left);
}

TEST_CASE("a server that does not say up to which level it reads the log's commands reads the first one") {
  auto tags = agent_tags(server_profile(), false);
  CHECK(parse_server(member_of(tags))->command_level == 2);
  for (auto* text : {"", "0", "-1", "many", "99999999999999999999"}) {
    CAPTURE(text);
    REQUIRE(parse_server(member_of(with(tags, "actord_log", text))));
    CHECK(parse_server(member_of(with(tags, "actord_log", text)))->command_level == 1);
  }
  tags.erase("actord_log");
  CHECK(parse_server(member_of(tags))->command_level == 1);
}

TEST_CASE("a member whose tags are not all well formed is no server") {
  const auto good = agent_tags(server_profile(), false);
  CHECK(parse_server(member_of(good)));
  CHECK(parse_server(member_of(with(good, "build", "v1.22.3+ent:abc"))));
  for (const auto& [name, value] : {std::pair{"role", "node"}, {"port", "x"}, {"port", "70000"}, {"port", ""}, {"vsn", "two"}, {"build", "1.8"}, {"build", ""}, {"expect", "many"},
                                    {"wan_join_port", "-"}, {"raft_vsn", "3a"}, {"ft_fs", "yes"}, {"sl_alpha", "nowhere"}}) {
    CAPTURE(name);
    CAPTURE(value);
    CHECK_FALSE(parse_server(member_of(with(good, name, value))));
  }
}

TEST_CASE("a pool refuses who has our id, the id of another, another datacenter or segment, in Consul's words") {
  const auto own = server_profile();
  const auto tags = agent_tags(own, false);
  auto other = tags;
  other["id"] = "2";
  CHECK_FALSE(objection_lan(own, "s1", {{"s1", &tags}, {"s2", &other}}));
  CHECK(*objection_lan(own, "s1", {{"s2", &tags}}) == "Member 's2' has conflicting node ID '11111111-1111-1111-1111-111111111111' with this agent's ID");
  CHECK_FALSE(objection_lan(own, "s1", {{"s2", &tags, true}}));
  CHECK(*objection_lan(own, "s1", {{"s2", &other}, {"s3", &other}}) == "Member 's3' has conflicting node ID '2' with member 's2'");
  const auto old = with(other, "build", "0.8.4:");
  CHECK_FALSE(objection_lan(own, "s1", {{"s2", &old}, {"s3", &old}}));
  const auto elsewhere = with(other, "dc", "dc2"), segmented = with(other, "segment", "blue");
  CHECK(*objection_lan(own, "s1", {{"s2", &elsewhere}}) == "Member 's2' part of wrong datacenter 'dc2'");
  CHECK(*objection_lan(own, "s1", {{"s2", &segmented}}) == "Member 's2' part of wrong segment 'blue' (expected '')");
  const auto client = with(with(other, "role", "node"), "dc", "dc2");
  CHECK(*objection_lan(own, "s1", {{"c", &client}}) == "Member 'c' part of wrong datacenter 'dc2'");
}

TEST_CASE("a plain serf agent is welcome among agents and not among servers") {
  const tag_table none;
  CHECK_FALSE(objection_lan(server_profile(), "s1", {{"x", &none}}));
  CHECK(*objection_wan({{"x", &none}}) == "Member 'x' is not a server");
  const auto server = agent_tags(server_profile(), true);
  CHECK_FALSE(objection_wan({{"s1.dc1", &server}}));
}
