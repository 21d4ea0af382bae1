#include "runtime/net/http_exchange.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::net;

namespace {

struct seen {
  int code = 0;
  std::string body, type;
  bool keep_alive = false, truncated = false;
  size_t used = 0;
  bool operator==(const seen&) const = default;
};

seen summary(http_exchange& x, size_t used) {
  return {x.status_code(), x.body(), std::string(x.header("content-TYPE")), x.keep_alive(), x.body_truncated(), used};
}

result<seen> feed_all(std::string_view a, std::string_view b, std::string_view c, bool eof, http_exchange_options o = {}) {
  http_exchange x(std::move(o));
  size_t used = 0;
  for (auto piece : {a, b, c}) {
    auto n = x.feed(piece);
    if (!n) return n.err();
    used += *n;
  }
  if (eof)
    if (auto s = x.finish(); !s) return s.err();
  if (!x.done()) return error{errc::internal, "not done"};
  return summary(x, used);
}

// The same answer in one piece, in every two pieces, and byte for byte.
void every_split(std::string_view text, const seen& expected, bool eof = false) {
  for (size_t i = 0; i <= text.size(); ++i) {
    for (size_t j = i; j <= std::min(text.size(), i + 3); ++j) {
      auto got = feed_all(text.substr(0, i), text.substr(i, j - i), text.substr(j), eof);
      REQUIRE_MESSAGE(got.ok(), "split at " << i << "," << j << ": " << (got ? "" : got.err().text));
      CHECK(*got == expected);
    }
  }
  http_exchange x;
  size_t used = 0;
  for (char ch : text) {
    auto n = x.feed({&ch, 1});
    REQUIRE(n.ok());
    used += *n;
  }
  if (eof) CHECK(x.finish().ok());
  CHECK(summary(x, used) == expected);
}

} // namespace

TEST_CASE("an answer with a length is the same however it is split") {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n";
  every_split(head + "true", {200, "true", "application/json", true, false, head.size() + 4});
}

TEST_CASE("bytes after the answer are not consumed") {
  std::string head = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n";
  every_split(head + "noHTTP/1.1 200 OK\r\n", {404, "no", "", true, false, head.size() + 2});
}

TEST_CASE("a chunked body with extensions and trailers is decoded however it is split") {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: t\r\n\r\n"
                     "5;x=1\r\nhello\r\n1\r\n \r\n05\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n";
  every_split(text, {200, "hello world", "t", true, false, text.size()});
}

TEST_CASE("a body without a length ends with the connection") {
  std::string text = "HTTP/1.0 200 OK\r\nServer: s\r\n\r\nall of it";
  every_split(text, {200, "all of it", "", false, false, text.size()}, true);
}

TEST_CASE("interim answers are skipped") {
  std::string text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                     "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
  every_split(text, {201, "", "", true, false, text.size()});
  std::string endless;
  for (int i = 0; i < 40; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK_FALSE(feed_all(endless, "", "", false).ok());
}

TEST_CASE("204, 304 and the answer to HEAD have no body") {
  std::string text = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
  every_split(text, {204, "", "", false, false, text.size()});
  http_exchange_options head;
  head.no_body = true;
  text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  auto got = feed_all(text, "next", "", false, head);
  REQUIRE(got.ok());
  CHECK(got->used == text.size());
}

TEST_CASE("a body over the cap is cut and flagged, and the connection can still be used") {
  http_exchange_options o;
  o.max_body_bytes = 4;
  auto got = feed_all("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", "34567", "89", false, o);
  REQUIRE(got.ok());
  CHECK(got->body == "0123");
  CHECK(got->truncated);
  CHECK(got->keep_alive);
}

TEST_CASE("a streamed body arrives in order and can be stopped") {
  std::string all;
  http_exchange_options o;
  o.on_body = [&](std::string_view piece) { return all += piece, all.size() < 8; };
  http_exchange x(std::move(o));
  CHECK(x.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").ok());
  CHECK(x.headers_done());
  CHECK_FALSE(x.done());
  CHECK(all == "abc");
  auto stopped = x.feed("5\r\ndefgh\r\n");
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.err().code == errc::none);
  CHECK(all == "abcdefgh");
}

TEST_CASE("malformed and truncated answers are errors, and stay errors") {
  for (std::string_view bad : {"nonsense\r\n\r\n", "HTTP/1.1 xyz OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                               "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"}) {
    http_exchange x;
    auto n = x.feed(bad);
    CHECK_MESSAGE(!n.ok(), bad);
    CHECK_FALSE(x.feed("x").ok());
    CHECK_FALSE(x.finish().ok());
  }
  std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t i = 0; i < whole.size(); ++i) {
    http_exchange x;
    CHECK(x.feed(std::string_view(whole).substr(0, i)).ok());
    CHECK_FALSE(x.finish().ok());
    CHECK_FALSE(x.done());
  }
}

TEST_CASE("endless headers and endless chunk extensions are refused within the bound") {
  http_exchange_options o;
  o.max_header_bytes = 1000;
  http_exchange header(o);
  bool refused = !header.feed("HTTP/1.1 200 OK\r\n").ok();
  for (int i = 0; i < 100 && !refused; ++i) refused = !header.feed("X-Header: some twenty bytes\r\n").ok();
  CHECK(refused);
  http_exchange chunk(o);
  refused = !chunk.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;").ok();
  for (int i = 0; i < 100 && !refused; ++i) refused = !chunk.feed("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").ok();
  CHECK(refused);
}

TEST_CASE("a request is written with what the server needs and without line breaks in headers") {
  http_request r{.method = "PUT", .host = "127.0.0.1:8500", .target = "/v1/kv/a?cas=0", .headers = {{"X-Consul-Token", "t"}}, .body = "hi", .close = true};
  auto bytes = encode_request(r);
  REQUIRE(bytes.ok());
  CHECK(*bytes == "PUT /v1/kv/a?cas=0 HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nX-Consul-Token: t\r\n"
                  "Content-Length: 2\r\nConnection: close\r\n\r\nhi");
  r = {.method = "GET", .host = "h", .target = "/", .headers = {{"Host", "other"}}, .body = {}, .close = false};
  CHECK(*encode_request(r) == "GET / HTTP/1.1\r\nHost: other\r\n\r\n");
  r.headers = {{"X", "a\r\nY: b"}};
  CHECK_FALSE(encode_request(r).ok());
  r.headers = {{"X Y", "a"}};
  CHECK_FALSE(encode_request(r).ok());
  r.headers = {};
  r.target = "/a b";
  CHECK_FALSE(encode_request(r).ok());
  r.target = "/";
  r.method = "G T";
  CHECK_FALSE(encode_request(r).ok());
}

TEST_CASE("URLs fall into their parts") {
  auto u = parse_http_url("https://us%40r:pw@[::1]:8501/a/b?c=d#e");
  REQUIRE(u.ok());
  CHECK(u->scheme == "https");
  CHECK(u->user_info == "us@r:pw");
  CHECK(u->host == "::1");
  CHECK(u->port == 8501);
  CHECK(u->target == "/a/b?c=d");
  CHECK(u->authority() == "[::1]:8501");
  u = parse_http_url("HTTP://host?x");
  REQUIRE(u.ok());
  CHECK(u->port == 80);
  CHECK(u->target == "/?x");
  CHECK(u->authority() == "host");
  CHECK(parse_http_url("https://host")->port == 443);
  u = parse_http_url("http://[fe80::1%25eth0]:81/");
  REQUIRE(u.ok());
  CHECK(u->host == "fe80::1%eth0");
  CHECK(u->authority() == "[fe80::1]:81");
  CHECK(u->place() == "[fe80::1%25eth0]:81");
  for (auto bad : {"", "host:80", "ftp://h/", "http://", "http://h:99999/", "http://h:x/", "http://a b/", "http://[::1", "http://::1/", "http://h/\r\n"})
    CHECK_MESSAGE(!parse_http_url(bad).ok(), bad);
}

TEST_CASE("escaping is Go's") {
  CHECK(escape_path_segment("a/b c?d%é&=:@+$") == "a%2Fb%20c%3Fd%25%C3%A9&=:@+$");
  CHECK(escape_query("a/b c&=~é") == "a%2Fb+c%26%3D~%C3%A9");
}
