#include "runtime/telemetry/metrics.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <thread>

using namespace actord;

TEST_CASE("a finished interval shows what was recorded in it, and then no more") {
  auto& c = telemetry::counter("test.counted");
  for (int i = 0; i < 5; ++i) c.add();
  auto& s = telemetry::sample("test.timed", {{"node", "n1"}});
  for (double v : {1.0, 2.0, 3.0}) s.record(v);
  telemetry::gauge("test.level").set(2.5);
  telemetry::close_interval(1000000010);
  auto text = telemetry::metrics_json();
  rapidjson::Document d;
  d.Parse(text.c_str());
  REQUIRE(!d.HasParseError());
  CHECK(std::string(d["Timestamp"].GetString()) == "2001-09-09 01:46:40 +0000 UTC");
  CHECK(d["Points"].Size() == 0);
  CHECK(text.find(R"({"Name":"consul.test.counted","Count":5,"Rate":0.5,"Sum":5,"Min":1,"Max":1,"Mean":1,"Stddev":0,"Labels":{}})") != text.npos);
  CHECK(text.find(R"({"Name":"consul.test.timed","Count":3,"Rate":0.6,"Sum":6,"Min":1,"Max":3,"Mean":2,"Stddev":1,"Labels":{"node":"n1"}})") != text.npos);
  CHECK(text.find(R"({"Name":"consul.test.level","Value":2.5,"Labels":{}})") != text.npos);
  telemetry::close_interval(1000000020);
  CHECK(telemetry::metrics_json().find("test.counted") == std::string::npos);
  auto prometheus = telemetry::metrics_prometheus();
  CHECK(prometheus.find("# TYPE consul_test_counted counter\nconsul_test_counted 5\n") != prometheus.npos);
  CHECK(prometheus.find("consul_test_timed_sum{node=\"n1\"} 6\nconsul_test_timed_count{node=\"n1\"} 3\n") != prometheus.npos);
}

TEST_CASE("threads lose no count") {
  auto& s = telemetry::sample("test.threads");
  std::vector<std::thread> all;
  for (int t = 0; t < 8; ++t)
    all.emplace_back([&] {
      for (int i = 0; i < 10000; ++i) s.record(2);
    });
  for (auto& t : all) t.join();
  auto a = s.take();
  CHECK(a.count == 80000);
  CHECK(a.sum == 160000);
  CHECK(a.least == 2);
  CHECK(a.most == 2);
}

TEST_CASE("quantiles are right to within 12 percent") {
  auto& s = telemetry::sample("test.quantiles");
  for (int i = 1; i <= 1000; ++i) s.record(i);
  for (auto [q, exact] : {std::pair{0.5, 500.0}, {0.9, 900.0}, {0.99, 990.0}}) {
    CHECK(s.quantile(q) > exact * 0.88);
    CHECK(s.quantile(q) < exact * 1.12);
  }
}

TEST_CASE("prefix filters hide by the longest rule") {
  telemetry::counter("hidden.a").add();
  telemetry::counter("hidden.shown.b").add();
  telemetry::reload_metrics({"-consul.hidden", "+consul.hidden.shown"}, true);
  auto text = telemetry::metrics_prometheus();
  CHECK(text.find("consul_hidden_a") == text.npos);
  CHECK(text.find("consul_hidden_shown_b 1") != text.npos);
  telemetry::reload_metrics({}, true);
}

TEST_CASE("the number of metrics is bounded") {
  for (int i = 0; i < 6000; ++i) telemetry::counter("flood." + std::to_string(i)).add();
  CHECK(&telemetry::counter("flood.more1") == &telemetry::counter("flood.more2"));
}

TEST_CASE("an update costs little") {
  auto& s = telemetry::sample("test.timed", {{"node", "n1"}});
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000000; ++i) s.record(i);
  auto each = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / 1e6;
  MESSAGE("ns per update: " << each);
  CHECK(each < 1000); // only that it is of the right order, whatever the machine is doing
}

TEST_CASE("a wrong statsd address is refused") {
  telemetry::metrics_options o;
  o.statsd_address = "nowhere";
  CHECK(!telemetry::start_metrics(o));
  o.statsd_address = "127.0.0.1:1";
  CHECK(telemetry::start_metrics(o).ok());
  telemetry::stop_metrics();
}
