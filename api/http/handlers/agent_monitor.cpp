// GET /v1/agent/monitor: the log as it is written, until the client goes.
#include "api/http/handlers/agent_handlers.hpp"
#include "runtime/telemetry/log_sinks.hpp"
#include <mutex>

namespace actord::http {

namespace {

constexpr size_t most_waiting = 1024; // lines; what a slow client misses is dropped, as Consul does
constexpr nanos poll_interval = std::chrono::milliseconds(50);

// Lines from any thread, taken by the loop's timer. Nothing here reaches into the loop, so that a line logged while the
// server stops hurts nobody.
struct line_queue {
  std::mutex mutex;
  std::vector<std::string> lines; // guarded by mutex

  std::string take() {
    std::lock_guard lock(mutex);
    std::string all;
    for (auto& l : lines) all += l;
    lines.clear();
    return all;
  }
};

// Removes the sink with the last reference, which only the loop's side holds: the sink itself, called under the log's
// lock, may not be the one to do that.
struct log_tap {
  std::shared_ptr<line_queue> queue = std::make_shared<line_queue>();
  int sink = 0;
  log_tap() = default;
  ~log_tap() { telemetry::unsubscribe(sink); }
  log_tap(const log_tap&) = delete;
  log_tap& operator=(const log_tap&) = delete;
};

void pump(net::io_loop& loop, deferred later, std::shared_ptr<log_tap> tap) {
  if (!later.alive()) return;
  const std::string news = tap->queue->take();
  if (!news.empty() && !later.write(news)) return;
  loop.call_after(poll_interval, [&loop, later, tap = std::move(tap)]() mutable { pump(loop, later, std::move(tap)); });
}

} // namespace

void agent_monitor(exchange& x) {
  const std::string_view word = x.req.has_param("loglevel") && !x.req.param("loglevel").empty() ? x.req.param("loglevel") : "INFO";
  log::level level = log::level::info;
  if (!log::parse_level(word, level)) return x.out.text(400, "Bad request: Unknown log level: " + std::string(word));
  const bool json = x.req.has_param("logjson");
  auto tap = std::make_shared<log_tap>();
  auto later = x.defer();
  later.begin_stream("");
  tap->sink = telemetry::subscribe(level, json, [to = tap->queue](std::string_view line) {
    std::lock_guard lock(to->mutex);
    if (to->lines.size() < most_waiting) to->lines.emplace_back(line);
  });
  pump(x.env.loop, later, std::move(tap));
}

} // namespace actord::http
