#include "actors/rpc/core/call.hpp"
#include "runtime/base/msgpack.hpp"
#include "runtime/base/prng.hpp"
#include "tests/support/rpc_vectors.hpp"
#include <ctime>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::rpc;
using namespace std::literals;

namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

status read_all(pair_reader& reader, std::string_view in, pairs& out) {
  return reader.feed(in, [&](std::string_view header, std::string_view body) {
    out.emplace_back(header, body);
    return true;
  });
}

} // namespace

TEST_CASE("headers are the bytes that Consul sends") {
  CHECK(encode_request({92, "Status.Ping"}, empty_body) == "\x82\xa3Seq\x5c\xadServiceMethod\xabStatus.Ping\x80");
  CHECK(encode_answer({92, "Status.Ping", ""}, empty_body) == "\x83\xa5" "Error\xa0\xa3Seq\x5c\xadServiceMethod\xabStatus.Ping\x80");
  CHECK(encode_answer({1, "KVS.Get", "No cluster leader"}, "\xc3") == "\x83\xa5" "Error\xb1No cluster leader\xa3Seq\x01\xadServiceMethod\xa7KVS.Get\x80");
}

TEST_CASE("headers come back, in any order, with unknown fields, and as arrays") {
  auto q = decode_request_header("\x83\xa3Seq\xcd\x01\x00\xa4More\x92\x01\x02\xadServiceMethod\xa3" "A.B"sv);
  REQUIRE(q);
  CHECK(q->seq == 256);
  CHECK(q->method == "A.B");
  q = decode_request_header("\x92\xa3" "A.B\x07");
  REQUIRE(q);
  CHECK(q->seq == 7);
  CHECK(q->method == "A.B");
  auto a = decode_answer_header("\x93\xa3" "A.B\x07\xa2no");
  REQUIRE(a);
  CHECK(a->failure == "no");
  CHECK(!decode_request_header("\xa3" "A.B"));
  CHECK(!decode_request_header("\x81\xa3Seq\xa1x"));
}

TEST_CASE("pairs cut anywhere are the same pairs, and nothing is kept between them") {
  pairs sent;
  std::string all;
  prng random(7);
  for (int i = 0; i < 50; ++i) {
    std::string body;
    msgpack_writer w(body);
    w.map(2);
    w.raw("Key");
    w.raw(std::string(random.below(300), 'k'));
    w.raw("List");
    const auto n = random.below(20);
    w.array(n);
    for (uint64_t e = 0; e < n; ++e) w.number(random());
    auto whole = encode_request({random(), "KVS.Get"}, body);
    sent.emplace_back(whole.substr(0, whole.size() - body.size()), body);
    all += whole;
  }
  for (uint64_t seed = 0; seed < 50; ++seed) {
    pairs got;
    pair_reader reader(request_limit);
    for (size_t at = 0; at < all.size();) {
      const auto n = std::min(all.size() - at, static_cast<size_t>(random.below(seed < 10 ? 3 : 2000) + 1));
      CHECK(read_all(reader, std::string_view(all).substr(at, n), got));
      at += n;
    }
    CHECK(got == sent);
    CHECK(reader.held() == 0);
  }
}

TEST_CASE("one pair at a time: the next waits until it is asked for") {
  auto one = encode_request({1, "A.B"}, empty_body), two = encode_request({2, "C.D"}, empty_body);
  pair_reader reader(request_limit);
  std::string seen;
  auto take = [&](std::string_view header, std::string_view) {
    seen += decode_request_header(header)->method + " ";
    return false;
  };
  CHECK(reader.feed(one + two, take));
  CHECK(seen == "A.B ");
  CHECK(reader.held() == two.size());
  CHECK(reader.feed("", take));
  CHECK(seen == "A.B C.D ");
  CHECK(reader.held() == 0);
}

TEST_CASE("what is too large is refused by its announced length, before it comes") {
  pairs got;
  pair_reader reader(1000);
  auto s = read_all(reader, encode_request({1, "A.B"}, "\xdb\xff\xff\xff\xff"), got);
  REQUIRE(!s);
  CHECK(s.err().code == errc::too_large);
  CHECK(decode_request_header(reader.header_so_far())->method == "A.B");
  pair_reader second(1000);
  s = read_all(second, "\xdf\xff\xff\xff\xff", got);
  REQUIRE(!s);
  CHECK(s.err().code == errc::too_large);
  CHECK(second.header_so_far().empty());
  CHECK(got.empty());
}

TEST_CASE("a request of too many values is refused, however few bytes they take") {
  pairs got;
  pair_reader reader(request_limit, 1000);
  std::string nils = "\xdc\x03\xe7"s + std::string(999, '\xc0');
  CHECK(read_all(reader, encode_request({1, "A.B"}, nils), got));
  CHECK(got.size() == 1);
  nils = "\xdc\x03\xe8"s + std::string(1000, '\xc0');
  auto s = read_all(reader, encode_request({1, "A.B"}, nils), got);
  REQUIRE(!s);
  CHECK(s.err().code == errc::too_large);
}

TEST_CASE("what is no msgpack is refused") {
  pairs got;
  pair_reader reader(1000);
  auto s = read_all(reader, "\xc1", got);
  REQUIRE(!s);
  CHECK(s.err().code == errc::corrupt);
}

TEST_CASE("captured calls are cut where they end, and their headers encode to the same bytes") {
  const auto all = test::rpc_vectors();
  REQUIRE(all.size() == 85);
  pair_reader requests(request_limit), answers(answer_limit);
  for (const auto& v : all) {
    CAPTURE(v.method);
    pairs got;
    CHECK(read_all(requests, v.request, got));
    CHECK(read_all(answers, v.answer, got));
    REQUIRE(got.size() == 2);
    auto q = decode_request_header(got[0].first);
    REQUIRE(q);
    CHECK(q->method == v.method);
    CHECK(encode_request(*q, got[0].second) == v.request);
    auto a = decode_answer_header(got[1].first);
    REQUIRE(a);
    CHECK(a->seq == q->seq);
    CHECK(a->failure == v.failure);
    CHECK(encode_answer(*a, got[1].second) == v.answer);
  }
}

TEST_CASE("taking pairs one by one costs their bytes, not those of all that wait behind them") {
  const auto one = encode_request({1, "Status.Ping"}, empty_body);
  std::string all;
  while (all.size() < (8 << 20)) all += one;
  const size_t count = all.size() / one.size();
  pair_reader reader(request_limit, request_values);
  size_t taken = 0;
  const auto began = std::clock();
  for (std::string_view in = all; taken < count; in = {}) {
    const auto before = taken;
    REQUIRE(reader.feed(in, [&](std::string_view h, std::string_view b) {
      ++taken;
      CHECK(h.size() + b.size() == one.size());
      return false;
    }));
    REQUIRE(taken == before + 1);
    REQUIRE(reader.held() == all.size() - taken * one.size());
    // Moving the rest each time would be a million megabytes.
    REQUIRE(std::clock() - began < 20 * CLOCKS_PER_SEC);
  }
}
