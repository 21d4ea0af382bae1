#include "runtime/telemetry/log_feed.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <thread>
#include <vector>

using namespace actord;
using telemetry::log_feed;

namespace {
std::unique_ptr<log_feed> listen(log::level minimum, bool json = false) {
  auto f = log_feed::open(minimum, json);
  REQUIRE(f.ok());
  return std::move(*f);
}
size_t lines_of(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }
} // namespace

TEST_CASE("who listens hears records of its level and form, from when it came until it goes") {
  log::warn("agent", "before");
  auto warnings = listen(log::level::warn), everything = listen(log::level::trace), forms = listen(log::level::warn, true);
  log::info("agent", "quiet");
  log::warn("agent", "loud: n={}", 1);
  const auto heard = warnings->take();
  CHECK(heard.ends_with(" [WARN]  agent: loud: n=1\n"));
  CHECK(lines_of(heard) == 1);
  CHECK(lines_of(everything->take()) == 2);
  const auto json = forms->take();
  CHECK(json.starts_with("{\"@level\":\"warn\",\"@message\":\"loud\""));
  CHECK(warnings->take().empty());
  everything.reset();
  CHECK(!log::enabled(log::level::info)); // what nobody hears is not even put together
  CHECK(log::enabled(log::level::warn));
  warnings.reset();
  forms.reset();
  CHECK(!log::enabled(log::level::warn));
}

TEST_CASE("who is slow misses lines and is told how many; who is not misses none") {
  auto slow = listen(log::level::info), quick = listen(log::level::info);
  size_t heard = 0;
  for (int i = 0; i < 3000; ++i) {
    log::info("agent", "line {}", i);
    if (i % 500 == 499) heard += lines_of(quick->take());
  }
  CHECK(heard == 3000);
  const auto late = slow->take();
  CHECK(late.find("[WARN]  agent: Monitor dropped 1976 logs during monitor request\n") != late.npos);
  CHECK(lines_of(late) == 1 + telemetry::most_kept_lines);
  CHECK(late.ends_with("agent: line 2999\n"));
  for (int i = 0; i < 40; ++i) log::info("agent", "{}", std::string(100'000, 'x'));
  CHECK(slow->take().size() < telemetry::most_kept_bytes + 200'000);
}

TEST_CASE("so many may listen and no more") {
  std::vector<std::unique_ptr<log_feed>> all;
  for (size_t i = 0; i < telemetry::most_log_listeners; ++i) all.push_back(listen(i % 2 ? log::level::info : log::level::err));
  auto refused = log_feed::open(log::level::info, false);
  REQUIRE(!refused.ok());
  CHECK(refused.err().code == errc::rate_limited);
  log::err("agent", "to all");
  const auto first = all.front()->take();
  CHECK(lines_of(first) == 1);
  for (auto& one : all)
    if (one != all.front()) CHECK(one->take() == first);
  all.pop_back();
  CHECK(log_feed::open(log::level::info, false).ok());
}

TEST_CASE("threads may log while others come and go") {
  auto stays = listen(log::level::info);
  std::thread writer([] {
    for (int i = 0; i < 20'000; ++i) log::info("agent", "line {}", i);
  });
  size_t heard = 0;
  for (int i = 0; i < 200; ++i) {
    auto guest = listen(i % 2 ? log::level::info : log::level::warn, i % 3 == 0);
    heard += lines_of(guest->take());
    heard += lines_of(stays->take());
  }
  writer.join();
  heard += lines_of(stays->take());
  CHECK(heard > 0);
  log::info("agent", "the last line");
  CHECK(stays->take().find("the last line") != std::string::npos);
}
