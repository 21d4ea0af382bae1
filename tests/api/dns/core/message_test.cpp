#include "api/dns/core/message.hpp"
#include "plain_reader.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::dns;

TEST_CASE("what the writer compresses, a plain reader reads back") {
  prng random(3);
  std::vector<uint8_t> buffer(max_message);
  writer w(buffer);
  for (int round = 0; round < 300; ++round) {
    query q;
    auto packet = plain::question("Some.Name.consul", type::srv);
    REQUIRE(parse_query(packet, q) == verdict::ok);
    const bool compress = random.chance(0.8);
    w.begin(q, compress);
    std::vector<std::string> expected;
    auto name = [&] {
      std::string dotted;
      for (uint64_t n = random.between(1, 5); n > 0; --n) dotted += std::string(random.between(1, 3), static_cast<char>('a' + random.below(3))) + ".";
      return dotted + "consul.";
    };
    for (uint64_t n = random.below(60); n > 0; --n) {
      auto owner = name(), target = name();
      std::string owner_wire, target_wire;
      REQUIRE(make_name(owner_wire, owner));
      REQUIRE(make_name(target_wire, target));
      const bool srv = random.chance(0.5);
      w.begin_record({}, owner_wire, srv ? type::srv : type::cname, 5, writer::section::answer);
      if (srv)
        for (uint16_t x : {1, 2, 3}) w.put16(x);
      w.put_name({}, target_wire, !srv);
      w.end_record();
      expected.push_back(owner + (srv ? " 5 SRV 1 2 3 " : " 5 CNAME ") + target);
    }
    w.set_flags(true, false, false, rcode::no_error);
    REQUIRE(w.fits());
    auto m = plain::reader(w.message()).read();
    std::sort(expected.begin(), expected.end());
    CHECK(m.answer == expected);
    CHECK(m.question == "Some.Name.consul. 33");
  }
}

TEST_CASE("a buffer that is too small is noticed and not overrun") {
  std::vector<uint8_t> buffer(64, 0xee);
  writer w{std::span<uint8_t>(buffer).first(50)};
  query q;
  auto packet = plain::question("some.name.consul", type::a);
  REQUIRE(parse_query(packet, q) == verdict::ok);
  w.begin(q, true);
  for (int i = 0; i < 5; ++i) {
    w.begin_record_of_question(type::a, 0, writer::section::answer);
    w.put_bytes("\1\2\3\4");
    w.end_record();
  }
  CHECK(!w.fits());
  for (size_t i = 50; i < buffer.size(); ++i) CHECK(buffer[i] == 0xee);
}

TEST_CASE("packets that are no questions are told apart") {
  query q;
  auto good = plain::question("a.consul", type::a, 1232);
  CHECK(parse_query(good, q) == verdict::ok);
  CHECK(q.has_edns);
  CHECK(q.edns_size == 1232);
  for (size_t n = 0; n < good.size(); ++n) CHECK(parse_query(byte_view(good).first(n), q) != verdict::ok);
  auto answer = good;
  answer[2] |= 0x80;
  CHECK(parse_query(answer, q) == verdict::ignore);
  auto update = good;
  update[2] |= 5 << 3;
  CHECK(parse_query(update, q) == verdict::not_implemented);
  auto two = good;
  two[5] = 2;
  CHECK(parse_query(two, q) == verdict::format_error);
  auto pointer = good;
  pointer[12] = 0xc0;
  CHECK(parse_query(pointer, q) == verdict::format_error);
}

TEST_CASE("an answer belongs to the question with its id and name") {
  auto asked = plain::question("a.example.com", type::a);
  auto answer = plain::question("A.example.com", type::a);
  rcode code;
  CHECK(!answers_question(asked, answer, code));
  answer[2] |= 0x80;
  answer[3] = 3;
  CHECK(answers_question(asked, answer, code));
  CHECK(code == rcode::name_error);
  answer[0] ^= 1;
  CHECK(!answers_question(asked, answer, code));
}

TEST_CASE("records of a recursor's answer are read without following a loop") {
  std::vector<uint8_t> p{0, 1, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 1, 2, 3, 4};
  std::vector<foreign_record> out;
  CHECK(!parse_records(p, 10, out));
  p[12] = 0;
  p.erase(p.begin() + 13);
  REQUIRE(parse_records(p, 10, out));
  REQUIRE(out.size() == 1);
  CHECK(out[0].ttl == 5);
  CHECK(out[0].rdata == std::string("\1\2\3\4", 4));
}
