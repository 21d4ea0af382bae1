// Loads of many equal requests: key/value, health, registration, catalog, DNS.

#include "tests/bench/bench_case.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace actord::bench {

namespace {

constexpr std::uint64_t working_set = 10'000;

/// Sixty-four bytes that differ from round to round.
std::string value_of(std::uint64_t n) { return fmt::format("{:064}", n); }

/// Registers `count` instances of `service`, each on a node of its own, with a passing check.
void register_instances(server_process& server, const std::string& service, int count) {
  http_client client(server.http_port());
  for (int n = 0; n < count; ++n)
    client.must("PUT", "/v1/catalog/register",
                fmt::format(R"({{"Node":"{0}-{1}","Address":"10.{2}.{3}.{4}","Service":{{"ID":"{0}-{1}","Service":"{0}",)"
                            R"("Port":{5},"Tags":["v1","primary"],"Meta":{{"version":"1"}}}},"Check":{{"CheckID":"alive-{1}",)"
                            R"("Name":"alive","Status":"passing","ServiceID":"{0}-{1}","Output":"ok"}}}})",
                            service, n, 1 + n / 62500, n / 250 % 250, 1 + n % 250, 8000 + n % 1000));
}

void fill_keys(server_process& server, const bench_options&) {
  for (std::uint64_t begin = 0; begin < working_set; begin += 64) {
    std::string body = "[";
    for (auto n = begin; n < std::min(begin + 64, working_set); ++n)
      body += fmt::format(R"({}{{"KV":{{"Verb":"set","Key":"bench/{}","Value":"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw)"
                          R"(MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="}}}})",
                          n == begin ? "" : ",", n);
    http_client(server.http_port()).must("PUT", "/v1/txn", body + "]");
  }
}

figures http_case(server_process& server, const load_plan& plan, const request_maker& make) {
  return measured(server, [&] { return http_load(plan, make); });
}

load_plan plan_for(const server_process& server, const bench_options& options, int width) {
  return {.port = server.http_port(), .width = width, .seconds = options.seconds};
}

void add_kv(std::vector<bench_case>& cases) {
  for (const int width : {1, 16, 64}) {
    std::vector<target> targets{{"cpu us/req", target_kind::at_most_times, 0.25}, {"p99 us", target_kind::at_most_times, 0.5}};
    if (width == 1) targets.push_back({"p50 us", target_kind::at_most_times, 1});
    if (width == 64) targets.push_back({"req/s", target_kind::at_least_times, 3});
    cases.push_back({fmt::format("kv_get_{}", width), "kv", 100, targets, fill_keys,
                     [width](server_process& server, const bench_options& options, int) {
                       return http_case(server, plan_for(server, options, width), [](std::uint64_t n, std::string& out) {
                         out = request_text("GET", fmt::format("/v1/kv/bench/{}", n * 7919 % working_set));
                       });
                     }});
  }
  for (const int width : {1, 16, 64}) {
    std::vector<target> targets{{"p99 us", target_kind::at_most_times, 0.5}};
    if (width == 1) targets.push_back({"p50 us", target_kind::at_most_times, 1});
    if (width == 64) {
      targets.push_back({"cpu us/req", target_kind::at_most_times, 0.25});
      targets.push_back({"req/s", target_kind::at_least_times, 3});
    }
    cases.push_back({fmt::format("kv_put_{}", width), "kv", 100, targets, fill_keys,
                     [width](server_process& server, const bench_options& options, int round) {
                       const auto salt = static_cast<std::uint64_t>(round + 1) * 1'000'000'000;
                       return http_case(server, plan_for(server, options, width), [salt](std::uint64_t n, std::string& out) {
                         out = request_text("PUT", fmt::format("/v1/kv/bench/{}", n * 7919 % working_set), value_of(salt + n));
                       });
                     }});
  }
}

void add_rpc(std::vector<bench_case>& cases) {
  for (const int width : {1, 64})
    cases.push_back({fmt::format("rpc_get_{}", width), "rpc", 100, {{"cpu us/req", target_kind::at_most_times, 0.25}}, fill_keys,
                     [width](server_process& server, const bench_options& options, int) {
                       return measured(server, [&] {
                         return rpc_load({.port = server.rpc_port(), .width = width, .seconds = options.seconds}, [](std::uint64_t n, std::string& out) {
                           out = rpc_key_read(fmt::format("bench/{}", n * 7919 % working_set));
                         });
                       });
                     },
                     true});
}

void add_health(std::vector<bench_case>& cases) {
  for (const int count : {5, 500})
    cases.push_back({fmt::format("health_{}", count), "discovery", 100,
                     {{"cpu us/req", target_kind::at_most_times, count == 5 ? 1.0 / 4 : 1.0 / 6},
                      {"p99 us", target_kind::at_most_times, 0.5}},
                     [count](server_process& server, const bench_options&) {
                       register_instances(server, fmt::format("web{}", count), count);
                     },
                     [count](server_process& server, const bench_options& options, int) {
                       const auto text = request_text("GET", fmt::format("/v1/health/service/web{}?passing", count));
                       return http_case(server, plan_for(server, options, 16),
                                        [&text](std::uint64_t, std::string& out) { out = text; });
                     }});
}

void add_dns(std::vector<bench_case>& cases) {
  for (const auto& [name, qtype] : {std::pair{"a", 1}, std::pair{"srv", 33}})
    for (const int width : {1, 64}) {
      std::vector<target> targets{{"cpu us/req", target_kind::at_most_times, 1.0 / 6}, {"p99 us", target_kind::at_most_times, 0.5}};
      if (width == 1) targets.push_back({"p50 us", target_kind::at_most_times, 1});
      if (width == 64) targets.push_back({"req/s", target_kind::at_least_times, 5});
      cases.push_back({fmt::format("dns_{}_{}", name, width), "discovery", 100, targets,
                       [](server_process& server, const bench_options&) { register_instances(server, "dns5", 5); },
                       [width, type = qtype](server_process& server, const bench_options& options, int) {
                         return measured(server, [&] {
                           return dns_load({.port = server.dns_port(), .width = width, .seconds = options.seconds},
                                           dns_question("dns5.service.consul", type));
                         });
                       }});
    }
}

void add_registration(std::vector<bench_case>& cases) {
  constexpr std::uint64_t services = 5'000;
  for (const int width : {1, 16})
    cases.push_back({fmt::format("register_5000_{}", width), fmt::format("register {}", width), 1,
                     {{"req/s", target_kind::at_least_times, width == 1 ? 5.0 : 20.0}}, [](server_process&, const bench_options&) {},
                     [width](server_process& server, const bench_options&, int round) {
                       const load_plan plan{.port = server.http_port(), .width = width, .seconds = 600, .requests = services};
                       return http_case(server, plan, [round](std::uint64_t n, std::string& out) {
                         out = request_text("PUT", "/v1/agent/service/register",
                                            fmt::format(R"({{"Name":"service-{0}","Port":{1},"Tags":["v1"]}})", n, 1000 + round));
                       });
                     }});
  cases.push_back({"catalog_services_10000", "catalog services", 100, {{"req/s", target_kind::at_least_times, 10}},
                   [](server_process& server, const bench_options&) {
                     const load_plan plan{.port = server.http_port(), .width = 16, .seconds = 600, .requests = 10'000};
                     http_load(plan, [](std::uint64_t n, std::string& out) {
                       out = request_text("PUT", "/v1/catalog/register",
                                          fmt::format(R"({{"Node":"node-{0}","Address":"10.0.0.1","Service":{{)"
                                                      R"("Service":"service-{1}","Port":80,"Tags":["a","b"]}}}})",
                                                      n % 100, n));
                     });
                   },
                   [](server_process& server, const bench_options& options, int) {
                     const auto text = request_text("GET", "/v1/catalog/services");
                     return http_case(server, plan_for(server, options, 4),
                                      [&text](std::uint64_t, std::string& out) { out = text; });
                   }});
}

} // namespace

figures measured(server_process& server, const std::function<load_result()>& load) {
  const double before = server.cpu_us();
  const auto result = load();
  const double cpu = server.cpu_us() - before;
  if (result.requests == 0) throw std::runtime_error("no request was answered");
  // Some answers of a starting server may be wrong; a case in which many are measures the wrong thing.
  if (result.failures * 100 > result.requests)
    throw std::runtime_error(fmt::format("{} of {} requests failed", result.failures, result.requests));
  const auto count = static_cast<double>(result.requests);
  return {{"req/s", count / result.seconds}, {"p50 us", result.p50_us}, {"p99 us", result.p99_us}, {"cpu us/req", cpu / count}};
}

void add_load_cases(std::vector<bench_case>& cases) {
  add_kv(cases);
  add_rpc(cases);
  add_health(cases);
  add_dns(cases);
  add_registration(cases);
}

std::vector<bench_case> all_cases() {
  std::vector<bench_case> cases;
  add_load_cases(cases);
  add_process_cases(cases);
  return cases;
}

} // namespace actord::bench
