#include "actors/members/pool_server.hpp"
#include "actors/coordinate/datacenter_maps.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::members;

namespace {

member server(std::string name, std::string datacenter, member_status status = member_status::alive) {
  member m;
  m.name = std::move(name);
  m.status = status;
  m.tags = {{"role", "consul"}, {"dc", std::move(datacenter)}, {"id", "id-of-" + m.name}, {"vsn", "2"}, {"build", "1.8.7:"}, {"port", "8300"}, {"raft_vsn", "3"}};
  return m;
}

coordinate::coordinate away(double seconds) {
  coordinate::coordinate c;
  c.vec[0] = seconds;
  return c;
}

} // namespace

TEST_CASE("a server's version, protocol and liveness are what it says of itself, not ours") {
  pool_view view;
  view.members = {server("a", "dc1"), server("b", "dc1", member_status::failed)};
  view.members[1].tags["build"] = "1.9.3:abcdef";
  view.members[1].tags["raft_vsn"] = "2";
  member client = server("c", "dc1");
  client.tags["role"] = "node";
  view.members.push_back(client);
  auto board = std::make_shared<pool_board>();
  board->publish(std::make_shared<const pool_view>(view));

  const auto a = server_by_id(board, "id-of-a"), b = server_by_id(board, "id-of-b");
  CHECK(a.version == "1.8.7");
  CHECK(a.raft_protocol == "3");
  CHECK(status_text(a.status) == "alive");
  CHECK(b.version == "1.9.3");
  CHECK(b.raft_protocol == "2");
  CHECK(status_text(b.status) == "failed");
  for (auto* nobody : {"id-of-c", "elsewhere", ""}) {
    const auto none = server_by_id(board, nobody);
    CHECK(none.version.empty());
    CHECK(none.raft_protocol == "unknown");
    CHECK(status_text(none.status) == "none");
  }
  CHECK(server_by_id(nullptr, "id-of-a").version.empty());
}

TEST_CASE("datacenters are those of the WAN pool's servers, nearest first, and always the own one") {
  using names = std::vector<std::string>;
  CHECK(coordinate::nearest_datacenters({}, "dc1") == names{"dc1"});
  pool_view wan;
  wan.self = "a.dc1";
  wan.members = {server("a.dc1", "dc1"),   server("b.near", "near"), server("c.far", "far"), server("d.far", "far"),
                 server("e.far", "far"),   server("f.unknown", "unknown"), server("g.also", "also"),
                 server("h.gone", "gone", member_status::left), server("i.down", "down", member_status::failed)};
  // Of three servers the second counts: one that is near does not bring its datacenter forward.
  wan.coordinates = {{"b.near", away(0.02)}, {"c.far", away(0.001)}, {"d.far", away(0.2)}, {"e.far", away(0.3)}, {"i.down", away(0.05)}};
  member stranger = server("s.x", "x");
  stranger.tags["role"] = "node";
  wan.members.push_back(stranger);
  CHECK(coordinate::nearest_datacenters(wan, "dc1") == names{"dc1", "near", "down", "far", "also", "unknown"});
}
