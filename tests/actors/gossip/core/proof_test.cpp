// Whom others' word alone brings in, and how many of those.
#include "tests/actors/gossip/core/swim_fixture.hpp"
#include <map>

using namespace actord;
using namespace actord::gossip;

namespace {

address far_place(int i) { return {std::string{10, static_cast<char>(1 + i / 65536), static_cast<char>(i / 256), static_cast<char>(i)}, 8301}; }

push_pull pool_of(int from, int count, bool join = false) {
  push_pull all{join, {}, {}};
  for (int i = from; i < from + count; ++i) all.nodes.push_back({"m" + std::to_string(i), far_place(i), {}, 1, node_state::alive, usual});
  return all;
}

struct pool_fixture : node_fixture {
  pool_fixture() : node_fixture(settings::consul_lan(), {}, true) {}
  void join(int count) {
    const auto id = core.exchange(far_place(0), true, now);
    core.push_pull_answered(id, pool_of(0, count, true), now);
    core.drain();
  }
  // Everybody whom `there` holds answers its pings at once.
  template <class There> void pass_with(nanos by, There there) {
    const nanos until = now + by;
    while (core.next_deadline() <= until) {
      now = std::max(now, core.next_deadline());
      core.tick(now);
      for (auto& [to, p] : sent<ping>())
        if (there(p.node)) core.receive(ack{p.seq, {}}, to, now);
    }
    now = until;
  }
  size_t size() const { return core.members().size(); }
};

} // namespace

TEST_CASE("a state that nobody asked for brings in no more than a bound, whatever it holds") {
  pool_fixture f;
  for (int i = 0; i < 3; ++i) {
    f.core.push_pull_arrived(static_cast<stream_id>(i), pool_of(100000 * i, 90000, true), far_place(0), f.now);
    f.core.drain();
    CHECK(f.size() == 1024);
    CHECK(f.core.waiting() == waiting_room::capacity);
  }
  CHECK(f.core.queued() <= 1024);
  // Nor do packets from the address of one of those.
  for (int i = 0; i < 5000; ++i) f.core.receive(alive{1, "p" + std::to_string(i), far_place(i), {}, usual}, far_place(0), f.now);
  CHECK(f.size() == 1024);
  // Somebody who is there gets in all the same: it answers.
  push_pull real{true, {{"real", place(77), {}, 1, node_state::alive, usual}}, {}};
  f.core.push_pull_arrived(9, real, place(77), f.now);
  CHECK(f.core.find("real") == nullptr);
  f.pass_with(2s, [](const node_name& n) { return n == "real"; });
  REQUIRE(f.core.find("real") != nullptr);
  CHECK(f.core.find("real")->proven);
}

TEST_CASE("a newcomer takes in a pool of thousands at once from the first whom it asks, and later answers are bounded") {
  pool_fixture f;
  f.join(5000);
  CHECK(f.size() == 5001);
  CHECK(f.core.proven() == 1); // who answered
  const auto id = f.core.exchange(far_place(1), true, f.now);
  f.core.push_pull_answered(id, pool_of(20000, 90000, true), f.now);
  CHECK(f.size() == 5001);
  pool_fixture fooled;
  fooled.join(90000);
  CHECK(fooled.size() == 16384);
}

TEST_CASE("the bound follows how many have answered, which a large pool is asked for soon") {
  pool_fixture f;
  f.join(5000);
  const auto all_there = [](const node_name&) { return true; };
  f.pass_with(200s, all_there);
  CHECK(f.core.proven() > 4700);
  CHECK(f.core.proven() <= 5000);
  CHECK(f.core.figures().suspected == 0);
  // A newcomer of whom a member tells is taken in at once again, and so are many.
  f.core.receive(alive{1, "new", place(88), {}, usual}, far_place(3), f.now);
  CHECK(f.core.find("new") != nullptr);
  f.core.push_pull_arrived(1, pool_of(20000, 90000), far_place(5), f.now);
  CHECK(f.size() > 4 * f.core.proven());
  CHECK(f.size() <= 5 * 5001);
}

TEST_CASE("a small pool asks for no proof beyond its probes") {
  pool_fixture f;
  f.join(200);
  size_t pings = 0;
  f.pass_with(20s, [&](const node_name&) {
    ++pings;
    return true;
  });
  CHECK(pings <= 21);
}
