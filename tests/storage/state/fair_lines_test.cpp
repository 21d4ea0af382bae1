#include "storage/state/fair_lines.hpp"
#include "runtime/base/prng.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <latch>
#include <map>
#include <string>
#include <vector>

using namespace actord;
using namespace std::chrono_literals;

namespace {
using lines = fair_lines<std::string>;

// One thread that does all that waits, where each job takes `time`.
std::string served(lines& l, nanos time, size_t most = 1000) {
  std::string out;
  while (out.size() < most) {
    auto t = l.take(true);
    if (!t) break;
    out += t->job;
    l.took(t->source, t->charged, time);
  }
  return out;
}
} // namespace

TEST_CASE("who has one job stands behind none of another's that wait") {
  lines l;
  for (int i = 0; i < 100; ++i) l.put(1, 0ns, "a");
  CHECK(served(l, 50ms, 10) == std::string(10, 'a'));
  auto under_way = l.take(true);
  l.put(2, 0ns, "b");
  l.put(3, 0ns, "c");
  l.took(under_way->source, under_way->charged, 50ms);
  CHECK(served(l, 50ms, 2) == "bc");
  CHECK(served(l, 50ms) == std::string(89, 'a'));
  CHECK(l.size() == 0);
}

TEST_CASE("turns go by the time that jobs took, not by their number") {
  lines l;
  for (int i = 0; i < 50; ++i) l.put(1, 0ns, "a");
  for (int i = 0; i < 50; ++i) l.put(2, 0ns, "b");
  std::map<std::string, int> done;
  for (nanos spent{0}; spent < 1s;) {
    auto t = l.take(true);
    REQUIRE(t);
    const auto time = t->source == 1 ? 100ms : 10ms;
    ++done[t->job];
    spent += time;
    l.took(t->source, t->charged, time);
  }
  CHECK(done["a"] >= 5);
  CHECK(done["b"] >= 45);
}

TEST_CASE("who asked for nothing is owed nothing, and who had all to itself owes nothing") {
  lines l;
  for (int i = 0; i < 100; ++i) l.put(1, 0ns, "a");
  CHECK(served(l, 10ms, 60) == std::string(60, 'a'));
  for (int i = 0; i < 40; ++i) l.put(2, 0ns, "b");
  const auto both = served(l, 10ms, 20);
  CHECK(std::count(both.begin(), both.end(), 'a') >= 9);
  CHECK(std::count(both.begin(), both.end(), 'b') >= 9);
}

TEST_CASE("of one source what takes little goes before what takes much, four to one, and waits for no thread that others may not take") {
  lines l;
  for (int i = 0; i < 4; ++i) l.put(1, 1s, "M");
  for (int i = 0; i < 10; ++i) l.put(1, 1ms, "l");
  CHECK(served(l, 1ms) == "llllMllllMllMM");
  l.put(1, 1s, "M");
  l.put(1, 1ms, "l");
  CHECK(l.take(false)->job == "l");
  CHECK(!l.has(false));
  CHECK(!l.take(false));
  CHECK(l.has(true));
}

TEST_CASE("of those who have none under way the one who had least is next") {
  lines l;
  for (int i = 0; i < 3; ++i) l.put(1, 0ns, "a");
  l.put(2, 1s, "B");
  const auto a = l.take(true), b = l.take(true);
  REQUIRE((a && b));
  CHECK(a->job + b->job == "aB");
  CHECK(!l.has_of_idle());
  CHECK(!l.take_of_idle());
  l.put(2, 0ns, "b");
  l.put(3, 1s, "C");
  l.put(3, 0ns, "c");
  CHECK(l.take_of_idle()->job == "c");
  CHECK(!l.take_of_idle());
  l.took(1, a->charged, 1ms);
  CHECK(l.take_of_idle()->job == "a");
  CHECK(l.size() == 3);
}

TEST_CASE("a job for several goes where it is done first") {
  lines l;
  const uint64_t busy = 1, idle = 2, new_one = 3;
  for (int i = 0; i < 10; ++i) l.put(busy, 5ms, "a");
  l.put(idle, 5ms, "b");
  CHECK(l.soonest(std::array{busy, idle}) == idle);
  CHECK(l.soonest(std::array{busy, idle, new_one}) == new_one);
  CHECK(l.soonest(std::array{busy}) == busy);
}

TEST_CASE("nothing is lost, and of those who always have something waiting each gets its share, on three threads") {
  lines l;
  prng random(11);
  std::vector<lines::turn> under_way;
  std::map<uint64_t, nanos> had;
  std::map<uint64_t, int> waiting;
  size_t in = 0, out = 0;
  for (int step = 0; step < 30000; ++step) {
    for (uint64_t source = 1; source <= 5; ++source)
      for (; waiting[source] < 20; ++waiting[source], ++in) l.put(source, random.below(2) == 0 ? 0ns : nanos(random.below(40'000'000)), "x");
    if (under_way.size() < 3) under_way.push_back(*l.take(true)), --waiting[under_way.back().source];
    if (under_way.size() < 3 && random.below(2) == 0) continue;
    const auto which = static_cast<ptrdiff_t>(random.below(under_way.size()));
    const auto& t = under_way[static_cast<size_t>(which)];
    const nanos time = std::chrono::milliseconds(t.source * 5); // each of them another one
    had[t.source] += time;
    l.took(t.source, t.charged, time);
    under_way.erase(under_way.begin() + which);
    ++out;
  }
  CHECK(in == out + under_way.size() + l.size());
  nanos all{0};
  for (auto& [source, time] : had) all += time;
  for (auto& [source, time] : had) CHECK(time > all / 5 * 9 / 10);
  for (auto& t : under_way) l.took(t.source, t.charged, 1ms);
  while (auto t = l.take(true)) {
    l.took(t->source, t->charged, 1ms);
    ++out;
  }
  CHECK(in == out + under_way.size());
  CHECK(l.size() == 0);
}

TEST_CASE("a thread for long reads serves who comes late with little before what another has piled up") {
  long_reads reads(nullptr, 1);
  std::latch busy(1), go(1), all_done(102);
  std::atomic<int> done{0}, before_late{-1};
  REQUIRE(reads.submit(1, [&](reader&) { busy.count_down(), go.wait(); }));
  busy.wait();
  for (int i = 0; i < 101; ++i) REQUIRE(reads.submit(1, [&](reader&) { ++done, all_done.count_down(); }));
  REQUIRE(reads.submit(2, [&](reader&) { before_late = done.load(), all_done.count_down(); }));
  go.count_down();
  all_done.wait();
  CHECK(before_late == 0);
  reads.stop();
}

TEST_CASE("while some reads do not end, others' are made, and no more threads than so many are there") {
  constexpr int threads = 2;
  long_reads l(nullptr, threads);
  std::latch begun(threads), release(1);
  for (uint64_t source = 1; source <= threads; ++source)
    REQUIRE(l.submit(source, [&](reader&) {
      begun.count_down();
      release.wait();
    }));
  begun.wait();
  std::atomic<int> of_same = 0;
  for (uint64_t source = 1; source <= threads; ++source) REQUIRE(l.submit(source, [&](reader&) { ++of_same; }));
  for (uint64_t source = 10; source < 30; ++source) {
    std::latch made(1);
    REQUIRE(l.submit(source, [&](reader&) { made.count_down(); }, source % 2 == 0 ? nanos(1s) : nanos(0)));
    made.wait(); // for ever, where each waited for the first ones
  }
  CHECK(of_same == 0); // they have their share
  release.count_down();
  while (of_same < threads) std::this_thread::yield();
  l.stop();
}
