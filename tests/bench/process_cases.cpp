// Figures of the process as a whole: waking watchers, starting, restarting, memory.

#include "tests/bench/bench_case.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace actord::bench {

namespace {

void nothing(server_process&, const bench_options&) {}

/// All watch one key; a put wakes them.
figures fan_out(server_process& server, int watchers, int round) {
  http_client writer(server.http_port());
  writer.must("PUT", "/v1/kv/fan", fmt::format("before {} {}", watchers, round));
  const auto index = writer.must("GET", "/v1/kv/fan").index;
  held_connections held(server.http_port(), watchers);
  const auto text = request_text("GET", fmt::format("/v1/kv/fan?index={}&wait=9m", index));
  held.send([&](std::uint64_t, std::string& out) { out = text; });
  sleep_ms(300);
  server.settle();
  const double cpu_before = server.cpu_us();
  const auto put_at = now_ns();
  writer.must("PUT", "/v1/kv/fan", fmt::format("after {} {}", watchers, round));
  std::int64_t first = 0, last = 0;
  const int failed = held.collect(60, first, last);
  if (failed > 0) throw std::runtime_error(fmt::format("{} of {} watchers had no answer", failed, watchers));
  const double cpu = server.cpu_us() - cpu_before;
  return {{"first ms", static_cast<double>(first - put_at) / 1e6}, {"last ms", static_cast<double>(last - put_at) / 1e6},
          {"cpu us/watcher", cpu / watchers}};
}

figures start_to_ready(server_process& server, const bench_options&, int) {
  figures found{{"ready ms", server.start_fresh()}};
  server.settle();
  sleep_ms(1000);
  found["idle RSS MB"] = server.rss_kb() / 1024;
  return found;
}

void fill_store(server_process& server, std::uint64_t keys) {
  const auto requests = (keys + 63) / 64;
  http_load({.port = server.http_port(), .width = 8, .seconds = 3600, .requests = requests},
            [keys](std::uint64_t n, std::string& out) {
              std::string body = "[";
              for (auto key = n * 64; key < std::min((n + 1) * 64, keys); ++key)
                body += fmt::format(R"({}{{"KV":{{"Verb":"set","Key":"store/{}","Value":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5)"
                                    R"(MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw=="}}}})",
                                    key == n * 64 ? "" : ",", key);
              out = request_text("PUT", "/v1/txn", body + "]");
            });
}

figures restart(server_process& server, const bench_options& options, int) {
  const auto begin = now_ns();
  fill_store(server, options.keys);
  figures found{{"fill s", static_cast<double>(now_ns() - begin) / 1e9}};
  server.settle();
  const auto stop_at = now_ns();
  server.stop();
  found["stop ms"] = static_cast<double>(now_ns() - stop_at) / 1e6;
  found["restart ms"] = server.start_again(fmt::format("/v1/kv/store/{}?raw", options.keys - 1));
  server.settle();
  sleep_ms(1000);
  found["RSS MB"] = server.rss_kb() / 1024;
  return found;
}

/// Ten thousand connections that each did one request and then say nothing.
figures idle_connections(server_process& server, int count) {
  server.settle();
  const double before = server.rss_kb();
  held_connections held(server.http_port(), count);
  const auto text = request_text("GET", "/v1/kv/idle");
  held.send([&](std::uint64_t, std::string& out) { out = text; });
  std::int64_t first = 0, last = 0;
  const int failed = held.collect(60, first, last);
  if (failed > 0) throw std::runtime_error(fmt::format("{} of {} connections had no answer", failed, count));
  server.settle();
  return {{"KB/connection", (server.rss_kb() - before) / count}};
}

/// Ten thousand blocked queries on as many absent keys, and what another client feels meanwhile.
figures blocked_queries(server_process& server, const bench_options& options, int count) {
  http_client(server.http_port()).must("PUT", "/v1/kv/probe", "value");
  const auto probe = [&] {
    const auto text = request_text("GET", "/v1/kv/probe");
    return http_load({.port = server.http_port(), .width = 4, .seconds = options.seconds},
                     [&](std::uint64_t, std::string& out) { out = text; });
  };
  probe();
  const auto alone = probe();
  server.settle();
  const double before = server.rss_kb();
  held_connections held(server.http_port(), count);
  held.send([](std::uint64_t n, std::string& out) {
    out = request_text("GET", fmt::format("/v1/kv/held/{}?index=1000000000&wait=9m", n));
  });
  sleep_ms(500);
  server.settle();
  const double growth = server.rss_kb() - before;
  const auto meanwhile = probe();
  return {{"KB/query", growth / count}, {"p99 alone us", alone.p99_us}, {"p99 meanwhile us", meanwhile.p99_us},
          {"p99 meanwhile/alone", meanwhile.p99_us / alone.p99_us}};
}

} // namespace

void add_process_cases(std::vector<bench_case>& cases) {
  for (const int watchers : {1'000, 10'000}) {
    std::vector<target> targets;
    if (watchers == 10'000) targets.push_back({"last ms", target_kind::at_most_times, 0.2});
    cases.push_back({fmt::format("fanout_{}", watchers), "watchers", 3, targets, nothing,
                     [watchers](server_process& server, const bench_options&, int round) {
                       return fan_out(server, watchers, round);
                     }});
  }
  cases.push_back({"idle_connections_10000", "idle", 1, {{"KB/connection", target_kind::at_most, 10}}, nothing,
                   [](server_process& server, const bench_options&, int) { return idle_connections(server, 10'000); }});
  cases.push_back({"blocked_queries_10000", "blocked", 1,
                   {{"KB/query", target_kind::at_most, 10}, {"p99 meanwhile/alone", target_kind::at_most, 2}}, nothing,
                   [](server_process& server, const bench_options& options, int) {
                     return blocked_queries(server, options, 10'000);
                   }});
  cases.push_back({"start", "start", 3, {{"ready ms", target_kind::at_most, 300}, {"idle RSS MB", target_kind::at_most, 25}},
                   nothing, start_to_ready, true});
  cases.push_back({"restart", "restart", 1,
                   {{"restart ms", target_kind::at_most, 1000}, {"RSS MB", target_kind::at_most_times, 0.25}}, nothing, restart,
                   true});
}

} // namespace actord::bench
