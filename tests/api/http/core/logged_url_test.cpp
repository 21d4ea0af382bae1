#include "api/http/core/logged_url.hpp"
#include <doctest/doctest.h>

using actord::http::logged_url;

// The left side recorded from Consul 1.8.7's log.
TEST_CASE("a URL goes into the log without its tokens") {
  CHECK(logged_url("/v1/agent/join/provider=aws%20secret_access_key%20=%20S3?wan=1") == "/v1/agent/join/<hidden>?wan=1");
  CHECK(logged_url("/v1/agent/join/10.0.0.1:8301") == "/v1/agent/join/10.0.0.1:8301");
  CHECK(logged_url("/v1/kv/a?x=%20y&token=abc") == "/v1/kv/a?x=%20y&token=<hidden>");
  CHECK(logged_url("/v1/kv/a?token=abc-def&x=1") == "/v1/kv/a?token=<hidden>&x=1");
  CHECK(logged_url("/v1/kv/a?token=") == "/v1/kv/a?token=<hidden>");
  CHECK(logged_url("/v1/kv/a?TOKEN=abc") == "/v1/kv/a?TOKEN=abc");
  CHECK(logged_url("/v1/acl/info/secret") == "/v1/acl/info/<hidden>");
  CHECK(logged_url("/v1/acl/destroy/1234?token=x") == "/v1/acl/destroy/<hidden>?token=<hidden>");
  CHECK(logged_url("/v1/acl/token/8c1a") == "/v1/acl/token/8c1a");
  CHECK(logged_url("/v1/kv/a\"b?x=\"y\"") == "/v1/kv/a%22b?x=\"y\"");
  CHECK(logged_url("/v1/status/leader") == "/v1/status/leader");
}

TEST_CASE("an escaped token is hidden, too, which Consul forgets, and so is one that stands elsewhere") {
  CHECK(logged_url("/v1/kv/a?token=a+b") == "/v1/kv/a?token=<hidden>");
  CHECK(logged_url("/v1/kv/a?token=%61bc&token=abc2") == "/v1/kv/a?token=<hidden>&token=<hidden>");
  CHECK(logged_url("/v1/acl/login/abc?token=abc") == "/v1/acl/login/<hidden>?token=<hidden>");
  CHECK(logged_url("/?") == "/?");
}

TEST_CASE("tokens that stand in what hides others are hidden once, and many hide the path") {
  std::string many = "/v1/status/leader?token=d";
  for (int i = 0; i < 30; ++i) many += "&token=d";
  CHECK(logged_url(many).starts_with("/v1/status/lea<hidden>er?token=<hidden>&token=<hidden>"));
  CHECK(logged_url(many).size() < 600);
  CHECK(logged_url("/v1/kv/abcabc?token=ab&token=abc&token=hid") == "/v1/kv/<hidden><hidden>?token=<hidden>&token=<hidden>&token=<hidden>");
  std::string different = "/v1/kv/path?token=0";
  for (int i = 1; i < 900; ++i) different += "&token=" + std::to_string(i);
  CHECK(logged_url(different).starts_with("<hidden>?token=<hidden>"));
}
