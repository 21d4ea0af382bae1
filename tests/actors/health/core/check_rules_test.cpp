#include "actors/health/core/check_rules.hpp"
#include "actors/health/core/grpc_health.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::health;
using namespace std::chrono_literals;

TEST_CASE("the first run is within one interval, and intervals are at least a second") {
  check_registration c;
  c.interval = 10s;
  check_pace pace(c);
  prng random(1);
  for (int i = 0; i < 1000; ++i) {
    const nanos d = pace.first_delay(random);
    CHECK(d >= 0s);
    CHECK(d < 10s);
  }
  c.interval = 1ms;
  CHECK(check_pace(c).next_delay() == 1s);
  CHECK(check_pace(c).timeout() == 10s);
  c.script_args = {"x"};
  CHECK(check_pace(c).timeout() == 30s);
}

TEST_CASE("thresholds hold a verdict back until enough like it came in a row") {
  check_registration c;
  c.success_before_passing = 2;
  c.failures_before_critical = 3;
  check_judge j(c);
  auto says = [&](std::string_view status) { return j.ran({std::string(status), ""}).has_value(); };
  CHECK(says("passing"));
  CHECK(says("warning"));
  CHECK_FALSE(says("critical"));
  CHECK_FALSE(says("critical"));
  CHECK_FALSE(says("passing"));
  CHECK_FALSE(says("critical"));
  CHECK_FALSE(says("passing"));
  CHECK(says("passing"));
  CHECK_FALSE(says("critical"));
  CHECK_FALSE(says("critical"));
  CHECK(says("critical"));
  check_judge failing(c);
  CHECK(failing.ran({"critical", ""}).has_value());
  CHECK_FALSE(failing.ran({"passing", ""}).has_value());
  check_judge plain{check_registration{}};
  CHECK(plain.ran({"critical", ""}).has_value());
}

TEST_CASE("the end of an output is kept and a cut one says how much there was") {
  tail_buffer b(4096);
  for (int i = 0; i < 5000; ++i) b.write("y\n");
  CHECK(b.total() == 10000);
  const verdict v = script_verdict(0, b);
  CHECK(v.output.starts_with("Captured 4096 of 10000 bytes\n...\ny\n"));
  CHECK(v.output.size() == 4129);
  tail_buffer small(10);
  small.write("out\n");
  CHECK(script_verdict(1, small).status == "warning");
  CHECK(script_verdict(2, small).status == "critical");
  CHECK(script_verdict(-1, small).output == "out\n");
  CHECK(script_timeout(1s, small).output == "Timed out (1s) running check\n\nout\n");
  CHECK(script_timeout(30s, tail_buffer(10)).output == "Timed out (30s) running check");
}

TEST_CASE("statuses of HTTP answers and their words are Consul's") {
  CHECK(http_verdict("GET", "http://a/", 200, "OK", "hi").output == "HTTP GET http://a/: 200 OK Output: hi");
  CHECK(http_verdict("GET", "http://a/", 204, "", "").output == "HTTP GET http://a/: 204 No Content Output: ");
  CHECK(http_verdict("GET", "http://a/", 299, "", "").status == "passing");
  CHECK(http_verdict("GET", "http://a/", 429, "", "").status == "warning");
  CHECK(http_verdict("GET", "http://a/", 301, "", "").status == "critical");
  CHECK(http_failure("POST", "http://a/", "EOF").output == "Post \"http://a/\": EOF");
}

TEST_CASE("host and port come apart as Go takes them apart") {
  std::string h, p;
  CHECK(split_host_port("127.0.0.1:80", h, p));
  CHECK(h == "127.0.0.1");
  CHECK(split_host_port("[::1]:80", h, p));
  CHECK(h == "::1");
  CHECK_FALSE(split_host_port("noport", h, p));
  CHECK_FALSE(split_host_port("::1", h, p));
}

TEST_CASE("a gRPC health answer is understood in pieces of any size") {
  // SETTINGS, then DATA on stream 1: uncompressed message of two bytes, status = SERVING.
  const std::string bytes("\0\0\0\4\0\0\0\0\0\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08\x01", 25);
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    grpc_health_reader r;
    std::string reply;
    for (size_t at = 0; at < bytes.size(); at += piece) r.feed(std::string_view(bytes).substr(at, piece), reply);
    CHECK(r.finished());
    CHECK(r.serving());
    CHECK(reply == std::string("\0\0\0\4\1\0\0\0\0", 9));
  }
  grpc_health_reader gone;
  std::string reply;
  gone.feed(std::string("\0\0\4\3\0\0\0\0\1\0\0\0\7", 13), reply);
  CHECK_FALSE(gone.failure().empty());
  CHECK(grpc_health_request("a:1", "svc", false).starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}
