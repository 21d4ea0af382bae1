// Changes of the configuration: thesis 4.1 (one voter at a time), 4.2.1 (learners), 4.2.2 (removing the leader).
#include "actors/raft/core/wire.hpp"
#include "tests/actors/raft/core/cluster.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {

membership members(std::vector<server_id> voters, std::vector<server_id> learners = {}) {
  membership m;
  m.voters = std::move(voters);
  m.learners = std::move(learners);
  return m;
}
raft_index change(test_cluster& c, const server_id& leader, membership next, uint64_t cookie = 77) {
  const auto at = c.core(leader).change_membership(std::move(next), cookie);
  c.collect(leader);
  return at;
}
bool refused(test_cluster& c, const server_id& at, reject_reason why) {
  auto& r = c[at].rejected;
  const bool found = !r.empty() && r.back().reason == why && r.back().cookie == 77;
  r.clear();
  return found;
}
entry members_entry(uint64_t index, uint64_t term, const membership& m) {
  std::string bytes;
  encode(m, bytes);
  entry e = make_entry(index, term, bytes);
  e.kind = entry_kind::membership;
  return e;
}
// Enough heartbeats for whoever was sent nothing yet, and for all to hear of the commit.
void beat(test_cluster& c, const server_id& leader, int times = 3) {
  for (; times > 0; --times) {
    c.tick(leader);
    c.settle();
  }
}

} // namespace

TEST_CASE("configurations that name no server in common are of two clusters") {
  raft::membership ours;
  ours.voters = {"a", "b"};
  ours.learners = {"c"};
  CHECK(raft::is_of_another_cluster(ours, {"x", "y"}));
  CHECK_FALSE(raft::is_of_another_cluster(ours, {"x", "c"})); // taken in there, or all others replaced here
  CHECK_FALSE(raft::is_of_another_cluster(ours, {}));         // new, or its log is lost
  CHECK_FALSE(raft::is_of_another_cluster({}, {"x"}));
}

TEST_CASE("the bootstrap configuration becomes part of the log as the first entry of the first leader's term") {
  test_cluster c(3);
  c.elect("s1");
  REQUIRE(c["s1"].committed.size() == 1);
  CHECK(c["s1"].committed[0].kind == entry_kind::membership);
  CHECK(decode_membership(c["s1"].committed[0].bytes())->voters == c.core("s1").members().voters);
  CHECK(c.core("s1").members_index() == raft_index{1});
  CHECK(c.core("s2").members_index() == raft_index{1});
  c.tick("s1", 2);
  c.settle();
  c.core("s1").transfer_leadership("s2");
  c.collect("s1");
  c.settle();
  REQUIRE(c.core("s2").is_leader());
  CHECK(c["s2"].committed.back().kind == entry_kind::noop); // once is enough
}

TEST_CASE("an old log without a configuration gets one when its server leads again") {
  // The log of a version that knew no configurations: two entries of term 1.
  test_cluster old(0);
  old["s1"].disk.submit({1, {}, {make_entry(1, 1), make_entry(2, 1, "x")}, hard_state{raft_term{1}, "s1"}});
  old["s1"].disk.sync(1);
  old.set_bootstrap(members({"s1"}));
  old.start("s1");
  CHECK(old.core("s1").is_leader());
  CHECK(old.core("s1").members_index() == raft_index{3});
  CHECK(old["s1"].disk.stored().memberships.size() == 1);
  old.set_bootstrap({});
  old.crash("s1");
  old.start("s1"); // now the log alone suffices
  CHECK(old.core("s1").is_leader());
}

TEST_CASE("a server without a configuration never campaigns, votes, follows and learns the configuration") {
  test_cluster c(1);
  c.join("j1");
  c.tick("j1", 50);
  CHECK(c.core("j1").role() == role::follower);
  CHECK(c.core("j1").members().empty());
  c.step("j1", make_message(message_kind::vote, "s9", 1));
  CHECK(c.take(message_kind::vote_reply, "j1").size() == 1);
  REQUIRE(change(c, "s1", members({"s1"}, {"j1"})).v > 0);
  beat(c, "s1");
  CHECK(c.core("j1").members() == c.core("s1").members());
  CHECK(c.core("j1").commit_index() == c.core("s1").commit_index());
  CHECK(c["j1"].members.back().second == raft_index{2});
}

TEST_CASE("bootstrap sets the configuration once, and only of a server that knows nothing") {
  test_cluster c(0);
  c.join("s1");
  c.core("s1").bootstrap({});
  CHECK(c.core("s1").members().empty());
  c.core("s1").bootstrap(members({"s1", "s1"})); // not sound
  CHECK(c.core("s1").members().empty());
  c.core("s1").bootstrap(members({"s1"}));
  c.core("s1").bootstrap(members({"s2"}));
  c.collect("s1");
  CHECK(c.core("s1").is_leader());
  CHECK(c.core("s1").members().voters == std::vector<server_id>{"s1"});
  CHECK(c["s1"].members.back().second == raft_index{1});
}

TEST_CASE("one voter comes or goes at a time, learners and addresses as they like") {
  test_cluster c(3);
  CHECK(change(c, "s2", members({"s1", "s2"})).v == 0);
  CHECK(refused(c, "s2", reject_reason::not_leader));
  c.elect("s1");
  for (const auto& wrong : {members({"s1"}), members({"s1", "s2", "x"}), members({"s1", "s2", "s3", "x", "y"}), members({}),
                            members({"s1", "s2", "s3"}, {"s3"}), members({"s1", "s2", "s2"}), members({"s1", "s2", ""})}) {
    CHECK(change(c, "s1", wrong).v == 0);
    CHECK(refused(c, "s1", reject_reason::invalid_change));
  }
  auto many = members({"s1", "s2", "s3"}, {"l1", "l2", "l3"});
  many.addresses["s1"] = "10.0.0.1:8300";
  CHECK(change(c, "s1", many).v == 2);
  CHECK(change(c, "s1", members({"s1", "s2", "s3"})).v == 0);
  CHECK(refused(c, "s1", reject_reason::change_in_progress));
  c.settle();
  CHECK(c["s1"].committed.back().cookie == 77);
  CHECK(c.core("s2").members() == many);
  CHECK(change(c, "s1", members({"s1", "s2", "s3", "l1"}, {"l2"})).v == 3); // promote one, drop another
}

TEST_CASE("a leader changes nothing before an entry of its term is committed") {
  test_cluster c(3);
  c.elect("s1");
  beat(c, "s1");
  c.down = {"s1"};
  for (const char* id : {"s2", "s3"}) c.tick(id, 15);
  c.mail.clear();
  c["s3"].auto_sync = false;
  c.elect("s2");
  c.sync("s3"); // its vote is durable; the entry that it gets next is not
  c.settle();
  REQUIRE(c.core("s2").is_leader());
  REQUIRE(c.core("s2").members_index() <= c.core("s2").commit_index());
  CHECK(change(c, "s2", members({"s1", "s2"})).v == 0);
  CHECK(refused(c, "s2", reject_reason::change_in_progress));
}

TEST_CASE("learners get the log but their answers commit nothing") {
  test_cluster c(2, {}, 2);
  c.elect("s1");
  c.down = {"s2"};
  const auto at = c.propose("s1", "x");
  c.settle();
  CHECK(c.core("l1").last_index() == at);
  CHECK(c.core("s1").commit_index() < at);
  c.tick("l1", 100);
  CHECK(c.core("l1").role() == role::follower);
}

TEST_CASE("a conflict that cuts the log brings the configuration before back") {
  test_cluster c(3);
  c.elect("s1");
  beat(c, "s1");
  const auto before = c.core("s2").members();
  auto m = make_message(message_kind::append, "s1", 1);
  m.log_index = raft_index{1};
  m.log_term = raft_term{1};
  m.entries = {members_entry(2, 1, members({"s1", "s2"})), members_entry(3, 1, members({"s2"}))};
  c.step("s2", m);
  CHECK(c.core("s2").members_index() == raft_index{3});
  auto other = make_message(message_kind::append, "s3", 2);
  other.log_index = raft_index{1};
  other.log_term = raft_term{1};
  other.entries = {make_entry(2, 2)};
  c.step("s2", other);
  CHECK(c.core("s2").members() == before);
  CHECK(c.core("s2").members_index() == raft_index{1});
  CHECK(c["s2"].members.back() == std::pair{before, raft_index{1}});
  c.crash("s2");
  c.start("s2");
  CHECK(c.core("s2").members() == before);
}

TEST_CASE("a configuration that cannot be read is not stored") {
  test_cluster c(3);
  auto m = make_message(message_kind::append, "s1", 1);
  m.entries = {members_entry(1, 1, members({}))};
  c.step("s2", m);
  CHECK(c.core("s2").last_index().v == 0);
  m.entries[0].payload = std::make_shared<const std::string>("\xff\xff");
  c.step("s2", m);
  CHECK(c.core("s2").last_index().v == 0);
}

TEST_CASE("a leader that takes itself out leads until that is committed, then hands over at once") {
  test_cluster c(3);
  c.elect("s1");
  beat(c, "s1");
  REQUIRE(change(c, "s1", members({"s2", "s3"})).v == 2);
  CHECK(c.core("s1").is_leader());
  CHECK(c.core("s1").commit_index() == raft_index{1}); // its own copy is not counted
  c.settle();
  CHECK_FALSE(c.core("s1").is_leader());
  CHECK(c["s1"].committed.back().cookie == 77);
  CHECK((c.core("s2").is_leader() || c.core("s3").is_leader()));
  c.tick("s1", 100);
  CHECK(c.core("s1").role() == role::follower);
}

TEST_CASE("a removed server is told before it is let go, and disturbs nobody if it was not") {
  test_cluster c(3);
  c.elect("s1");
  beat(c, "s1");
  SUBCASE("told") {
    change(c, "s1", members({"s1", "s2"}));
    beat(c, "s1");
    CHECK(c.core("s3").members().voters.size() == 2);
    CHECK(c.core("s3").commit_index() == raft_index{2});
    CHECK(c.core("s1").progress_of("s3") == nullptr);
    c.tick("s3", 100);
    CHECK(c.mail.empty());
  }
  SUBCASE("not told") {
    c.down = {"s3"};
    change(c, "s1", members({"s1", "s2"}));
    beat(c, "s1");
    c.down.clear();
    const auto term = c.core("s1").term();
    for (int i = 0; i < 60; ++i) {
      c.tick("s3");
      beat(c, "s1", 1);
    }
    CHECK(c.core("s1").is_leader());
    CHECK(c.core("s1").term() == term);
  }
}

// Figure 4.6 of the thesis: s1 holds the entry that takes it out, s2 does not, and s2 cannot win against s1's log.
TEST_CASE("a server that is to be removed still campaigns while the change is not committed") {
  test_cluster c(2);
  c.elect("s1");
  beat(c, "s1");
  c.down = {"s2"};
  REQUIRE(change(c, "s1", members({"s2"})).v == 2);
  c.tick("s1", 40); // nobody answers: it steps down
  c.mail.clear();
  c.down.clear();
  REQUIRE_FALSE(c.core("s1").is_leader());
  for (int i = 0; i < 100; ++i) {
    c.tick("s1");
    c.tick("s2");
    c.settle();
  }
  CHECK(c.core("s2").is_leader());
  CHECK(c.core("s2").members().voters == std::vector<server_id>{"s2"});
  CHECK(c.core("s2").members_index() == raft_index{2});
}

TEST_CASE("a snapshot brings the configuration of its place, also after a restart") {
  test_cluster c(0);
  c.join("j1");
  auto m = make_message(message_kind::install_snapshot, "s1", 3);
  m.log_index = raft_index{50};
  m.log_term = raft_term{2};
  m.members = members({"s1", "j1"});
  m.members_index = raft_index{40};
  c.step("j1", m);
  CHECK(c.core("j1").members() == *m.members);
  CHECK(c.core("j1").members_index() == raft_index{40});
  CHECK(c["j1"].members.size() == 1);
  c.crash("j1");
  c.start("j1");
  CHECK(c.core("j1").members() == *m.members);
  CHECK(c.core("j1").members_at(raft_index{39}) == nullptr);
}

TEST_CASE("compaction keeps the configuration that holds at its place") {
  test_cluster c(1);
  for (int i = 0; i < 4; ++i) {
    change(c, "s1", members({"s1"}, i % 2 ? std::vector<server_id>{} : std::vector<server_id>{"l1"}));
    c.settle();
  }
  REQUIRE(c.core("s1").members_index() == raft_index{5});
  c.core("s1").compacted({raft_index{4}, raft_term{1}});
  CHECK(c.core("s1").members_at(raft_index{3}) == nullptr);
  CHECK(c.core("s1").members_at(raft_index{4})->first == raft_index{4});
  CHECK(c.core("s1").members_at(raft_index{9})->first == raft_index{5});
}

TEST_CASE("the leader notes when it last heard of a server") {
  test_cluster c(3);
  c.elect("s1");
  c.tick("s1", 5);
  c.settle();
  CHECK(c.core("s1").progress_of("s2")->heard_tick == c.core("s1").now_ticks());
  CHECK(c.core("s1").lease_known());
  CHECK(c.core("s1").lease_tick() == c.core("s1").now_ticks());
}
