#include "api/http/core/query_options.hpp"
#include "api/http/core/uri.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::http;

namespace {

struct asked {
  request r;
  query_options o;
  response out;
  bool good;
  explicit asked(std::string_view query, std::vector<std::pair<std::string_view, std::string_view>> headers = {}) {
    r.headers = std::move(headers);
    parse_query(query, r.params, r.arena);
    good = parse_query_options(r, o, out);
  }
  std::string fault() const { return good ? "" : std::to_string(out.status) + " " + out.body; }
};

} // namespace

TEST_CASE("wrong options are answered with Consul's texts") {
  CHECK(asked("index=x").fault() == "400 Invalid index");
  CHECK(asked("index=-1").fault() == "400 Invalid index");
  CHECK(asked("wait=x").fault() == "400 Invalid wait time");
  CHECK(asked("max_stale=x").fault() == "400 Invalid max_stale value \"x\"");
  CHECK(asked("stale&consistent").fault() == "400 Cannot specify ?stale with ?consistent, conflicting semantics.");
  CHECK(asked("max_stale=1s&consistent").fault() == "400 Cannot specify ?stale with ?consistent, conflicting semantics.");
  CHECK(asked("cached&consistent").fault() == "400 Cannot specify ?cached with ?consistent, conflicting semantics.");
  CHECK(asked("", {{"Cache-Control", "max-age=abc"}}).fault() == "400 Invalid Cache-Control header.");
}

TEST_CASE("presence counts, not the value") {
  CHECK(asked("stale=false").o.mode == consistency::stale);
  CHECK(asked("pretty=0").o.pretty);
  CHECK(asked("consistent").o.mode == consistency::consistent);
}

TEST_CASE("blocking parameters, filters and node-meta are read") {
  asked a("index=7&wait=1m30s&filter=a+%3D%3D+b&near=_agent&node-meta=k:v&node-meta=z&dc=d");
  REQUIRE(a.good);
  CHECK(a.o.min_index == 7);
  CHECK(a.o.wait == std::chrono::seconds(90));
  CHECK(a.o.filter == "a == b");
  CHECK(a.o.near == "_agent");
  REQUIRE(a.o.node_meta.size() == 2);
  CHECK(a.o.node_meta[0].second == "v");
  CHECK(a.o.node_meta[1].first == "z");
  CHECK(a.o.datacenter == "d");
}

TEST_CASE("the token is the parameter, else the header, else the bearer") {
  CHECK(asked("token=a", {{"X-Consul-Token", "b"}}).o.token == "a");
  CHECK(asked("", {{"x-consul-token", "b"}, {"Authorization", "Bearer c"}}).o.token == "b");
  CHECK(asked("", {{"Authorization", "bEaReR  c "}}).o.token == "c");
  CHECK(asked("", {{"Authorization", "Basic c"}}).o.token.empty());
}

TEST_CASE("namespaces are refused with the words of the open edition") {
  asked a("ns=x");
  CHECK_FALSE(refuse_namespace(a.r, a.out));
  CHECK(a.out.body == "Bad request: Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature");
}
