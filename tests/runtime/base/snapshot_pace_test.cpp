// The pace against a model of a disk that a snapshot and writes share, in virtual time.
#include "runtime/base/snapshot_pace.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <vector>

using namespace actord;

namespace {

constexpr uint64_t mib = 1 << 20;
constexpr int64_t ms = 1000, second = 1'000'000;
constexpr uint64_t chunk = 256 << 10;

// Chunks and writes go through one disk in the order in which they come. A write takes `alone` and what is ahead of it.
struct shared_disk {
  uint64_t bytes_per_second;
  int64_t alone = 1500;    // us, of a write
  int64_t every = 1000;    // us between two writes; 0: none
  int64_t window = 4 << 20; // bytes that are sent and not yet on the disk
  int64_t pauses = 0;      // us from one to the next moment in which somebody else holds the machine for 8 ms

  struct outcome {
    int64_t us = 0;
    latency_counts before, during;
    uint64_t last_rate = 0;
  };

  outcome send(uint64_t size, bool at_once = false) const {
    outcome out;
    prng random(7);
    latency_counts all;
    write_baseline baseline;
    int64_t now = second;
    double busy_until = static_cast<double>(now);
    struct done {
      int64_t at, took;
    };
    std::vector<done> late; // committed in the future
    int64_t next_write = now;
    auto write = [&](latency_counts& into) {
      const double begin = std::max(busy_until, static_cast<double>(now));
      const auto own = alone + static_cast<int64_t>(random.between(0, 100));
      busy_until = begin + static_cast<double>(own) / 4; // group commit: the disk is held for a part of it
      const auto took = static_cast<int64_t>(begin) - now + own;
      late.push_back({now + took, took});
      into.add(took);
    };
    int64_t next_pause = now + pauses;
    auto pause = [&] {
      if (pauses == 0 || now < next_pause) return;
      next_pause += pauses / 2 + static_cast<int64_t>(random.between(0, static_cast<uint64_t>(pauses)));
      busy_until = std::max(busy_until, static_cast<double>(now)) + 8'000;
    };
    auto commit = [&] {
      std::erase_if(late, [&](const done& d) {
        if (d.at > now) return false;
        all.add(d.took);
        return true;
      });
    };
    for (; now < 20 * second; now += 100) {
      if (every > 0 && now >= next_write) write(out.before), next_write += every;
      pause();
      commit();
      baseline.look(now, all);
    }
    snapshot_pace pace({}, now, baseline.p99(), all);
    const auto begun = now;
    std::vector<double> written; // when each chunk is on the disk
    uint64_t sent = 0;
    size_t there = 0;
    while (there * chunk < size) {
      now += 100;
      if (every > 0 && now >= next_write) write(out.during), next_write += every;
      pause();
      commit();
      int64_t oldest = 0;
      for (auto& d : late) oldest = std::max(oldest, now - (d.at - d.took));
      pace.look(now, all, oldest, there * chunk);
      while (there < written.size() && written[there] <= static_cast<double>(now)) ++there;
      while (sent < size && static_cast<int64_t>(sent - there * chunk) < window && (at_once || pace.take(now, chunk))) {
        busy_until = std::max(busy_until, static_cast<double>(now)) + static_cast<double>(chunk) * 1e6 / static_cast<double>(bytes_per_second);
        written.push_back(busy_until);
        sent += chunk;
      }
      REQUIRE(now - begun < 3600 * second);
    }
    out.us = now - begun;
    out.last_rate = pace.rate();
    return out;
  }
};

} // namespace

TEST_CASE("where nobody writes a snapshot goes as fast as the disk") {
  shared_disk disk{900 * mib, 1500, 0};
  CHECK(disk.send(740 * mib).us < 1'300 * ms);
  shared_disk fast{4000 * mib, 1500, 0};
  CHECK(fast.send(740 * mib).us < 500 * ms);
}

TEST_CASE("beside writers a snapshot takes most of what the disk has to give, and their p99 stays within twice that before") {
  for (const uint64_t rate : {200 * mib, 300 * mib, 900 * mib, 3000 * mib}) {
    CAPTURE(rate);
    shared_disk disk{rate};
    const auto greedy = disk.send(740 * mib, true);
    CHECK(greedy.during.quantile(0.99) > 2 * greedy.before.quantile(0.99)); // the model is one in which it matters
    const auto out = disk.send(740 * mib);
    CAPTURE(out.us);
    CHECK(out.during.quantile(0.99) <= 2 * out.before.quantile(0.99));
    CHECK(out.us < greedy.us * 2);
  }
}

TEST_CASE("writes that are slow whatever the snapshot does cost it little") {
  shared_disk quiet{900 * mib}, busy{900 * mib};
  busy.pauses = second / 2;
  const auto undisturbed = quiet.send(740 * mib), out = busy.send(740 * mib);
  CAPTURE(undisturbed.us);
  CHECK(out.us < 2 * undisturbed.us);
  CHECK(out.during.quantile(0.99) <= 2 * out.before.quantile(0.99));
}

TEST_CASE("a disk that answers nothing for a while halves the rate before a write is known to be slow") {
  latency_counts none;
  snapshot_pace pace({}, 0, 1 * ms, none);
  const auto first = pace.rate();
  pace.look(20 * ms, none, 15 * ms, 0);
  CHECK(pace.rate() == first / 2);
}

TEST_CASE("a rate that disk or line do not reach is not raised, and one below which it does not help is not lowered") {
  latency_counts none;
  snapshot_pace pace({}, 0, 1 * ms, none);
  const auto first = pace.rate();
  for (int i = 1; i < 50; ++i) pace.look(i * 20 * ms, none, 0, 0); // nothing was ever held back
  CHECK(pace.rate() == first);
  for (int i = 50; i < 200; ++i) pace.look(i * 20 * ms, none, second, 0);
  CHECK(pace.rate() == 16 * mib);
}

TEST_CASE("what waits is let go when wait_us has passed") {
  latency_counts none;
  snapshot_pace pace({}, 0, 0, none);
  int64_t now = 0;
  uint64_t bytes = 0;
  while (now < second) {
    if (pace.take(now, chunk)) bytes += chunk;
    else now += pace.wait_us(chunk);
  }
  CHECK(bytes == doctest::Approx(64 * mib).epsilon(0.02)); // never asked to decide, it keeps its first rate
}

TEST_CASE("the baseline is that of undisturbed writes, and of enough of them") {
  write_baseline b;
  latency_counts all;
  for (int i = 0; i < 49; ++i) all.add(300);
  b.look(second, all);
  CHECK(b.p99() == 0);
  for (int i = 0; i < 100; ++i) all.add(300);
  b.look(2 * second, all);
  CHECK(b.p99() == doctest::Approx(320).epsilon(0.2));
  for (int i = 0; i < 1000; ++i) all.add(90 * ms); // while a snapshot went
  b.skip(5 * second, all);
  b.look(6 * second, all);
  CHECK(b.p99() == doctest::Approx(320).epsilon(0.2));
}

