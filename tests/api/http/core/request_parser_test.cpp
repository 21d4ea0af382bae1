#include "api/http/core/request_parser.hpp"
#include "api/http/core/uri.hpp"
#include <algorithm>
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
    if (awaits_body(have, progress)) continue;
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
  CHECK(refusal_of("HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n") == "400");
  CHECK(refusal_of("HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == "accepted");
  CHECK(refusal_of("GET /a HTTP/1.0\r\n\r\n") == "accepted");
  CHECK(refusal_of("GET http://h/a?b HTTP/1.1\r\nHost: a\r\n\r\n") == "accepted");
}

TEST_CASE("a Host and an absolute URI are read as Go reads them") {
  const auto host = [](const std::string& text) { return refusal_of("GET /a HTTP/1.1\r\nHost: " + text + "\r\n\r\n"); };
  for (auto text : {"", "a", "a:80", "a:xx", "[::1", "[fe80::1%25eth0]:1", "a,b", "a%zz", "a_b~(c)!$&'*+;="}) CHECK_MESSAGE(host(text) == "accepted", text);
  for (auto text : {"x y", "a\tb", "u@a", "a/b", "\"a\"", "\xc3\xa4", "a<b", "a\\b", "a{b", "a|b", "a^b", "a`b", "a?b", "a#b"})
    CHECK_MESSAGE(host(text) == "400: malformed Host header", text);
  CHECK(refusal_of("GET /a HTTP/1.0\r\nHost: x y\r\n\r\n") == "400: malformed Host header");
  const auto target = [](const std::string& text) { return refusal_of("GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n"); };
  for (auto text : {"http://h:/a", "http://h:99999/a", "http:///a", "HTTP://h/a", "ftp://h/a", "http://u:p@h/a", "http://[::1]:80/a", "http://[fe80::1%25eth0]/a", "*"})
    CHECK_MESSAGE(target(text) == "accepted", text);
  for (auto text : {"http://h:xx/a", "http://u<:p@h/a", "http://h{/a", "http://h%41/a", "http://[::1/a", "http://[::1]x/a", "1http://h/a", "://h/a", "ht/tp://h/a"})
    CHECK_MESSAGE(target(text) == "400", text);
  CHECK(refusal_of("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n") == "accepted");
  CHECK(refusal_of("CONNECT a:xx HTTP/1.1\r\nHost: a\r\n\r\n") == "400");
  // Go 1.14 takes these; where a body ends must be nobody's guess.
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n") == "400");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n") == "400");
  CHECK(refusal_of("GET /a HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n") == "400");
}

TEST_CASE("paths and query strings are bounded, in bytes and in parameters") {
  CHECK(refusal_of("GET /" + std::string(32 << 10, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == "414");
  CHECK(refusal_of("GET /a?x=" + std::string(128 << 10, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n") == "414");
  const auto params = [](size_t n) {
    std::string query;
    for (size_t i = 0; i < n; ++i) query += "a&";
    std::vector<std::pair<std::string_view, std::string_view>> found;
    std::string arena;
    return parse_query(query, found, arena) ? found.size() : 0;
  };
  CHECK(params(1000) == 1000);
  CHECK(params(1001) == 0);
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

// Recorded from Consul 1.8.7, whose server is Go's.
TEST_CASE("where a body ends is decided as Go decides it, so that a proxy in front cannot be made to see other requests") {
  auto asked = [](const std::string& fields, const std::string& body, const std::string& version = "1.1") {
    const std::string text = "PUT /v1/kv/t HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n" + body;
    parsed p;
    parse(p, text, text.size());
    if (p.outcome == parse_outcome::complete) return std::string(p.r.body) + "|" + text.substr(p.used);
    return p.outcome == parse_outcome::failed ? std::to_string(p.why.status) : "more";
  };
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n", te = "Transfer-Encoding: ";
  CHECK(asked(te + "ChUnKeD \t \r\n", chunks) == "hello|");
  CHECK(asked(te + "chunked\r\n" + te + "chunked\r\n", chunks) == "501");
  CHECK(asked(te + "identity\r\nContent-Length: 5\r\n", "hello") == "501");
  CHECK(asked(te + "identity\r\n" + te + "chunked\r\n", chunks) == "501");
  CHECK(asked(te + "chunked, chunked\r\n", chunks) == "501");
  CHECK(asked(te + "gzip, chunked\r\n", chunks) == "501");
  CHECK(asked(te + "\r\nContent-Length: 5\r\n", "hello") == "501");
  CHECK(asked(te + "chunked;q=1\r\n", chunks) == "501");
  CHECK(asked(te + "chunked\r\nContent-Length: 3\r\n", chunks) == "hello|");
  CHECK(asked("Content-Length: x\r\n" + te + "chunked\r\n", chunks) == "hello|");
  CHECK(asked(te + "chunked\r\n", chunks, "1.0") == "|" + chunks);
  CHECK(asked(te + "chunked\r\nContent-Length: 5\r\n", "hello", "1.0") == "hello|");
  CHECK(asked(te + "gzip\r\n" + te + "chunked\r\nContent-Length: 5\r\n", "hello", "1.0") == "hello|");
  CHECK(asked("Content-Length: 5\r\nContent-Length: 05\r\n", "hello") == "400");
  CHECK(asked("Content-Length: 5\r\nContent-Length: 5\r\n", "hello") == "hello|");
  CHECK(asked("Content-Length: 00000000000000000000005\r\n", "hello") == "hello|");
  CHECK(asked("Content-Length: +5\r\n", "hello") == "400");
}

TEST_CASE("chunks are read as Go reads them, and what they are wrong about is said in its words") {
  auto chunked = [](const std::string& body) {
    std::string said;
    const std::string text = "PUT /v1/kv/t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
    for (const bool drips : {false, true}) { // at once, and byte for byte
      parse_progress p;
      request r;
      refusal why;
      parse_outcome o = parse_outcome::incomplete;
      for (size_t size = drips ? 1 : text.size(); size <= text.size() && o == parse_outcome::incomplete; ++size) {
        const auto have = std::string_view(text).substr(0, size);
        size_t head = 0, used = 0;
        if (awaits_body(have, p)) continue;
        o = parse_head(have, p, r, head, why);
        if (o == parse_outcome::complete) o = parse_body(have.substr(head), p, r, 1 << 20, used);
      }
      const std::string now = o == parse_outcome::complete ? std::string(r.body) : o == parse_outcome::failed ? std::string(p.why) : o == parse_outcome::too_large ? "too large" : "more";
      if (drips) CHECK(said == now);
      said = now;
    }
    return said;
  };
  CHECK(chunked("5;a=b\r\nhello\r\n0\r\n\r\n") == "hello");
  CHECK(chunked("5 \r\nhello\r\n0\r\n\r\n") == "hello");
  CHECK(chunked("5\nhello\r\n0\r\n\r\n") == "hello");
  CHECK(chunked("0000000000000005\r\nhello\r\n000\r\nA: b\r\n\r\n") == "hello");
  CHECK(chunked(" 5\r\nhello\r\n0\r\n\r\n") == "invalid byte in chunk length");
  CHECK(chunked("0x5\r\nhello\r\n0\r\n\r\n") == "invalid byte in chunk length");
  CHECK(chunked("+5\r\nhello\r\n0\r\n\r\n") == "invalid byte in chunk length");
  CHECK(chunked("5\rhello\r\n0\r\n\r\n") == "invalid byte in chunk length");
  CHECK(chunked("5\r\nhello\n0\r\n\r\n") == "malformed chunked encoding");
  CHECK(chunked("5\r\nhelloXX0\r\n\r\n") == "malformed chunked encoding");
  CHECK(chunked("0000000000000000005\r\nhello\r\n0\r\n\r\n") == "http chunk length too large");
  CHECK(chunked("5\r\nhello\r\n0\r\nxyz\r\n\r\n") == "malformed MIME header line");
  CHECK(chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n") == "too large");
  // A byte of content does not buy kilobytes of memory.
  std::string padded;
  for (int i = 0; i < 100; ++i) padded += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  CHECK(chunked(padded) == "chunked encoding contains too much non-data");
}

TEST_CASE("the work of parsing is linear in the bytes, whatever drips") {
  auto examined = [](const std::string& text) {
    parse_progress p;
    request r;
    refusal why;
    parse_outcome o = parse_outcome::incomplete;
    for (size_t size = 1; size <= text.size() && o == parse_outcome::incomplete; ++size) {
      const auto have = std::string_view(text).substr(0, size);
      size_t head = 0, used = 0;
      if (awaits_body(have, p)) continue;
      o = parse_head(have, p, r, head, why);
      if (o == parse_outcome::complete) o = parse_body(have.substr(head), p, r, 1 << 20, used);
    }
    CHECK(o == parse_outcome::complete);
    return p.examined;
  };
  const std::string start = "PUT /v1/kv/t HTTP/1.1\r\nHost: a\r\n", wide = "X: " + std::string(100000, 'x') + "\r\n";
  std::string many, chunks;
  for (int i = 0; i < 20000; ++i) many += "a: b\r\n", chunks += "1\r\nx\r\n";
  const std::string te = "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& text : {start + wide + "\r\n", start + many + "Content-Length: 3000\r\n\r\n" + std::string(3000, 'x'), start + many + te + chunks + "0\r\n\r\n",
                                  start + te + "1;" + std::string(4000, 'x') + "\r\nx\r\n0\r\nA: " + std::string(4000, 'x') + "\r\nB: " + std::string(4000, 'x') + "\r\n\r\n"})
    CHECK(examined(text) <= 4 * text.size());
}
