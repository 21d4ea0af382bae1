#include "runtime/node/end_watch.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/log.hpp"
#include "tests/support/eventually.hpp"
#include <csignal>
#include <doctest/doctest.h>
#include <mutex>
#include <unistd.h>

using namespace actord;
using namespace std::chrono_literals;

namespace {

struct lines {
  std::mutex lock;
  std::string all;
  int sink = log::add_sink(log::level::err, [this](const log::record& r) {
    std::lock_guard hold(lock);
    all += log::format_line(r);
  });
  ~lines() { log::remove_sink(sink); }
  bool have(const std::string& text) {
    std::lock_guard hold(lock);
    return all.find(text) != std::string::npos;
  }
};

} // namespace

TEST_CASE("an end that takes too long says what it waits for and comes all the same") {
  event_source events;
  lines log;
  std::atomic<int> ended{0};
  const std::string path = "/nowhere/journal";
  SUBCASE("in time") {
    { end_watch watch(events, 1h, [&] { ++ended; }); }
    CHECK(ended == 0);
    CHECK(waits_for_disk().empty());
  }
  SUBCASE("too late") {
    const file_wait waits(path);
    end_watch watch(events, 1ms, [&] { ++ended; });
    watch.step("the state's files");
    CHECK(test::eventually([&] { return ended == 1; }));
    CHECK(test::eventually([&] { return log.have("ending without waiting any longer: 0 s after it was to end, this process still waits for "); }));
    CHECK(log.have(", and for the disk: /nowhere/journal (for 0 s)"));
  }
  SUBCASE("signalled once more") {
    end_watch watch(events, 1h, [&] { ++ended; });
    watch.step("DNS");
    ::kill(::getpid(), SIGTERM);
    CHECK(test::eventually([&] { return ended == 1; }));
    CHECK(test::eventually([&] { return log.have("signalled once more, this process still waits for DNS"); }));
  }
}
