// Every captured packet and stream that is not encrypted decodes, and what was decoded encodes to the same bytes.
#include "actors/gossip/core/lzw.hpp"
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/core/stream.hpp"
#include "runtime/base/msgpack.hpp"
#include "runtime/base/prng.hpp"
#include "tests/support/gossip_vectors.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;
using test::gossip_vector_named;

namespace {

std::string operator""_ip(const char* text, size_t size) {
  std::string out(1, '\0');
  for (size_t i = 0; i < size; ++i)
    if (text[i] == '.') out.push_back('\0');
    else out.back() = static_cast<char>(out.back() * 10 + (text[i] - '0'));
  return out;
}

bool begins_with_clear(std::string_view compressed_message) {
  // 09 82 a4 "Algo" 00 a3 "Buf", then the buffer's header; the first code is in its first nine bits.
  msgpack_reader r(compressed_message.substr(1));
  r.map();
  r.raw();
  r.uint();
  r.raw();
  const auto buffer = r.raw();
  return buffer.size() > 1 && (static_cast<unsigned char>(buffer[0]) | (buffer[1] & 1) << 8) == 256;
}

std::vector<std::string> parts_of(const packet& p) {
  std::vector<std::string> out;
  for (const auto& m : p.messages) out.push_back(encode(m));
  return out;
}

packet decoded(std::string_view name) {
  auto p = decode_packet(gossip_vector_named(name).bytes, nullptr);
  REQUIRE(p.ok());
  REQUIRE(p->dropped == 0);
  return *p;
}

} // namespace

TEST_CASE("every captured plain packet encodes to the same bytes again") {
  size_t seen = 0;
  for (const auto& v : test::gossip_vectors()) {
    if (v.stream || !v.keys.empty()) continue;
    INFO(v.name);
    ++seen;
    auto p = decode_packet(v.bytes, nullptr);
    REQUIRE(p.ok());
    CHECK(p->dropped == 0);
    const bool crc = v.bytes[0] == 12;
    const auto body = std::string_view(v.bytes).substr(crc ? 5 : 0);
    const bool compressed = body[0] == 9;
    packet_options o{.compress = compressed, .crc = crc, .opening_clear = compressed && begins_with_clear(body)};
    CHECK(test::to_hex(encode_packet(make_compound(parts_of(*p)), o, nullptr)) == test::to_hex(v.bytes));
  }
  CHECK(seen == 24);
}

TEST_CASE("every captured plain stream decodes however it is cut, and encodes to the same bytes again") {
  size_t seen = 0;
  for (const auto& v : test::gossip_vectors()) {
    if (!v.stream || !v.keys.empty()) continue;
    INFO(v.name);
    ++seen;
    for (const size_t step : {size_t{1}, size_t{7}, v.bytes.size()}) {
      stream_reader r(nullptr);
      std::optional<stream_message> got;
      for (size_t at = 0; at < v.bytes.size(); at += step) {
        REQUIRE_FALSE(got.has_value());
        CHECK(r.needs() > 0);
        CHECK(r.needs() <= v.bytes.size() - at);
        auto m = r.feed(std::string_view(v.bytes).substr(at, step));
        REQUIRE(m.ok());
        got = std::move(*m);
      }
      REQUIRE(got.has_value());
      CHECK(r.needs() == 0);
      auto again = encode_stream(*got, {.compress = true, .opening_clear = begins_with_clear(v.bytes)}, nullptr);
      REQUIRE(again.ok());
      CHECK(test::to_hex(*again) == test::to_hex(v.bytes));
      // The same without compression is taken as well, byte by byte.
      auto plain = encode_stream(*got, {.compress = false}, nullptr);
      stream_reader slow(nullptr);
      std::optional<stream_message> same;
      for (const char c : *plain) {
        auto m = slow.feed({&c, 1});
        REQUIRE(m.ok());
        if (*m) same = std::move(*m);
      }
      CHECK(same == got);
    }
  }
  CHECK(seen == 9);
}

TEST_CASE("captured packets mean what was seen") {
  CHECK(decoded("ping").messages.at(0) == message(ping{1, "alpha", {"127.0.0.2"_ip, 7946}, "beta"}));
  CHECK(decoded("indirect-ping").messages.at(0) ==
        message(indirect_ping{6, "gamma", {"127.0.0.3"_ip, 7946}, true, {"127.0.0.1"_ip, 7946}, "alpha"}));
  CHECK(decoded("nack").messages.at(0) == message(nack{11}));
  CHECK(decoded("ack-forwarded").messages.at(0) == message(ack{6, ""}));
  CHECK(decoded("suspect").messages.at(0) == message(suspect{1, "gamma", "beta"}));
  CHECK(decoded("dead-left").messages.at(0) == message(dead{1, "beta", "beta"}));
  const auto alives = decoded("compound-alive-crc").messages;
  REQUIRE(alives.size() == 2);
  const auto& beta = std::get<alive>(alives[1]);
  CHECK(beta.node == "beta");
  CHECK(beta.at == address{"127.0.0.2"_ip, 7946});
  CHECK(beta.vsn == versions{1, 5, 2, 2, 5, 5});
  CHECK(decoded("crc-compress-compound").messages.size() == 3);
}

TEST_CASE("what is missing is zero, what is unknown is skipped, and nil is zero") {
  // {Node: nil, SeqNo: 7, Zzz: [1, {a: b}]}
  auto m = decode(test::from_hex("0083a44e6f6465c0a55365714e6f07a35a7a7a920181a161a162"));
  REQUIRE(m.ok());
  CHECK(*m == message(ping{7, "", {}, ""}));
}

TEST_CASE("strings of the new msgpack are understood") {
  auto m = decode(test::from_hex("0082d9044e6f6465c40161d9055365714e6fcc07"));
  REQUIRE(m.ok());
  CHECK(std::get<ping>(*m).node == "a");
}

TEST_CASE("a number too large for its field discards the message") {
  CHECK_FALSE(decode(test::from_hex("0b81a55365714e6fcf0000000100000000")).ok());
  CHECK_FALSE(decode(test::from_hex("0b81a55365714e6fff")).ok());
}

TEST_CASE("what no agent can mean is refused") {
  alive a{1, "n", {"127.0.0.1"_ip, 8301}, "", versions{1, 5, 2, 2, 5, 4}};
  CHECK(decode(encode(a)).ok());
  auto without_name = a, without_address = a, large_meta = a, large_name = a;
  without_name.node = "";
  without_address.at.ip = "12345";
  large_meta.meta.assign(meta_limit + 1, 'x');
  large_name.node.assign(name_limit + 1, 'x');
  for (const auto& bad : {without_name, without_address, large_meta, large_name}) CHECK_FALSE(decode(encode(bad)).ok());
  auto old = a;
  old.vsn.reset();
  CHECK(decode(encode(old)).value() == message(old));
}

TEST_CASE("a packet survives its malformed parts") {
  const auto good = encode(nack{1});
  const std::vector<std::string> parts{good, "\x02\xff", "\x63unknown", good};
  auto p = decode_packet(make_compound(parts), nullptr);
  REQUIRE(p.ok());
  CHECK(p->messages.size() == 2);
  CHECK(p->dropped == 2);
  CHECK(p->why == "gossip: malformed ack");
  // A compound that is cut off keeps its whole parts.
  auto cut = make_compound(parts);
  cut.resize(2 + 8 + good.size() + 1);
  p = decode_packet(cut, nullptr);
  REQUIRE(p.ok());
  CHECK(p->messages.size() == 1);
  CHECK(p->dropped == 3);
}

TEST_CASE("a wrong checksum drops the packet") {
  auto bytes = gossip_vector_named("compound-alive-crc").bytes;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  CHECK_FALSE(decode_packet(bytes, nullptr).ok());
}

TEST_CASE("compressed bombs and towers stay within their bounds") {
  // 100 KiB of one byte, compressed, compressed again, and so on.
  std::string tower = encode(user{std::string(100 << 10, 'x')});
  for (int i = 0; i < 8; ++i) tower = encode_compressed(tower);
  auto p = decode_packet(tower, nullptr);
  REQUIRE(p.ok());
  CHECK(p->messages.empty());
  CHECK(p->why == "messages inside one another too deeply");
  const auto bomb = encode_compressed(encode(user{std::string(10 << 20, 'x')}));
  REQUIRE(bomb.size() < packet_limit);
  p = decode_packet(bomb, nullptr);
  REQUIRE(p.ok());
  CHECK(p->messages.empty());
  CHECK(p->why == "compressed message expands to more than 131072 bytes");
  // Many bombs in one packet share one budget.
  const std::vector<std::string> bombs(100, encode_compressed(encode(user{std::string(100 << 10, 'x')})));
  p = decode_packet(make_compound(bombs), nullptr);
  REQUIRE(p.ok());
  CHECK(p->messages.size() == 1);
  CHECK(p->dropped == 99);
}

TEST_CASE("bundles keep the order, the budget and 127 parts") {
  prng random(7);
  std::vector<std::string> parts;
  for (uint32_t i = 0; i < 2'000; ++i) parts.push_back(encode(ack{i, std::string(random.below(40), 'p')}));
  for (const size_t budget : {size_t{1398}, size_t{100'000}}) {
    std::vector<std::string> got;
    for (const auto& body : bundle(parts, budget)) {
      CHECK(body.size() <= budget);
      auto p = decode_packet(body, nullptr);
      REQUIRE(p.ok());
      CHECK(p->messages.size() <= compound_parts_max);
      for (const auto& m : p->messages) got.push_back(encode(m));
    }
    CHECK(got == parts);
  }
}

TEST_CASE("compression that does not shorten is left out of packets") {
  const auto small = encode(nack{3});
  CHECK(encode_packet(small, {.compress = true}, nullptr) == small);
}

TEST_CASE("LZW gives back what it was given, at every length of its codes") {
  prng random(3);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{2}, size_t{600}, size_t{5'000}, size_t{70'000}, size_t{300'000}}) {
    for (const uint64_t letters : {uint64_t{1}, uint64_t{2}, uint64_t{17}, uint64_t{256}}) {
      std::string in;
      for (size_t i = 0; i < size; ++i) in.push_back(static_cast<char>(random.below(letters)));
      for (const bool clear : {false, true}) {
        auto out = lzw_expand(lzw_compress(in, clear), size);
        REQUIRE(out.ok());
        CHECK(*out == in);
      }
      if (size > 0) CHECK_FALSE(lzw_expand(lzw_compress(in), size - 1).ok());
    }
  }
  CHECK_FALSE(lzw_expand("", 10).ok());
}
