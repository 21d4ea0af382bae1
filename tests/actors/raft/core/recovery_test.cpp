// A server whose disk forgot its log: actors/raft/core/recovery.hpp.
#include "tests/actors/raft/core/cluster.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {

// s1 leads, all have five entries; then s3 loses its log and comes back with what its state machine has.
struct forgetful {
  test_cluster c{3};
  explicit forgetful(bool applied = true) {
    c.elect("s1");
    for (int i = 0; i < 5; ++i) c.propose("s1", "entry");
    c.settle();
    c.tick("s1", 2);
    c.settle();
    last = c.core("s1").last_index();
    const auto had = applied ? c["s3"].applied : raft_index{};
    c.crash("s3");
    c["s3"].applied = had;
    c["s3"].disk.lose_log(had, "state");
  }
  void back() { c.start("s3", 77); }
  void beat(int times = 3) {
    for (; times > 0; --times) {
      c.tick("s1");
      c.settle();
    }
  }
  raft_index last;
};

message asks_vote(message_kind kind, uint64_t term, uint64_t index) {
  auto m = make_message(kind, "s2", term);
  m.log_index = raft_index{index};
  m.log_term = raft_term{term};
  m.transfer = true; // the lease does not stand in the way
  return m;
}

} // namespace

TEST_CASE("a server that forgot its log gets it again from the leader that believes it has it") {
  for (const bool applied : {true, false}) {
    CAPTURE(applied);
    forgetful f(applied);
    f.back();
    CHECK(f.c.core("s3").is_recovering());
    f.beat();
    CHECK_FALSE(f.c.core("s3").is_recovering());
    CHECK(f.c.core("s3").last_index() == f.last);
    CHECK(f.c.core("s1").is_leader());
    CHECK(f.c.core("s1").progress_of("s3")->match == f.last);
    const auto at = f.c.propose("s1", "more");
    f.c.settle();
    CHECK(f.c.core("s3").last_index() == at);
  }
}

TEST_CASE("a server that forgot its log grants no vote and does not campaign") {
  forgetful f;
  f.back();
  for (const auto kind : {message_kind::vote, message_kind::pre_vote}) {
    f.c.mail.clear();
    f.c.step("s3", asks_vote(kind, 9, 100));
    const auto reply = f.c.take(kind == message_kind::vote ? message_kind::vote_reply : message_kind::pre_vote_reply);
    REQUIRE(reply.size() == 1);
    CHECK(reply[0].reject);
  }
  f.c.tick("s3", 100);
  CHECK(f.c.core("s3").role() == role::follower);
  CHECK(f.c.take(message_kind::pre_vote).empty());
  f.c.step("s3", make_message(message_kind::heartbeat, "s1", 9));
  f.c.step("s3", make_message(message_kind::timeout_now, "s1", 9));
  CHECK(f.c.core("s3").role() == role::follower);
}

TEST_CASE("a server that forgot its log leads no cluster of one, which an old configuration may speak of") {
  struct none final : log_reader {
    result<raft_term> term(raft_index) override { return error(errc::not_found, "no entries"); }
    result<std::vector<entry>> entries(raft_index, raft_index, size_t) override { return error(errc::not_found, "no entries"); }
  } reader;
  stored_state stored;
  stored.hard.term = raft_term{6};
  stored.compacted = {raft_index{181}, raft_term{4}};
  stored.last = stored.applied = raft_index{181};
  membership alone; // of the snapshot's place; the others joined later
  alone.voters = {"s1"};
  stored.memberships.emplace_back(raft_index{1}, alone);
  options o;
  o.self = "s1";
  for (const uint64_t recovering : {uint64_t{0}, uint64_t{77}}) {
    CAPTURE(recovering);
    auto core = std::move(*raft_core::open(o, stored, reader, prng(1), recovering));
    for (int i = 0; i < 100; ++i) core->tick();
    (void)core->drain();
    CHECK((core->role() == role::follower) == (recovering != 0));
    CHECK((core->term() == raft_term{6}) == (recovering != 0));
  }
}

TEST_CASE("a message of before the restart does not end the recovery") {
  forgetful f;
  f.back();
  // The leader's first entry only, in an append and a heartbeat of a time when there was nothing else.
  auto old = make_message(message_kind::heartbeat, "s1", f.c.core("s1").term().v);
  set_echo(old, 76, raft_index{1}); // another start's number
  f.c.step("s3", old);
  CHECK(f.c.core("s3").is_recovering());
  set_echo(old, 0, raft_index{1});
  f.c.step("s3", old);
  CHECK(f.c.core("s3").is_recovering());
}

TEST_CASE("what is to end the recovery is durable first") {
  forgetful f(false);
  f.c["s3"].auto_sync = false;
  f.back();
  f.beat(6);
  CHECK(f.c.core("s3").last_index() == f.last);
  CHECK(f.c.core("s3").is_recovering());
  f.c.sync("s3");
  CHECK_FALSE(f.c.core("s3").is_recovering());
}

TEST_CASE("the end that one leader named does not count with the next") {
  recovery r;
  r.begin(5);
  r.named(raft_term{2}, 5, raft_index{10});
  r.matched(raft_term{3}, raft_index{10});
  CHECK_FALSE(r.ends(raft_term{3}, raft_index{10}));
  r.named(raft_term{3}, 5, raft_index{12});
  CHECK_FALSE(r.ends(raft_term{3}, raft_index{12}));
  r.matched(raft_term{3}, raft_index{12});
  CHECK_FALSE(r.ends(raft_term{3}, raft_index{11}));
  CHECK(r.ends(raft_term{3}, raft_index{12}));
  CHECK_FALSE(r.active());
}

TEST_CASE("the term of the last applied entry is learned from the leader and written down") {
  forgetful f;
  f.back();
  CHECK(f.c["s3"].disk.compacted().term.v == 0);
  f.beat();
  CHECK(f.c["s3"].disk.compacted().index.v > 0);
  CHECK(f.c["s3"].disk.compacted().term == f.c.core("s1").term());
}
