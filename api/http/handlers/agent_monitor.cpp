// GET /v1/agent/monitor: the log as it is written, until the client goes.
#include "api/http/handlers/agent_handlers.hpp"
#include "runtime/telemetry/log_feed.hpp"

namespace actord::http {

namespace {

constexpr nanos poll_interval = std::chrono::milliseconds(50);

void pump(net::io_loop& loop, deferred later, std::shared_ptr<telemetry::log_feed> feed) {
  if (!later.alive()) return;
  if (later.write({})) later.write(feed->take()); // who does not read misses lines, as with Consul
  loop.call_after(poll_interval, [&loop, later, feed = std::move(feed)]() mutable { pump(loop, later, std::move(feed)); });
}

} // namespace

void agent_monitor(exchange& x) {
  const std::string_view word = x.req.has_param("loglevel") && !x.req.param("loglevel").empty() ? x.req.param("loglevel") : "INFO";
  log::level level = log::level::info;
  if (!log::parse_level(word, level)) return x.out.text(400, "Bad request: Unknown log level: " + std::string(word));
  auto feed = telemetry::log_feed::open(level, x.req.has_param("logjson"));
  if (!feed) return x.out.text(429, feed.err().text);
  auto later = x.defer();
  later.begin_stream("");
  pump(x.env.loop, later, std::move(*feed));
}

} // namespace actord::http
