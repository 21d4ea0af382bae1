#include "runtime/net/io_loop.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <unistd.h>

using namespace actord;
using namespace actord::net;
using namespace std::chrono_literals;

namespace {
std::unique_ptr<io_loop> make() {
  auto l = io_loop::make();
  REQUIRE(l.ok());
  return std::move(*l);
}
} // namespace

TEST_CASE("posted calls run in order, also those posted by other threads and by calls") {
  auto loop = make();
  std::vector<int> seen;
  loop->post([&] {
    seen.push_back(1);
    loop->post([&] {
      seen.push_back(3);
      loop->stop();
    });
  });
  loop->post([&] { seen.push_back(2); });
  std::thread other([&] { loop->post([] {}); });
  loop->run();
  other.join();
  CHECK(seen == std::vector<int>{1, 2, 3});
}

TEST_CASE("timers fire in the order of their times, cancelled ones do not, never early") {
  auto loop = make();
  prng random(3);
  std::vector<std::pair<int, io_loop::clock::time_point>> fired;
  std::vector<timer_id> ids;
  auto start = io_loop::clock::now();
  std::vector<int> delays;
  for (int i = 0; i < 200; ++i) {
    delays.push_back(static_cast<int>(random.below(20)));
    ids.push_back(loop->call_after(std::chrono::milliseconds(delays.back()), [&, i] { fired.emplace_back(i, io_loop::clock::now()); }));
  }
  for (int i = 0; i < 200; i += 3) CHECK(loop->cancel(ids[static_cast<size_t>(i)]));
  CHECK_FALSE(loop->cancel(ids[0]));
  CHECK_FALSE(loop->cancel(0));
  loop->call_after(40ms, [&] { loop->stop(); });
  loop->run();
  CHECK(fired.size() == 133);
  for (auto& [i, when] : fired) {
    CHECK(i % 3 != 0);
    CHECK(when - start >= std::chrono::milliseconds(delays[static_cast<size_t>(i)]));
  }
}

TEST_CASE("a handler that was unwatched gets none of the events fetched for it") {
  auto loop = make();
  int a[2], b[2];
  REQUIRE(::pipe(a) == 0);
  REQUIRE(::pipe(b) == 0);
  struct once : io_handler {
    std::function<void()> f;
    int calls = 0;
    void on_io(uint32_t) override {
      ++calls;
      f();
    }
  } first, second;
  // Whoever comes first removes the other.
  first.f = [&] { loop->unwatch(a[0], &first), loop->unwatch(b[0], &second), loop->stop(); };
  second.f = first.f;
  REQUIRE(loop->watch(a[0], EPOLLIN, &first).ok());
  REQUIRE(loop->watch(b[0], EPOLLIN, &second).ok());
  REQUIRE(::write(a[1], "x", 1) == 1);
  REQUIRE(::write(b[1], "x", 1) == 1);
  loop->run();
  CHECK(first.calls + second.calls == 1);
  for (int fd : {a[0], a[1], b[0], b[1]}) ::close(fd);
}

TEST_CASE("hooks run once at the end of each iteration") {
  auto loop = make();
  int posted = 0, hooked = 0;
  loop->at_iteration_end([&] {
    CHECK(posted == 2);
    ++hooked;
    loop->stop();
  });
  loop->post([&] { ++posted; });
  loop->post([&] { ++posted; });
  loop->run();
  CHECK(hooked >= 1);
}
