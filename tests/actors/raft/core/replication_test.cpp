// Paper 5.3, 5.4.2 and 7; thesis 6.4 and 10.2.
#include "tests/actors/raft/core/cluster.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {
message append_message(const server_id& from, uint64_t term, uint64_t prev, uint64_t prev_term,
                       std::vector<entry> entries, uint64_t commit = 0) {
  auto m = make_message(message_kind::append, from, term);
  m.log_index = raft_index{prev};
  m.log_term = raft_term{prev_term};
  m.entries = std::move(entries);
  m.commit = raft_index{commit};
  return m;
}
} // namespace

TEST_CASE("5.3: an entry is committed once a majority has it, and everybody applies it") {
  test_cluster c(3);
  c.elect("s1");
  const auto at = c.propose("s1", "x", 7);
  CHECK(c["s1"].committed.size() == 1); // the no-op
  c.settle();
  for (const char* id : {"s1", "s2", "s3"}) {
    REQUIRE(c[id].committed.size() == 2);
    CHECK(c[id].committed[1].index == at);
    CHECK(c[id].committed[1].bytes() == "x");
  }
  CHECK(c["s1"].committed[1].cookie == 7);
  CHECK(c["s2"].committed[1].cookie == 0);
}

TEST_CASE("a cluster of one leads at once and commits with its own sync") {
  test_cluster c(1);
  CHECK(c.core("s1").is_leader());
  CHECK(c["s1"].committed.size() == 1);
  c["s1"].auto_sync = false;
  for (uint64_t i = 1; i <= 100; ++i) c.core("s1").propose("x", i);
  c.collect("s1");
  CHECK(c["s1"].disk.queued() == 1); // a hundred proposals, one write
  CHECK(c["s1"].committed.size() == 1);
  c.sync("s1");
  CHECK(c["s1"].committed.size() == 101);
  CHECK(c["s1"].committed.back().cookie == 100);
  CHECK(c.mail.empty());
  c.core("s1").read_index(5);
  c.collect("s1");
  CHECK(c["s1"].reads.at(0).index == raft_index{101});
}

TEST_CASE("thesis 10.2.1: followers are sent an entry before the leader has synced it, which then may commit without it") {
  test_cluster c(3);
  c.elect("s1");
  c["s1"].auto_sync = false;
  const auto at = c.propose("s1", "x", 7);
  c.settle();
  CHECK(c.core("s1").commit_index() == at);
  CHECK(c["s1"].committed.size() == 1); // its own machine stays behind its own disk
  c.sync("s1");
  CHECK(c["s1"].committed.size() == 2);
}

TEST_CASE("figure 2: an entry is not acknowledged before it is durable, and the leader does not count it") {
  test_cluster c(3);
  c.elect("s1");
  c["s2"].auto_sync = c["s3"].auto_sync = false;
  const auto at = c.propose("s1", "x");
  c.settle();
  CHECK(c.core("s1").commit_index() < at);
  c.sync("s3");
  c.settle();
  CHECK(c.core("s1").commit_index() == at);
}

TEST_CASE("figure 2: acknowledgements that wait for one write are sent as one") {
  test_cluster c(3);
  c.elect("s1");
  c.settle();
  c["s2"].auto_sync = false;
  for (uint64_t i = 0; i < 10; ++i)
    c.core("s2").step(append_message("s1", 1, 1 + i, 1, {make_entry(2 + i, 1, "x")}));
  c.collect("s2");
  CHECK(c.mail.empty());
  c.sync("s2");
  auto acks = c.take(message_kind::append_reply, "s2");
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].log_index == raft_index{11});
}

TEST_CASE("5.3: conflicting entries give way to the leader's, and a late sync of them acknowledges nothing") {
  test_cluster c(3);
  c["s1"].auto_sync = false;
  c.step("s1", append_message("s2", 1, 0, 0, {make_entry(1, 1, "a"), make_entry(2, 1, "old"), make_entry(3, 1, "old")}));
  c.sync("s1");
  c.mail.clear();
  c.step("s1", append_message("s2", 1, 3, 1, {make_entry(4, 1, "late")}));     // write A, not yet synced
  c.step("s1", append_message("s3", 2, 1, 1, {make_entry(2, 2, "new")}));      // write B cuts the log
  CHECK(c.core("s1").last_index() == raft_index{2});
  CHECK(c.core("s1").stable_index() == raft_index{1});
  CHECK(c.take(message_kind::append_reply).empty());
  c.sync("s1");
  auto acks = c.take(message_kind::append_reply);
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].to == "s3");
  CHECK(acks[0].log_index == raft_index{2});
  CHECK(c["s1"].disk.last() == raft_index{2});
}

TEST_CASE("5.3: an entry that is there already does not cut what follows it") {
  test_cluster c(3);
  c.step("s1", append_message("s2", 1, 0, 0, {make_entry(1, 1, "a"), make_entry(2, 1, "b")}));
  c.step("s1", append_message("s2", 1, 0, 0, {make_entry(1, 1, "a")}));
  CHECK(c.core("s1").last_index() == raft_index{2});
}

TEST_CASE("5.3: a follower without the preceding entry refuses and says where the logs may meet") {
  test_cluster c(3);
  c.step("s1", append_message("s2", 3, 0, 0, {make_entry(1, 1, "a"), make_entry(2, 1, "b"), make_entry(3, 3, "c")}));
  c.mail.clear();
  c.step("s1", append_message("s3", 5, 9, 5, {make_entry(10, 5, "z")}));
  auto m = c.take(message_kind::append_reply).at(0);
  CHECK(m.reject);
  CHECK(m.rejected_prev == raft_index{9});
  CHECK(m.log_index == raft_index{3});
  c.step("s1", append_message("s3", 5, 3, 2, {}));
  m = c.take(message_kind::append_reply).at(0);
  CHECK(m.reject);
  CHECK(m.log_index == raft_index{2}); // the whole of term 3 is skipped
  CHECK(m.log_term == raft_term{1});
}

TEST_CASE("5.3: entries with gaps, falling terms or terms of the future are not stored") {
  test_cluster c(3);
  c.step("s1", append_message("s2", 2, 0, 0, {make_entry(2, 1)}));
  c.step("s1", append_message("s2", 2, 0, 0, {make_entry(1, 2), make_entry(2, 1)}));
  c.step("s1", append_message("s2", 2, 0, 0, {make_entry(1, 3)}));
  CHECK(c.core("s1").last_index() == raft_index{0});
  CHECK(c.take(message_kind::append_reply).empty());
}

TEST_CASE("5.4.2, figure 8: an entry of an older term is not committed by counting") {
  test_cluster c(3);
  c.down = {"s2", "s3"};
  // s1 holds an entry of term 1 that nobody else has, and becomes leader of term 2.
  c.step("s1", append_message("s2", 1, 0, 0, {make_entry(1, 1, "old")}));
  c.mail.clear();
  c.tick("s1", 10);
  c.down.clear();
  c.core("s1").campaign();
  c.collect("s1");
  while (!c.core("s1").is_leader()) {
    auto m = std::move(c.mail.at(0));
    c.mail.erase(c.mail.begin());
    c.step(m.to, m);
  }
  c.mail.clear();
  REQUIRE(c.core("s1").last_index() == raft_index{2});
  auto ack = make_message(message_kind::append_reply, "s2", 2);
  ack.log_index = raft_index{1};
  c.step("s1", ack);
  CHECK(c.core("s1").commit_index() == raft_index{0});
  ack.log_index = raft_index{2};
  c.step("s1", ack);
  CHECK(c.core("s1").commit_index() == raft_index{2});
}

TEST_CASE("a follower that was away catches up in batches of the size allowed") {
  test_cluster c(3, [](options& o) {
    o.max_batch_entries = 7;
    o.max_inflight = 2;
    o.max_tail_bytes = 10; // most of it must be read back from the disk
  });
  c.elect("s1");
  c.down = {"s3"};
  for (int i = 0; i < 100; ++i) {
    c.propose("s1", "entry");
    c.settle();
  }
  c.down.clear();
  c.tick("s1");
  size_t largest = 0;
  while (!c.mail.empty()) {
    for (const auto& m : c.mail) largest = std::max(largest, m.entries.size());
    auto m = std::move(c.mail.front());
    c.mail.erase(c.mail.begin());
    c.step(m.to, m);
  }
  CHECK(largest == 7);
  CHECK(c["s3"].committed.size() == 101);
}

TEST_CASE("an append lost with nothing behind it is noticed at the next heartbeat") {
  test_cluster c(3);
  c.elect("s1");
  c.propose("s1", "lost");
  c.mail.clear();
  c.tick("s1");
  c.settle();
  CHECK(c["s2"].committed.size() == 2);
}

TEST_CASE("7: a follower behind the log's beginning is sent a snapshot, and goes on from there") {
  test_cluster c(3);
  c.elect("s1");
  c.down = {"s3"};
  for (int i = 0; i < 9; ++i) {
    c.propose("s1", "x");
    c.settle();
  }
  const log_point at{raft_index{8}, raft_term{1}};
  c["s1"].disk.save_snapshot(at, "state", at);
  c.core("s1").compacted(at);
  CHECK(c.core("s1").first_index() == raft_index{9});
  c.down.clear();
  c.tick("s1", 3);
  c.settle();
  REQUIRE(c["s1"].snapshots == std::vector<server_id>{"s3"});
  auto m = make_message(message_kind::install_snapshot, "s1", 1);
  m.log_index = at.index;
  m.log_term = at.term;
  c["s3"].auto_sync = false;
  c.step("s3", m);
  CHECK(c.core("s3").commit_index() == raft_index{8});
  CHECK(c.take(message_kind::append_reply, "s3").empty()); // the snapshot is not durable yet
  c["s3"].auto_sync = true;
  c.sync("s3");
  c.collect("s3");
  c.core("s1").snapshot_sent("s3", at.index, true);
  c.tick("s1");
  c.settle();
  REQUIRE(c["s3"].committed.size() == 3); // the no-op came before it went away
  CHECK(c["s3"].committed[1].index == raft_index{9});
  CHECK(c["s3"].disk.compacted() == at);
}

TEST_CASE("7: a snapshot of what the log holds already is not installed") {
  test_cluster c(3);
  c.step("s1", append_message("s2", 1, 0, 0, {make_entry(1, 1, "a"), make_entry(2, 1, "b"), make_entry(3, 1, "c")}));
  c.mail.clear();
  auto m = make_message(message_kind::install_snapshot, "s2", 1);
  m.log_index = raft_index{2};
  m.log_term = raft_term{1};
  c.step("s1", m);
  CHECK(c.core("s1").last_index() == raft_index{3});
  CHECK(c["s1"].committed.size() == 2);
  CHECK(c.take(message_kind::append_reply).at(0).log_index == raft_index{2});
}

TEST_CASE("thesis 6.4: a read waits for a quorum to answer a heartbeat that began after it") {
  test_cluster c(3);
  c.elect("s1");
  c.settle();
  c.core("s1").read_index(1);
  c.core("s1").read_index(2);
  c.collect("s1");
  CHECK(c["s1"].reads.empty());
  CHECK(c.take(message_kind::heartbeat).size() == 2); // one round for both
  c.core("s1").read_index(3);
  auto reply = make_message(message_kind::heartbeat_reply, "s2", 1);
  reply.round = 1;
  c.step("s1", reply);
  REQUIRE(c["s1"].reads.size() == 2); // the third came after the round began
  CHECK(c["s1"].reads[0].index == raft_index{1});
  c.settle();
  CHECK(c["s1"].reads.size() == 3);
}

TEST_CASE("thesis 6.4: a new leader's reads wait for the no-op of its term") {
  test_cluster c(3);
  c["s2"].auto_sync = c["s3"].auto_sync = true;
  c.core("s1").campaign();
  c.collect("s1");
  while (!c.core("s1").is_leader()) {
    auto m = std::move(c.mail.at(0));
    c.mail.erase(c.mail.begin());
    c.step(m.to, m);
  }
  CHECK(c.core("s1").commit_index() == raft_index{0});
  c.core("s1").read_index(1);
  c.collect("s1");
  c.settle();
  CHECK(c["s1"].reads.at(0).index == raft_index{1});
}

TEST_CASE("proposals are bounded and refused with the reason") {
  test_cluster c(3, [](options& o) {
    o.max_command_bytes = 100;
    o.max_uncommitted_bytes = 150;
  });
  CHECK(c.propose("s1", "x", 1) == raft_index{0});
  CHECK(c["s1"].rejected.back().reason == reject_reason::not_leader);
  c.elect("s1");
  c.propose("s1", std::string(101, 'x'), 2);
  CHECK(c["s1"].rejected.back().reason == reject_reason::too_large);
  c.propose("s1", std::string(100, 'x'), 3);
  c.propose("s1", std::string(100, 'x'), 4);
  CHECK(c["s1"].rejected.back().cookie == 4);
  CHECK(c["s1"].rejected.back().reason == reject_reason::overloaded);
  c.settle();
  CHECK(c.propose("s1", std::string(100, 'x'), 5) != raft_index{0});
}

TEST_CASE("entries beyond max_unapplied wait until the state machine reports") {
  options o;
  o.self = "s1";
  o.members.voters = {"s1"};
  o.max_unapplied = 3;
  test::virtual_disk<std::string> disk;
  auto core = std::move(*raft_core::open(o, disk.stored(), disk, prng(1)));
  const auto pump = [&] {
    size_t committed = 0;
    while (core->has_ready()) {
      auto r = core->drain();
      committed += r.committed.size();
      if (r.write_id == 0) continue;
      disk.submit({r.write_id, {}, r.append, r.hard});
      core->synced(disk.sync(SIZE_MAX));
    }
    return committed;
  };
  CHECK(pump() == 1);
  for (uint64_t i = 1; i <= 9; ++i) core->propose("x", i);
  CHECK(pump() == 2);
  core->applied(raft_index{3});
  CHECK(pump() == 3);
}

TEST_CASE("a restart goes on where the state machine stands") {
  test_cluster c(1);
  for (uint64_t i = 0; i < 5; ++i) c.propose("s1", "x", i + 1);
  c["s1"].core.reset();
  c["s1"].committed.clear();
  c["s1"].applied = raft_index{4};
  c.start("s1");
  CHECK(c.core("s1").term() == raft_term{2});
  REQUIRE(c["s1"].committed.size() == 3); // entries 5 and 6, and the new term's no-op
  CHECK(c["s1"].committed[0].index == raft_index{5});
}

TEST_CASE("a state machine ahead of the log is an error, not a start") {
  options o;
  o.self = "s1";
  o.members.voters = {"s1"};
  test::virtual_disk<std::string> disk;
  auto stored = disk.stored();
  stored.applied = raft_index{3};
  CHECK_FALSE(raft_core::open(o, stored, disk, prng(1)));
}

TEST_CASE("a log that cannot be read halts the core, which then refuses everything") {
  struct broken_reader final : log_reader {
    result<raft_term> term(raft_index at) override {
      if (at == raft_index{5}) return raft_term{1};
      return error(errc::internal, "bad sector");
    }
    result<std::vector<entry>> entries(raft_index, raft_index, size_t) override {
      return error(errc::internal, "bad sector");
    }
  } reader;
  options o;
  o.self = "s1";
  o.members.voters = {"s1", "s2"};
  auto core = std::move(*raft_core::open(o, {{raft_term{1}, ""}, {}, raft_index{5}, {}}, reader, prng(1)));
  core->step(append_message("s2", 1, 5, 1, {}, 5));
  auto r = core->drain();
  REQUIRE(r.fault);
  CHECK(r.fault->text == "bad sector");
  core->propose("x", 1);
  CHECK(core->drain().rejected.at(0).reason == reject_reason::halted);
}
