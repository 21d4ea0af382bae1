#include "runtime/telemetry/log_writer.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <future>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace actord;
using namespace std::chrono_literals;
using telemetry::log_writer;

namespace {
struct pipe_ends {
  int from = -1, to = -1;
  std::string unread;
  pipe_ends() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    from = fds[0], to = fds[1];
  }
  ~pipe_ends() { ::close(from), ::close(to); }
  std::string line() {
    char piece[64 << 10];
    size_t end;
    while ((end = unread.find('\n')) == unread.npos) {
      const auto n = ::read(from, piece, sizeof piece);
      REQUIRE(n > 0);
      unread.append(piece, static_cast<size_t>(n));
    }
    auto out = unread.substr(0, end);
    unread.erase(0, end + 1);
    return out;
  }
  log_writer::write_fn writer() const {
    return [fd = to](log::level, const std::string& text) {
      for (size_t at = 0; at < text.size();) {
        const auto n = ::write(fd, text.data() + at, text.size() - at);
        if (n < 0) return;
        at += static_cast<size_t>(n);
      }
    };
  }
};
std::string numbered(size_t n) { return std::to_string(n) + std::string(1000, ' ') + "\n"; }
} // namespace

TEST_CASE("a pipe that nobody reads holds up nobody who logs; what is dropped is told in its place") {
  pipe_ends pipe;
  log_writer writer("log-test", log::format_line, pipe.writer());
  constexpr size_t all = 10'000;
  for (size_t n = 0; n < all; ++n) writer.put(log::level::info, numbered(n)); // returns
  telemetry::drain_logs(10ms);                                               // as well
  size_t seen = 0;
  std::string line;
  while ((line = pipe.line()).find("lines=") == line.npos) CHECK(std::stoul(line) == seen++);
  CHECK(seen > telemetry::most_waiting_bytes / 1100);
  CHECK(seen < all);
  CHECK(line.ends_with("[WARN]  agent: lines of the log were dropped, since they were not taken as fast as they came: lines=" + std::to_string(all - seen)));
  writer.put(log::level::info, "after\n");
  CHECK(pipe.line() == "after");
}

TEST_CASE("a line that comes when there is room again stands behind the one that tells of the dropped") {
  std::promise<void> go;
  std::vector<std::string> written;
  {
    log_writer writer("log-test", log::format_line, [&, may = go.get_future().share(), taken = size_t{0}](log::level, const std::string& text) mutable {
      if (taken++ == 0) may.wait();
      written.push_back(text);
    });
    writer.put(log::level::info, std::string(telemetry::most_waiting_bytes * 2, 'x')); // alone it may be of any size
    writer.put(log::level::info, "dropped\n");
    go.set_value();
    telemetry::drain_logs(60s);
    writer.put(log::level::info, "last\n");
  }
  REQUIRE(written.size() == 3);
  CHECK(written[1].ends_with("lines=1\n"));
  CHECK(written[2] == "last\n");
}

TEST_CASE("what was logged is written before the end, by whichever thread it came") {
  std::atomic<size_t> written = 0;
  log_writer writer("log-test", log::format_line, [&](log::level, const std::string&) {
    std::this_thread::yield();
    ++written;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) writer.put({log::level::info, 0, "agent", "text"});
    });
  for (auto& t : threads) t.join();
  telemetry::drain_logs(60s);
  CHECK(written == 40);
}
