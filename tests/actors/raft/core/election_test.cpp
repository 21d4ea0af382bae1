// Paper 5.2 and 5.4.1; thesis 3.10, 4.2.1, 6.2 and 9.6.
#include "tests/actors/raft/core/cluster.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

TEST_CASE("5.2: a server starts as a follower and stays one while it hears a leader") {
  test_cluster c(3);
  CHECK(c.core("s1").role() == role::follower);
  c.elect("s2");
  for (int i = 0; i < 100; ++i) {
    c.tick("s2");
    c.tick("s1");
    c.settle();
  }
  CHECK(c.core("s1").role() == role::follower);
  CHECK(c.core("s1").leader() == "s2");
}

TEST_CASE("5.2: the candidate that gets a majority of votes leads, and says so to all") {
  test_cluster c(5);
  c.down = {"s4", "s5"};
  c.elect("s1");
  CHECK(c.core("s1").is_leader());
  CHECK(c.core("s2").leader() == "s1");
  CHECK(c.core("s1").term() == raft_term{1});
}

TEST_CASE("5.2: without a majority nobody leads") {
  test_cluster c(5);
  c.down = {"s3", "s4", "s5"};
  c.elect("s1");
  CHECK_FALSE(c.core("s1").is_leader());
}

TEST_CASE("5.2: election time-outs are drawn from one to two times election_ticks") {
  std::set<uint64_t> seen;
  for (int run = 0; run < 60; ++run) {
    options o;
    o.self = "s1";
    o.members.voters = {"s1", "s2"};
    test::virtual_disk<std::string> disk;
    auto core = raft_core::open(o, disk.stored(), disk, prng(static_cast<uint64_t>(run)));
    uint64_t ticks = 0;
    while ((*core)->role() == role::follower) {
      (*core)->tick();
      ++ticks;
    }
    CHECK(ticks >= 10);
    CHECK(ticks < 20);
    seen.insert(ticks);
  }
  CHECK(seen.size() > 5);
}

TEST_CASE("5.2: a server votes for one candidate in a term, and for it again when asked again") {
  test_cluster c(3);
  c.step("s1", make_message(message_kind::vote, "s2", 1));
  CHECK_FALSE(c.take(message_kind::vote_reply).at(0).reject);
  c.step("s1", make_message(message_kind::vote, "s3", 1));
  CHECK(c.take(message_kind::vote_reply).at(0).reject);
  c.step("s1", make_message(message_kind::vote, "s2", 1));
  CHECK_FALSE(c.take(message_kind::vote_reply).at(0).reject);
}

TEST_CASE("5.2: the vote is remembered after a restart") {
  test_cluster c(3);
  c.step("s1", make_message(message_kind::vote, "s2", 1));
  c.crash("s1");
  c.start("s1");
  c.mail.clear();
  CHECK(c.core("s1").vote() == "s2");
  c.step("s1", make_message(message_kind::vote, "s3", 1));
  CHECK(c.take(message_kind::vote_reply).at(0).reject);
}

TEST_CASE("figure 2: a vote is not sent before it is durable") {
  test_cluster c(3);
  c["s1"].auto_sync = false;
  c.step("s1", make_message(message_kind::vote, "s2", 1));
  CHECK(c.mail.empty());
  c.sync("s1");
  CHECK(c.take(message_kind::vote_reply).size() == 1);
}

TEST_CASE("figure 2: a candidate neither asks for votes nor counts its own before its term is durable") {
  test_cluster c(3);
  c["s1"].auto_sync = false;
  c.core("s1").campaign();
  c.collect("s1");
  c.settle(); // the pre-vote needs no write
  CHECK(c.core("s1").role() == role::candidate);
  CHECK(c.mail.empty());
  c.sync("s1");
  CHECK(c.take(message_kind::vote).size() == 2);
}

TEST_CASE("5.4.1: no vote for a candidate whose log is behind") {
  test_cluster c(3);
  c.elect("s1");
  c.propose("s1", "x");
  c.settle();
  c.down = {"s1"};
  c.tick("s2", 10); // the lease has run out
  auto m = make_message(message_kind::vote, "s3", 5);
  SUBCASE("an older last term") {
    m.log_index = raft_index{9};
    m.log_term = raft_term{0};
  }
  SUBCASE("the same last term and a shorter log") {
    m.log_index = raft_index{1};
    m.log_term = raft_term{1};
  }
  c.step("s2", m);
  CHECK(c.take(message_kind::vote_reply, "s2").at(0).reject);
  CHECK(c.core("s2").term() == raft_term{5});
}

TEST_CASE("5.1: a leader that hears of a newer term steps down") {
  test_cluster c(3);
  c.elect("s1");
  c.step("s1", make_message(message_kind::append_reply, "s2", 7));
  CHECK(c.core("s1").role() == role::follower);
  CHECK(c.core("s1").term() == raft_term{7});
}

TEST_CASE("5.1: a stale leader is told the newer term") {
  test_cluster c(3);
  c.elect("s1");
  c.mail.clear();
  c.step("s1", make_message(message_kind::heartbeat, "s2", 0));
  c.step("s1", make_message(message_kind::append, "s2", 0));
  auto replies = c.take(message_kind::append_reply);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].reject);
  CHECK(replies[0].term == raft_term{1});
}

TEST_CASE("thesis 9.6: a pre-vote changes nobody's term, so that a server that was cut off disturbs nobody") {
  test_cluster c(3);
  c.elect("s1");
  c.down = {"s3"};
  c.tick("s3", 200);
  CHECK(c.core("s3").term() == raft_term{1});
  CHECK(c.core("s3").role() == role::pre_candidate);
  c.mail.clear();
  c.down.clear();
  c.tick("s3", 20);
  c.settle();
  CHECK(c.core("s1").is_leader());
  CHECK(c.core("s1").term() == raft_term{1});
}

TEST_CASE("thesis 4.2.3: who hears a leader ignores candidates, unless the leader itself sent them") {
  test_cluster c(3);
  c.elect("s1");
  auto m = make_message(message_kind::vote, "s3", 2);
  m.log_index = raft_index{100};
  m.log_term = raft_term{1};
  c.step("s2", m);
  CHECK(c.core("s2").term() == raft_term{1});
  CHECK(c.mail.empty());
  m.transfer = true;
  c.step("s2", m);
  CHECK(c.core("s2").term() == raft_term{2});
}

TEST_CASE("thesis 6.4.1: who restarts lets nobody be elected while a leader may hold a lease on what it said before") {
  test_cluster c(3);
  c.elect("s1");
  c.crash("s2");
  c.start("s2");
  c.mail.clear();
  auto m = make_message(message_kind::vote, "s3", 2);
  m.log_index = raft_index{100};
  m.log_term = raft_term{1};
  c.tick("s2", 9);
  c.step("s2", m);
  CHECK(c.core("s2").term() == raft_term{1});
  CHECK(c.mail.empty());
  c.tick("s2");
  c.step("s2", m);
  CHECK(c.core("s2").term() == raft_term{2});
}

TEST_CASE("thesis 6.2: a leader that no majority answers steps down and fails what waits") {
  test_cluster c(3);
  c.elect("s1");
  c.down = {"s2", "s3"};
  c.propose("s1", "lost", 42);
  c.core("s1").read_index(43);
  c.collect("s1");
  c.tick("s1", 20);
  CHECK(c.core("s1").role() == role::follower);
  REQUIRE(c["s1"].rejected.size() == 2);
  CHECK(c["s1"].rejected[0].cookie == 42);
  CHECK(c["s1"].rejected[0].reason == reject_reason::lost_leadership);
  CHECK(c["s1"].rejected[1].is_read);
}

TEST_CASE("thesis 6.4.1: the lease holds while a majority answers and ends before anyone else can be elected") {
  test_cluster c(3);
  c.elect("s1");
  CHECK_FALSE(c.core("s1").has_lease());
  c.tick("s1");
  c.settle();
  CHECK(c.core("s1").has_lease());
  c.down = {"s2", "s3"};
  c.tick("s1", 9);
  CHECK(c.core("s1").has_lease());
  c.tick("s1");
  CHECK_FALSE(c.core("s1").has_lease());
}

TEST_CASE("thesis 3.10: leadership is handed to a follower that has caught up") {
  test_cluster c(3);
  c.elect("s1");
  c.propose("s1", "x");
  c.core("s1").transfer_leadership("s2");
  CHECK(c.propose("s1", "refused", 9) == raft_index{0});
  CHECK(c["s1"].rejected.back().reason == reject_reason::transferring);
  c.settle();
  CHECK(c.core("s2").is_leader());
  CHECK(c.core("s1").leader() == "s2");
  CHECK(c.core("s2").term() == raft_term{2});
}

TEST_CASE("thesis 3.10: a transfer that does not happen is given up after an election time-out") {
  test_cluster c(3);
  c.elect("s1");
  c.down = {"s2"};
  c.core("s1").transfer_leadership("s2");
  for (int i = 0; i < 10; ++i) {
    c.tick("s1");
    c.settle();
  }
  CHECK(c.core("s1").is_leader());
  CHECK(c.propose("s1", "accepted") != raft_index{0});
  CHECK_FALSE(c.core("s1").has_lease()); // the order may still be on its way
}

TEST_CASE("thesis 4.2.1: a learner receives the log, is not counted and never campaigns") {
  test_cluster c(1, {}, 1);
  c.settle();
  CHECK(c.core("s1").is_leader());
  c.down = {"l1"};
  c.propose("s1", "x");
  CHECK(c["s1"].committed.size() == 2);
  c.down.clear();
  c.tick("s1", 3);
  c.settle();
  CHECK(c["l1"].committed.size() == 2);
  c.tick("l1", 100);
  CHECK(c.core("l1").role() == role::follower);
}

TEST_CASE("answers of strangers change nothing, not even the term") {
  test_cluster c(3);
  for (auto kind : {message_kind::pre_vote_reply, message_kind::vote_reply, message_kind::append_reply,
                    message_kind::heartbeat_reply})
    c.step("s1", make_message(kind, "stranger", 9));
  CHECK(c.core("s1").term() == raft_term{0});
  CHECK(c.mail.empty());
}
