#include "api/http/core/request_parser.hpp"
#include <doctest/doctest.h>

using namespace actord::http;

namespace {

struct parsed {
  parse_outcome outcome = parse_outcome::incomplete;
  refusal why;
  request r;
  size_t used = 0;
};

// Feeds a growing buffer: first the `split` bytes, then everything.
void parse(parsed& p, const std::string& text, size_t split, uint64_t limit = 1 << 20) {
  parse_progress progress;
  for (size_t size : {split, text.size()}) {
    std::string_view have(text.data(), size);
    size_t head = 0, body = 0;
    p.outcome = parse_head(have, progress, p.r, head, p.why);
    if (p.outcome == parse_outcome::complete) p.outcome = parse_body(have.substr(head), progress, p.r, limit, body);
    p.used = head + body;
    if (p.outcome != parse_outcome::incomplete) return;
  }
}

std::string refusal_of(const std::string& text) {
  parsed p;
  parse(p, text, text.size());
  if (p.outcome != parse_outcome::failed) return "accepted";
  return std::to_string(p.why.status) + std::string(p.why.text);
}

} // namespace

TEST_CASE("a request means the same wherever the network splits it") {
  const std::string plain = "PUT /v1/kv/a%20b?flags=42&x=%2B+1 HTTP/1.1\r\nHost: h\r\nX-Consul-Token: t\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked = "PUT /v1/kv/a%20b?flags=42&x=%2B+1 HTTP/1.1\nHost: h\nX-Consul-Token:  t \nTransfer-Encoding: chunked\n\n"
                              "2;ext\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
  for (const std::string& text : {plain, chunked})
    for (size_t split = 0; split <= text.size(); ++split) {
      parsed p;
      parse(p, text, split);
      REQUIRE(p.outcome == parse_outcome::complete);
      REQUIRE(p.used == text.size());
      REQUIRE(p.r.path == "/v1/kv/a b");
      REQUIRE(p.r.param("flags") == "42");
      REQUIRE(p.r.param("x") == "+ 1");
      REQUIRE(p.r.header("x-consul-token") == "t");
      REQUIRE(p.r.body == "hello");
    }
}

TEST_CASE("bytes behind a request belong to the next one") {
  std::string two = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n";
  parsed p;
  parse(p, two, two.size());
  CHECK(p.outcome == parse_outcome::complete);
  CHECK(p.used == two.size() / 2);
}

TEST_CASE("what is refused is refused with Go's words") {
  CHECK(refusal_of("GARBAGE\r\n\r\n") == "400");
  CHECK(refusal_of("GET /a HTTP/1.1\r\n\r\n") == "400: missing required Host header");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == "400: too many Host headers");
  CHECK(refusal_of("GET /a HTTP/2.0\r\nHost: a\r\n\r\n") == "400: unsupported protocol version");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n") == "400: invalid header name");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n") == "400");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: foo\r\n\r\n") == "501Unsupported transfer encoding");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n") == "417");
  CHECK(refusal_of("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n") == "400");
  CHECK(refusal_of("GET a HTTP/1.1\r\nHost: a\r\n\r\n") == "400");
  CHECK(refusal_of("GET /a HTTP/1.0\r\n\r\n") == "accepted");
  CHECK(refusal_of("GET http://h/a?b HTTP/1.1\r\nHost: a\r\n\r\n") == "accepted");
}

TEST_CASE("a head that never ends is refused at the limit") {
  CHECK(refusal_of("GET /a HTTP/1.1\r\nX: " + std::string(max_head_bytes, 'x')) == "431");
}

TEST_CASE("a body over the limit is told before it is read, announced or chunked") {
  parsed p;
  std::string announced = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n";
  parse(p, announced, announced.size(), 10);
  CHECK(p.outcome == parse_outcome::too_large);
  std::string chunked = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n";
  parse(p, chunked, chunked.size(), 10);
  CHECK(p.outcome == parse_outcome::too_large);
}

TEST_CASE("keep-alive follows version and Connection") {
  auto keeps = [](const std::string& text) {
    parsed p;
    parse(p, text, text.size());
    REQUIRE(p.outcome == parse_outcome::complete);
    return p.r.keep_alive;
  };
  CHECK(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}
