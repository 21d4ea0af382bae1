#include "actors/gossip/core/awareness.hpp"
#include "actors/gossip/core/settings.hpp"
#include "actors/gossip/core/suspicion.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;
using namespace std::chrono_literals;

TEST_CASE("the retransmit limit grows with the logarithm of the cluster") {
  const auto s = settings::lan();
  CHECK(s.retransmit_limit(0) == 0);
  CHECK(s.retransmit_limit(1) == 4);
  CHECK(s.retransmit_limit(2) == 4); // seen on the wire
  CHECK(s.retransmit_limit(9) == 4);
  CHECK(s.retransmit_limit(10) == 8);
  CHECK(s.retransmit_limit(999) == 12);
  CHECK(s.retransmit_limit(1000) == 16);
  const auto ours = settings::consul_lan(); // in small pools with the least number
  CHECK(ours.retransmit_limit(1) == 4);
  CHECK(ours.retransmit_limit(5) == 8);
  CHECK(ours.retransmit_limit(999) == 12);
}

TEST_CASE("the least time of a suspect is the same for up to ten nodes and then grows with the logarithm") {
  const auto s = settings::lan();
  CHECK(s.suspicion_min(1) == 4s);
  CHECK(s.suspicion_min(3) == 4s);
  CHECK(s.suspicion_min(10) == 4s);
  CHECK(s.suspicion_min(50) == 6792ms); // 4 * 1.698
  CHECK(s.suspicion_min(1000) >= 11996ms); // the logarithm of 1000 may come out just below 3
  CHECK(s.suspicion_min(1000) <= 12s);
  CHECK(s.suspicion_max(10) == 24s);
}

TEST_CASE("a cluster too small to confirm asks for no confirmations") {
  CHECK(settings::lan().confirmations(3) == 0);
  CHECK(settings::lan().confirmations(4) == 2);
  CHECK(settings::wan().confirmations(5) == 0);
  CHECK(settings::wan().confirmations(6) == 4);
}

TEST_CASE("whole states are exchanged more rarely in clusters of more than 32") {
  const auto s = settings::lan();
  CHECK(s.push_pull_period(0) == 30s);
  CHECK(s.push_pull_period(32) == 30s);
  CHECK(s.push_pull_period(33) == 60s);
  CHECK(s.push_pull_period(64) == 60s);
  CHECK(s.push_pull_period(65) == 90s);
  CHECK(s.push_pull_period(1000) == 180s);
}

TEST_CASE("the profiles are those of memberlist and Consul") {
  CHECK(settings::wan().suspicion_mult == 6);
  CHECK(settings::wan().gossip_nodes == 4);
  CHECK(settings::consul_wan().gossip_nodes == 3);
  CHECK(settings::consul_wan().probe_interval == 5s);
  CHECK(settings::consul_lan().dead_node_reclaim_time == 30s);
  CHECK(settings::lan().dead_node_reclaim_time == 0s);
  CHECK(settings::local().indirect_checks == 1);
  CHECK(settings::local().retransmit_mult == 2);
  CHECK(settings::local().probe_timeout == 200ms);
  CHECK(settings::consul_dev().probe_interval == 100ms);
}

TEST_CASE("a suspicion without confirmers runs the least time") {
  suspicion s("a", 0, 4s, 24s, 100s);
  CHECK(s.deadline() == 104s);
  CHECK_FALSE(s.confirm("b"));
}

TEST_CASE("each confirmation shortens a suspicion logarithmically from the most to the least time") {
  suspicion s("a", 3, 2s, 30s, 100s);
  CHECK(s.deadline() == 130s);
  CHECK(s.confirm("b"));
  CHECK(s.deadline() == 116s); // 30 - 28 * ln 2 / ln 4
  CHECK(s.confirm("c"));
  CHECK(s.deadline() == 107810ms); // 30 - 28 * ln 3 / ln 4 = 7.81 s
  CHECK(s.confirm("d"));
  CHECK(s.deadline() == 102s);
  CHECK_FALSE(s.confirm("e"));
  CHECK(s.confirmed() == 3);
}

TEST_CASE("the accuser and whoever confirmed before are no news") {
  suspicion s("a", 3, 2s, 30s, 0s);
  CHECK_FALSE(s.confirm("a"));
  CHECK(s.confirm("b"));
  CHECK_FALSE(s.confirm("b"));
  CHECK(s.deadline() == 16s);
}

TEST_CASE("a postponed suspicion gives its subject the time that was lost") {
  suspicion s("a", 2, 4s, 24s, 10s);
  s.postpone(7s);
  CHECK(s.deadline() == 41s);
  CHECK(s.confirm("b"));
  CHECK(s.confirm("c"));
  CHECK(s.deadline() == 21s);
}

TEST_CASE("the health score stays within its bounds and stretches waiting") {
  awareness a(8);
  CHECK(a.scale(1s) == 1s);
  a.apply(-3);
  CHECK(a.score() == 0);
  a.apply(5);
  CHECK(a.scale(1s) == 6s);
  a.apply(100);
  CHECK(a.score() == 7);
  a.apply(-1);
  CHECK(a.score() == 6);
}

TEST_CASE("without Lifeguard there is neither a health score nor a time to confirm") {
  const auto s = settings::lan().without_lifeguard();
  awareness a(s.awareness_max_multiplier);
  a.apply(4);
  CHECK(a.score() == 0);
  CHECK(s.suspicion_max(100) == s.suspicion_min(100));
}
